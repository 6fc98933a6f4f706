"""How far a list is read where only a window of it matters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scraper.catalog import Catalog
from scraper.job.lists import Lists, Reading, lies_in, reaches_beyond
from scraper.job.remembered import Remembered
from scraper.models import Window
from scraper.webui.recordings_page import Listed

FEBRUARY = Window(date(2026, 2, 1), date(2026, 3, 1))


def row(time: str) -> Listed:
    return Listed("2026-02/a.wav", time, 1)


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("2026-02-01 00:00:00", True),
        ("2026-01-31 23:59:59", False),
        ("2026-02-28 23:59:59", True),
        ("2026-03-01 00:00:00", False),
        ("", True),
        ("Yesterday", True),
    ],
)
def test_a_row_lies_in_the_window_by_its_day(time, inside):
    assert lies_in(FEBRUARY, row(time)) is inside


def test_a_window_may_have_one_end_only():
    assert lies_in(Window(None, date(2026, 3, 1)), row("2001-01-01 00:00:00"))
    assert not lies_in(Window(date(2026, 3, 1)), row("2026-02-28 12:00:00"))


@pytest.mark.parametrize(
    ("window", "last", "newest_first", "enough"),
    [
        (FEBRUARY, "2026-01-31 23:59:59", True, True),
        (FEBRUARY, "2026-01-31 23:59:59", False, False),
        (FEBRUARY, "2026-02-01 00:00:00", True, False),
        (FEBRUARY, "2026-03-09 00:00:00", True, False),
        (FEBRUARY, "", True, False),
        (Window(None, date(2026, 3, 1)), "2026-03-09 00:00:00", True, False),
    ],
)
def test_a_list_is_read_until_it_is_older_than_the_window(window, last, newest_first, enough):
    assert reaches_beyond(window, [row("2026-03-10 00:00:00"), row(last)], newest_first, 99) is enough


def test_an_empty_list_reaches_nowhere():
    assert not reaches_beyond(FEBRUARY, [], True, 0)


@pytest.mark.parametrize(("hours", "due"), [(0, False), (23, False), (24, True), (-24 * 365, True)], ids=str)
def test_lists_are_due_after_a_day_and_where_a_clock_that_was_ahead_noted_them(hours: int, due: bool) -> None:
    nothing: Any = SimpleNamespace(class_pages={})
    read_at = datetime(2026, 2, 6, 12, tzinfo=UTC)
    with Catalog.open("sqlite://") as catalog:
        remembered = Remembered(catalog, "office", ZoneInfo("UTC"))
        remembered.set("lists-read", read_at.isoformat())
        assert Lists(nothing, nothing, remembered, Reading(read_at + timedelta(hours=hours))).are_due is due
