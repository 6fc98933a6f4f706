"""What should exist, by call records and the PBX's own lists: each is asked only for what can have changed, the rest is remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time

from loguru import logger

from scraper.catalog import CallSource
from scraper.catalog.tombstones import row_key
from scraper.clock import utcnow
from scraper.errors import ApiBlocked, ApiOff, NotListed, PermissionMissing, SafetyStop, ScraperError, StorageError
from scraper.job.api_way import ApiWay
from scraper.job.desk import Desk
from scraper.job.fetching import FINAL
from scraper.job.lists import Lists, Reading
from scraper.job.remembered import LENGTHS_COMPARED, Remembered
from scraper.job.web_way import WebWay
from scraper.models import RecordingClass, Window
from scraper.reconcile import CalledFile, Costs, HeldFile, Inventories, KnownGap, ListedFile, Listing, Plan, Situation, Ways, make_plan
from scraper.threads import in_thread

#: An API that is configured and shut; and what somebody does who wants it so.
_SHUT = (ApiOff, ApiBlocked)
_ON_PURPOSE = "If it is shut on purpose, set `api: {kind: off}`; it is not asked then."


@dataclass(frozen=True, slots=True)
class Asked:
    """How far a survey goes. ``everything``: what is remembered is read again. ``dry``: nothing will be done about what is found."""

    window: Window
    everything: bool = False
    dry: bool = False

    @property
    def believes(self) -> bool:
        """Whether a list that shrank is believed: somebody wants all to be read again, and has looked."""
        return self.everything and not self.dry and self.window == Window()


class Survey:
    """One job's look at what exists. ``calls_current``: the call records could be read now, and can say what should exist."""

    def __init__(self, desk: Desk, api: ApiWay, web: WebWay, asked: Asked) -> None:
        self._desk = desk
        self._api = api
        self._web = web
        self._asked = asked
        self._began = utcnow()
        self.remembered = Remembered(desk.catalog, desk.order.ucm, desk.ucm.zone)
        self._directories: list[ListedFile] = []
        self._api_asked = self._table_read = False
        self.lists = Lists(desk, web, self.remembered, Reading(self._began, asked.everything, asked.believes, asked.dry, asked.window))
        self.calls_current = False

    @property
    def learned(self) -> bool:
        """Whether any account of what exists could be read."""
        return self.calls_current or bool(self.lists.read)

    @property
    def calls_tell_all(self) -> bool:
        """Whether the call records alone can say what is new: they could be read, and named all that the lists showed last."""
        return self.calls_current and self.remembered.get("calls-name-all") is not False

    def knows(self, plan: Plan) -> bool:
        """Whether the plan's account of what should exist can be complete: call records, or every page's list, were read."""
        return plan.expected_known and (self.calls_current or not self.lists.failed)

    def remember(self, plan: Plan) -> None:
        """The plan is carried out: what it was made of need not be read again so soon. A window's says nothing of the rest."""
        if self._asked.window != Window():
            return
        if not self.lists.failed and (RecordingClass.MONITOR in self.lists.read or not self._web.is_configured):
            self.lists.remember()
        if self.calls_current and self.lists.read:
            self.remembered.set("calls-name-all", plan.tally.unexpected == 0)
        if self.calls_current or self._table_read or not self._desk.catalog.call_counts(self._desk.order.ucm).calls:
            self.remembered.set(LENGTHS_COMPARED, self._began.isoformat())

    async def read_ahead(self) -> None:
        """What :meth:`ask_api` and :meth:`read_lists` are to read, read while an archive arrives: the web UI's part in a second tab.

        What fails in that tab is left to them. Raises what ends the job.
        """
        try:
            for page in self.lists.pages:
                with suppress(NotListed):
                    if not (await self._web.list_ahead(page)).whole:
                        return
            await self.ask_api()
            if not self.calls_current:
                await self._read_table_of_calls(self._web.read_calls_ahead)
        except (StorageError, SafetyStop):
            raise
        except ScraperError as error:
            logger.bind(action="not-read-ahead", error=error.kind).debug("What is to be read could not be read in a second tab")

    async def ask_api(self) -> None:
        """Call records and recapi's directories, over the API, once a job; what fails there is noted and ends that way."""
        if self._api_asked or not self._api.is_configured:
            return
        self._api_asked = True
        await self._read_calls()
        if self._api.failure is None:
            await self._read_directories()

    async def _read_calls(self) -> None:
        self._desk.order.progress.phase("reading call records")
        try:
            there = await in_thread(self._api.time_there)
            self.calls_current = await in_thread(self._api.read_calls, *self._calls_since_until("api", there))
        except StorageError:
            raise
        except ScraperError as error:
            self._note_failure("call records", error)
            if isinstance(error, FINAL) and not isinstance(error, PermissionMissing):  # recapi may be permitted
                self._api.failure = self._api.failure or error
            return
        if self.remembered.get("api-shut"):
            self.remembered.set("api-shut", None)
        if self.calls_current:
            self._remember_calls("api")

    async def read_lists(self) -> None:
        """The Recordings pages' lists; then the CDR page's table, where the API did not tell the calls.

        Raises :class:`SafetyStop` where the list has shrunk beyond reason. What fails otherwise is noted.
        """
        if self._web.is_configured:
            self._desk.order.progress.phase("reading the PBX's list")
            try:
                await self.lists.read_all()
            except (StorageError, SafetyStop):
                raise
            except ScraperError as error:
                self._note_failure("list", error)
                await self._web.give_up(error)
            else:
                if not self.calls_current and not self._table_read:
                    await self._try_table_of_calls()

    def plan(self, ways: Ways, costs: Costs | None = None) -> Plan:
        """What to do about the difference between what exists and what is held."""
        catalog, ucm = self._desk.catalog, self._desk.order.ucm
        names_recordings = self.calls_current or catalog.call_counts(ucm).files > 0
        lists_something = bool(self._directories) or next(self.lists.rows(), None) is not None or bool(self.lists.read)
        inventories = Inventories(
            calls=(CalledFile(*file[:7]) for file in catalog.call_files(ucm)) if names_recordings else None,
            listing=Listing(self._rows(), frozenset(self.lists.read)) if lists_something else None,
            held=map(HeldFile._make, catalog.holdings(ucm)),
            gaps=(KnownGap(*gap) for gap in catalog.remembered_gaps(ucm)),
            calls_current=self.calls_current,
        )
        situation = Situation(ucm, self._desk.ucm.zone, utcnow(), ways, costs or Costs(), self._asked.window)
        return make_plan(inventories, situation)

    def _rows(self) -> Iterator[ListedFile]:
        yield from self.lists.rows()
        forgotten = self._desk.forgotten
        yield from (row for row in self._directories if not (forgotten and forgotten.has(row_key(row.month, row.name))))

    def _calls_since_until(self, source: CallSource, there: datetime | None = None) -> tuple[datetime | None, datetime | None]:
        """From and to which call start (PBX local, naive) the call records of one source are asked for: the other may have told less.

        ``there``: the time on the PBX now (aware), if known.
        """
        window = self._asked.window
        if window != Window() or self._asked.everything:
            return _midnight(window.since), _midnight(window.until)
        newest = self._desk.catalog.newest_start(self._desk.order.ucm, source)
        return self.remembered.news_since(f"calls-read-{source}", newest, there), None

    async def _try_table_of_calls(self) -> None:
        """The CDR page's CSV tells of calls what the list does not: who talked, and how long. Nothing depends on it."""
        self._desk.order.progress.phase("reading call records")
        try:
            await self._read_table_of_calls(self._web.read_calls)
        except (StorageError, SafetyStop):
            raise
        except ScraperError as error:
            self._note_failure("table of calls", error)

    async def _read_table_of_calls(self, read: Callable[[Window], Awaitable[None]]) -> None:
        since, until = self._calls_since_until("csv")
        await read(Window(since.date() if since else None, until.date() if until else None))
        self._table_read = True
        self._remember_calls("csv")

    def _remember_calls(self, source: CallSource) -> None:
        if self._asked.window == Window():
            self.remembered.set(f"calls-read-{source}", self._began.isoformat())

    async def _read_directories(self) -> None:
        """What recapi lists; many a PBX gives no list, and is asked again only now and then."""
        if self.remembered.get("has-directories") is False and not self.lists.are_due:
            return
        try:
            self._directories = await in_thread(lambda: list(self._api.listings(frozenset(RecordingClass))))
        except StorageError:
            raise
        except ScraperError as error:
            logger.bind(action="directories-unread", error=error.kind).debug("recapi's directories could not be listed")
        else:
            self.remembered.set("has-directories", bool(self._directories))

    def _note_failure(self, what: str, error: ScraperError) -> None:
        log = logger.bind(action="account-unread", error=error.kind)
        log.log(self._how_loud(error), "The PBX's {} could not be read: {}", what, error.message)
        if error in self._desk.failures:  # the way was given up before
            self._desk.report.notes.append(error.message)
            return
        self._desk.failures.append(error)
        on_purpose = f" {_ON_PURPOSE}" if isinstance(error, _SHUT) else ""
        self._desk.report.notes.append(f"The PBX's {what} could not be read: {error.message}{on_purpose}")

    def _how_loud(self, error: ScraperError) -> str:
        """An API that stays shut is told of once."""
        if not isinstance(error, _SHUT):
            return "WARNING"
        if self.remembered.get("api-shut") == error.kind:
            return "DEBUG"
        self.remembered.set("api-shut", error.kind)
        return "WARNING"


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time()) if day else None
