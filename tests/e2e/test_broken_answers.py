"""A job of which any request is answered wrongly: complete only where nothing is missing, and the next job makes up for it."""

from __future__ import annotations

from itertools import chain, product

import pytest

from scraper.budget import LIMIT
from scraper.models import RecordingClass
from scraper.simulator.faults import BROKEN_KINDS

pytestmark = pytest.mark.browser

SOME = [(3, 6, "refused"), (33, 1, "ended")]
#: A first job asks for some fifty things, a later one for a few less.
ALL = product(range(1, 50, 12), (1, 6), BROKEN_KINDS)
WHICH = [
    *[(*which, False) for which in SOME],
    *[pytest.param(*which, later, marks=pytest.mark.long) for later, which in chain(product([False], ALL), product([True], SOME))],
]


@pytest.mark.fault(
    "web",
    "any request of a job, or six that follow each other, are answered wrongly: {kind}",
    "complete only where nothing is missing; the next job is",
    promise="success",
    simulated="broken=N:KIND",
)
@pytest.mark.parametrize(("after", "times", "kind", "later"), WHICH)
def test_job_whose_requests_are_answered_wrongly_says_so_or_misses_nothing(office, after, times, kind, later):
    place = office(recordings=14, queue_recordings=3, meetme_recordings=2, today=None, seconds=(0.3, 0.8), page_seconds=3)
    place.configure(web={"pack_timeout_seconds": 6})
    if later:
        assert place.run().exit_code == 0
        for klass in RecordingClass:
            place.ucm.state.add(1, klass)
    place.ucm.state.faults.set("broken", f"{after}:{kind}", times=times)
    report = place.run()
    assert report.exit_code in (0, 3, 4, 5, 6, 7), report.error
    held, archived = place.held_by_pbx(), place.archived()
    assert archived.items() <= held.items()
    assert archived == held or report.exit_code != 0
    assert sum(not attempt.ok for attempt in place.ucm.state.sign_ins) <= LIMIT
    place.ucm.state.faults.clear()
    place.let_hours_pass(30)
    place.forget_sign_ins()
    report = place.run()
    assert (report.exit_code, report.error, place.archived() == held) == (0, None, True)
