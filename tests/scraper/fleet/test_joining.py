"""Joining: the first machine makes what the fleet shares, also in a database that the catalog was copied to."""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from postgres_server import PostgresServer

from scraper.catalog import Catalog
from scraper.catalog.copying import copy
from scraper.errors import CatalogTooNew
from scraper.fleet.joining import _TABLES, join
from scraper.fleet.queue import Queue, conninfo
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
    assert asyncio.run(takes_jobs(moved))
    postgres_server.drop(moved)


async def takes_jobs(url: str) -> bool:
    queue, task = Queue(url), Task(Kind.RUN, "one", Trigger.SCHEDULE)
    async with queue.opened():
        return await queue.ask(task) == task.id and len(await queue.all()) == 1


#: So many of the changes make a queue that is older than those that follow, which add a value to a type and use it.
_OLD = 26


@pytest.mark.fault("fleet", "the queue's tables are an older version's", "they are brought up to date", promise="loss")
def test_an_older_queue_is_brought_up_to_date(tmp_path: Path, postgres: str) -> None:
    folder = resources.files("procrastinate.sql.migrations")
    changes = sorted(one.name for one in folder.iterdir() if one.name.endswith(".sql"))
    with Catalog.open(postgres) as catalog:
        with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
            for name in changes[:_OLD]:
                connection.execute((folder / name).read_bytes())
        catalog.set_meta(_TABLES, changes[_OLD - 1])
        join(settings_of(tmp_path, postgres), catalog)
        assert catalog.get_meta(_TABLES) == changes[-1]
    assert asyncio.run(takes_jobs(postgres))


@pytest.mark.fault("fleet", "the queue's tables are a newer version's", "they are refused, untouched", exit_code=8, promise="loss")
def test_a_newer_queue_is_refused_untouched(tmp_path: Path, postgres: str) -> None:
    with Catalog.open(postgres) as catalog:
        join(settings_of(tmp_path, postgres), catalog)
        catalog.set_meta(_TABLES, "99.00.00_01_from_the_future.sql")
        with pytest.raises(CatalogTooNew) as caught:
            join(settings_of(tmp_path, postgres), catalog)
        assert caught.value.exit_code == 8
        assert catalog.get_meta(_TABLES) == "99.00.00_01_from_the_future.sql"
