"""When a backfill rests: quiet hours in the schedule's zone, and slices that are to be tried later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from scraper.backfill.rests import Rest, next_slice, quiet_until
from scraper.catalog import BackfillSlice, Direction, SliceState

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("spans", "now", "until"),
    [
        ([], "2026-02-06 12:00", None),
        (["08:00-18:00"], "2026-02-06 07:59", None),
        (["08:00-18:00"], "2026-02-06 08:00", "2026-02-06 18:00"),
        (["08:00-18:00"], "2026-02-06 18:00", None),
        (["22:00-06:00"], "2026-02-06 23:00", "2026-02-07 06:00"),
        (["22:00-06:00"], "2026-02-07 05:59", "2026-02-07 06:00"),
        (["mon-fri 08:00-18:00"], "2026-02-07 12:00", None),
        (["mon-fri 08:00-18:00"], "2026-02-06 12:00", "2026-02-06 18:00"),
        (["fri 22:00-06:00"], "2026-02-07 03:00", "2026-02-07 06:00"),
        (["fri 22:00-06:00"], "2026-02-06 03:00", None),
        (["sat-mon 00:00-00:00"], "2026-02-07 03:00", "2026-02-10 00:00"),
        (["08:00-12:00", "12:00-14:00", "13:00-18:00"], "2026-02-06 09:00", "2026-02-06 18:00"),
        (["02:30-03:30"], "2026-03-29 03:10", "2026-03-29 03:30"),
    ],
)
def test_quiet_hours_end_when_the_last_span_ends_that_covers_them(spans, now, until):
    found = quiet_until(spans, at(now), BERLIN)
    assert found == (at(until).astimezone(UTC) if until else None)


def test_a_night_in_which_the_clock_goes_back_is_an_hour_longer():
    end = quiet_until(["22:00-06:00"], at("2026-10-24 22:00"), BERLIN)
    assert end is not None
    assert end - at("2026-10-24 22:00").astimezone(UTC) == at("2026-10-25 06:00").astimezone(UTC) - at("2026-10-24 22:00").astimezone(UTC)
    assert (end - at("2026-10-24 22:00").astimezone(UTC)).total_seconds() == 9 * 3600


def test_an_hour_that_comes_twice_is_quiet_twice():
    second = at("2026-10-25 02:20").replace(fold=1).astimezone(UTC)
    assert quiet_until(["02:15-02:45"], second, BERLIN) == at("2026-10-25 02:45").replace(fold=1).astimezone(UTC)


def test_hours_are_meant_in_the_schedules_zone():
    assert quiet_until(["08:00-18:00"], at("2026-02-06 07:30", UTC_ZONE), BERLIN) == at("2026-02-06 17:00", UTC_ZONE)


def test_what_is_always_quiet_is_looked_at_again_some_day():
    now = at("2026-02-06 12:00")
    found = quiet_until(["00:00-00:00"], now, BERLIN)
    assert found is not None
    assert 7 < (found - now).days < 10


# --- which slice comes next ---


def a_slice(number: int, state: SliceState = SliceState.WAITING, retry_at: str | None = None) -> BackfillSlice:
    blank = BackfillSlice(0, "b", date(2026, 2, 1), date(2026, 2, 2), state, 0, None, None, None, None, None, "", None, None, retry_at)
    return replace(blank, id=number, since=date(2026, 2, number), until=date(2026, 2, number + 1))


NOW = at("2026-03-01 12:00", UTC_ZONE)


@pytest.mark.parametrize(("order", "first"), [(Direction.NEWEST_FIRST, 3), (Direction.OLDEST_FIRST, 1)])
def test_slices_come_in_the_order_that_was_asked_for(order, first):
    found = next_slice([a_slice(2), a_slice(3), a_slice(1), a_slice(4, SliceState.DONE), a_slice(5, SliceState.FAILED)], order, NOW)
    assert isinstance(found, BackfillSlice)
    assert found.id == first


def test_what_was_broken_off_comes_first():
    found = next_slice([a_slice(1, SliceState.RUNNING), a_slice(2)], Direction.NEWEST_FIRST, NOW)
    assert isinstance(found, BackfillSlice)
    assert found.id == 1


def test_what_is_to_be_tried_later_waits_without_holding_up_the_others():
    later = a_slice(3, retry_at="2026-03-01T13:00:00Z")
    found = next_slice([later, a_slice(2)], Direction.NEWEST_FIRST, NOW)
    assert isinstance(found, BackfillSlice)
    assert found.id == 2
    rest = next_slice([later, a_slice(2, retry_at="2026-03-01T12:30:00Z")], Direction.NEWEST_FIRST, NOW)
    assert isinstance(rest, Rest)
    assert rest.until == at("2026-03-01 12:30", UTC_ZONE)


def test_a_rest_that_was_noted_by_a_clock_that_was_ahead_is_over():
    found = next_slice([a_slice(1, retry_at="2027-03-01T12:00:00Z")], Direction.NEWEST_FIRST, NOW)
    assert isinstance(found, BackfillSlice)


def test_nothing_is_left_once_all_is_done():
    assert next_slice([a_slice(1, SliceState.DONE), a_slice(2, SliceState.FAILED)], Direction.NEWEST_FIRST, NOW) is None
