"""Cron's five fields: when they come true, over daylight saving too, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.settings.cron import check, next_after

CHICAGO = ZoneInfo("America/Chicago")


def times(text, after, zone=CHICAGO):
    """Local times as `day hour:minute offset`, from ``after`` (local text) on."""
    when = datetime.fromisoformat(after).replace(tzinfo=zone)
    while True:
        when = next_after(text, when, zone)
        yield when.astimezone(zone).strftime("%m-%d %H:%M %z")


def first(count, *args):
    return list(islice(times(*args), count))


def test_half_hours_go_on_through_the_hour_that_comes_twice():
    assert first(5, "*/30 * * * *", "2026-11-01T00:45") == [
        "11-01 01:00 -0500",
        "11-01 01:30 -0500",
        "11-01 01:00 -0600",
        "11-01 01:30 -0600",
        "11-01 02:00 -0600",
    ]


def test_half_hours_go_on_over_the_hour_that_is_skipped():
    assert first(3, "*/30 * * * *", "2026-03-08T01:15") == ["03-08 01:30 -0600", "03-08 03:00 -0500", "03-08 03:30 -0500"]


def test_daily_time_that_comes_twice_counts_once():
    assert first(3, "30 1 * * *", "2026-10-31T12:00") == ["11-01 01:30 -0500", "11-02 01:30 -0600", "11-03 01:30 -0600"]


def test_daily_time_that_is_skipped_comes_afterwards():
    assert first(3, "30 2 * * *", "2026-03-07T12:00") == ["03-08 03:00 -0500", "03-09 02:30 -0500", "03-10 02:30 -0500"]


def test_daily_time_is_over_in_the_second_of_two_hours():
    second = datetime(2026, 11, 1, 1, 10, tzinfo=CHICAGO, fold=1)
    assert next_after("30 1 * * *", second, CHICAGO) == datetime(2026, 11, 2, 1, 30, tzinfo=CHICAGO)


def test_midnight_that_is_skipped_comes_afterwards():
    assert first(2, "0 0 * * *", "2026-03-07T12:00", ZoneInfo("America/Havana")) == ["03-08 01:00 -0400", "03-09 00:00 -0400"]


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_zero_seven_and_sun_are_sunday(sunday):
    assert first(2, f"0 3 * * {sunday}", "2026-06-01T00:00") == ["06-07 03:00 -0500", "06-14 03:00 -0500"]


def test_either_day_counts_where_both_are_given():
    assert first(3, "0 3 15 * mon", "2026-06-09T00:00") == ["06-15 03:00 -0500", "06-22 03:00 -0500", "06-29 03:00 -0500"]
    assert first(2, "0 3 16 * mon", "2026-06-14T00:00") == ["06-15 03:00 -0500", "06-16 03:00 -0500"]


def test_leap_day_is_waited_for():
    assert next_after("0 0 29 2 *", datetime(2096, 3, 1, tzinfo=UTC), ZoneInfo("UTC")) == datetime(2104, 2, 29, tzinfo=UTC)


def test_lists_ranges_steps_and_names():
    assert first(3, "5,10 8-10/2 * jan-mar mon-fri", "2026-03-31T09:00") == ["03-31 10:05 -0500", "03-31 10:10 -0500", "01-01 08:05 -0600"]


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 */31 2 mon#5"])
def test_what_never_comes_is_refused(text):
    with pytest.raises(ValueError, match="never comes"):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8"),
        *("a * * * *", "*/0 * * * *", "5-1 * * * *", "1- * * * *", "-1 * * * *", ", * * * *", "1,,2 * * * *"),
        *("* * * * mon-", "* * * * funday", "*-5 * * * *", "** * * * *", "@daily", "² * * * *", "1.5 * * * *", "9" * 5000 + " * * * *"),
    ],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"must have five fields|that can't be read") as caught:
        check(text)
    assert len(str(caught.value)) < 120  # the value is not repeated


@given(
    st.sampled_from(["*/30 * * * *", "7 * * * *", "15 1,2,3 * * *", "0 0 * * *", "59 23 * * 0", "0 3 1 */2 *"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "UTC"]),
)
def test_next_is_later_and_nothing_lies_between(text, when, zone):
    place = ZoneInfo(zone)
    found = next_after(text, when, place)
    assert found > when
    assert next_after(text, found - timedelta(microseconds=1), place) == found
    assert next_after(text, when + (found - when) / 2, place) == found
