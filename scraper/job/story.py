"""The story of a job: what should exist, what to do about what is missing, doing it, and a last look at what came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

from loguru import logger

from converters.interface import FileSource
from scraper.calibration.calibration import Calibration
from scraper.clock import utcnow
from scraper.errors import EXIT_PRECEDENCE, Busy, SafetyStop, ScraperError, ServerError, StorageError, WebUiError
from scraper.job.api_way import ApiWay
from scraper.job.desk import Desk, View
from scraper.job.fetching import Fetching
from scraper.job.lengths import doubt_short_ones
from scraper.job.remembered import LENGTHS_COMPARED
from scraper.job.survey import Asked, Survey
from scraper.job.web_way import WebWay
from scraper.models import UNDATED, Identity, RecordingClass, Trigger, Window, class_of, is_month, month_in_name
from scraper.names import clean
from scraper.reconcile import Plan, Wanted, render
from scraper.reconcile.inventory import BROWSER_WAYS, Costs, Way
from scraper.threads import in_thread
from scraper.webui.recordings_page import RecordingsPage

_FIRST_FAILED = "first-archive-failed"


async def keep_copy(desk: Desk, *, everything: bool = False) -> None:
    """Learn what should exist, and fetch what is missing. Raises what ends a job in which no way could learn or fetch anything."""
    await _with_ways(desk, Asked(desk.order.window, everything), _Story.keep_copy)


async def only_plan(desk: Desk, *, everything: bool = False) -> None:
    """Learn what should exist, and enter into the report what a job would do about it. Raises as :func:`keep_copy`."""
    await _with_ways(desk, Asked(desk.order.window, everything, dry=True), _Story.only_plan)


async def fetch_these(desk: Desk, names: Iterable[str]) -> None:
    """Fetch recordings by the PBX's file names, with or without month, and look at nothing else. Raises as :func:`keep_copy`."""
    await _with_ways(desk, Asked(Window()), lambda story: story.fetch_these(names))


async def _with_ways(desk: Desk, asked: Asked, work: Callable[[_Story], Awaitable[None]]) -> None:
    api = ApiWay(desk)
    try:
        async with WebWay(desk) as web:
            await work(_Story(desk, api, web, asked))
    finally:
        await asyncio.to_thread(api.close)


