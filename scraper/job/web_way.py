"""The way through the web UI: opened when first needed, signed in again where the session ends, and asked for lists and call records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from scraper.cdr import CallTable
from scraper.errors import ConfigError, DownloadFailed, NotAnArchive, NotListed, SafetyStop, ScraperError, SessionEnded
from scraper.job.desk import Desk
from scraper.job.web_access import prove_access
from scraper.job.web_tab import Tab
from scraper.models import Identity, RecordingClass, Window, class_of, is_month
from scraper.names import clean
from scraper.progress import OPENING_BROWSER
from scraper.reconcile import ListedFile
from scraper.threads import in_thread
from scraper.webui.browser import LaunchOptions, as_browser_failure
from scraper.webui.cdr_page import open_calls
from scraper.webui.place import a_place
from scraper.webui.recordings_page import Enough, Listed, RecordingsPage
from scraper.webui.sidebar import Entry
from scraper.webui.ui import WebUi, web_ui

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PageList:
    """A page's list as far as it was read. ``whole``: it is as long as the PBX says, or what was asked for was enough.

    ``narrowed``: it is one of days that the page chose itself, and never whole.
    """

    rows: list[Listed]
    whole: bool
    narrowed: bool = False

    @classmethod
    async def of(cls, page: RecordingsPage, enough: Enough | None = None) -> PageList:
        """The list of an open page. Raises as :meth:`RecordingsPage.listing`."""
        rows, whole = await page.listing(enough)
        return cls(rows, whole and not page.is_narrowed, page.is_narrowed)


class WebWay:
    """One job's dealings with one UCM's web UI. ``failure`` says why it can't be used any more."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.downloads: Path = desk.work_dir / "downloads"
        self.failure: ScraperError | None = None
        #: The sidebar's entries of the classes that have pages of their own.
        self.class_pages: dict[RecordingClass, Entry] = {}
        self._rows: dict[Identity, tuple[RecordingClass, str]] = {}
        self._ui: WebUi | None = None
        self._tab = Tab(lambda: self.ui.recordings(), self.class_pages)
        self._second_tab = Tab(lambda: self.ui.second_recordings(), self.class_pages)
        self._in_second_tab = asyncio.Lock()
        self._read_ahead: dict[RecordingClass, PageList | NotListed] = {}
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._closing.aclose()  # whatever ends the job: what concerns this way was kept with the evidence when it happened

    @property
    def is_configured(self) -> bool:
        """Whether the configuration has an account for it."""
        return self.desk.ucm.web is not None

    @property
    def classes(self) -> frozenset[RecordingClass]:
        """The classes whose pages the web UI is known to have."""
        return frozenset({RecordingClass.MONITOR, *self.class_pages})

    @property
    def listed_classes(self) -> frozenset[RecordingClass]:
        """The classes of which some page lists recordings."""
        return self.classes | {identity.klass for identity in self._rows}

    @property
    def window(self) -> Window:
        """What the pages are to list, where they have a date filter."""
        return self._tab.window

    @window.setter
    def window(self, window: Window) -> None:
        self._tab.window = window
        self._tab.forget()

    @property
    def filtered(self) -> set[RecordingClass]:
        """The pages that list the window only."""
        return self._tab.filtered

    @property
    def is_open(self) -> bool:
        """Whether a browser is running."""
        return self._ui is not None

    @property
    def ui(self) -> WebUi:
        """The running web UI; only inside the work of :meth:`on_page`."""
        assert self._ui is not None
        return self._ui

    async def open(self) -> WebUi:
        """The web UI in a browser. Raises what opening it raises; what failed once in a job is not tried again."""
        if self.failure is not None:
            raise self.failure
        if self._ui is None:
            order, progress = self.desk.order, self.desk.order.progress
            progress.phase("connecting")
            access = await in_thread(prove_access, order.settings, order.ucm, self.desk.catalog)
            await in_thread(access.check)  # a browser that may not sign in need not start
            self.downloads.mkdir(mode=0o700, exist_ok=True)
            browser = order.settings.browser
            host, bandwidth = urlsplit(access.url).hostname, self.desk.bandwidth
            options = LaunchOptions(self.downloads, browser.executable, browser.headless, host, bandwidth=bandwidth)
            async with AsyncExitStack() as opening:
                await opening.enter_async_context(a_place(order.settings, progress))
                progress.phase(OPENING_BROWSER)
                self._ui = await opening.enter_async_context(web_ui(access, options))
                self._closing = opening.pop_all()
        return self._ui

    async def give_up(self, error: ScraperError) -> None:
        """Use this way no more in this job; what the browser showed is kept."""
        if self.failure is None:
            self.failure = error
            await self.keep_evidence(error)

    async def keep_evidence(self, error: ScraperError) -> None:
        """Keep what the browser shows now, and say in ``error`` where."""
        if self._ui is not None and not isinstance(error, ConfigError):
            await self._ui.attach_evidence(error)

    async def on_page(self, klass: RecordingClass, work: Callable[[RecordingsPage], Awaitable[_T]]) -> _T:
        """Do ``work`` on the page of a class; a session that ended on the way costs one more sign-in and nothing else.

        Raises :class:`NotListed` where the web UI has no such page, and what opening it, signing in and ``work`` raise.
        """
        while True:
            ui = await self.open()
            sign_ins = ui.sign_ins
            try:
                with as_browser_failure():
                    return await work(await self._tab.page(klass))
            except (SessionEnded, NotAnArchive) as error:
                self._tab.forget()
                await ui.recordings()
                if ui.sign_ins == sign_ins:  # the session lives: it was not that, and other requests may do
                    if isinstance(error, SessionEnded):
                        raise DownloadFailed(error.message) from error
                    raise
            except ScraperError as error:
                self._tab.forget()
                if isinstance(error, SafetyStop):
                    await self.keep_evidence(error)
                raise

    async def list_page(self, klass: RecordingClass, enough: Enough | None = None) -> PageList:
        """The list of a page, read once more where it changed meanwhile; the one that was read ahead, once. Raises as :meth:`on_page`."""
        found = self._read_ahead.pop(klass, None)
        if isinstance(found, NotListed):
            raise found

        read = partial(PageList.of, enough=enough)
        if found is None:
            found = await self.on_page(klass, read)
        if not found.whole:
            self._tab.forget()
            found = await self.on_page(klass, read)
        for row in found.rows:
            file = listed_file(row)
            self._rows[self.desk.identity(file.klass, file.month, file.name)] = klass, row.name
        return found

    async def list_ahead(self, klass: RecordingClass) -> PageList:
        """The list of a page, read in the second tab while the first is busy; kept for :meth:`list_page` if it is whole.

        Nobody is signed in for it, and nothing is tried twice. Raises :class:`NotListed` and what the web UI raises.
        """
        async with self._in_second_tab:
            found = self._read_ahead.get(klass)
            if found is None:
                try:
                    found = await PageList.of(await self._second_page(klass))
                except NotListed as error:
                    found = error
                except ScraperError:
                    self._second_tab.forget()
                    raise
                if isinstance(found, NotListed) or found.whole:
                    self._read_ahead[klass] = found
        if isinstance(found, NotListed):
            raise found
        return found

    async def read_calls(self, window: Window) -> None:
        """Take the CDR page's table of calls into the catalog. It says who talked how long; a recording's name it need not hold.

        Raises as :meth:`on_page`.
        """
        await self.on_page(RecordingClass.MONITOR, lambda page: self._take_calls(self._tab, page, window))

    async def read_calls_ahead(self, window: Window) -> None:
        """The same in the second tab. Raises as :meth:`list_ahead`."""
        async with self._in_second_tab:
            await self._take_calls(self._second_tab, await self._second_page(RecordingClass.MONITOR), window)

    async def close_second_tab(self) -> None:
        """What was read ahead stays."""
        self._second_tab.forget()
        await self.ui.close_second()

    def page_of(self, identity: Identity) -> RecordingClass:
        """The page that lists a recording: ordinary pages may list all classes."""
        known = self._rows.get(identity)
        return known[0] if known else identity.klass if identity.klass in self.class_pages else RecordingClass.MONITOR

    def row_name(self, identity: Identity, page: RecordingsPage) -> str:
        """What the PBX's list calls a recording: as it was listed, else as it writes its other names."""
        if known := self._rows.get(identity):
            return known[1]
        return identity.path if page.names_months and is_month(identity.month) else identity.name

    async def _second_page(self, klass: RecordingClass) -> RecordingsPage:
        with as_browser_failure():
            return await self._second_tab.page(klass)

    async def _take_calls(self, tab: Tab, page: RecordingsPage, window: Window) -> None:
        target = self.desk.work_dir / "calls.csv"
        tab.forget()  # it goes to another page
        await (await open_calls(page)).download_csv(self.downloads, target, window)
        await in_thread(self._enter_calls, target)

    def _enter_calls(self, table: Path) -> None:
        with table.open("rb") as stream:
            calls = CallTable(stream, self.desk.ucm.zone)
            self.desk.catalog.upsert_calls(self.desk.order.ucm, calls, "csv")
        with suppress(OSError):
            table.unlink()


def month_and_name(row: Listed) -> tuple[str | None, str]:
    """(month, bare name) of a listed recording: the month of its path, else of its call time (field guide 1, Recordings page)."""
    folder, _, name = row.name.rpartition("/")
    month = folder.rpartition("/")[2]
    if is_month(month):
        return month, clean(name)
    return (row.time[:7] if is_month(row.time[:7]) else None), clean(name)


def listed_file(row: Listed) -> ListedFile:
    """A row as the plan wants it; its class is that of its name, whichever page lists it."""
    month, name = month_and_name(row)
    return ListedFile(class_of(name), month, name, row.size, row.time or None)
