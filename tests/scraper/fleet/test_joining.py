"""Joining: the first machine makes what the fleet shares, also in a database that the catalog was copied to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from postgres_server import PostgresServer

from scraper.catalog import Catalog
from scraper.catalog.copying import copy
from scraper.fleet.joining import join
from scraper.fleet.queue import Queue
from scraper.models import Trigger
from scraper.service.task import Kind, Task

from .conftest import settings_of


def test_a_fleet_goes_on_in_a_database_that_its_catalog_was_copied_to(
    tmp_path: Path, postgres: str, postgres_server: PostgresServer
) -> None:
    moved = postgres_server.fresh()
    with Catalog.open(postgres) as old, Catalog.open(moved) as new:
        join(settings_of(tmp_path, postgres), old)
        copy(old, new)
        for _ in range(2):
            join(settings_of(tmp_path, moved), new)

    async def ask() -> bool:
        queue, task = Queue(moved), Task(Kind.RUN, "one", Trigger.SCHEDULE)
        async with queue.opened():
            return await queue.ask(task) == task.id

    assert asyncio.run(ask())
    postgres_server.drop(moved)