class _Story:
    """One job with its two ways, each opened when it is first needed."""

    def __init__(self, desk: Desk, api: ApiWay, web: WebWay, asked: Asked) -> None:
        self._desk = desk
        self._api = api
        self._web = web
        self._asked = asked
        self._began = utcnow()
        self._survey = Survey(desk, api, web, asked)
        self._fetching = Fetching(desk, api, web)

    async def keep_copy(self) -> None:
        if self._desk.archived_before == 0 and self._web.is_configured and self._asked.window == Window():
            await self._take_all_first()
        plan = await self._plan()
        self._desk.missing(plan.to_record)
        for identity in plan.withdrawn:
            self._desk.catalog.close_gap(identity, "withdrawn")
        await self._fetching.carry_out(plan, self._survey.lists.rows)
        self._desk.known = self._survey.knows(plan)  # only now: a job that ends before has not counted what it did not reach
        compared = self._survey.remembered.time(LENGTHS_COMPARED)
        if short := await in_thread(doubt_short_ones, self._desk, self._began, compared, self._fetching.has_other_way):
            logger.bind(action="too-short").info("{} recordings are shorter than the PBX says; looking for better copies", len(short))
            again = await self._make_plan()
            await self._fetching.climb(one for fetch in again.fetches for one in fetch.wanted if one.identity in short)
        self._raise_if_all_failed()
        self._survey.remember(plan)
        await self._calibrate()
        if self._asked.window != Window():
            self._desk.view = _of_plan(await self._make_plan())

    async def only_plan(self) -> None:
        plan = await self._plan()
        self._raise_if_all_failed()
        self._desk.known = self._survey.knows(plan)
        self._desk.view = _of_plan(plan)
        self._desk.report.plan = render(plan)
        self._desk.report.gaps = list(plan.gaps)

    async def fetch_these(self, names: Iterable[str]) -> None:
        desk, ways = self._desk, self._fetching.ways
        wanted = {identity for name in names for identity in self._identities(name) if identity not in desk.forgotten}
        known = {identity for identity in wanted if identity.month in desk.catalog.months_of(identity.ucm, identity.klass, identity.name)}
        missing = [identity for identity in wanted if not self._is_held(identity)]
        gaps = await self._fetching.what_stays_missing(
            Wanted(identity, frozenset(ways) - {Way.BULK}, 0, None, listed=True, short=desk.catalog.is_archived(identity))
            for identity in missing
        )
        if desk.order.trigger is Trigger.PUSH:
            known = set()  # too soon to call it a gap: the PBX may not have written it yet
        desk.missing(gap for gap in gaps if gap.identity in known)
        if missing and len(gaps) == len(missing):
            self._raise_if_all_ways_failed()
        gone = sum(gap.closed and gap.identity in wanted for gap in desk.catalog.remembered_gaps(desk.order.ucm))
        # A mistyped name must not fail every run to come.
        unknown = tuple(gap for gap in gaps if gap.identity not in known and desk.catalog.gap_of(gap.identity) is None)
        desk.known = True
        desk.view = View(wanted.__contains__, sum(map(self._is_held, wanted)), gone, unknown)

    async def _take_all_first(self) -> None:
        """Nothing is held yet, so that nearly all will be wanted: the PBX packs it while nothing else is asked of it.

        What else is to be read is read while the archive arrives. Where the archive failed in the last job as well, this one goes on by
        rows.
        """

        async def total(page: RecordingsPage) -> int | None:
            return None if page.is_narrowed else page.total

        try:
            if await self._web.on_page(RecordingClass.MONITOR, total) != 0:
                await self._fetching.all_ordinary(meanwhile=self._survey.read_ahead)
        except (StorageError, SafetyStop, Busy):
            raise
        except ScraperError as error:
            again = self._survey.remembered.get(_FIRST_FAILED)
            if isinstance(error, WebUiError | ServerError):
                self._survey.remembered.set(_FIRST_FAILED, True)
            await self._fetching.note_failure(Way.BULK, error)
            if not again:
                await self._web.give_up(error)

    async def _plan(self) -> Plan:
        """Ask the API first: where call records tell what is new, and recapi can fetch it, no browser is opened."""
        await self._survey.ask_api()
        if self._survey.calls_tell_all and not self._survey.lists.are_due:
            plan = await self._make_plan()
            if not any(fetch.way in BROWSER_WAYS for fetch in plan.fetches):
                return plan
        await self._survey.read_lists()
        return await self._make_plan()

    async def _make_plan(self) -> Plan:
        """In a thread: a million recordings take seconds, and the browser's watchdog must not wait for them."""
        costs = replace(Costs(), browser_seconds=0) if self._web.is_open else Costs()
        return await in_thread(self._survey.plan, self._fetching.ways, costs)

    async def _calibrate(self) -> None:
        """Where GSFF came and its layout is not confirmed: compare one recording with its RIFF form (field guide 4)."""
        desk = self._desk
        if not any(desk.catalog.new_in_run(desk.report.run_id)):
            return
        calibration = Calibration(desk.catalog, desk.store, desk.quarantine, desk.order.ucm)
        note = await in_thread(calibration.learn_from_held)
        if note is None and (wanted := await in_thread(calibration.wanted, self._fetching.can_sample)):
            desk.order.progress.phase("comparing one recording's two forms")
            sample = desk.work_dir / "sample"
            came = await self._fetching.sample(wanted, sample)
            note = await in_thread(_learn, calibration, wanted, sample if came else None)
        desk.report.notes += [note] if note else []

    def _raise_if_all_failed(self) -> None:
        """A way that fails ends that way only; where no way could learn or fetch anything, the most telling failure ends the job."""
        desk = self._desk
        fetched = any(outcome.seen for outcome in self._fetching.archives.values()) or any(desk.catalog.new_in_run(desk.report.run_id))
        if desk.failures and not fetched and not self._survey.learned:
            raise _most_telling(desk.failures)

    def _raise_if_all_ways_failed(self) -> None:
        ways = [way for way in (self._api, self._web) if way.is_configured]
        failures = [way.failure for way in ways if way.failure is not None]
        if failures and len(failures) == len(ways):
            raise _most_telling(failures)

    def _identities(self, name: str) -> set[Identity]:
        """What is meant by a file name: with a month just that; else every recording of that name that any account knows."""
        folder, _, bare = name.rpartition("/")
        bare, month = clean(bare), folder.rpartition("/")[2]
        klass, ucm = class_of(bare), self._desk.order.ucm
        if is_month(month) or month == UNDATED:
            return {Identity(ucm, klass, month, bare)}
        known = self._desk.catalog.months_of(ucm, klass, bare)
        return {Identity(ucm, klass, found, bare) for found in known or {month_in_name(bare, self._desk.ucm.zone) or UNDATED}}

    def _is_held(self, identity: Identity) -> bool:
        return self._desk.catalog.is_archived(identity) and self._desk.catalog.gap_of(identity) is None


def _most_telling(failures: Iterable[ScraperError]) -> ScraperError:
    return min(failures, key=lambda error: EXIT_PRECEDENCE.index(error.exit_code))


def _learn(calibration: Calibration, identity: Identity, sample: Path | None) -> str | None:
    if sample is None:
        return calibration.learn(identity, None)
    with FileSource(sample) as riff:
        return calibration.learn(identity, riff)


def _of_plan(plan: Plan) -> View:
    """What a plan counts in its window."""
    return View(lambda identity: plan.state_of(identity) is not None, plan.tally.archived, plan.tally.gone)
