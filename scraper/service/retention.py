"""Asks once a day, from the small hours on, that each UCM whose configuration says so lets go of what is too old."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from loguru import logger

from scraper.catalog import Catalog
from scraper.errors import StorageError
from scraper.keeping.retention import rule_of
from scraper.models import Trigger
from scraper.service.task import Dispatch, Kind, Task
from scraper.settings import Settings
from scraper.threads import in_thread

#: From when on, in the schedule's time zone; a service that was not there then makes up for it.
HOUR = 3
_LOOK_SECONDS = 600.0


class Served(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog

    @property
    def dispatch(self) -> Dispatch: ...

    def clock(self) -> datetime:
        """This moment, aware."""
        ...


async def keep_retention(service: Served) -> None:
    """Ask for it each day, until cancelled."""
    rules = {name: rule_of(service.settings, name) for name in service.settings.ucms}
    wanted = [name for name, rule in rules.items() if rule.apply and rule.lets_go]
    while wanted:
        now = service.clock().astimezone(ZoneInfo(service.settings.schedule.timezone))
        for ucm in wanted if now.hour >= HOUR else ():
            await _ask(service, ucm, now.date().isoformat())
        await asyncio.sleep(_LOOK_SECONDS)
    await asyncio.Event().wait()


async def _ask(service: Served, ucm: str, day: str) -> None:
    key = f"keeping:asked:{ucm}"
    try:
        if await in_thread(service.catalog.get_meta, key) == day:
            return
        await in_thread(service.catalog.set_meta, key, day)
    except StorageError as error:
        logger.bind(action="retention-not-asked", ucm=ucm).warning("The catalog can't be written: {}", error.message)
        return
    service.dispatch.ask(Task(Kind.RETENTION, ucm, Trigger.SCHEDULE))
