"""The jobs of one worker: taken from the queue, each done in a process of its own, as the service of a single machine does it.

What they tell is told on to the scheduler. One that was broken off, by a worker that leaves or one that died, goes back into the queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from loguru import logger
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision, exceptions
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.worker import Worker

from scraper import clock
from scraper.clock import utcnow
from scraper.coroutines import end
from scraper.errors import ExitCode, StorageError
from scraper.fleet.queue import BACKFILL, JOBS, Queue
from scraper.service.dispatcher import Dispatcher, Work
from scraper.service.duties import without_end
from scraper.service.process import ChildProcess
from scraper.service.task import Event, Kind, Task, TaskState
from scraper.service.turns import web_only
from scraper.settings import Settings

#: How often the queue is asked where nothing was told, and what is told is told on, in seconds; how long it may take to hear of an end.
_ASK_SECONDS, _TELL_SECONDS, _HEAR_SECONDS = 2.0, 0.25, 10.0
#: What waits to be told on while the database is gone: progress that nobody sees is of no use.
_UNTOLD = 1000
#: Rests before a job is tried again, in seconds, the first and the longest: while another holds its UCM; after a failure of a machine.
_BUSY_REST, _FAILURE_REST = (2.0, 60.0), (5.0, 600.0)
#: So often a job may be tried that its machine fails at.
_MOST_ATTEMPTS = 8
#: Failures of a job that are its machine's: elsewhere, or later, it may do well.
_OF_THE_MACHINE = frozenset({"CatalogUnreachable", "CatalogLocked", "LeaseLost", "InternalError"})


class GivenBack(Exception):
    """The job was broken off, not by its own fault: it goes on at once, elsewhere."""


class InTheWay(Exception):
    """Another job holds the UCM."""


class MachineFailed(Exception):
    """The job's process ended without a report, or could not reach what all share."""


class Again(BaseRetryStrategy):
    """When a job that did not end is tried again, by the database's clock."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See procrastinate. None: it has ended."""
        if isinstance(exception, GivenBack | asyncio.CancelledError):
            return RetryDecision(retry_at=utcnow())
        if isinstance(exception, InTheWay):
            return RetryDecision(retry_at=_later(_BUSY_REST, job.attempts))
        if isinstance(exception, MachineFailed) and job.attempts + 1 < _MOST_ATTEMPTS:
            return RetryDecision(retry_at=_later(_FAILURE_REST, job.attempts))
        return None


def _later(rests: tuple[float, float], attempts: int) -> Any:
    first, longest = rests
    return utcnow() + timedelta(seconds=min(first * 2 ** min(attempts, 20), longest))


