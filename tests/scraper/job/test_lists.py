"""How far lists are read: where only a window of them matters, and where what reads them ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scraper.catalog import Catalog
from scraper.errors import NotListed, PageNotAsExpected, ScraperError, SessionEnded
from scraper.job.lists import Lists, Reading, lies_in, reaches_beyond
from scraper.job.remembered import Remembered
from scraper.job.web_way import PageList
from scraper.models import RecordingClass, Window
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


class Pages:
    """A web UI whose pages list nothing, or fail."""

    def __init__(self, **failures: ScraperError) -> None:
        self.class_pages: dict[RecordingClass, Any] = {}
        self._failures = failures

    async def list_page(self, page: RecordingClass, enough: object) -> PageList:
        if error := self._failures.get(page.value):
            raise error
        return PageList([], True)


@pytest.mark.fault("web", "the session ends for good while the pages' lists are read", "those not read count as unread", promise="success")
@pytest.mark.parametrize(
    ("ends", "failed"),
    [
        ({}, set()),
        ({"monitor": SessionEnded()}, set(RecordingClass)),
        ({"monitor": PageNotAsExpected()}, set(RecordingClass)),
        ({"queue": SessionEnded()}, {RecordingClass.QUEUE, RecordingClass.MEETME}),
        ({"meetme": SessionEnded()}, {RecordingClass.MEETME}),
        ({"queue": PageNotAsExpected()}, {RecordingClass.QUEUE}),
        ({"queue": NotListed()}, set()),
    ],
    ids=lambda given: "-".join(f"{klass}-{type(error).__name__}" for klass, error in given.items()) if isinstance(given, dict) else None,
)
def test_no_list_that_was_not_read_counts_as_read(ends: dict[str, ScraperError], failed: set[RecordingClass]) -> None:
    with Catalog.open("sqlite://") as catalog:
        told = SimpleNamespace(run_id="run", notes=[])
        desk: Any = SimpleNamespace(catalog=catalog, order=SimpleNamespace(ucm="office"), report=told, forgotten=None)
        pages: Any = Pages(**ends)
        lists = Lists(desk, pages, Remembered(catalog, "office", ZoneInfo("UTC")), Reading(datetime(2026, 2, 6, 12, tzinfo=UTC)))
        with suppress(ScraperError):
            asyncio.run(lists.read_all())
        assert lists.failed == failed
        assert not lists.read & failed
