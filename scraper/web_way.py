"""The way through the web UI: sign in, *Download All*, ingest the archive as it arrives, then compare with what the PBX lists."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from loguru import logger

from scraper.desk import Desk
from scraper.errors import BrowserFailed, DiskFull, DownloadFailed, NotAnArchive, ScraperError, SessionEnded
from scraper.ingest import MonthOf, Outcome
from scraper.models import Gap, GapReason, Identity, Source, class_of, is_month, month_in_name
from scraper.names import clean
from scraper.web_access import prove_access
from scraper.webui.browser import LaunchOptions
from scraper.webui.follow import GrowingDownload
from scraper.webui.recordings_page import Listed, RecordingsPage
from scraper.webui.ui import WebUi, web_ui

_TICK_SECONDS = 0.5
#: How long reading the PBX's list may hold up the ingest, in seconds.
_LIST_SECONDS = 300.0
#: With less than this the browser can't have gone on writing its download.
_LEAST_FREE_BYTES = 1 << 20
_REMEDY = "The next run tries again; if it repeats, download this one by hand and use `ucm-scraper ingest`."


class WebWay:
    """One job's dealings with one UCM's web UI."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._downloads: Path = desk.work_dir / "downloads"

    async def run(self) -> None:
        """Fetch everything that the Recordings page offers, and record what it lists but did not give.

        Raises what :mod:`scraper.webui` raises where nothing could be fetched; a download that broke in the middle leaves gaps instead.
        """
        progress = self._desk.order.progress
        progress.phase("connecting")
        access = await asyncio.to_thread(prove_access, self._desk.order.settings, self._desk.order.ucm, self._desk.catalog)
        self._downloads.mkdir(mode=0o700)
        browser = self._desk.order.settings.browser
        progress.phase("signing in")
        async with web_ui(
            access, LaunchOptions(self._downloads, browser.executable, browser.headless, urlsplit(access.url).hostname)
        ) as ui:
            page = await ui.recordings()
            if page.total == 0:
                self._nothing_listed()
                return
            newest = page.newest
            page, outcome = await self._download_all(ui, page)
            await self._compare(ui, page, outcome, newest)

    def _nothing_listed(self) -> None:
        """An empty list is the truth about an empty PBX; where recordings were seen before, it may be its failure."""
        self._desk.known = self._desk.archived_before == 0
        logger.bind(action="nothing-listed").info("The PBX lists no recordings")
        if not self._desk.known:
            self._desk.report.notes.append("The PBX lists no recordings at all, though it did before.")

    async def _download_all(self, ui: WebUi, page: RecordingsPage) -> tuple[RecordingsPage, Outcome]:
        """Download and ingest; a session that ended on the way costs one more sign-in and nothing else."""
        while True:
            sign_ins = ui.sign_ins
            try:
                self._desk.order.progress.phase("packing")
                async with page.download_all(self._downloads) as stream:
                    self._desk.order.progress.phase("downloading")
                    return page, await self._ingest(ui, stream)
            except (SessionEnded, NotAnArchive) as error:
                page = await ui.recordings()
                if ui.sign_ins == sign_ins:  # the session lives: it was not that
                    raise
                logger.bind(action="session-renewed").info("The session had ended ({}); signed in again", error.kind)

    async def _ingest(self, ui: WebUi, stream: GrowingDownload) -> Outcome:
        """Read the archive in a thread while the browser writes it; a stop lets the recording in hand be finished."""
        ingest = self._desk.take_in(Source.BULK, _months_asker(ui, asyncio.get_running_loop()))
        reading = asyncio.ensure_future(asyncio.to_thread(ingest.run, cast(BinaryIO, stream)))
        try:
            await self._read_out(reading, stream, ui)
        except DownloadFailed as error:
            if shutil.disk_usage(self._downloads).free < _LEAST_FREE_BYTES:
                raise DiskFull("data_dir has no space left for the download.", remedy="Free some space where `data_dir` lies.") from error
            if not ingest.outcome.seen and not self._desk.stopped:
                raise
            ingest.outcome.damage = error.message
        finally:
            self._desk.enter(ingest.outcome)
        return ingest.outcome

    async def _read_out(self, reading: asyncio.Future[Outcome], stream: GrowingDownload, ui: WebUi) -> None:
        try:
            while not (await asyncio.wait({reading}, timeout=_TICK_SECONDS))[0]:
                answer = ui.wire.latest("downloadFile")
                self._desk.order.progress.downloaded(stream.position, answer.length if answer else None)
        except asyncio.CancelledError:
            self._desk.stopped = True
            stream.ended("stopped")
        await reading

    async def _compare(self, ui: WebUi, page: RecordingsPage, outcome: Outcome, newest: str | None) -> None:
        """What the PBX lists and the archive did not bring becomes a gap; where the list can't be read, nothing is called complete.

        Names are compared, not numbers: a member too many must not hide one too few. Calls after ``newest``, the newest that was listed
        before packing, are the next run's.
        """
        desk = self._desk
        if outcome.damage:
            logger.bind(action="archive-damaged").warning("The archive is damaged: {}", outcome.damage)
        if desk.stopped:
            return
        desk.order.progress.phase("comparing with the PBX's list")
        try:
            try:
                listed, desk.known = await page.listing()
            except (SessionEnded, BrowserFailed):
                listed = []
            if not desk.known:  # it changed meanwhile, the session ended, or the page was left
                listed, desk.known = await (await ui.recordings()).listing()
        except ScraperError as error:
            desk.report.notes.append(f"The PBX's list could not be read: {error.message}")
            if not outcome.seen:
                raise
            return
        cut = outcome.damage is not None
        reason = GapReason.UNREACHABLE if cut else GapReason.CORRUPT
        detail = f"the archive did not arrive whole: {outcome.damage}" if cut else "the PBX lists it, but its archive did not hold it"
        listed = [row for row in listed if newest is None or row.time <= newest]
        desk.missing([Gap(identity, reason, detail, _REMEDY) for identity in self._absent(listed, outcome)])

    def _absent(self, listed: list[Listed], outcome: Outcome) -> list[Identity]:
        """Listed recordings that are neither archived nor in this archive. A list without months is matched by bare names."""
        seen_names = {(identity.klass, identity.name) for identity in outcome.seen}
        zone, ucm = self._desk.ucm.zone, self._desk.order.ucm
        absent = []
        for row in listed:
            month, name = month_and_name(row)
            klass = class_of(name)
            identity = Identity(ucm, klass, month or month_in_name(name, zone) or "undated", name)
            bare = "/" not in row.name and (klass, name) in seen_names
            if not bare and identity not in outcome.seen and not self._desk.catalog.is_archived(identity):
                absent.append(identity)
        return absent


