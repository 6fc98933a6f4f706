"""How far a list is read where only a window of it matters."""

from __future__ import annotations

from datetime import date

import pytest

from scraper.job.lists import lies_in, reaches_beyond
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
