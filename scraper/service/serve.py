"""``serve``: one event loop with the schedule, the dispatcher, and what listens; started in order, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING

from loguru import logger

from scraper import clock
from scraper.admin import create_app
from scraper.admin.gate import token_of
from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.errors import InternalError
from scraper.fleet.hold import check_fleet
from scraper.fleet.joining import join
from scraper.hooks import create_hooks_app
from scraper.lock import service_lock
from scraper.service.changes import Changes
from scraper.service.duties import without_end
from scraper.service.listening import Door
from scraper.service.process import clean_up, home_of
from scraper.service.service import Service
from scraper.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

#: An address with what is served there.
Place = tuple[Door, Callable[[Service], "ASGIApp"]]


def serve(settings: Settings, command: Sequence[str], configured: Callable[[], Settings]) -> None:
    """Serve until a signal asks to stop; ``command`` starts a task's process, ``configured`` reads the configuration anew.

    Raises :class:`~scraper.errors.Busy` where another service has this data_dir, :class:`~scraper.errors.ConfigError` where an address
    can't be listened on, and the storage errors of opening the catalog.
    """
    with writing("data_dir"):
        make_folder(settings.data_dir)
    with ExitStack() as stack:
        stack.enter_context(service_lock(settings.data_dir))
        catalog = stack.enter_context(Catalog.open(settings.catalog.url))
        check_fleet(settings, catalog)
        if settings.fleet.name:
            join(settings, catalog)
            clock.follow(catalog.seconds_behind())
        places: list[Place] = []
        for title, listener, make in (("admin", settings.admin, create_app), ("hooks", settings.hooks, create_hooks_app)):
            if listener.listen:
                places.append((stack.enter_context(Door(title, listener, settings.data_dir / "admin")), make))
        clean_up(home_of(settings.data_dir))
        asyncio.run(_serve(settings, catalog, command, places, Changes(settings, configured)))


async def _serve(settings: Settings, catalog: Catalog, command: Sequence[str], places: Sequence[Place], changes: Changes) -> None:
    service = Service(settings, catalog, command)
    async with AsyncExitStack() as stack:
        listening = [await stack.enter_async_context(door.open(make(service))) for door, make in places]
        _greet(settings)
        serving = asyncio.ensure_future(service.serve())
        looking = asyncio.ensure_future(without_end(changes.keep))
        with _stopping_on_signals(serving) as asked:
            await asyncio.wait({serving, *listening}, return_when=asyncio.FIRST_COMPLETED)
            broken = not serving.done()
            if broken:
                serving.cancel()
            looking.cancel()
            await asyncio.gather(serving, looking, return_exceptions=True)
    if broken:
        raise InternalError("What listens has ended by itself.", remedy="Start the service again, and please report it with the log.")
    if not asked:
        serving.result()
    logger.bind(action="service-stopped").info("Stopped{}", ": jobs were ended at once" if len(asked) > 1 else "")


def _greet(settings: Settings) -> None:
    log = logger.bind(action="service-started")
    log.info("Serving {} UCM{} (pid {})", len(settings.ucms), "" if len(settings.ucms) == 1 else "s", os.getpid())
    _, file = token_of(settings)
    if settings.admin.listen and file is not None:
        log.info("The admin pages' token lies in {}", file)


@contextmanager
def _stopping_on_signals(serving: asyncio.Future[None]) -> Iterator[list[int]]:
    """The first signal stops in order, the second ends at once; the signals that came, as they come."""
    loop, asked = asyncio.get_running_loop(), list[int]()

    def stop(number: int) -> None:
        asked.append(number)
        if len(asked) == 1:
            logger.bind(action="service-stopping").info("Stopping: jobs finish the recording in hand; another signal ends them at once")
        if len(asked) <= 2:
            serving.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield asked
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
