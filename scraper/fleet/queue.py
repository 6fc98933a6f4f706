"""The fleet's queue, which is procrastinate's: asked by the scheduler, worked on by the workers. What waits and what runs is in its table.

A job is deleted when it has ended: what came of it is in the catalog. Times are the database's.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from loguru import logger
from procrastinate import App, PsycopgConnector, exceptions
from procrastinate.jobs import Status
from psycopg.rows import dict_row
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from scraper.catalog.postgresql import ours
from scraper.clock import utcnow
from scraper.service.task import Kind, Task

#: The name of procrastinate's task, and its queues: slices of backfills may take hours, and must not take every place.
JOB, JOBS, BACKFILL = "job", "jobs", "backfill"
#: Where workers tell what their jobs tell.
CHANNEL = "ucm_fleet"
#: A notification holds at most so many bytes (PostgreSQL: 8,000).
_LONGEST = 7_500
#: What a new connection may take, and the rest between two attempts at first and at most, in seconds.
_CONNECT_SECONDS, _FIRST_REST, _LONGEST_REST = 10, 0.2, 5.0
#: Those who ask take turns, and those who put back.
_ASKING, _PUTTING_BACK = 0x75636D71, 0x75636D70
#: A job that so many workers died of is done no more.
_MOST_DEATHS = 20


@dataclass(frozen=True, slots=True)
class Queued:
    """A task in the queue. ``number`` is the queue's own; times are aware, by the database's clock; ``stopping``: it was asked to stop."""

    number: int
    task: Task
    running: bool
    stopping: bool
    asked_at: datetime
    started_at: datetime | None


class Connector(PsycopgConnector):
    """procrastinate's own, which bears it that the database is gone for a while: a worker and its jobs outlive that.

    What needs no answer is tried again until it is through, or ``hurry`` is set; where a job can't be fetched, there is none.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.hurry = asyncio.Event()

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Until it is through."""
        rest = _FIRST_REST
        while True:
            try:
                await super().execute_query_async(query, **arguments)
                return
            except exceptions.ConnectorException as error:
                if self.hurry.is_set() or not is_gone(error):
                    raise
            await self._rest(rest)
            rest = min(2 * rest, _LONGEST_REST)

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        """Once; what can't be fetched is not there."""
        try:
            found: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
            return found
        except exceptions.ConnectorException as error:
            if "procrastinate_fetch_job" in query and is_gone(error):
                return {"id": None}
            raise

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        """For ever."""
        wanted = tuple(channels)
        while True:
            with suppress(exceptions.ConnectorException):
                await super().listen_notify(on_notification, wanted)
            await asyncio.sleep(_FIRST_REST * 5)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()


