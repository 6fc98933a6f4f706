"""``serve``: one event loop with the schedule, the dispatcher, and what listens; started in order, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

from loguru import logger

from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.lock import service_lock
from scraper.models import utc
from scraper.service.process import clean_up, home_of
from scraper.service.service import Service
from scraper.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings, command: Sequence[str]) -> None:
    """Serve until a signal asks to stop; ``command`` starts a task's process.

    Raises :class:`~scraper.errors.Busy` where another service has this data_dir, and the storage errors of opening the catalog.
    """
    with writing("data_dir"):
        make_folder(settings.data_dir)
    with service_lock(settings.data_dir), Catalog.open(settings.catalog.url) as catalog:
        clean_up(home_of(settings.data_dir))
        asyncio.run(_serve(settings, catalog, command))


async def _serve(settings: Settings, catalog: Catalog, command: Sequence[str]) -> None:
    service = Service(settings, catalog, command)
    serving = asyncio.ensure_future(service.serve())
    asked = _stop_on_signals(serving)
    log = logger.bind(action="service-started")
    log.info("Serving {} UCMs (pid {})", len(settings.ucms), os.getpid())
    for ucm in settings.ucms:
        logger.bind(action="next-run", ucm=ucm).debug("The next run is at {}", utc(service.schedule.next_run(ucm)))
    try:
        await serving
    except asyncio.CancelledError:
        if not asked:
            raise
    logger.bind(action="service-stopped").info("Stopped in order" if len(asked) == 1 else "Ended at once")


def _stop_on_signals(serving: asyncio.Future[None]) -> list[int]:
    """The first signal stops in order, the second ends at once; the signals that came, as they come."""
    loop, asked = asyncio.get_running_loop(), list[int]()

    def stop(number: int) -> None:
        asked.append(number)
        if len(asked) == 1:
            logger.bind(action="service-stopping").info("Stopping: jobs finish the recording in hand; once more ends them at once")
        serving.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    return asked
