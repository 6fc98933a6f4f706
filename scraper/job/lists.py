"""The PBX's own lists, by its Recordings pages: read as far as they are news, and judged before they are believed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from scraper.catalog.tombstones import row_key
from scraper.errors import NotListed, PageNotAsExpected, ScraperError
from scraper.job.desk import Desk
from scraper.job.remembered import HAS_FILTER, Remembered
from scraper.job.web_way import PageList, WebWay, listed_file
from scraper.models import RecordingClass, Window
from scraper.reconcile import Census, ListedFile, safety
from scraper.reconcile.safety import vanished
from scraper.webui.recordings_page import Listed
from scraper.webui.sidebar import Entry

#: After so long all pages are looked for again, and call records alone don't do.
_DUE_AFTER = timedelta(hours=24)
#: A call's last recording is listed no later than this after the call began.
_LATER_PARTS = timedelta(days=1)
_DAY = r"\d{4}-\d\d-\d\d"
#: Lists that are remembered to judge the next one by.
_CENSUSES = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """When the lists are read (aware), and how: ``whole`` to their ends; ``believed`` however short; ``forgotten``: only for a look.

    ``window``: only its calls matter (PBX local).
    """

    at: datetime
    whole: bool = False
    believed: bool = False
    forgotten: bool = False
    window: Window = field(default_factory=Window)


class Lists:
    """One job's reading of the PBX's lists.

    ``read``: the pages whose lists were read to their end, or as far as they are news; ``failed``: those that may exist and were not.
    """

    def __init__(self, desk: Desk, web: WebWay, remembered: Remembered, how: Reading) -> None:
        self._desk = desk
        self._web = web
        self._remembered = remembered
        self._how = how
        self._unsure: list[ListedFile] = []
        self._windowed: dict[RecordingClass, list[ListedFile]] = {}
        self.read: set[RecordingClass] = set()
        self.failed: set[RecordingClass] = set()
        for page, entry in (remembered.get("class-pages") or {}).items():
            web.class_pages[RecordingClass(page)] = Entry(*entry)

    @property
    def are_due(self) -> bool:
        """Whether they should be read although the call records could."""
        read_at = self._remembered.time("lists-read")
        return self._how.whole or read_at is None or not timedelta() <= self._how.at - read_at < _DUE_AFTER  # or a clock was ahead then

    @property
    def pages(self) -> list[RecordingClass]:
        """Whose lists are to be read. Nobody knows which pages a web UI has: they are looked for now and then."""
        return list(RecordingClass) if self.are_due else [page for page in RecordingClass if page in self._web.classes]

    async def read_all(self) -> None:
        """Read each page's list.

        Raises :class:`SafetyStop` where the ordinary list has shrunk beyond reason, and what the web UI raises.
        """
        read = self._read
        if self._how.window != Window():
            self._web.window, read = self._listed_window(), self._read_window
        pages = self.pages
        for number, page in enumerate(pages):
            try:
                await read(page)
            except ScraperError as error:
                if page is RecordingClass.MONITOR or not isinstance(error, NotListed | PageNotAsExpected):
                    self.failed.update(pages[number:])  # of those that come after it, too, nobody knows what they list
                    raise
                if isinstance(error, NotListed):
                    self._not_found(page)
                else:
                    self._fail(page, error.message)

    def _not_found(self, page: RecordingClass) -> None:
        """A page that was there before is missed once; then it counts as taken away."""
        if self._web.class_pages.pop(page, None) is not None:
            self._fail(page, "The web UI does not show its page any more.")
            self._remember_pages()

    def _fail(self, page: RecordingClass, why: str) -> None:
        self.failed.add(page)
        self._desk.report.notes.append(f"The PBX's list of {page.value} recordings could not be read: {why}")

    def _remember_pages(self) -> None:
        entries = {known.value: [entry.route, entry.label] for known, entry in self._web.class_pages.items()}
        self._remembered.set("class-pages", entries)

    def remember(self) -> None:
        """They were read now, and are not due for a while."""
        if not self._how.forgotten:
            self._remembered.set("lists-read", self._how.at.isoformat())

    def rows(self, page: RecordingClass | None = None) -> Iterator[ListedFile]:
        """What a page listed, or all of them; of lists that were read in part, too."""
        for read in sorted(self.read) if page is None else self.read & {page}:
            if read in self._windowed:
                yield from self._windowed[read]
                continue
            for row in self._desk.catalog.listing(self._desk.order.ucm, self._reading(read)):
                yield ListedFile(*row[:5])
        if page is None:
            yield from self._unsure

    def _reading(self, page: RecordingClass) -> str:
        return f"{self._desk.report.run_id}:{page.value}"

    async def _read(self, page: RecordingClass) -> None:
        catalog, ucm, reading = self._desk.catalog, self._desk.order.ucm, self._reading(page)
        last, enough = catalog.last_listing(ucm, page), None
        since = self._remembered.news_since("lists-read", catalog.newest_listed(ucm, last)) if last else None
        known: dict[str, int] = self._remembered.get(f"erased-{page}") or {}
        if last and since and not self._how.whole:
            border = (datetime.combine(since, time()) if known else since).isoformat(sep=" ", timespec="seconds")
            older = sum(count for day, count in known.items() if day < border[:10])
            enough = NewsAreEnough(catalog.count_listed_before(ucm, last, border) + older, border)
        found = await self._web.list_page(page, enough)
        self._remember_pages()
        rows, erased = self._without_erased(found.rows)
        if not found.whole:
            self._fail(page, _why(found))
            self._unsure += map(listed_file, rows)
            return
        if last and enough and enough.met:
            rows = [row for row in rows if row.time >= enough.border]
            catalog.carry_over(ucm, last, enough.border, reading)
            erased |= {day: count for day, count in known.items() if day < enough.border[:10]}
        catalog.upsert_listing(ucm, map(listed_file, rows), reading)
        if erased != known:
            self._remembered.set(f"erased-{page}", erased)
        if page is RecordingClass.MONITOR and not self._is_believed(reading, erased):
            return
        catalog.complete_listing(ucm, page, reading)
        self.read.add(page)

    def _listed_window(self) -> Window:
        """What is to be read: where calls name recordings, a day more. A call is where it belongs, and its later parts are listed later."""
        window, calls = self._how.window, self._desk.catalog.call_counts(self._desk.order.ucm)
        return Window(window.since, window.until + _LATER_PARTS) if window.until and calls.files else window

    async def _read_window(self, page: RecordingClass) -> None:
        """Read the list as far as the window reaches, by the page's date filter where it has one. It judges no other list."""
        catalog, ucm, window = self._desk.catalog, self._desk.order.ucm, self._web.window
        found = await self._web.list_page(page, partial(reaches_beyond, window))
        self._remember_pages()
        inside = [row for row in found.rows if lies_in(window, row)]
        if len(inside) < len(found.rows):
            self._web.filtered.discard(page)  # it takes the dates, and the PBX doesn't mind them
        if page is RecordingClass.MONITOR:
            self._remembered.set(HAS_FILTER, page in self._web.filtered)
        rows = list(map(listed_file, self._without_erased(inside)[0]))
        if not found.whole:
            self._fail(page, _why(found))
            self._unsure += rows
            return
        # What the last whole reading has not seen is as good as seen by it: the next one counts on the PBX's total.
        catalog.upsert_listing(ucm, rows, catalog.last_listing(ucm, page) or self._reading(page))
        self._windowed[page] = rows
        self.read.add(page)

    def _without_erased(self, rows: list[Listed]) -> tuple[list[Listed], dict[str, int]]:
        """The rows but those that the archive let go of for good, and by day how many these are: the PBX's total counts them, too."""
        forgotten, kept, erased = self._desk.forgotten, list[Listed](), Counter[str]()
        if not forgotten:
            return rows, {}
        for row in rows:
            _, month, name, _, call_time = listed_file(row)
            if not forgotten.has(row_key(month, name, call_time)):
                kept.append(row)
            elif re.fullmatch(_DAY, row.time[:10]):
                erased[row.time[:10]] += 1
        return kept, dict(erased)

    def _is_believed(self, reading: str, erased: Mapping[str, int]) -> bool:
        """Whether the list is plausible. Raises :class:`SafetyStop`; False where it is empty, and some should still be there."""
        by_day = Counter(self._desk.catalog.listed_days(self._desk.order.ucm, reading))
        by_day.update({date.fromisoformat(day): count for day, count in erased.items()})
        now = Census(self._remembered.local(self._how.at), by_day)
        history = [] if self._how.believed else [_census(kept) for kept in self._remembered.get("censuses") or []]
        if stop := safety(history, now):
            raise stop
        if not now.total and vanished(history, now):
            self._desk.report.notes.append("The PBX lists no recordings at all, though it should still have some.")
            return False
        if not self._how.forgotten:
            self._remembered.set("censuses", [_as_json(census) for census in [*history, now][-_CENSUSES:]])
        return True