def is_gone(error: BaseException) -> bool:
    """Whether the database could not be reached, or the connection broke."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return isinstance(cause, psycopg.OperationalError)


def conninfo(url: str) -> str:
    """What libpq connects by, of an SQLAlchemy URL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Queue:
    """The queue of the fleet whose catalog is at ``url``. Everything is called in one event loop, inside of :meth:`opened`."""

    def __init__(self, url: str) -> None:
        for name in ("procrastinate", "psycopg.pool"):  # they would tell the names of recordings, and each attempt to connect
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._conninfo = conninfo(url)
        options = {"prepare_threshold": None, "connect_timeout": _CONNECT_SECONDS, "application_name": "ucm-scraper fleet"}
        self.connector = Connector(conninfo=self._conninfo, min_size=1, max_size=4, timeout=_CONNECT_SECONDS, kwargs=options)
        self.app = App(connector=self.connector)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connected to the database while the block runs. Raises as :meth:`all`, also for what the block meets there."""
        with _translated():
            await (await self._connect()).close()  # else the pool would try for half a minute
            await self.app.open_async()
            try:
                yield
            finally:
                await self.app.close_async()

    async def ask(self, task: Task) -> str:
        """Put a task into the queue, unless one that waits covers it; the id of the one that will be done. Raises as :meth:`all`."""
        with _translated():
            async with self.connector.pool.connection() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ASKING])
                for one in await self._read(connection, task.ucm):
                    if one.task.id == task.id or (not one.running and task.is_covered_by(one.task)):
                        return one.task.id
                job = self.app.configure_task(
                    JOB,
                    allow_unknown=True,
                    queue=BACKFILL if task.kind is Kind.BACKFILL else JOBS,
                    lock=task.ucm,
                    priority=-task.priority,
                    connection=connection,
                )
                await job.defer_async(task=task.as_json())
        return task.id

    async def all(self) -> list[Queued]:
        """What waits and what runs. Raises what the catalog would: :class:`~scraper.errors.StorageError`."""
        with _translated():
            async with self.connector.pool.connection() as connection:
                return await self._read(connection, None)

    async def stop(self, task_id: str) -> None:
        """Drop a task that waits, or have its worker stop it in order. Raises as :meth:`all`."""
        for one in await self.all():
            if one.task.id == task_id:
                with _translated():
                    await self.app.job_manager.cancel_job_by_id_async(one.number, abort=True, delete_job=True)

    async def tell(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Tell the scheduler something, several things at once where they fit. Raises as :meth:`all`."""
        with _translated():
            async with self.connector.pool.connection() as connection:
                for payload in _packed(events):
                    await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])

    async def hear(self, take: Callable[[Mapping[str, Any]], None], listening: Callable[[], None]) -> None:
        """Give ``take`` what workers tell, for as long as the connection lasts; ``listening`` is called once nothing is missed any more.

        Raises as :meth:`all`.
        """
        with _translated():
            async with await self._connect() as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                listening()
                while True:
                    async for told in connection.notifies(timeout=_CONNECT_SECONDS):
                        for event in _unpacked(told.payload):
                            take(event)
                    await connection.execute("SELECT 1")  # an end that is gone shows only when it is asked something

    async def seconds_behind(self) -> float:
        """By how much this machine's clock is behind the database's; negative: ahead. Raises as :meth:`all`."""
        with _translated():
            async with self.connector.pool.connection() as connection:
                row = await (await connection.execute("SELECT extract(epoch FROM clock_timestamp())")).fetchone()
        return float(row[0]) - datetime.now().timestamp() if row else 0.0

    async def numbers_of(self, worker_id: int) -> set[int]:
        """The jobs that a worker is said to be at. Raises procrastinate's own where the database can't be asked."""
        jobs = await self.app.job_manager.list_jobs_async(status=Status.DOING.value, worker_id=worker_id)
        return {job.id for job in jobs if job.id is not None}

    async def put_back(self, silent: float, lost: Collection[int]) -> None:
        """Let the jobs of workers that were silent for so many seconds be done again, and those ``lost``. Raises as :meth:`numbers_of`.

        One machine does so at a time: else what the first put back, and another has begun, would be put back again.
        """
        manager = self.app.job_manager
        async with self.connector.pool.connection() as connection, connection.transaction():
            taken = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_PUTTING_BACK])).fetchone()
            if not taken or not taken[0]:
                return
            left = list(await manager.get_stalled_jobs(seconds_since_heartbeat=silent))
            for number in lost:
                left += await manager.list_jobs_async(id=number)
            for job in left:
                logger.bind(action="job-taken-over").warning("A job's worker has died; the job goes back into the queue")
                if job.attempts < _MOST_DEATHS:
                    await manager.retry_job(job, retry_at=utcnow())
                else:
                    await manager.finish_job(job, Status.FAILED, delete_job=True)
            await manager.delete_old_jobs(nb_hours=0, include_failed=True, include_cancelled=True, include_aborted=True)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS)

    async def _read(self, connection: Any, ucm: str | None) -> list[Queued]:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_READ, {"task": JOB, "ucm": ucm})
            return [_queued(row) for row in await cursor.fetchall()]


_READ = """
SELECT id, args, status = 'doing' AS running, abort_requested AS stopping,
  (SELECT min(at) FROM procrastinate_events WHERE job_id = jobs.id) AS asked_at,
  (SELECT max(at) FROM procrastinate_events WHERE job_id = jobs.id AND type = 'started') AS started_at
FROM procrastinate_jobs AS jobs
WHERE task_name = %(task)s AND status IN ('todo', 'doing') AND (%(ucm)s::text IS NULL OR lock = %(ucm)s)
ORDER BY status, priority DESC, id
"""


def _queued(row: Mapping[str, Any]) -> Queued:
    task = Task.from_json(row["args"]["task"])
    return Queued(row["id"], task, row["running"], row["stopping"], row["asked_at"], row["started_at"] if row["running"] else None)


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as the catalog's."""
    try:
        yield
    except (psycopg.Error, exceptions.ConnectorException) as error:
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if not isinstance(cause, psycopg.Error):
            raise
        found = DBAPIError.instance(None, None, cause, psycopg.Error)
        assert isinstance(found, DBAPIError)
        raise ours(found) from error


def _packed(events: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Texts of JSON lines, each short enough; what is too long by itself is left out."""
    lines: list[str] = []
    length = 0
    for event in events:
        line = json.dumps(event)  # ASCII: as many bytes as characters
        if len(line) > _LONGEST:
            logger.bind(action="event-too-long").debug("What a job told is too long to be told on")
            continue
        if lines and length + len(line) + 1 > _LONGEST:
            yield "\n".join(lines)
            lines, length = [], 0
        lines.append(line)
        length += len(line) + 1
    if lines:
        yield "\n".join(lines)


def _unpacked(payload: str) -> Iterable[Mapping[str, Any]]:
    for line in payload.splitlines():
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
