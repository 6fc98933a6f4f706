"""The PBX's list counts what the archive let go of: that neither makes the list read anew for ever, nor look as if it had shrunk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from scraper.job.lists import Lists, Reading
from scraper.job.remembered import Remembered
from scraper.job.web_way import PageList
from scraper.keeping.choosing import choose
from scraper.keeping.criteria import criteria
from scraper.models import RecordingClass, Report, Trigger, Window
from scraper.webui.recordings_page import Listed

from .conftest import ANN, UCM, ZONE, Archive, file_name

DAY = 1440
BEGAN = datetime.fromtimestamp(1770000000, UTC)


class Pages:
    """A Recordings page, the newest first, ten rows at a time; ``read``: how many rows were looked at the last time."""

    def __init__(self, days: int) -> None:
        self.rows = [row(number) for number in range(days)][::-1]
        self.class_pages: dict[Any, Any] = {}
        self.classes = frozenset({RecordingClass.MONITOR})
        self.read = 0

    async def list_page(self, page: RecordingClass, enough: Any) -> PageList:
        assert page is RecordingClass.MONITOR
        for end in range(10, len(self.rows) + 10, 10):
            self.read = min(end, len(self.rows))
            if enough is not None and enough(self.rows[:end], True, len(self.rows)):
                break
        return PageList(self.rows[: self.read], True)


def row(day: int) -> Listed:
    when = (BEGAN + timedelta(days=day)).astimezone(ZONE)
    return Listed(f"{when:%Y-%m}/{file_name(day * DAY, ANN)}", f"{when:%Y-%m-%d %H:%M:%S}", 1000)


def read(archive: Archive, pages: Pages, day: float, *, whole: bool = False) -> Lists:
    """A job's reading of the list on a day."""
    at = BEGAN + timedelta(days=day)
    report = Report(f"run-{day}", UCM, Trigger.MANUAL, at)
    desk: Any = SimpleNamespace(
        catalog=archive.catalog, order=SimpleNamespace(ucm=UCM), report=report, forgotten=archive.catalog.forgotten(UCM)
    )
    lists = Lists(desk, pages, Remembered(archive.catalog, UCM, ZONE), Reading(at, whole))
    asyncio.run(lists._read(RecordingClass.MONITOR))
    lists.remember()
    assert RecordingClass.MONITOR in lists.read
    return lists


def erase(archive: Archive, *days: int) -> None:
    names = [file_name(day * DAY, ANN) for day in days]
    archive.erasing.erase(choose(archive.place, criteria(None, Window(), names)).doomed, "erased", "somebody")


def test_after_an_erasure_the_list_is_read_whole_once_and_then_no_further_than_its_news(archive: Archive) -> None:
    pages = Pages(60)
    read(archive, pages, 60)
    assert pages.read == 60
    read(archive, pages, 60.5)
    assert pages.read == 10
    erase(archive, 3, 30, 58)
    read(archive, pages, 60.6)
    assert pages.read == 60  # it can't be known yet which of them the PBX still lists
    lists = read(archive, pages, 60.7)
    assert pages.read == 10
    assert {listed.name for listed in lists.rows()} == {file_name(day * DAY, ANN) for day in range(60) if day not in (3, 30, 58)}
    pages.rows = [row(60), *pages.rows[:-1]]  # a new one, and the oldest is gone
    read(archive, pages, 61.1)
    assert pages.read == 60


def test_erasing_nearly_all_is_no_sign_that_the_pbx_lost_it(archive: Archive) -> None:
    pages = Pages(60)
    read(archive, pages, 60)
    erase(archive, *range(58))
    for day in (60.1, 61.2, 62.3):
        lists = read(archive, pages, day, whole=True)  # a safety stop would be raised here
        assert len(list(lists.rows())) == 2
