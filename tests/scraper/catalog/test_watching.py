"""How far back the PBX's list reaches, as the catalog tells it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scraper.catalog import Catalog, watching
from scraper.cdr import Call, CallFile
from scraper.cdr.clock import Moment
from scraper.models import RecordingClass


def listed(catalog: Catalog, reading: str, *days: int) -> None:
    rows = [(RecordingClass.MONITOR, "2026-02", f"auto-{day}-1000-5555550100.wav", 9, f"2026-02-{day:02} 10:00:00") for day in days]
    catalog.upsert_listing("office", rows, reading)


def test_what_is_older_than_the_oldest_listed_is_counted_by_lists_and_by_calls(catalog: Catalog) -> None:
    listed(catalog, "first", 1, 2, 3, 4, 5)
    assert catalog.reach("office", "first") == watching.Reach(catalog.reach("office", "first").read_at, "2026-02-01 10:00:00", 0)
    listed(catalog, "second", 4, 5, 6)
    reach = catalog.reach("office", "second")
    assert reach is not None
    assert (reach.oldest, reach.before) == ("2026-02-04 10:00:00", 3)
    calls = [
        Call(session=f"{day}", acct_id=f"{day}", start=Moment(start, start.replace(tzinfo=UTC)), files=(file,))
        for day in range(1, 29)
        for start, file in [(datetime(2026, 1, day, 9), CallFile(f"auto-{day}-2000-1.wav", "2026-01", RecordingClass.MONITOR))]
    ]
    catalog.upsert_calls("office", calls, "api")
    assert catalog.reach("office", "second").before == 28
    assert catalog.reach("branch", "second") is None


def test_no_more_are_counted_than_matter(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_BEFORE", 2)
    listed(catalog, "first", 1, 2, 3, 4)
    listed(catalog, "second", 5)
    assert catalog.reach("office", "second").before == 2
