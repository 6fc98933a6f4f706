"""Shared by all tests: a browser where one is needed, installed where it is missing (as the README's test command promises); servers."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from scraper.webui.browser import ensure_browser

sys.path.insert(0, str(Path(__file__).parent))
import masked
from debian import one_at_a_time
from postgres_server import PostgresServer
from s3_proxy import S3Proxy, proxied
from s3_server import S3Server

if TYPE_CHECKING:
    from archives import Places


# Hundreds of commands, and of Playwright's drivers, are started: let the first of them compile what all of them import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("NODE_COMPILE_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "node"))

# Each set-up of the log has loguru ask for two dozen paths, 3 ms in all.
sysconfig.get_path = functools.cache(sysconfig.get_path)


def pytest_configure(config: pytest.Config) -> None:
    """Every test's stderr is looked through."""
    config.pluginmanager.register(masked, "masked")


# A busy machine takes its time over an example; what hangs, pytest's own timeout ends.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def installed_browser() -> None:
    """Playwright's own browser or the system's; Debian's Chromium is installed as root where there is none."""
    with one_at_a_time():
        ensure_browser()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Look for a browser before any fixture of the test's own: one of these may hold Playwright open, and its loops share no thread.

    What may take longest begins first, so that the last test of a worker is a short one.
    """
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("browser"):
            item.fixturenames.insert(0, "installed_browser")
    items[:] = _longest_first(items, float(config.getini("timeout")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _longest_first(items: list[pytest.Item], usual: float, workers: int) -> list[pytest.Item]:
    """In each of the parts, as many as workers, that xdist deals out, those come first that may take longer than the usual seconds."""
    longer = [item for item in items if (mark := item.get_closest_marker("timeout")) and mark.args[0] > usual]
    long = [item for item in longer if not item.get_closest_marker("bench")]
    rest = [item for item in items if item not in long]
    size = -(-len(rest) // workers)
    return [item for part in range(workers) for item in (*long[part::workers], *rest[part * size : (part + 1) * size])]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one a test process; a test that stops it takes one of its own."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database on a real PostgreSQL."""
    url = postgres_server.fresh()
    yield url
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 service, one a test process."""
    server = S3Server()
    yield server
    server.remove()


@pytest.fixture
def bucket(s3_server: S3Server) -> dict[str, Any]:
    """The ``store`` section of a configuration: an empty place in the bucket of a real S3 service."""
    return s3_server.fresh()


@pytest.fixture
def s3_proxy(s3_server: S3Server, bucket: dict[str, Any]) -> Iterator[S3Proxy]:
    """A proxy in front of the S3 service; ``bucket`` leads through it."""
    with proxied(s3_server) as proxy:
        bucket["endpoint_url"] = proxy.endpoint
        yield proxy


@pytest.fixture(scope="session")
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Makes archives on every kind of catalog and store."""
    from archives import Places

    folder = tmp_path_factory.mktemp("archives")
    return Places(folder, lambda: request.getfixturevalue("postgres_server"), lambda: request.getfixturevalue("s3_server"))
