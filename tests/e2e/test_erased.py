"""What was erased stays away, whoever names it: the PBX's lists, its call records, an archive, a person; and all counts still add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from scraper.catalog import Catalog
from scraper.keeping.choosing import Place, choose
from scraper.keeping.criteria import criteria
from scraper.keeping.erase import Erasing
from scraper.models import Report, Window
from scraper.settings import load
from scraper.store import open_store


def erase(place: Any, *files: str, window: Window | None = None) -> int:
    """Erase as the command does; how many recordings."""
    settings = load(place.config, {})
    with Catalog.open(settings.catalog.url) as catalog:
        erasing = Erasing(catalog, open_store(settings.store, catalog), settings.data_dir, "office")
        chosen = choose(Place(catalog, "office", settings.ucms["office"].zone), criteria(None, window or Window(), files))
        erasing.erase(chosen.doomed, "erased", "somebody")
    return len(chosen.spans)


def is_well(place: Any, report: Report, archived: int) -> bool:
    """Whether a run brought nothing, and missed nothing."""
    counts = report.recordings
    return place.adds_up(report) and (report.exit_code, counts.expected, counts.archived, counts.new) == (0, archived, archived, 0)


@pytest.mark.fault("keeping", "an erased recording stands in lists and archives again", "it is not taken in again", promise="kept")
@pytest.mark.browser
def test_the_web_uis_lists_and_archives_do_not_bring_it_back(office: Callable[..., Any]) -> None:
    place = office(recordings=40, today=None)
    assert place.run().exit_code == 0
    held = sorted(place.archived())
    erase(place, held[0], held[-1])
    assert is_well(place, place.run(), 38)
    assert erase(place, window=Window(date(2000, 1, 1), date(2100, 1, 1))) == 38
    place.let_lists_be_due()
    report = place.run()  # a list that the archive let go of has not shrunk on the PBX
    assert is_well(place, report, 0)
    assert place.archived() == {}
    place.ucm.state.add(2)
    report = place.run()
    assert (report.exit_code, report.recordings.archived, report.recordings.new) == (0, 2, 2)
    assert not set(place.archived()) & set(held)


@pytest.mark.fault("keeping", "call records and a person name an erased recording", "it is not fetched", promise="kept")
def test_call_records_and_a_person_do_not_bring_it_back(branch: Callable[..., Any]) -> None:
    place = branch(recordings=12)
    place.changes.pop("web", None)
    assert place.run().exit_code == 0
    held = sorted(place.archived())
    gone = held[3]
    erase(place, gone)
    assert is_well(place, place.run(), 11)
    assert is_well(place, place.reconcile(), 11)
    mark = len(place.ucm.state.actions)
    report = place.fetch(gone)
    assert (report.exit_code, report.recordings.new, report.recordings.expected) == (0, 0, 0)
    assert place.moved_since(mark) == []
    today = date.today() + timedelta(days=2)
    window = place.reconcile(today - timedelta(days=3650), today)
    assert place.adds_up(window)
    assert window.recordings.expected == 11
    assert gone not in place.archived()
