"""Has tasks done in their turn: one a UCM at a time, as many UCMs as the limits allow, the most urgent first.

It knows nothing of processes: ``begin`` gives it a :class:`Work`, which it follows, stops in order when asked, and ends when it overstays.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from loguru import logger

from scraper.coroutines import end
from scraper.errors import ExitCode, InternalError, ScraperError
from scraper.log import as_ours
from scraper.service.listeners import Listeners, take
from scraper.service.task import Event, Kind, Stage, Task, TaskState
from scraper.service.turns import Turns
from scraper.settings.serving import Limits

#: How many ended tasks of each kind are remembered: what comes all the time must not push out what somebody looks at.
_REMEMBERED = 50
#: How long a process that told its result may take to leave, in seconds.
_LEAVING_SECONDS = 15.0
#: How often it is looked whether somebody may start for whom nothing has ended: another program held his UCM, or all jobs take long now.
_LOOK_SECONDS = 5.0

#: What is asked again where another program held the UCM.
_PATIENT = frozenset({Kind.RUN, Kind.PLAN, Kind.RECONCILE, Kind.FETCH, Kind.LOGIN})


class Work(Protocol):
    """A task under way."""

    async def next(self) -> Mapping[str, Any] | None:
        """The next thing that it tells (``event``: its name); None once it has ended. May be cancelled and asked again."""
        ...

    def tell(self, command: Mapping[str, Any]) -> bool:
        """Give it a command; whether it could be given."""
        ...

    async def end(self) -> None:
        """End it at once, if it hasn't ended; nothing of it is left then."""
        ...


Begin = Callable[[Task], Awaitable[Work]]


@dataclass(slots=True, eq=False)
class _Entry:
    """A task on its way. ``elsewhere``: another program holds its UCM. ``deadline``: when it will have overstayed."""

    state: TaskState
    elsewhere: bool = False
    work: Work | None = None
    deadline: asyncio.Timeout | None = None

    @property
    def task(self) -> Task:
        return self.state.task


