"""Many UCMs on one machine: what their jobs share, and that none holds up another."""

from __future__ import annotations

import pytest

from scraper import job
from scraper.lock import browser_lock
from scraper.settings import Limits


def without_a_place(place, hours=0.2 / 3600):
    """The report of a job while another's browser has the only place."""
    order = place.order()
    order.settings = order.settings.model_copy(update={"limits": Limits(browsers=1, job_hours=hours)})
    with browser_lock(place.folder / "data", 0):
        return job.run(order)


def test_job_that_gets_no_place_for_a_browser_says_so(office):
    report = without_a_place(office())
    assert (report.exit_code, report.error["kind"]) == (7, "BrowserFailed")


def test_job_that_gets_no_place_for_a_browser_works_over_the_api(branch):
    place = branch(recordings=3)
    assert without_a_place(place).recordings.archived == 3
    assert place.all_is_exact()


@pytest.mark.browser
def test_place_is_free_for_the_next_job(office):
    place = office(recordings=3)
    assert place.run().exit_code == 0
    with browser_lock(place.folder / "data", 0), browser_lock(place.folder / "data", 1):
        pass
