"""The service: what the schedule, the admin pages and the watchers share, for as long as it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from scraper.backfill import Backfills
from scraper.backfill.conduct import due, must_stop
from scraper.catalog import Catalog
from scraper.errors import Busy, StorageError
from scraper.fleet.hold import held
from scraper.handover.deliver import Handover
from scraper.lock import is_free
from scraper.models import Trigger
from scraper.service.dispatcher import Dispatcher, Work
from scraper.service.duties import Aside, without_end
from scraper.service.health import Health
from scraper.service.keep_alive import KeepAlive
from scraper.service.manifests import keep_manifests
from scraper.service.process import ChildProcess, home_of
from scraper.service.push import Pushes
from scraper.service.retention import keep_retention
from scraper.service.schedule import Schedule
from scraper.service.task import Kind, Stage, Task, TaskState
from scraper.service.turns import web_only
from scraper.service.watch import Watch
from scraper.settings import Settings
from scraper.threads import in_thread

if TYPE_CHECKING:
    from scraper.fleet.dispatch import FleetDispatch

#: How often it is looked whether a backfill can go on, in seconds, beyond when one is asked to.
_BACKFILL_SECONDS = 60.0

Ended = Callable[[TaskState], None]
Duty = Callable[[], Awaitable[None]]


def now() -> datetime:
    """This moment, aware."""
    return datetime.now(UTC)


class Service:
    """Everything that serves, over one open catalog. ``command`` starts a task's process.

    Make it inside the event loop, after :func:`scraper.lock.service_lock` is held; :meth:`serve` does the work.
    """

    def __init__(self, settings: Settings, catalog: Catalog, command: Sequence[str], clock: Callable[[], datetime] = now) -> None:
        self.settings = settings
        self.catalog = catalog
        self.clock = clock
        self.started_at = clock()
        self.home = home_of(settings.data_dir)
        here = Dispatcher(self._begin, settings.limits, clock, self._is_free, self._ended, needs_browser=web_only(settings))
        self._fleet = _fleet_of(settings, catalog, here)
        self.dispatch = self._fleet or here
        self.schedule = Schedule(settings, catalog, self.dispatch.ask)
        self.health = Health(catalog, settings, clock)
        self.backfills = Backfills(catalog)
        self.pushes = Pushes(self)
        self.sessions = KeepAlive(self)
        self.watch = Watch(self)
        self.handover = Handover(settings, catalog)
        self.stopping = False
        #: Whether this is the scheduler that counts: always, but in a fleet that has several.
        self.leads = self._fleet is None
        self._command = tuple(command)
        self._backfills_wanted = asyncio.Event()
        self._told: tuple[Ended, ...] = (self.sessions.ended, lambda _: self.handover.wake())
        self._aside = Aside()

    def go_on_with_backfills(self) -> None:
        """Somebody started or resumed a backfill: look at once."""
        self._backfills_wanted.set()

    async def serve(self) -> None:
        """Keep to the schedule until cancelled; then see that all ends in order. Cancelled again, all ends at once.

        Of several schedulers of a fleet one does so; the others show their pages, and stand by.
        """
        duties: list[Duty] = [self.pushes.run, *([self.handover.run] if self.settings.sinks else [])]
        if self._fleet is None:
            await self._take_up()
            duties += self._duties_of_one()
        else:
            from scraper.fleet.lead import while_leading

            duties += [self._fleet.keep, partial(while_leading, self.catalog, self.settings.fleet.lease_seconds, self._lead)]
        try:
            await _do_all(duties)
        finally:
            self.stopping = True
            await self.dispatch.close()

    def _duties_of_one(self) -> list[Duty]:
        """What one scheduler alone does."""
        own = [self.schedule.keep, self._keep_backfills_going, self.sessions.keep, self.watch.keep]
        return [*own, partial(keep_manifests, self), partial(keep_retention, self)]

    async def _take_up(self) -> None:
        """Go on where the last service left. Raises what reading the catalog raises."""
        self.schedule.recall()
        for ucm in self.settings.ucms:
            await in_thread(self._give_up_runs, ucm)

    async def _lead(self) -> None:
        """Be the fleet's scheduler, until cancelled. Raises as :meth:`_take_up`."""
        assert self._fleet is not None
        self.schedule = Schedule(self.settings, self.catalog, self.dispatch.ask)
        await self._take_up()
        self.leads = self._fleet.leads = True
        try:
            await _do_all(self._duties_of_one())
        finally:
            self.leads = self._fleet.leads = False

    def _is_free(self, ucm: str) -> bool:
        """Whether no other program, on this machine or a worker, is at a UCM."""
        return is_free(self.settings.data_dir, ucm) and (self._fleet is None or self._fleet.is_free(ucm))

    async def _begin(self, task: Task) -> Work:
        return await ChildProcess.start(self._command, task.as_json(), self.home)

    def _ended(self, state: TaskState) -> None:
        task, reported = state.task, "schema" in (state.result or {})
        if self.leads and not self.stopping:  # what a stop of the service broke off is made up at its next start
            if task.trigger is Trigger.SCHEDULE and task.kind is Kind.RUN:
                self._aside.do(self.schedule.done(task.ucm))
            if reported or task.kind is not Kind.BACKFILL:  # what died of a full disk or a broken configuration would at once do so again
                self._backfills_wanted.set()
        if not reported:
            self._aside.do(in_thread(self._give_up_runs, task.ucm))
        for told in self._told:
            try:
                told(state)
            except Exception as error:  # noqa: BLE001 -- a listener's own boundary: the next task must not wait for it
                logger.bind(action="listener-failed").opt(exception=error).error("Something failed that should not")

    def _give_up_runs(self, ucm: str) -> None:
        """What the catalog still calls running has died, where nobody holds the UCM's lock."""
        try:
            with suppress(Busy), held(self.settings, self.catalog, ucm) as catalog:
                catalog.give_up_runs(ucm)
        except StorageError as error:
            logger.bind(action="runs-not-given-up", ucm=ucm).warning("The catalog can't be written: {}", error.message)

    async def _keep_backfills_going(self) -> None:
        """Ask for each backfill's next slice once the last has ended, unless it rests."""
        while True:
            try:
                await self._break_off_backfills()
                tasks, _ = await in_thread(due, self.catalog, self.settings, self.clock())
            except StorageError as error:
                logger.bind(action="backfills-unread").warning("The backfills can't be read: {}", error.message)
                tasks = []
            busy = {state.task.backfill for state in self.dispatch.states() if state.stage is not Stage.ENDED}
            for task in tasks:
                if task.backfill not in busy:
                    self.dispatch.ask(task)
            try:
                async with asyncio.timeout(_BACKFILL_SECONDS):
                    await self._backfills_wanted.wait()
            except TimeoutError:
                continue
            self._backfills_wanted.clear()

    async def _break_off_backfills(self) -> None:
        """Stop the slices of backfills that were cancelled, or that quiet hours have caught."""
        for state in self.dispatch.states():
            backfill = state.task.backfill
            if backfill is None or state.stage not in (Stage.WAITING, Stage.RUNNING):
                continue
            if await in_thread(must_stop, self.catalog, backfill, self.clock(), self.settings):
                self.dispatch.stop(state.task.id)


async def _do_all(duties: Sequence[Duty]) -> None:
    async with asyncio.TaskGroup() as group:
        for duty in duties:
            group.create_task(without_end(duty))


def _fleet_of(settings: Settings, catalog: Catalog, here: Dispatcher) -> FleetDispatch | None:
    """The fleet's part of the dispatch, where there is a fleet."""
    if settings.fleet.name is None:
        return None
    from scraper.fleet.dispatch import FleetDispatch

    return FleetDispatch(settings, catalog, here)