@dataclass(slots=True)
class Dispatcher:
    """Who has tasks done; see :class:`scraper.service.task.Dispatch`. Everything is called in one event loop.

    ``is_free``: whether no other program works on a UCM. ``ended``: told each task that ended. ``waits``: whether a task waits for other
    programs on its UCM to end; else it ends as busy. ``needs_browser``: see :class:`Turns`.
    """

    begin: Begin
    limits: Limits
    clock: Callable[[], datetime]
    is_free: Callable[[str], bool] = lambda _: True
    ended: Callable[[TaskState], None] = lambda _: None
    waits: bool = True
    needs_browser: Callable[[str], bool] = lambda _: False
    _waiting: list[_Entry] = field(default_factory=list)
    _running: dict[_Entry, asyncio.Task[None]] = field(default_factory=dict)
    _past: dict[Kind, deque[TaskState]] = field(default_factory=dict)
    _listeners: Listeners = field(default_factory=Listeners)
    _turns: Turns = field(init=False)
    _look: asyncio.TimerHandle | None = None
    _closing: bool = False

    def __post_init__(self) -> None:
        self._turns = Turns(self.limits, self.clock, self.needs_browser)

    def ask(self, task: Task) -> TaskState:
        """Have ``task`` done in its turn. Where one that waits covers it already, that one's state is returned."""
        for entry in self._waiting:
            if task.is_covered_by(entry.task):
                return entry.state
        return self._line_up(_Entry(TaskState(task, self.clock())))

    def stop(self, task_id: str) -> bool:
        """Ask a task to stop in order (one that waits is dropped); whether there was one."""
        for entry in self._waiting:
            if entry.task.id == task_id:
                self._waiting.remove(entry)
                self._over(entry, ExitCode.GAPS)
                return True
        for entry in self._running:
            if entry.task.id == task_id:
                self._ask_to_stop(entry)
                return True
        return False

    def send(self, task_id: str, command: Mapping[str, Any]) -> bool:
        """Give a running task's process a command, such as a person's click; whether it could be given."""
        entry = next((entry for entry in self._running if entry.task.id == task_id), None)
        return entry is not None and entry.work is not None and entry.work.tell(command)

    def state(self, task_id: str) -> TaskState | None:
        """A task that waits, runs, or ended lately."""
        return next((state for state in self.states() if state.task.id == task_id), None)

    def states(self, ucm: str | None = None) -> list[TaskState]:
        """What runs, then what waits in its order, then what ended lately (the newest first)."""
        waiting = self._turns.order(entry.state for entry in self._waiting)
        past = sorted((state for kept in self._past.values() for state in kept), key=lambda state: state.ended_at or state.asked_at)
        found = [*(entry.state for entry in self._running), *waiting, *reversed(past)]
        return [state for state in found if ucm in (None, state.task.ucm)]

    def events(self, task_id: str | None = None) -> AsyncIterator[Event]:
        """What tasks tell from now on: of one, until it ends; or of all."""
        known = any(entry.task.id == task_id for entry in (*self._running, *self._waiting))
        return self._listeners.add(task_id, over=task_id is not None and not known)

    async def close(self) -> None:
        """Drop what waits, ask what runs to stop, and return when all has ended: within ``stop_seconds`` and a little.

        Cancelled meanwhile, it ends what runs at once.
        """
        self._closing = True
        if self._look is not None:
            self._look.cancel()
        for entry in tuple(self._waiting):
            self.stop(entry.task.id)
        for entry in tuple(self._running):
            self._ask_to_stop(entry)
        jobs = tuple(self._running.values())
        try:
            await asyncio.gather(*(asyncio.shield(job) for job in jobs), return_exceptions=True)
        except asyncio.CancelledError:
            await end(*jobs)
            raise

    # --- turns ---

    def _line_up(self, entry: _Entry) -> TaskState:
        if self._closing:
            self._over(entry, ExitCode.GAPS)
            return entry.state
        self._waiting.append(entry)
        self._listeners.tell_stage(entry.state)
        self._next_turns()
        return entry.state

    def _next_turns(self) -> None:
        """Start what may start now; while closing, nothing."""
        if self._closing:
            return
        waiting = {entry.state.task.id: entry for entry in self._waiting if not entry.elsewhere or self.is_free(entry.task.ucm)}
        while state := self._turns.next((entry.state for entry in waiting.values()), [entry.state for entry in self._running]):
            entry = waiting.pop(state.task.id)
            self._waiting.remove(entry)
            state.stage, state.started_at = Stage.RUNNING, self.clock()
            self._turns.started(state)
            self._running[entry] = asyncio.ensure_future(self._attend(entry))
            self._listeners.tell_stage(state)
        if self._look is None and self._waiting:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._next_turns()

    # --- one task ---

    async def _attend(self, entry: _Entry) -> None:
        """See one task through, from its process's start to its last trace."""
        code = int(ExitCode.INTERNAL)
        try:
            try:
                entry.work = await self.begin(entry.task)
                await self._follow(entry)
            finally:
                if entry.work is not None:
                    await entry.work.end()
        except asyncio.CancelledError:  # by close(), or with the loop itself: nothing may start any more
            self._closing, code = True, int(ExitCode.GAPS)
        except Exception as error:  # noqa: BLE001 -- a task's own boundary
            code = self._blame(entry, as_ours(error))
        if entry.state.exit_code is not None:
            code = entry.state.exit_code
        elif entry.state.stage is Stage.STOPPING:
            code = int(ExitCode.GAPS)
        elif entry.state.result is None:
            code = self._blame(entry, InternalError("The job's process ended without a result.", remedy="Look at the log of this job."))
        del self._running[entry]
        self._turns.ended(entry.state)
        patient = self.waits and entry.task.kind in _PATIENT
        if code == ExitCode.BUSY and patient and entry.state.stage is Stage.RUNNING and not self._closing:
            self._wait_for_others(entry)
        else:
            self._over(entry, code)
        self._next_turns()

    def _wait_for_others(self, entry: _Entry) -> None:
        """Another program holds the UCM: back to those who wait."""
        logger.bind(action="task-waits", ucm=entry.task.ucm).info("Another program works on this UCM; the job starts when it has ended")
        entry.elsewhere, entry.work, entry.deadline = True, None, None
        state = entry.state
        state.stage, state.started_at, state.run_id, state.phase, state.exit_code, state.result = Stage.WAITING, None, None, "", None, None
        self._waiting.append(entry)
        self._listeners.tell_stage(entry.state)

    async def _follow(self, entry: _Entry) -> None:
        """Take what the work tells until it ends; ask it to stop when it overstays, and leave it when it doesn't."""
        assert entry.work is not None
        if entry.state.stage is Stage.STOPPING:
            self._ask_to_stop(entry)
        seconds = self.limits.stop_seconds if entry.state.stage is Stage.STOPPING else self.limits.job_hours * 3600
        while True:
            try:
                async with asyncio.timeout(seconds) as entry.deadline:
                    while (told := await entry.work.next()) is not None:
                        self._take(entry, told)
                return
            except TimeoutError:
                if entry.state.exit_code is not None:
                    return
                log = logger.bind(action="task-overstays", ucm=entry.task.ucm, kind=entry.task.kind.value)
                if entry.state.stage is Stage.STOPPING:
                    log.warning("The job does not stop; ending it")
                    return
                log.warning("The job takes longer than limits.job_hours; stopping it")
                self._ask_to_stop(entry)
                seconds = self.limits.stop_seconds

    def _ask_to_stop(self, entry: _Entry) -> None:
        if entry.state.stage is Stage.RUNNING:
            entry.state.stage = Stage.STOPPING
            self._listeners.tell_stage(entry.state)
            if entry.deadline is not None:
                with suppress(RuntimeError):  # it has run out just now
                    entry.deadline.reschedule(asyncio.get_running_loop().time() + self.limits.stop_seconds)
        if entry.work is not None:
            entry.work.tell({"command": "stop"})

    def _take(self, entry: _Entry, told: Mapping[str, Any]) -> None:
        """Enter into the state what a task told, and hand it on."""
        state, name, data = entry.state, str(told.get("event")), {key: value for key, value in told.items() if key != "event"}
        take(state, name, data)
        if name == "phase":
            self._turns.moved_on(state)
            self._next_turns()  # one that waits for a browser leaves its place to others
        if name == "result" and entry.deadline is not None:
            entry.deadline.reschedule(asyncio.get_running_loop().time() + _LEAVING_SECONDS)
        self._listeners.tell(Event(state.task.id, state.task.ucm, name, data))

    def _blame(self, entry: _Entry, error: ScraperError) -> int:
        logger.bind(action="task-failed", ucm=entry.task.ucm, kind=entry.task.kind.value).error("{} {}", error.message, error.remedy)
        entry.state.result = {"error": error.as_report(entry.task.ucm)}
        return int(error.exit_code)

    def _over(self, entry: _Entry, code: int) -> None:
        state = entry.state
        state.stage, state.exit_code, state.ended_at = Stage.ENDED, int(code), self.clock()
        self._past.setdefault(state.task.kind, deque(maxlen=_REMEMBERED)).append(state)
        self._listeners.tell_stage(state)
        self._listeners.end(entry.task.id)
        self.ended(state)
