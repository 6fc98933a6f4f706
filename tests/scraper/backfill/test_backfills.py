"""Asking for a backfill again: what is done is left alone, unless its last day was not over when its job began."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from scraper.backfill.backfills import Backfills
from scraper.backfill.slices import Span
from scraper.catalog import Catalog, Direction, SliceState

ZONE = ZoneInfo("America/Chicago")
FEBRUARY_FIRST = Span(date(2026, 2, 1), date(2026, 2, 2))


@pytest.mark.parametrize(
    ("began", "state"),
    [
        ("2026-02-02T05:50:00Z", SliceState.WAITING),  # before midnight in Chicago, though it ended after
        ("2026-02-02T06:30:00Z", SliceState.WAITING),  # a call of the evening may have gone on
        ("2026-02-02T08:00:00Z", SliceState.DONE),
    ],
)
def test_a_slice_whose_last_day_was_not_over_when_its_job_began_is_looked_at_again(began: str, state: SliceState) -> None:
    with Catalog.open("sqlite://") as catalog:
        backfills = Backfills(catalog)
        made = backfills.take_up("office", FEBRUARY_FIRST, Direction.NEWEST_FIRST, ZONE)
        (one,) = backfills.slices(made)
        catalog.begin_slice(one.id, began)
        catalog.update_slice(one.id, state=SliceState.DONE.value, ended_at="2026-02-02T09:00:00Z")
        assert backfills.take_up("office", FEBRUARY_FIRST, Direction.NEWEST_FIRST, ZONE) == made
        assert [found.state for found in backfills.slices(made)] == [state]
