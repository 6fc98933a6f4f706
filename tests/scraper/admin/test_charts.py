"""What the charts show of a year of days."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

from scraper.admin.charts import WEEKS, first_day, heat_map, months, weekly_bars
from scraper.catalog import DayCoverage

TODAY = date(2026, 2, 6)  # a Friday


def test_year_ends_with_today_and_begins_on_a_monday():
    assert first_day(TODAY).weekday() == 0
    squares = heat_map({}, TODAY).squares
    assert len(squares) == 52 * 7 + 5
    assert squares[-1].words.startswith("2026-02-06: 0 archived")
    assert {square.shade for square in squares} == {"h0"}


def test_squares_are_darker_for_more_and_change_where_something_is_missing():
    days = {
        f"2026-02-0{day}": DayCoverage(archived, 0, missing)
        for day, archived, missing in ((1, 1, 0), (2, 100, 0), (3, 50, 1), (4, 1, 1), (5, 0, 2))
    }
    shades = [square.shade for square in heat_map(days, TODAY).squares[-6:-1]]
    assert shades == ["h1", "h4", "gap", "bad", "bad"]
    assert heat_map(days, TODAY).squares[-3].words == "2026-02-04: 1 archived, 1 gap open"
    assert heat_map(days, TODAY).title == "152 recordings archived in the last twelve months; 3 days with open gaps."


def test_month_names_never_overlap():
    for offset in range(400):
        places = [label.x for label in heat_map({}, TODAY + timedelta(days=offset)).labels if label.x]
        assert len(places) in (11, 12, 13)
        assert all(later - earlier >= 28 for earlier, later in itertools.pairwise(places)), offset


DAYS = {
    "2026-01-05": DayCoverage(3, 30),
    "2026-02-01": DayCoverage(1, 10, 2),
    "2026-02-02": DayCoverage(2, 20),
    "2026-02-06": DayCoverage(3, 30),
    "undated": DayCoverage(4, 40, 1),
}


def test_weeks_sum_their_days_and_leave_out_what_has_none():
    bars = weekly_bars({**DAYS, "2026-01": DayCoverage(9, 9)}, TODAY, "archived")
    assert len(bars.bars) == WEEKS
    assert [bar.words for bar in bars.bars[-2:]] == ["Week of 2026-01-26: 1", "Week of 2026-02-02: 5"]
    assert bars.bars[-1].height == bars.height
    assert "90 B in all" in weekly_bars(DAYS, TODAY, "size").title


def test_months_stand_in_a_table_with_their_troubled_days():
    undated, february, january = months(DAYS)
    assert (undated.month, undated.open) == ("undated", 1)
    assert (february.month, february.archived, february.size, february.open) == ("2026-02", 6, 60, 2)
    assert list(february.troubled) == [("2026-02-01", 2)]
    assert (january.month, january.open) == ("2026-01", 0)
