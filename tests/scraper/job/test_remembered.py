"""How far back a job asks for what can be new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from scraper.catalog import Catalog
from scraper.job.remembered import Remembered

LOOKED_AT = "2026-02-27T18:00:00+00:00"  # noon in Chicago


@pytest.fixture
def remembered():
    with Catalog.open("sqlite://") as catalog:
        yield Remembered(catalog, "office", ZoneInfo("America/Chicago"))


def test_who_never_looked_asks_for_everything(remembered):
    assert remembered.news_since("calls-read", "2026-02-27 11:00:00") is None


@pytest.mark.parametrize(
    ("newest", "since"),
    [
        (None, datetime(2026, 2, 25, 12)),
        ("2026-02-27 11:00:00", datetime(2026, 2, 25, 11)),
        ("2025-11-01 11:00:00", datetime(2025, 10, 30, 11)),  # the PBX's clock is months behind
        ("2099-01-01 00:00:00", datetime(2026, 2, 25, 12)),
        ("no time", datetime(2026, 2, 25, 12)),
    ],
)
def test_overlap_counts_from_the_last_look_or_the_newest_call_whichever_is_earlier(remembered, newest, since):
    remembered.set("calls-read", LOOKED_AT)
    assert remembered.news_since("calls-read", newest) == since


@pytest.mark.parametrize(
    ("days", "since"), [(0, datetime(2026, 2, 25, 12)), (30, datetime(2026, 2, 25, 12)), (-10, datetime(2026, 2, 15, 12))]
)
def test_a_clock_that_was_set_back_at_the_pbx_is_asked_from_there(remembered, days, since):
    remembered.set("calls-read", LOOKED_AT)
    assert remembered.news_since("calls-read", None, datetime.fromisoformat(LOOKED_AT) + timedelta(days=days)) == since


@pytest.mark.parametrize(("days", "refused"), [(0, True), (29, True), (31, False), (-1, False)])
def test_refusal_is_believed_for_a_month(remembered, days, refused):
    now = datetime(2026, 2, 27, 18, tzinfo=UTC)
    assert not remembered.is_refused("pack-follows-filter")
    with time_machine.travel(now, tick=False):
        remembered.refuse("pack-follows-filter")
    with time_machine.travel(now + timedelta(days=days), tick=False):
        assert remembered.is_refused("pack-follows-filter") is refused


def test_ucms_remember_apart(remembered):
    remembered.set("pages", {"queue": ["/q", "Queue"]})
    assert remembered.get("pages") == {"queue": ["/q", "Queue"]}
    assert Remembered(remembered._catalog, "other", ZoneInfo("UTC")).get("pages") is None
