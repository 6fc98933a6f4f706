"""Fetching through the web UI: a class's whole archive, a batch of ticked rows, one row; each taken in while it arrives."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO, cast

from loguru import logger

from scraper.coroutines import end
from scraper.errors import DiskFull, DownloadFailed, ScraperError, StorageError
from scraper.ingest.ingest import Ingest, MonthOf, Outcome
from scraper.job.web_way import WebWay, listed_file
from scraper.models import GapReason, Identity, RecordingClass, Source
from scraper.reconcile import ListedFile, Obstacle, Result, Verdict, Wanted
from scraper.threads import in_thread
from scraper.webui.follow import GrowingDownload
from scraper.webui.pause import Pause
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.rows import Rows
from scraper.webui.wire import Answer

_TICK_SECONDS = 0.5
#: How long reading the PBX's list may hold up the ingest, in seconds.
_LIST_SECONDS = 300.0
#: With less than this the browser can't have gone on writing its download.
_LEAST_FREE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 18

_NEXT_RUN = "The next run tries again; if it repeats, download this one by hand and use `ucm-scraper ingest`."
_NOT_LISTED = Obstacle(GapReason.NOT_LISTED, "the PBX's list does not show it", "It may have been deleted on the PBX.")
_NOT_PACKED = Obstacle(GapReason.CORRUPT, "the PBX lists it, but the archive of ticked rows did not hold it", _NEXT_RUN)

_Work = Callable[[], Awaitable[None]]


class TooLarge(Exception):
    """An archive is announced as larger than what it should hold."""


class WebFetch:
    """Downloads of one job. ``same_as``: recordings that the catalog knows under another month than the PBX's archive.

    ``inside``: which recordings are wanted; the others are left out of archives.
    """

    def __init__(self, web: WebWay) -> None:
        self._web = web
        self._desk = web.desk
        self._pause = Pause()
        self.same_as: Mapping[Identity, Identity] = {}
        self.inside: Callable[[Identity], bool] = lambda identity: True

    async def bulk(self, klass: RecordingClass, listed: Callable[[], Iterable[ListedFile]], most_bytes: int | None = None) -> Outcome:
        """*Download All* of a class. ``listed`` gives the PBX's list, for the months.

        A download that broke off after some recordings is the outcome's ``damage``. Raises as :meth:`WebWay.on_page`, and
        :class:`TooLarge` where it is announced with more than ``most_bytes``.
        """
        return await self._bulk(klass, listed, _nothing, most_bytes)

    async def bulk_unlisted(self, meanwhile: Callable[[], Awaitable[None]]) -> Outcome:
        """*Download All* of ordinary recordings before their list was read; it is read in a second tab when it is needed.

        ``meanwhile`` is begun with the download's first byte, never before: the PBX packs. What it raises is raised at the end.
        Otherwise as :meth:`bulk`.
        """
        try:
            return await self._bulk(RecordingClass.MONITOR, self._list_asked_for_in_time(), meanwhile)
        finally:
            await self._web.close_second_tab()

    async def _bulk(
        self, klass: RecordingClass, listed: Callable[[], Iterable[ListedFile]], meanwhile: _Work, most_bytes: int | None = None
    ) -> Outcome:
        async def download(page: RecordingsPage) -> Outcome:
            self._desk.order.progress.phase("packing")
            before = self._web.ui.wire.latest("downloadFile")
            async with page.download_all(self._web.downloads) as stream:
                self._desk.order.progress.phase("downloading")
                answer = self._web.ui.wire.latest("downloadFile")
                if most_bytes is not None and answer is not before and answer and (answer.length or 0) > most_bytes:
                    raise TooLarge
                async with _beside(stream, meanwhile):
                    return await self._take_in(stream, Source.BULK, Months(listed))

        return await self._web.on_page(klass, download)

    async def batch(self, wanted: Sequence[Wanted]) -> list[Result]:
        """Tick rows of one page and take in their archive; results of as many as went at once. Raises as :meth:`WebWay.on_page`."""
        place = self._web.page_of(wanted[0].identity)
        wanted = [one for one in wanted if self._web.page_of(one.identity) is place]
        identities: dict[str, Identity] = {}

        async def download(page: RecordingsPage) -> tuple[list[Identity], list[Identity], Outcome]:
            identities.update({self._web.row_name(one.identity, page): one.identity for one in wanted})
            listed = [ListedFile(one.identity.klass, one.identity.month, one.identity.name, one.size) for one in wanted]
            async with Rows(page, self._pause).download_batch(list(identities), self._web.downloads) as batch:
                outcome = await self._take_in(batch.stream, Source.BATCH, Months(lambda: listed))
            return [identities[name] for name in batch.names], [identities[name] for name in batch.absent], outcome

        packed, absent, outcome = await self._web.on_page(place, download)
        missing = Obstacle(GapReason.UNREACHABLE, f"the archive did not arrive whole: {outcome.damage}", _NEXT_RUN)
        results = [Result(identity, Verdict.FAILED, _NOT_LISTED) for identity in absent]
        for identity in packed:
            result = self.result(identity)
            cut = outcome.damage is not None and result.why is None and result.verdict is Verdict.FAILED
            results.append(Result(identity, Verdict.WAY_FAILED, missing) if cut else self._explained(result))
        return results

    async def row(self, identity: Identity) -> Result:
        """Download one row. Raises as :meth:`WebWay.on_page` and :meth:`~scraper.webui.rows.Rows.download_row`."""

        await self.read_row(identity, lambda stream: self._take_one(identity, stream))
        return self._explained(self.result(identity))

    async def read_row(self, identity: Identity, read: Callable[[GrowingDownload], None]) -> None:
        """Download one row, and let ``read`` have it in a thread. Raises as :meth:`row`."""

        async def download(page: RecordingsPage) -> None:
            async with Rows(page, self._pause).download_row(self._web.row_name(identity, page), self._web.downloads) as stream:
                try:
                    await in_thread(read, stream)
                except asyncio.CancelledError:
                    stream.ended("stopped")
                    raise

        await self._web.on_page(self._web.page_of(identity), download)

    def result(self, identity: Identity) -> Result:
        """Whether a recording is in the archive now and nothing stands against it; without a reason where nothing came at all."""
        gap = self._desk.catalog.gap_of(identity)
        if gap is not None and gap.reason in (GapReason.UNDECODABLE, GapReason.CORRUPT, GapReason.TOO_SHORT):
            return Result(identity, Verdict.FAILED, Obstacle(gap.reason, gap.detail, gap.remedy))
        return Result(identity, Verdict.WON if self._desk.catalog.is_archived(identity) else Verdict.FAILED)

    @staticmethod
    def _explained(result: Result) -> Result:
        if result.verdict is Verdict.FAILED and result.why is None:
            return Result(result.identity, Verdict.FAILED, _NOT_PACKED)
        return result

    async def _take_in(self, stream: GrowingDownload, source: Source, months: MonthOf) -> Outcome:
        """Read an archive in a thread while the browser writes it; a stop lets the recording in hand be finished."""
        ingest = self._desk.take_in(source, months, self.same_as, self.inside)
        try:
            await self._read_out(ingest, stream)
        except DownloadFailed as error:
            if shutil.disk_usage(self._web.downloads).free < _LEAST_FREE_BYTES:
                raise DiskFull("data_dir has no space left for the download.", remedy="Free some space where `data_dir` lies.") from error
            if not ingest.outcome.seen:
                raise
            ingest.outcome.damage = error.message
        finally:
            self._desk.enter(ingest.outcome)
        if ingest.outcome.stopped:
            raise asyncio.CancelledError  # the ingest saw the stop first
        if ingest.outcome.damage:
            logger.bind(action="archive-damaged").warning("The archive is damaged: {}", ingest.outcome.damage)
        return ingest.outcome

    async def _read_out(self, ingest: Ingest, stream: GrowingDownload) -> None:
        reading = asyncio.ensure_future(asyncio.to_thread(ingest.run, cast(BinaryIO, stream)))
        answer: Answer | None = None
        try:
            while not (await asyncio.wait({reading}, timeout=_TICK_SECONDS))[0]:
                answer = answer or self._web.ui.wire.latest("downloadFile")  # a second tab may download as well
                self._desk.order.progress.downloaded(stream.position, answer.length if answer else None)
        except asyncio.CancelledError:
            stream.ended("stopped")
            await asyncio.wait({reading})
            if isinstance(error := reading.exception(), StorageError):
                raise error from None
            raise
        reading.result()

    def _take_one(self, identity: Identity, stream: GrowingDownload) -> None:
        with tempfile.TemporaryFile(dir=self._desk.work_dir) as file:
            shutil.copyfileobj(stream, file, _BLOCK_BYTES)
            self._desk.enter(self._desk.take_in(Source.ROW).take(identity, file))

    def _list_asked_for_in_time(self) -> Callable[[], Iterable[ListedFile]]:
        """Reads the PBX's list from the ingest's thread, in a second tab."""
        loop = asyncio.get_running_loop()

        def ask() -> list[ListedFile]:
            try:
                found = asyncio.run_coroutine_threadsafe(self._web.list_ahead(RecordingClass.MONITOR), loop).result(_LIST_SECONDS)
                return [listed_file(row) for row in found.rows]
            except (ScraperError, TimeoutError) as error:
                logger.bind(action="list-unread").warning("The PBX's list could not be read for the months ({})", type(error).__name__)
                return []

        return ask


@asynccontextmanager
async def _beside(stream: GrowingDownload, work: _Work) -> AsyncIterator[None]:
    """Do ``work`` beside the block, from the first byte that was read; the block's end waits for its end, and raises what it raised."""
    began = False

    async def once_begun() -> None:
        nonlocal began
        if await asyncio.to_thread(stream.wait_for_first_byte):
            began = True
            await work()

    working = asyncio.ensure_future(once_begun())
    try:
        yield
        if began:
            await working
    finally:
        await end(working)


async def _nothing() -> None:
    """Nothing is to be done meanwhile."""


class Months:
    """Knows the month of a bare name by the PBX's list, which is asked for at the first question."""

    def __init__(self, listed: Callable[[], Iterable[ListedFile]]) -> None:
        self._listed = listed
        self._rows: dict[str, list[ListedFile]] | None = None

    def __call__(self, name: str, size: int) -> str | None:
        """The month of a recording of so many bytes; one name in two months is told apart by the sizes."""
        if self._rows is None:
            self._rows = defaultdict(list)
            for row in self._listed():
                self._rows[row.name].append(row)
        named = self._rows.get(name)
        if not named:
            return None
        nearest = min(named, key=lambda row: abs((row.size or 0) - size))
        if len(named) > 1:
            with suppress(ValueError):
                named.remove(nearest)
        return nearest.month