class Crew:
    """The jobs of one worker. Everything is called in one event loop."""

    def __init__(self, settings: Settings, queue: Queue, command: Sequence[str], home: str, jobs: int) -> None:
        limits = settings.limits.model_copy(update={"jobs": jobs})
        self.dispatcher = Dispatcher(self._begin, limits, utcnow, waits=False, needs_browser=web_only(settings))
        self.leaving = asyncio.Event()
        self.numbers: set[int] = set()
        self._queue, self._command, self._home, self._jobs = queue, tuple(command), home, jobs
        self._lease = settings.fleet.lease_seconds
        self._backfills = 0
        self._worker: Worker | None = None
        self._closing: asyncio.Future[None] | None = None

    async def _begin(self, task: Task) -> Work:
        return await ChildProcess.start(self._command, task.as_json(), self._home)

    async def work(self) -> None:
        """Take jobs until told to leave; then see that all end in order, or go back. Raises what keeps it from the database."""
        worker = self._worker = Worker(
            self._queue.app,
            queues=self._queues(),
            concurrency=self._jobs,
            fetch_job_polling_interval=_ASK_SECONDS,
            abort_job_polling_interval=_ASK_SECONDS,
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
            update_heartbeat_interval=self._lease / 4,
            stalled_worker_timeout=self._lease,
        )
        duties = [asyncio.ensure_future(without_end(duty)) for duty in (self._tell_on, self._take_over)]
        taking = asyncio.ensure_future(worker.run())  # type: ignore[no-untyped-call]  # the library has no type here
        leaving = asyncio.ensure_future(self.leaving.wait())
        try:
            await asyncio.wait({taking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            worker.stop()  # type: ignore[no-untyped-call]  # the library has no type here
            if self.leaving.is_set():
                await self._leave(taking)
            await taking
        finally:
            await end(*duties, leaving, taking)

    async def _leave(self, taking: asyncio.Future[None]) -> None:
        """Ask what runs to stop, and let the queue know of what goes back."""
        self._closing = asyncio.ensure_future(self.dispatcher.close())
        try:
            await asyncio.wait({self._closing})
        finally:
            await asyncio.wait({taking}, timeout=_HEAR_SECONDS)
            self._queue.connector.hurry.set()

    def end_at_once(self) -> None:
        """End what runs, without waiting for it to stop in order."""
        if self._closing is not None:
            self._closing.cancel()

    async def do(self, context: JobContext, task: Task) -> None:
        """One job, to its end. Raises :class:`GivenBack`, :class:`InTheWay`, :class:`MachineFailed`: it is to be done again."""
        with self._counted(context, task):
            state = self.dispatcher.ask(task)
            stopped = await self._follow(state)
        self._judge(state, stopped)

    async def _follow(self, state: TaskState) -> bool:
        """Wait for its end; whether somebody asked it to stop. The queue asks by cancelling."""
        events, stopped, asked = self.dispatcher.events(state.task.id), False, False
        while True:
            try:
                async for event in events:
                    stopped = stopped or event.data.get("stage") == "stopping"
            except asyncio.CancelledError:
                if current := asyncio.current_task():
                    current.uncancel()
                asked = asked or not self.leaving.is_set()
                self.dispatcher.stop(state.task.id)
            else:
                return asked or (stopped and not self.leaving.is_set())

    def _judge(self, state: TaskState, stopped: bool) -> None:
        code, result = state.exit_code, state.result or {}
        broken_off = not result or result.get("status") == "stopped"
        log = logger.bind(ucm=state.task.ucm, kind=state.task.kind.value)
        if broken_off and code == ExitCode.GAPS and not stopped:
            log.bind(action="job-given-back").info("The job was broken off here; it goes on elsewhere")
            raise GivenBack
        if code == ExitCode.BUSY:
            log.bind(action="job-waits").info("Another job holds this UCM; trying again later")
            raise InTheWay
        failed = "schema" not in result and code in (ExitCode.INTERNAL, ExitCode.STORAGE)
        if failed or (result.get("error") or {}).get("kind") in _OF_THE_MACHINE:
            log.bind(action="job-failed-here").warning("The job failed for a reason of its machine; it may be tried again elsewhere")
            raise MachineFailed

    @contextmanager
    def _counted(self, context: JobContext, task: Task) -> Iterator[None]:
        """One place is kept for what is due: slices of backfills may take hours."""
        number, weight = context.job.id or 0, int(task.kind is Kind.BACKFILL)
        self.numbers.add(number)
        self._count(weight)
        try:
            yield
        finally:
            self.numbers.discard(number)
            self._count(-weight)

    def _count(self, backfills: int) -> None:
        self._backfills += backfills
        if self._worker is not None:
            self._worker.queues = self._queues()

    def _queues(self) -> list[str]:
        return [JOBS, BACKFILL] if self._backfills < max(self._jobs - 1, 1) else [JOBS]

    # --- duties ---

    async def _tell_on(self) -> None:
        """Tell the scheduler what jobs tell: of progress the newest only."""
        untold: deque[Event] = deque(maxlen=_UNTOLD)
        events = self.dispatcher.events()

        async def listen() -> None:
            async for event in events:
                untold.append(event)

        listening = asyncio.ensure_future(listen())
        try:
            while True:
                await asyncio.sleep(_TELL_SECONDS)
                if news := _newest(untold):
                    untold.clear()
                    with suppress(StorageError):
                        await self._queue.tell(news)
        finally:
            listening.cancel()

    async def _take_over(self) -> None:
        """Put the jobs of workers that died back into the queue, and of this one those that it never got."""
        suspects: set[int] = set()
        while True:
            await asyncio.sleep(self._lease / 3)
            worker_id = self._worker.worker_id if self._worker else None
            with suppress(StorageError, exceptions.ConnectorException):
                clock.follow(await self._queue.seconds_behind())
                lost = await self._queue.numbers_of(worker_id) - self.numbers if worker_id is not None else set()
                await self._queue.put_back(self._lease, lost & suspects)
                suspects = lost


def _newest(untold: deque[Event]) -> list[dict[str, Any]]:
    """What is told on: everything once, of progress the last; of a report only that there is one, for it is in the catalog."""
    last = {(event.task_id, event.name): index for index, event in enumerate(untold)}
    found = []
    for index, event in enumerate(untold):
        if event.name in ("phase", "downloaded", "recording") and last[event.task_id, event.name] != index:
            continue
        data = event.data
        if event.name == "result" and "schema" in (data.get("result") or {}):
            data = {**data, "result": None}
        found.append({"task": event.task_id, "ucm": event.ucm, "event": event.name, "data": data})
    return found
