"""The scheduler's side of the fleet: what it asks for goes into the queue, and what workers tell comes back as if the jobs ran here.

What a person waits for, a sign-in by hand and the doctor, is done on this machine, and so is the small read that keeps a session alive: the
session is shared, and the lease of a UCM keeps them and the workers' jobs apart.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from loguru import logger

from scraper.catalog import Catalog
from scraper.coroutines import end
from scraper.errors import ExitCode, StorageError
from scraper.fleet.queue import Queue, Queued
from scraper.service.dispatcher import Dispatcher
from scraper.service.listeners import Listeners, take
from scraper.service.task import Event, Kind, Stage, Task, TaskState
from scraper.settings import Settings
from scraper.threads import in_thread

_HERE = frozenset({Kind.DOCTOR, Kind.LOGIN, Kind.KEEP_ALIVE})
#: How often the queue is looked at, in seconds; sooner where a worker tells that something began or ended.
_LOOK_SECONDS = 2.0
#: How many ended tasks are remembered.
_REMEMBERED = 200
#: A report's gaps that are shown with its task, as :mod:`scraper.service.child` tells them.
_GAPS = 100


class FleetDispatch:
    """Who has tasks done in a fleet; see :class:`scraper.service.task.Dispatch`. Everything is called in one event loop.

    ``here`` does what is done on this machine. ``ended`` is told each task that ended. ``leads``: whether this scheduler is the one that
    counts, where there are several. :meth:`keep` must run.
    """

    def __init__(self, settings: Settings, catalog: Catalog, here: Dispatcher) -> None:
        self.leads = False
        self._queue = Queue(settings.catalog.url)
        self._ucms = frozenset(settings.ucms)
        self._catalog, self._here, self._clock, self._ended = catalog, here, here.clock, here.ended
        self._live: dict[str, TaskState] = {}
        self._asking: dict[str, Task] = {}  # not in the queue yet
        self._past: deque[TaskState] = deque(maxlen=_REMEMBERED)
        self._listeners = Listeners()
        self._look = asyncio.Event()

    # --- Dispatch ---

    def ask(self, task: Task) -> TaskState:
        """See :meth:`Dispatch.ask`. The database need not be there at that moment."""
        if task.kind in _HERE:
            return self._here.ask(task)
        for state in self._live.values():
            if state.stage is Stage.WAITING and task.is_covered_by(state.task):
                return state
        state = self._live[task.id] = TaskState(task, self._clock())
        self._asking[task.id] = task
        self._listeners.tell_stage(state)
        self._look.set()
        return state

    def stop(self, task_id: str) -> bool:
        """See :meth:`Dispatch.stop`."""
        state = self._live.get(task_id)
        if state is None:
            return self._here.stop(task_id)
        if self._asking.pop(task_id, None) is not None:
            self._over(state, ExitCode.GAPS)
        elif state.stage is not Stage.STOPPING:
            state.stage = Stage.STOPPING
            self._listeners.tell_stage(state)
            self._look.set()
        return True

    def send(self, task_id: str, command: Mapping[str, Any]) -> bool:
        """See :meth:`Dispatch.send`. Only what runs here takes any."""
        return self._here.send(task_id, command)

    def state(self, task_id: str) -> TaskState | None:
        """See :meth:`Dispatch.state`."""
        return next((state for state in self.states() if state.task.id == task_id), None)

    def states(self, ucm: str | None = None) -> list[TaskState]:
        """See :meth:`Dispatch.states`."""
        known = [*(one for one in (*self._live.values(), *self._past) if ucm in (None, one.task.ucm)), *self._here.states(ucm)]
        now = [state for state in known if state.stage in (Stage.RUNNING, Stage.STOPPING)]
        waiting = [state for state in known if state.stage is Stage.WAITING]
        ended = [state for state in known if state.stage is Stage.ENDED]
        waiting.sort(key=lambda state: (state.task.priority, state.asked_at))
        ended.sort(key=lambda state: state.ended_at or state.asked_at, reverse=True)
        return [*now, *waiting, *ended]

    def is_free(self, ucm: str) -> bool:
        """Whether no worker is known to be at a UCM."""
        return not any(state.task.ucm == ucm and state.stage is not Stage.WAITING for state in self._live.values())

    def events(self, task_id: str | None = None) -> AsyncIterator[Event]:
        """See :meth:`Dispatch.events`."""
        if task_id is not None and task_id not in self._live:
            return self._here.events(task_id)
        return self._listeners.add(task_id, over=False)

    async def close(self) -> None:
        """End what runs here; what is in the queue goes on."""
        await self._here.close()

    # --- the queue ---

    async def keep(self) -> None:
        """Keep the queue and what is shown of it in step, until cancelled. Where the database is gone, it is waited for."""
        silent = False
        listening = asyncio.ensure_future(self._hear_on())
        telling = asyncio.ensure_future(self._tell_of_here())
        try:
            async with self._queue.opened():
                while True:
                    self._look.clear()
                    try:
                        await self._hand_in()
                        before = frozenset(self._live) - frozenset(self._asking)
                        await self._conclude(self._compare(await self._queue.all(), before))
                    except StorageError as error:
                        if not silent:
                            logger.bind(action="queue-unread").warning("The queue can't be read, which is tried again: {}", error.message)
                        silent = True
                    else:
                        silent = False
                    await self._rest()
        finally:
            await end(listening, telling)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_LOOK_SECONDS / 10)  # what is told comes in swarms

    async def _hand_in(self) -> None:
        """Ask for what was asked, and stop what is to stop."""
        for task in list(self._asking.values()):
            by = await self._queue.ask(task)
            if self._asking.pop(task.id, None) is None:  # stopped meanwhile
                await self._queue.stop(task.id)
            elif by != task.id and (state := self._live.get(task.id)):
                self._over(state, ExitCode.BUSY)  # another scheduler has asked for it
        for state in list(self._live.values()):
            if state.stage is Stage.STOPPING:
                await self._queue.stop(state.task.id)

    def _compare(self, queued: Collection[Queued], before: frozenset[str]) -> list[TaskState]:
        """Enter what the queue shows; returns what was in it ``before`` it was read, and isn't any more."""
        for one in queued:
            state = self._live.get(one.task.id)
            if state is None:
                state = self._live[one.task.id] = TaskState(one.task, one.asked_at)
                self._listeners.tell_stage(state)
            self._set_stage(state, one)
            if self.leads and one.task.ucm not in self._ucms and not one.running:
                logger.bind(action="job-dropped", ucm=one.task.ucm).warning("The configuration has no such UCM: its job is dropped")
                self.stop(one.task.id)
        there = {one.task.id for one in queued}
        return [state for key, state in self._live.items() if key in before and key not in there]

    def _set_stage(self, state: TaskState, one: Queued) -> None:
        state.asked_at, state.started_at = one.asked_at, one.started_at
        stage = Stage.STOPPING if one.stopping else Stage.RUNNING if one.running else Stage.WAITING
        if state.stage in (stage, Stage.STOPPING):
            return
        state.stage = stage
        if stage is Stage.WAITING:  # broken off: it goes on from its beginning
            state.phase, state.received, state.total, state.recordings, state.exit_code, state.result = "", 0, None, 0, None, None
        self._listeners.tell_stage(state)

    async def _conclude(self, gone: Collection[TaskState]) -> None:
        """How what has left the queue ended, its report says, else its worker; of what nobody says anything, nobody knows."""
        for state in gone:
            if state.task.id not in self._live:
                continue
            run = await in_thread(self._catalog.find_run, state.task.id)
            if run is not None and run.report is not None:
                gaps = run.report["gaps"]
                state.run_id, state.result = run.id, {**run.report, "gaps": gaps[:_GAPS], "gaps_in_all": len(gaps)}
                state.exit_code = run.exit_code
            unknown = ExitCode.GAPS if state.stage in (Stage.STOPPING, Stage.WAITING) else ExitCode.INTERNAL
            self._over(state, unknown if state.exit_code is None else state.exit_code)

    def _over(self, state: TaskState, code: int) -> None:
        self._live.pop(state.task.id, None)
        state.stage, state.exit_code, state.ended_at = Stage.ENDED, int(code), self._clock()
        self._past.append(state)
        self._listeners.tell_stage(state)
        self._listeners.end(state.task.id)
        self._ended(state)

    # --- what is told ---

    async def _hear_on(self) -> None:
        """Hear what workers tell, for ever: what is missed, the queue and the catalog show."""
        while True:
            try:
                await self._queue.hear(self._take, self._look.set)
            except StorageError:
                await asyncio.sleep(_LOOK_SECONDS)

    def _take(self, told: Mapping[str, Any]) -> None:
        state, name, data = self._live.get(str(told.get("task"))), str(told.get("event")), told.get("data")
        if state is None or not isinstance(data, dict):
            self._look.set()
        elif name == "stage":
            self._look.set()  # the queue knows
        else:
            take(state, name, data)
            self._listeners.tell(Event(state.task.id, state.task.ucm, name, data))

    async def _tell_of_here(self) -> None:
        """Who listens to all hears of what is done here as well."""
        async for event in self._here.events():
            self._listeners.tell(event)
