"""What should exist, by call records and the PBX's own lists: each is asked only for what can have changed, the rest is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from loguru import logger

from scraper.api_way import ApiWay
from scraper.desk import Desk
from scraper.errors import NotListed, SafetyStop, ScraperError, StorageError
from scraper.models import RecordingClass, Window
from scraper.reconcile import (
    CalledFile,
    Census,
    HeldFile,
    Inventories,
    KnownGap,
    ListedFile,
    Listing,
    Memory,
    Plan,
    Situation,
    Ways,
    make_plan,
    safety,
)
from scraper.reconcile.inventory import Costs
from scraper.reconcile.safety import vanished
from scraper.threads import in_thread
from scraper.web_way import WebWay, listed_file
from scraper.webui.recordings_page import Listed
from scraper.webui.sidebar import Entry

#: After so long the lists are read to their end again, also where the call records alone would do.
_WHOLE_LISTS_EVERY = timedelta(hours=24)
#: Lists that are remembered to judge the next one by.
_CENSUSES = 10
_CLASSES = tuple(RecordingClass)


@dataclass(frozen=True, slots=True)
class Asked:
    """How far a survey goes. ``everything``: what is remembered is read again, and a list that shrank is believed."""

    window: Window
    everything: bool = False


class Survey:
    """One job's look at what exists. ``calls_current``: the call records could be read now, and can say what should exist."""

    def __init__(self, desk: Desk, api: ApiWay, web: WebWay, asked: Asked) -> None:
        self._desk = desk
        self._api = api
        self._web = web
        self._asked = asked
        self._began = datetime.now(UTC)
        self._listed: set[RecordingClass] = set()
        self._directories: list[ListedFile] = []
        self.calls_current = False
        for klass, entry in json.loads(self._recall("class-pages") or "{}").items():
            web.class_pages[RecordingClass(klass)] = Entry(*entry)

    @property
    def learned(self) -> bool:
        """Whether any account of what exists could be read."""
        return self.calls_current or bool(self._listed)

    @property
    def lists_are_due(self) -> bool:
        """Whether the PBX's lists should be read although the call records could."""
        read_at = self._recall("lists-read")
        return self._asked.everything or read_at is None or self._began - datetime.fromisoformat(read_at) >= _WHOLE_LISTS_EVERY

    async def read_calls(self) -> None:
        """Call records over the API; what fails there is noted and ends that way."""
        if not self._api.is_configured:
            return
        self._desk.order.progress.phase("reading call records")
        try:
            self.calls_current = await in_thread(self._api.read_calls, *self._since_until())
        except StorageError:
            raise
        except ScraperError as error:
            self._fail("call records", error)
            self._api.failure = self._api.failure or error
            return
        if self.calls_current and self._asked.window == Window():
            self._remember("calls-read", self._began.isoformat())

    async def read_lists(self) -> None:
        """The Recordings pages' lists; then the CDR page's table, where the API did not tell the calls.

        Raises :class:`SafetyStop` where the list has shrunk beyond reason. What fails otherwise is noted.
        """
        if self._web.is_configured:
            self._desk.order.progress.phase("reading the PBX's list")
            try:
                for klass in self._classes_to_list():
                    await self._read_list(klass)
            except (StorageError, SafetyStop):
                raise
            except ScraperError as error:
                self._fail("list", error)
                await self._web.give_up(error)
        if RecordingClass.MONITOR in self._listed:
            self._remember("lists-read", self._began.isoformat())
        if not self.calls_current and self._web.is_configured and self._web.failure is None:
            await self._read_table_of_calls()
        if self._api.is_configured and self._api.failure is None:
            await self._read_directories()

    def plan(self, ways: Ways, costs: Costs | None = None) -> Plan:
        """What to do about the difference between what exists and what is held."""
        desk, ucm = self._desk, self._desk.order.ucm
        counts = desk.catalog.call_counts(ucm)
        inventories = Inventories(
            calls=map(CalledFile._make, desk.catalog.call_files(ucm)) if counts.files or self.calls_current else None,
            listing=Listing(self._rows(), frozenset(self._listed)) if self._listed or self._directories else None,
            held=map(HeldFile._make, desk.catalog.holdings(ucm)),
            gaps=(KnownGap(*gap) for gap in desk.catalog.remembered_gaps(ucm)),
            calls_current=self.calls_current,
        )
        situation = Situation(ucm, desk.ucm.zone, datetime.now(UTC), ways, costs or Costs(), self._asked.window)
        return make_plan(inventories, situation)

    def listed(self, klass: RecordingClass) -> Iterator[ListedFile]:
        """What the PBX's list of a class showed in this job."""
        if klass in self._listed:
            run = self._desk.catalog.last_listing(self._desk.order.ucm, klass)
            for row in self._desk.catalog.listing(self._desk.order.ucm, klass, run):
                yield ListedFile(*row[:5])

    def _rows(self) -> Iterator[ListedFile]:
        for klass in sorted(self._listed):
            yield from self.listed(klass)
        yield from self._directories

    def _since_until(self) -> tuple[datetime | None, datetime | None]:
        """From and to which call start (PBX local, naive) the call records are asked for."""
        window = self._asked.window
        if window != Window() or self._asked.everything:
            return _midnight(window.since), _midnight(window.until)
        return self._local(Memory(self._recalled_time("calls-read")).ask_since()), None

    def _local(self, when: datetime | None) -> datetime | None:
        return when.astimezone(self._desk.ucm.zone).replace(tzinfo=None) if when else None

    def _classes_to_list(self) -> list[RecordingClass]:
        """All classes now and then, since nobody knows which pages a web UI has; else those that had one."""
        return list(_CLASSES) if self.lists_are_due else [klass for klass in _CLASSES if klass in self._web.classes]

    async def _read_list(self, klass: RecordingClass) -> None:
        catalog, ucm, run = self._desk.catalog, self._desk.order.ucm, self._desk.report.run_id
        since = self._local(Memory(self._recalled_time("lists-read")).ask_since())
        border = since.isoformat(sep=" ", timespec="seconds") if since and not self._asked.everything else None
        enough = _NewsAreEnough(catalog.count_listed_before(ucm, klass, border), border) if border else None
        try:
            found = await self._web.list_class(klass, enough)
        except NotListed:
            if klass is RecordingClass.MONITOR:
                raise
            return
        if klass is not RecordingClass.MONITOR:
            pages = {known.value: [entry.route, entry.label] for known, entry in self._web.class_pages.items()}
            self._remember("class-pages", json.dumps(pages))
        rows = found.rows
        if not found.whole:
            self._desk.report.notes.append(f"The PBX's list of {klass.value} recordings is not as long as it says.")
            catalog.upsert_listing(ucm, (listed_file(klass, row) for row in rows), run)
            return
        if enough and enough.met:
            rows = [row for row in rows if row.time >= enough.border]
            catalog.carry_over(ucm, klass, enough.border, run)
        catalog.upsert_listing(ucm, (listed_file(klass, row) for row in rows), run)
        if klass is RecordingClass.MONITOR and not self._judge(run):
            return
        catalog.complete_listing(ucm, klass, run)
        self._listed.add(klass)

    def _judge(self, run: str) -> bool:
        """Whether the list can be believed. Raises :class:`SafetyStop`; False where it lacks a few that it should still show."""
        days = self._desk.catalog.listed_days(self._desk.order.ucm, RecordingClass.MONITOR, run)
        now = Census(self._local(self._began) or datetime.min, days)
        history = [] if self._asked.everything else [_census(kept) for kept in json.loads(self._recall("censuses") or "[]")]
        if stop := safety(history, now):
            raise stop
        if not now.total and vanished(history, now):
            self._desk.report.notes.append("The PBX lists no recordings at all, though it should still have some.")
            return False
        kept = [*history, now][-_CENSUSES:]
        self._remember("censuses", json.dumps([_as_json(census) for census in kept]))
        return True

    async def _read_table_of_calls(self) -> None:
        """The CDR page's CSV tells of calls what the list does not: who talked, and how long. Nothing depends on it."""
        self._desk.order.progress.phase("reading call records")
        window = self._asked.window
        if window == Window() and not self._asked.everything:
            since = self._local(Memory(self._recalled_time("calls-read")).ask_since())
            window = Window(since.date() if since else None, None)
        try:
            await self._web.read_calls(window)
            if self._asked.window == Window():
                self._remember("calls-read", self._began.isoformat())
        except (StorageError, SafetyStop):
            raise
        except ScraperError as error:
            self._fail("table of calls", error)

    async def _read_directories(self) -> None:
        """recapi's lists, of the classes that no page lists; many a PBX gives none."""
        missing = frozenset(_CLASSES) - self._listed
        if not missing or (not self.lists_are_due and self._recall("directories") == "none"):
            return
        try:
            self._directories = await in_thread(lambda: list(self._api.listings(missing)))
        except StorageError:
            raise
        except ScraperError as error:
            logger.bind(action="directories-unread", error=error.kind).debug("recapi lists no directories")
        self._remember("directories", "some" if self._directories else "none")

    def _fail(self, what: str, error: ScraperError) -> None:
        logger.bind(action="account-unread", error=error.kind).warning("The PBX's {} could not be read: {}", what, error.message)
        self._desk.failures.append(error)
        self._desk.report.notes.append(f"The PBX's {what} could not be read: {error.message}")

    def _recall(self, key: str) -> str | None:
        return self._desk.catalog.get_meta(f"survey:{self._desk.order.ucm}:{key}")

    def _recalled_time(self, key: str) -> datetime | None:
        text = self._recall(key)
        return datetime.fromisoformat(text) if text else None

    def _remember(self, key: str, value: str) -> None:
        self._desk.catalog.set_meta(f"survey:{self._desk.order.ucm}:{key}", value)


class _NewsAreEnough:
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


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time()) if day else None


def _census(kept: dict[str, Any]) -> Census:
    return Census(datetime.fromisoformat(kept["at"]), {date.fromisoformat(day): count for day, count in kept["by_day"].items()})


def _as_json(census: Census) -> dict[str, Any]:
    return {"at": census.at.isoformat(), "by_day": {day.isoformat(): count for day, count in census.by_day.items()}}
