"""When a list that shrinks stops the job, and when it explains itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import ExitCode
from scraper.reconcile import Census, safety, take_census

START = datetime(2026, 3, 1, 12)


def census(day: int, keeps: int, per_day: int = 10) -> Census:
    """The list on a day since START, of a PBX that keeps recordings for so many days; on Sundays (START is one) nobody calls."""
    days = range(max(0, day - keeps + 1), day + 1)
    return Census(START + timedelta(days=day), {date(2026, 3, 1) + timedelta(days=d): per_day for d in days if d % 7})


def test_a_list_that_is_suddenly_empty_stops_the_job_with_the_numbers() -> None:
    stop = safety([census(9, 100), census(10, 100)], Census(START + timedelta(days=10, hours=1), {}))
    assert stop is not None
    assert stop.exit_code is ExitCode.SAFETY_STOP
    # The two oldest days might have been deleted by their age.
    assert (stop.evidence["expected"], stop.evidence["left"]) == (70, 0)


def test_far_less_than_before_stops_the_job_though_it_lists_as_many_new_ones() -> None:
    now = Census(START + timedelta(days=11), {date(2026, 3, 12): 500, date(2026, 3, 11): 10})
    assert safety([census(10, 100)], now) is not None


def test_one_day_with_many_does_not_make_up_for_the_others() -> None:
    assert safety([census(10, 100)], Census(START + timedelta(days=10, hours=1), {date(2026, 3, 11): 500})) is not None


def test_half_is_not_far_less() -> None:
    half = Census(START + timedelta(days=10), dict(list(census(10, 100).by_day.items())[5:]))
    assert safety([census(10, 100)], half) is None


@pytest.mark.parametrize("every", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("keeps", [1, 3, 14])
def test_a_pbx_that_deletes_after_some_days_never_stops_the_job(keeps: int, every: int) -> None:
    history: list[Census] = []
    for day in range(5, 200, every):
        now = census(day, keeps, 40)
        assert safety(history, now) is None
        history.append(now)


def test_a_holiday_at_a_pbx_that_deletes_after_three_days_leaves_an_honest_empty_list() -> None:
    assert safety([census(9, 3, 50), census(10, 3, 50)], Census(START + timedelta(days=15), {})) is None


def test_nothing_stops_a_first_run_nor_a_small_pbx() -> None:
    assert safety([], Census(START, {})) is None
    assert safety([census(1, 100, 9)], Census(START + timedelta(days=1), {})) is None


def test_a_growing_pbx_that_loses_all_stops_the_job_though_it_was_never_seen_deleting() -> None:
    history = [census(day, 1000, 2) for day in range(1, 60)]
    assert safety(history, Census(START + timedelta(days=60), {})) is not None


@given(st.lists(st.dates(date(2025, 1, 1), date(2026, 3, 1))), st.integers(0, 100))
def test_what_only_grows_never_stops_the_job(days: list[date], more: int) -> None:
    before = take_census(START, days)
    assert safety([before], take_census(START + timedelta(hours=1), [*days, *[date(2026, 3, 1)] * more])) is None
