"""Watches over the UCMs: has people told, pings the dead-man's switch, and counts what /metrics shows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from scraper.errors import ExitCode, StorageError
from scraper.log import as_ours, logger
from scraper.models import Window
from scraper.service import alarms
from scraper.service.health import State, Verdict, verdict
from scraper.service.metrics import Tally
from scraper.service.notify import Message, Notifier
from scraper.service.parked import look_at_sinks
from scraper.service.ping import Pinger
from scraper.service.task import Dispatch, Kind, Stage, TaskState
from scraper.threads import in_thread

#: How often it looks where no run ends, in seconds.
EVERY_SECONDS = 300.0
#: How long no target is tried after none took a message, in seconds: doubled each time.
FIRST_REST, LONGEST_REST = 60.0, 900.0

#: What a job's process logs when its browser was ended.
_BROWSER_SILENT = "browser-silent"
_WHOLE_JOBS = frozenset({Kind.RUN, Kind.RECONCILE})


class Watched(alarms.Watched, Protocol):
    """What is needed of the service."""

    @property
    def dispatch(self) -> Dispatch: ...


class Watch:
    """One service's watch. ``tally``: what /metrics shows of what was seen. ``seconds``: a clock that nobody sets."""

    def __init__(self, service: Watched, seconds: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._notifier = Notifier(service.settings.notify)
        self._alarms = alarms.Alarms(service, self._tell)
        self._pinger = Pinger(service.settings.ping)
        self._due = asyncio.Event()
        self._moved: set[str] = set()
        self._stop = threading.Event()
        self._seconds, self._rest, self._not_before = seconds, 0.0, float("-inf")
        self._unrecorded: Counter[str] = Counter()
        self.tally = Tally()

    async def keep(self) -> None:
        """Watch until cancelled; never ends by itself. A message on its way is not waited for: it is sent again by the next service."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            ucms: set[str] | None = None
            while True:
                await self._look_beside(ucms)
                if ucms is None:
                    all_again = asyncio.get_running_loop().time() + EVERY_SECONDS
                try:
                    async with asyncio.timeout_at(all_again):
                        await self._due.wait()
                    ucms, self._moved = self._moved, set()
                except TimeoutError:
                    ucms, self._moved = None, set()
                self._due.clear()

    async def _look_beside(self, ucms: set[str] | None) -> None:
        looking = asyncio.ensure_future(in_thread(self.look, ucms))
        try:
            await asyncio.shield(looking)
        except asyncio.CancelledError:
            self._stop.set()
            self._notifier.close()
            await asyncio.wait({looking})
            raise

    def look(self, ucms: Iterable[str] | None = None) -> None:
        """Look at these UCMs (None: at all) and the sinks, and tell what is to be told. Blocks while targets are slow; never raises."""
        for ucm in self._service.settings.ucms if ucms is None else ucms:
            self._look(partial(self._alarms.look_at, ucm, self._unrecorded[ucm]), ucm=ucm)
        self._look(lambda: look_at_sinks(self._service, self._tell))

    def _look(self, look: Callable[[], None], **where: str) -> None:
        if self._stop.is_set():
            return
        try:
            look()
        except Exception as error:  # noqa: BLE001 -- the watch's own boundary: it must outlive whatever it looks at
            logger.bind(action="watch-failed", **where).warning("The watch could not look: {}", as_ours(error).message)

    def _tell(self, message: Message) -> bool:
        """Whether it arrived. Where nothing does, later messages wait: each of hundreds would wait for the same target."""
        if not self._notifier.is_configured or self._stop.is_set() or self._seconds() < self._not_before:
            return False
        delivered = self._notifier.tell(message)
        self._rest = 0.0 if delivered else min(max(2 * self._rest, FIRST_REST), LONGEST_REST)
        self._not_before = self._seconds() + self._rest
        self.tally.message(delivered=delivered)
        return delivered

    # --- what tasks tell ---

    async def _follow(self) -> None:
        async for event in self._service.dispatch.events():
            try:
                state = self._service.dispatch.state(event.task_id)
                if event.name == "log" and event.data.get("action") == _BROWSER_SILENT:
                    self.tally.browser_ended(event.ucm)
                elif event.name == "stage" and state is not None:
                    await self._on_stage(state, str(event.data.get("stage")))
            except Exception as error:  # noqa: BLE001 -- as above
                logger.bind(action="watch-failed", ucm=event.ucm).warning("The watch could not follow: {}", as_ours(error).message)

    async def _on_stage(self, state: TaskState, stage: str) -> None:
        """Ping for jobs that ask for all, count every job, and look soon after each that ended."""
        whole = state.task.kind in _WHOLE_JOBS and state.task.window == Window()
        if stage == Stage.RUNNING and whole:
            self._pinger.started()
        if stage != Stage.ENDED or state.exit_code is None or state.started_at is None:
            return
        report = await in_thread(self._report_of, state)
        if state.task.kind in _WHOLE_JOBS:
            seconds = (self._service.clock() - state.started_at).total_seconds()
            self.tally.run_ended(state.task.ucm, state.exit_code, seconds, report["bytes"]["downloaded"] if report else 0)
        if whole and state.exit_code != ExitCode.BUSY:
            how = _verdict_of(state, report)
            self._unrecorded[state.task.ucm] = self._unrecorded[state.task.ucm] + 1 if how is Verdict.FAILED and report is None else 0
            self._pinger.ended(await in_thread(self._verdict_of_all, how))
        self._moved.add(state.task.ucm)
        self._due.set()

    def _report_of(self, state: TaskState) -> dict[str, Any] | None:
        """The whole report; a task's own result has only some of its gaps. None where the job never came to have one, or can't be read."""
        try:
            return self._service.catalog.report_of(state.run_id) if state.run_id else None
        except StorageError:
            return None

    def _verdict_of_all(self, how: Verdict) -> Verdict:
        """One switch stands for all UCMs: a good run is told only while none is stale or failing."""
        if how is not Verdict.GOOD:
            return how
        well = all(not one.stale and one.state not in (State.FAILING, State.NEEDS_PERSON) for one in self._service.health.all())
        return Verdict.GOOD if well else Verdict.OPEN


def _verdict_of(state: TaskState, report: dict[str, Any] | None) -> Verdict:
    if report is not None:
        return verdict(report)
    return Verdict.SILENT if state.exit_code in (ExitCode.COMPLETE, ExitCode.GAPS) else Verdict.FAILED