def lies_in(window: Window, row: Listed) -> bool:
    """Whether a row's call time lies in the window; what can't be told may."""
    day = row.time[:10]
    if not re.fullmatch(_DAY, day):
        return True
    return (window.since is None or day >= window.since.isoformat()) and (window.until is None or day < window.until.isoformat())


def reaches_beyond(window: Window, rows: list[Listed], newest_first: bool, total: int | None) -> bool:
    """Whether a list that comes newest first was read beyond the window's beginning: the rest is older."""
    return newest_first and bool(rows) and not lies_in(Window(window.since), rows[-1])


class NewsAreEnough:
    """The rest of a list is known where its news, and the ``older`` rows that were listed before, make up the PBX's total.

    News are rows from ``border`` (PBX local text) on.
    """

    def __init__(self, older: int, border: str) -> None:
        self._older = older
        self.border = border
        self.met = False

    def __call__(self, rows: list[Listed], newest_first: bool, total: int | None) -> bool:
        news = sum(row.time >= self.border for row in rows)
        self.met = newest_first and news < len(rows) and total == self._older + news
        return self.met


def _census(kept: dict[str, Any]) -> Census:
    return Census(datetime.fromisoformat(kept["at"]), {date.fromisoformat(day): count for day, count in kept["by_day"].items()})


def _as_json(census: Census) -> dict[str, Any]:
    return {"at": census.at.isoformat(), "by_day": {day.isoformat(): count for day, count in census.by_day.items()}}


def _why(found: PageList) -> str:
    """Why a list is not whole."""
    if found.narrowed:
        return (
            "Its page chose itself from which day on it lists, and its date filter could not be set to all. "
            "If the web UI speaks another language, put the filter button's label into `web.labels.filter`."
        )
    return "It is not as long as it says."
