"""A worker's process: joins the fleet, takes jobs until told to leave, and leaves nothing on its machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from loguru import logger
from procrastinate import JobContext, exceptions

from scraper import clock
from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.errors import Busy, StorageError
from scraper.fleet.crew import Again, Crew
from scraper.fleet.joining import join
from scraper.fleet.queue import JOB, Queue
from scraper.lock import service_lock
from scraper.service.process import clean_up, home_of
from scraper.service.task import Task
from scraper.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: A rest before the worker tries to reach the database again, at first and at most, in seconds.
_FIRST_REST, _LONGEST_REST = 1.0, 30.0


def work(settings: Settings, command: Sequence[str], jobs: int | None = None) -> None:
    """Take jobs until a signal asks to leave; ``command`` starts a job's process; ``jobs`` at once, unless given as limits.jobs says.

    Raises :class:`~scraper.errors.ConfigError` where this is no fleet, or the database another's, and the storage errors of reaching
    what all share.
    """
    with writing("data_dir"):
        make_folder(settings.data_dir)
    with Catalog.open(settings.catalog.url) as catalog:
        join(settings, catalog)
        clock.follow(catalog.seconds_behind())
    jobs = jobs or settings.limits.jobs
    with _place(settings.data_dir / "workers") as folder:
        os.environ["UCM_SCRAPER__DATA_DIR"] = str(folder)  # the jobs': what they leave there, goes with this worker
        os.environ["UCM_SCRAPER__LIMITS__JOBS"] = str(jobs)
        asyncio.run(_work(settings, command, home_of(folder), jobs))


@contextmanager
def _place(workers: Path) -> Iterator[Path]:
    """A folder of this worker's own, removed at its end; one that a worker left that was killed is taken first, and cleaned up."""
    number = 0
    with ExitStack() as stack:
        while True:
            number += 1
            folder = workers / str(number)
            with writing("data_dir"):
                make_folder(folder)
            with suppress(Busy):
                stack.enter_context(service_lock(folder))
                break
        clean_up(home_of(folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _work(settings: Settings, command: Sequence[str], home: str, jobs: int) -> None:
    queue = Queue(settings.catalog.url)
    crew = Crew(settings, queue, command, home, jobs)

    @queue.app.task(name=JOB, pass_context=True, retry=Again())
    async def job(context: JobContext, task: dict[str, Any]) -> None:
        await crew.do(context, Task.from_json(task))

    with _leaving_on_signals(crew):
        logger.bind(action="worker-started").info(
            "Taking jobs of the fleet {}, {} at once (pid {})", settings.fleet.name, jobs, os.getpid()
        )
        await _keep_working(queue, crew)
    logger.bind(action="worker-left").info("Left the fleet")


async def _keep_working(queue: Queue, crew: Crew) -> None:
    """Work; where the database can't be reached, try again after a rest that grows."""
    rest = _FIRST_REST
    while not crew.leaving.is_set():
        try:
            async with queue.opened():
                rest = _FIRST_REST
                await crew.work()
        except (StorageError, exceptions.ProcrastinateException) as error:
            if crew.leaving.is_set():
                logger.bind(action="queue-lost").warning("The queue could not be told of the leave; others take over what is left")
                return
            told = error.message if isinstance(error, StorageError) else type(error).__name__
            logger.bind(action="queue-lost").warning("The queue can't be worked on ({}); trying again in {:.0f} s", told, rest)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await crew.leaving.wait()
            rest = min(2 * rest, _LONGEST_REST)


@contextmanager
def _leaving_on_signals(crew: Crew) -> Iterator[None]:
    """The first signal drains, the second ends at once."""
    loop = asyncio.get_running_loop()

    def leave() -> None:
        if crew.leaving.is_set():
            crew.end_at_once()
            return
        logger.bind(action="worker-leaving").info("Leaving: jobs finish the recording in hand; another signal ends them at once")
        crew.leaving.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
