"""Carries a plan out: whole archives first, then batches, then gap by gap up the ladder; what stays missing is recorded with its reason."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from loguru import logger

from scraper.errors import (
    ApiBlocked,
    ApiOff,
    BrowserFailed,
    Busy,
    CertificateUntrusted,
    ConfigError,
    DownloadFailed,
    GoneAtPbx,
    NotAnArchive,
    NotARecording,
    NotListed,
    NotUnderstood,
    PersonNeeded,
    PinMismatch,
    SafetyStop,
    ScraperError,
    SessionEnded,
    SignInError,
    StorageError,
    WebPageInstead,
)
from scraper.ingest.ingest import Outcome
from scraper.job.api_way import ApiWay
from scraper.job.desk import Desk
from scraper.job.remembered import PACK_FOLLOWS_FILTER, Remembered
from scraper.job.web_fetch import TooLarge, WebFetch
from scraper.job.web_way import WebWay
from scraper.models import Gap, GapReason, Identity, RecordingClass, Source, Window
from scraper.reconcile import Fetch, Ladder, ListedFile, Obstacle, Pause, Plan, Result, Step, Verdict, Wanted, Way, Ways, WayState
from scraper.reconcile.inventory import BROWSER_WAYS
from scraper.threads import in_thread
from scraper.webui.follow import GrowingDownload

#: They end the job, whatever the way.
_FATAL = (StorageError, SafetyStop, Busy)
#: They end the way: asking again in this job would be in vain, or worse.
FINAL: tuple[type[ScraperError], ...] = (
    SignInError,
    PersonNeeded,
    ApiOff,
    ApiBlocked,
    CertificateUntrusted,
    PinMismatch,
    ConfigError,
    SessionEnded,
    BrowserFailed,
)
#: They concern one recording; the way may bring others.
_OF_THE_RECORDING = (NotListed, NotARecording, NotUnderstood, NotAnArchive, DownloadFailed)
_EVERY_CLASS = frozenset(RecordingClass)
_STOPPED = Obstacle(GapReason.UNREACHABLE, "the job was stopped before it was fetched", "The next run goes on.")

Lister = Callable[[RecordingClass], Iterable[ListedFile]]


class Fetching:
    """One job's fetches. ``archives``: outcomes of whole archives; each class's is fetched once a job at most."""

    def __init__(self, desk: Desk, api: ApiWay, web: WebWay) -> None:
        self._desk = desk
        self._api = api
        self._web = web
        self._downloads = WebFetch(web)
        self._remembered = Remembered(desk.catalog, desk.order.ucm, desk.ucm.zone)
        self._obstacles: dict[Way, Obstacle] = {}
        self.archives: dict[RecordingClass, Outcome] = {}

    @property
    def ways(self) -> Ways:
        """The ways that are configured, and what stands in the way of those that can't work."""
        found: dict[Way, WayState] = {}
        if self._api.is_configured:
            found[Way.RECAPI] = WayState(_EVERY_CLASS, self._obstacles.get(Way.RECAPI) or _obstacle_or_none(self._api.failure))
        if self._web.is_configured:
            lost = _obstacle_or_none(self._web.failure)
            for way in sorted(BROWSER_WAYS):
                classes = self._whole_archives if way is Way.BULK else self._web.listed_classes
                found[way] = WayState(classes, lost or self._obstacles.get(way))
        return found

    @property
    def _whole_archives(self) -> frozenset[RecordingClass]:
        """The classes whose *Download All* may be used: once a job; in a window only under a date filter that it may follow."""
        left = self._web.classes - self.archives.keys()
        if self._desk.order.window == Window():
            return left
        return left & self._web.filtered if not self._remembered.is_refused(PACK_FOLLOWS_FILTER) else frozenset()

    async def all_ordinary(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Fetch the whole archive of ordinary recordings before any list was read, and do ``meanwhile`` while it arrives.

        Raises as :meth:`WebFetch.bulk_unlisted`.
        """
        klass = RecordingClass.MONITOR
        self.archives[klass] = Outcome()  # tried, whatever comes of it
        self.archives[klass] = await self._downloads.bulk_unlisted(meanwhile)

    async def carry_out(self, plan: Plan, listed: Lister) -> None:
        """Do what the plan says, and record as gaps what could not be had."""
        self._downloads.same_as = plan.same_as
        if self._desk.order.window != Window():
            self._downloads.inside = lambda identity: plan.state_of(identity) is not None
        left: list[Wanted] = []
        for fetch in plan.fetches:
            if fetch.way is Way.BULK:
                await self._whole_archive(fetch, listed)
                left += [one for one in fetch.wanted if self._downloads.result(one.identity).verdict is not Verdict.WON]
            else:
                await self.climb(fetch.wanted, fetch.way)
        await self.climb(left)

    async def climb(self, wanted: Iterable[Wanted], first: Way | None = None) -> None:
        """Walk recordings up the ladder, and record as gaps what could not be had."""
        self._desk.missing(await self.what_stays_missing(wanted, first))

    async def what_stays_missing(self, wanted: Iterable[Wanted], first: Way | None = None) -> list[Gap]:
        """Walk recordings up the ladder, from the way ``first`` on; what could not be had, and why."""
        ladder = Ladder(wanted, self.ways, first=first)
        if ladder.waiting():
            self._desk.order.progress.phase("fetching what is missing")
        try:
            await self._climb(ladder)
        finally:  # something waits only where the job ends here
            catalog, waiting = self._desk.catalog, [one.identity for one in ladder.waiting()]
            stopped = [identity for identity in waiting if catalog.gap_of(identity) is None and not catalog.is_archived(identity)]
            self._desk.missing(Gap(identity, _STOPPED.reason, _STOPPED.detail, _STOPPED.remedy) for identity in stopped)
        return [self._with_older_reason(gap) for gap in ladder.gaps()]

    def has_other_way(self, identity: Identity, source: Source) -> bool:
        """Whether some way but ``source`` serves this recording, now or once its obstacle is gone."""
        return any(identity.klass in state.classes and way.value != source.value for way, state in self.ways.items() if way is not Way.BULK)

    def can_sample(self, identity: Identity) -> bool:
        """Whether one recording can be had for comparison, without opening a browser for it."""
        return self._by_recapi or (self._web.is_open and self._web.failure is None and identity.klass in self._web.listed_classes)

    async def sample(self, identity: Identity, target: Path) -> bool:
        """Download one recording as it is outside archives to ``target``, and take it in nowhere; whether it came."""

        def read(stream: GrowingDownload) -> None:
            with target.open("wb") as file:
                shutil.copyfileobj(stream, file)

        def ask() -> None:
            with target.open("w+b") as file:
                self._api.download(identity, file)

        try:
            if self._by_recapi:
                await in_thread(ask)
            else:
                await self._downloads.read_row(identity, read)
        except _FATAL:
            raise
        except ScraperError as error:
            logger.bind(action="no-sample", error=error.kind).debug("A recording could not be fetched for comparison")
            return False
        return True

    @property
    def _by_recapi(self) -> bool:
        state = self.ways.get(Way.RECAPI)
        return state is not None and state.available

    async def _whole_archive(self, fetch: Fetch, listed: Lister) -> None:
        """Fetch a class's archive. In a window it may turn out to hold more than the page's filter shows: then never again."""
        self.archives[fetch.klass] = Outcome()
        windowed, rows = self._desk.order.window != Window(), partial(listed, fetch.klass)
        try:
            found = await self._downloads.bulk(fetch.klass, rows, _most_bytes(rows()) if windowed else None)
            self.archives[fetch.klass] = found
            if windowed and found.outside - {self._desk.identity(*row[:3]) for row in rows()}:
                self._note_unfiltered()
        except TooLarge:
            self._note_unfiltered()
        except _FATAL:
            raise
        except ScraperError as error:
            await self.note_failure(Way.BULK, error)

    def _note_unfiltered(self) -> None:
        logger.bind(action="pack-unfiltered").info("Download All holds more than the page's filter shows; going by rows")
        self._remembered.refuse(PACK_FOLLOWS_FILTER)

    async def _climb(self, ladder: Ladder) -> None:
        while (step := ladder.next_step(_now())) is not None:
            if isinstance(step, Pause):
                await asyncio.sleep(max(0.0, (step.until - _now()).total_seconds()))
                continue
            ladder.record(step.way, await self._do(step, ladder), _now())

    async def _do(self, step: Step, ladder: Ladder) -> list[Result]:
        """One step, and how it went with each of its recordings."""
        try:
            return await self._fetch(step)
        except _FATAL:
            raise
        except ScraperError as error:
            verdict = _verdict(step.way, error)
            if verdict is Verdict.WAY_FAILED:
                await self.note_failure(step.way, error)
            if isinstance(error, FINAL):
                for way in {step.way} | (BROWSER_WAYS if step.way in BROWSER_WAYS else frozenset()):
                    ladder.close_way(way, _obstacle(error))
            return [Result(one.identity, verdict, _obstacle(error)) for one in step.wanted]

    async def _fetch(self, step: Step) -> list[Result]:
        if step.way is Way.BATCH:
            return await self._downloads.batch(step.wanted)
        identity = step.wanted[0].identity
        if step.way is Way.ROW:
            return [await self._downloads.row(identity)]
        await in_thread(self._api.fetch, identity)
        return [self._downloads.result(identity)]

    async def note_failure(self, way: Way, error: ScraperError) -> None:
        """A way failed: note it, keep what the browser showed, and use the way no more where that would be in vain."""
        log = logger.bind(action="way-failed", way=way.value, error=error.kind)
        log.warning("Fetching by {} failed: {}", way.value, error.message)
        self._desk.failures.append(error)
        if way in BROWSER_WAYS:
            await (self._web.give_up if isinstance(error, FINAL) else self._web.keep_evidence)(error)
        if isinstance(error, FINAL) or way is Way.BULK:
            self._obstacles[way] = _obstacle(error)

    def _with_older_reason(self, gap: Gap) -> Gap:
        """A doubtful copy stays doubtful for the reason that was found first."""
        known = self._desk.catalog.gap_of(gap.identity)
        if gap.reason is GapReason.TOO_SHORT and known is not None and known.reason is GapReason.CORRUPT:
            return Gap(gap.identity, known.reason, known.detail, known.remedy)
        return gap


def _most_bytes(rows: Iterable[ListedFile]) -> int | None:
    """What an archive of these can weigh at most: gzip makes no sound larger, and tar adds two blocks a file. None where not all say."""
    sizes = [row.size for row in rows]
    known = [size for size in sizes if size is not None]
    return sum(known) + len(known) * 1536 + 20480 if len(known) == len(sizes) else None


def _verdict(way: Way, error: ScraperError) -> Verdict:
    if isinstance(error, GoneAtPbx):
        return Verdict.GONE
    one_recording = way is not Way.BATCH and isinstance(error, _OF_THE_RECORDING) and not isinstance(error, WebPageInstead)
    return Verdict.FAILED if one_recording or isinstance(error, NotListed) else Verdict.WAY_FAILED


def _obstacle(error: ScraperError) -> Obstacle:
    return Obstacle(error.reason, error.message.rstrip("."), error.remedy)


def _obstacle_or_none(error: ScraperError | None) -> Obstacle | None:
    return _obstacle(error) if error else None


def _now() -> datetime:
    """For the ladder's paces, by a clock that nobody sets."""
    return datetime.fromtimestamp(time.monotonic(), UTC)
