"""Slices tile their window, whatever the calendar does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.backfill.slices import Evidence, Grain, Span, coverage, grain_for, halve, read_span, recut, tile
from scraper.catalog import BackfillSlice, SliceState
from scraper.errors import ConfigError, ExitCode

TODAY = date(2026, 3, 29)  # clocks go forward in Europe

days = st.dates(date(2019, 12, 1), date(2028, 4, 1))
spans = st.builds(lambda since, length: Span(since, since + timedelta(days=length)), days, st.integers(1, 900))
grains = st.sampled_from(Grain)


def are_exactly(pieces: list[Span], span: Span) -> bool:
    """Whether the pieces are the span: no day twice, none left out, each piece at least a day."""
    follow = all(one.until == other.since for one, other in pairwise(pieces))
    return follow and all(piece.days > 0 for piece in pieces) and (pieces[0].since, pieces[-1].until) == span


@given(spans, grains)
def test_slices_tile_the_window_exactly(span, grain):
    assert are_exactly(tile(span, grain), span)


@given(spans, grains)
def test_slices_end_with_the_calendars_months_and_weeks(span, grain):
    for piece in tile(span, grain)[:-1]:
        assert {Grain.MONTH: piece.until.day == 1, Grain.WEEK: piece.until.weekday() == 0, Grain.DAY: piece.days == 1}[grain]


@given(spans, grains, st.data())
def test_halving_again_and_again_keeps_the_window(span, grain, data):
    pieces = tile(span, grain)
    for _ in range(6):
        index = data.draw(st.integers(0, len(pieces) - 1))
        pieces[index : index + 1] = halve(pieces[index])
    assert are_exactly(pieces, span)


def test_halving_ends_with_a_day():
    pieces = [Span(date(2024, 2, 26), date(2024, 3, 4))]
    while any(piece.days > 1 for piece in pieces):
        pieces = [half for piece in pieces for half in halve(piece)]
    assert [piece.since.day for piece in pieces] == [26, 27, 28, 29, 1, 2, 3]
    assert halve(pieces[0]) == [pieces[0]]


@given(spans, grains, grains, st.data())
def test_cutting_the_untried_anew_takes_no_day_from_the_rest(span, before, after, data):
    pieces = tile(span, before)
    tried = data.draw(st.sets(st.sampled_from(pieces)))
    again = recut([piece for piece in pieces if piece not in tried], after)
    assert are_exactly(sorted([*tried, *again]), span)


@given(spans, grains)
def test_cutting_anew_the_same_way_changes_nothing(span, grain):
    assert recut(tile(span, grain), grain) == tile(span, grain)


@pytest.mark.parametrize(
    ("evidence", "grain"),
    [
        (Evidence(), Grain.WEEK),
        (Evidence(True, 10, 10 * 400_000), Grain.MONTH),
        (Evidence(True, 100, 100 * 400_000), Grain.WEEK),
        (Evidence(True, 100, 100 * 4_000_000), Grain.DAY),
        (Evidence(True, 5000, None), Grain.DAY),
        (Evidence(False, 300, 300 * 400_000), Grain.WEEK),
        (Evidence(False, 100, 100 * 400_000), Grain.MONTH),
    ],
    ids=["nothing-known", "quiet", "busy", "large-files", "call-centre", "busy-without-filter", "larger-without-filter"],
)
def test_slices_are_as_long_as_is_not_too_much_at_once(evidence, grain):
    assert grain_for(evidence) is grain


# --- bad input ---


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("2026-03-05", "2026-03-01", "must lie before"),
        ("2026-03-01", "2026-03-01", "must lie before"),
        ("2026-03-30", "2026-04-02", "`since` lies in the future"),
        ("2026-03-01", "2026-03-31", "`until` lies in the future"),
        ("2026-03-01T00:00", "2026-03-02", "`since` is no day"),
        ("2026-03-01", "2026-03-02 12:00:00", "`until` is no day"),
        ("01.03.2026", "2026-03-02", "`since` is no day"),
        ("03/01/2026", "2026-03-02", "`since` is no day"),
        ("20260301", "2026-03-02", "`since` is no day"),
        ("2026-W09-7", "2026-03-02", "`since` is no day"),
        ("2026-02-29", "2026-03-02", "`since` is no day"),
        ("2026-3-1", "2026-03-02", "`since` is no day"),
        ("", "2026-03-02", "`since` is no day"),
        ("٢٠٢٦-03-01", "2026-03-02", "`since` is no day"),
        ("yesterday", "2026-03-02", "`since` is no day"),
        (datetime(2026, 3, 1, 12), "2026-03-02", "`since` is no day"),
        ("1999-12-31", "2026-03-02", "lies before"),
        ("0001-01-01", "9999-12-31", "lies before"),
    ],
)
def test_what_is_no_window_is_refused_with_a_sentence(since, until, says):
    with pytest.raises(ConfigError, match=says) as refused:
        read_span(since, until, TODAY)
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("since", "until"),
    [("2026-03-29", "2026-03-30"), ("2025-10-26", "2025-10-27"), ("2024-02-29", "2024-03-01"), (date(2026, 3, 1), " 2026-03-30 ")],
    ids=["day-of-23-hours", "day-of-25-hours", "leap-day", "until-tomorrow"],
)
def test_days_that_the_clock_changes_on_are_days(since, until):
    assert read_span(since, until, TODAY).days >= 1


# --- coverage ---


def a_slice(since: date, until: date, state: SliceState = SliceState.DONE, **counts: int) -> BackfillSlice:
    blank = BackfillSlice(1, "b", since, until, state, 1, None, None, None, None, None, "", None, None, None)
    return replace(blank, **counts)


def test_coverage_counts_what_is_done_and_says_what_is_not():
    span = Span(date(2026, 2, 1), date(2026, 2, 28))
    done = a_slice(span.since, date(2026, 2, 9), expected=7, archived=5, gone=1, open=1)
    failed = a_slice(date(2026, 2, 9), date(2026, 2, 10), SliceState.FAILED, expected=3, archived=1, gone=0, open=2)
    found = coverage(span, [done, failed, a_slice(date(2026, 2, 10), span.until, SliceState.WAITING)])
    assert not found.complete
    assert found.as_json() == {
        "window": {"since": "2026-02-01", "until": "2026-02-28"},
        "slices": {"done": 1, "open": 2, "failed": 1},
        "days": {"done": 8, "open": 19},
        "recordings": {"expected": 7, "archived": 5, "gone": 1, "open": 1},
    }
    assert found.as_text() == ("2026-02-01 to 2026-02-27 (27 days): 1 of 3 slices done; expected 7, archived 5, gone 1, open 1")


def test_coverage_of_nothing_done_expects_what_nobody_knows():
    span = Span(date(2026, 2, 1), date(2026, 2, 2))
    found = coverage(span, [a_slice(*span, SliceState.RUNNING)])
    assert (found.expected, found.done, found.complete) == (None, 0, False)


def test_coverage_is_complete_where_every_day_was_looked_at_and_nothing_is_open():
    span = Span(date(2026, 2, 1), date(2026, 2, 2))
    assert coverage(span, [a_slice(*span, expected=2, archived=1, gone=1, open=0)]).complete