def month_and_name(row: Listed) -> tuple[str | None, str]:
    """(month, bare name) of a listed recording: the month of its path, else of its call time (field guide 1, Recordings page)."""
    folder, _, name = row.name.rpartition("/")
    month = folder.rpartition("/")[2]
    if is_month(month):
        return month, clean(name)
    return (row.time[:7] if is_month(row.time[:7]) else None), clean(name)


def _months_asker(ui: WebUi, loop: asyncio.AbstractEventLoop) -> MonthOf:
    """Asks the PBX's list for the month of a bare name, from the ingest's thread; it is read at the first question, in a second tab."""
    rows: dict[str, list[Listed]] | None = None

    async def read() -> dict[str, list[Listed]]:
        found: dict[str, list[Listed]] = defaultdict(list)
        listed, _ = await (await ui.second_recordings()).listing()
        for row in listed:
            found[month_and_name(row)[1]].append(row)
        return found

    def ask(name: str, size: int) -> str | None:
        nonlocal rows
        if rows is None:
            try:
                rows = asyncio.run_coroutine_threadsafe(read(), loop).result(_LIST_SECONDS)
            except (ScraperError, TimeoutError) as error:
                logger.bind(action="list-unread").warning("The PBX's list could not be read for the months ({})", type(error).__name__)
                rows = {}
        named = rows.get(name, [])
        if not named:
            return None
        nearest = min(named, key=lambda row: abs((row.size or 0) - size))  # one name in two months: their sizes tell them apart
        if len(named) > 1:
            named.remove(nearest)
        return month_and_name(nearest)[0]

    return ask
