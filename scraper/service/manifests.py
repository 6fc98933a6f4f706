"""Has manifests written of UCMs whose jobs don't: those run a job less often than daily, or none any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from loguru import logger

from scraper.catalog import Catalog
from scraper.errors import Busy, ScraperError
from scraper.fleet.hold import held
from scraper.proof.manifests import write_due
from scraper.settings import Settings
from scraper.store import open_store
from scraper.threads import in_thread

#: How often it is looked, in seconds.
EVERY_SECONDS = 3600.0


class Served(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog

    def clock(self) -> datetime:
        """This moment, aware."""


async def keep_manifests(service: Served) -> None:
    """Write what is due of each UCM, until cancelled."""
    while True:
        for ucm in service.settings.ucms:
            await in_thread(_write, service, ucm)
        await asyncio.sleep(EVERY_SECONDS)


def _write(service: Served, ucm: str) -> None:
    """Mostly nothing is due, and the store isn't touched. Where a job works on the UCM, that job has done it."""
    try:
        if service.catalog.due_days(ucm, service.clock().date().isoformat()):
            with suppress(Busy), held(service.settings, service.catalog, ucm) as catalog:
                write_due(catalog, open_store(service.settings.store, catalog), ucm, service.clock())
    except ScraperError as error:
        logger.bind(action="manifest-not-written", ucm=ucm).warning("The manifest can't be written: {}", error.message)
