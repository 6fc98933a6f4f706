"""A fleet's database, made once for all tests of a process, and empty for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_server import PostgresServer

from scraper.catalog import Catalog
from scraper.fleet.joining import join
from scraper.fleet.queue import conninfo
from scraper.sealed import new_key
from scraper.settings import Settings

LEASE = 3.0


def settings_of(folder: Path, url: str, *ucms: str, **changes: object) -> Settings:
    """A configuration of the fleet ``north``."""
    api = {"username": "cdrapi", "password": "p"}
    raw = {
        "data_dir": str(folder / "data"),
        "store": {"url": str(folder / "store")},
        "catalog": {"url": url},
        "encryption": {"key": new_key()},
        "fleet": {"name": "north", "lease_seconds": LEASE},
        "ucms": {name: {"url": "https://pbx.example.com:8089", "api": api} for name in ucms or ("one", "two")},
    }
    return Settings.model_validate({**raw, **changes})


@pytest.fixture(scope="session")
def fleet_database(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = postgres_server.fresh()
    with Catalog.open(url) as catalog:
        join(settings_of(tmp_path_factory.mktemp("fleet"), url), catalog)
    yield url
    postgres_server.drop(url)


@pytest.fixture
def database(fleet_database: str) -> str:
    """The URL of a database that the fleet ``north`` has joined: no job, no lease, no run, no store known."""
    with psycopg.connect(conninfo(fleet_database)) as connection:
        connection.execute("TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events, procrastinate_periodic_defers")
        connection.execute("TRUNCATE leases, sessions, runs, gaps, recordings CASCADE")
        connection.execute("DELETE FROM meta WHERE key NOT LIKE 'fleet:%'")
    return fleet_database


@pytest.fixture
def catalog(database: str) -> Iterator[Catalog]:
    with Catalog.open(database) as catalog:
        yield catalog


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    return settings_of(tmp_path, database)
