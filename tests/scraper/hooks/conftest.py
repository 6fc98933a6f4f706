"""The hooks listener over a real catalog, asked in process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest
import yaml
from starlette.applications import Starlette

from scraper.catalog import Catalog
from scraper.cdr import Call
from scraper.hooks import create_hooks_app
from scraper.service.push import PushCounts
from scraper.settings import load

USER = ("pbx", "a-password-for-pushes")

_T = TypeVar("_T")


@dataclass
class Listener:
    """The app with what it writes to. ``told``: the calls that it said are new, by UCM."""

    catalog: Catalog
    app: Starlette
    counts: PushCounts
    told: list[tuple[str, Sequence[Call]]] = field(default_factory=list)

    def ask(self, work: Callable[[httpx.AsyncClient], Coroutine[Any, Any, _T]], address: str = "192.0.2.1", **client: Any) -> _T:
        """Do ``work`` with a client at this address; it signs in unless told otherwise."""

        async def run() -> _T:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 50_000))
            async with httpx.AsyncClient(**{"transport": transport, "base_url": "http://localhost", "auth": USER, **client}) as http:
                return await work(http)

        return asyncio.run(run())

    def post(self, body: bytes, ucm: str = "office", **client: Any) -> httpx.Response:
        """One push."""
        return self.ask(lambda http: http.post(f"/hooks/cdr/{ucm}", content=body), **client)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    config = tmp_path / "config.yaml"
    section = {"url": "https://pbx.example.com:8089", "timezone": "America/Chicago", "web": {"username": "backup", "password": "not-asked"}}
    hooks = {"listen": "127.0.0.1:0", "username": USER[0], "password": USER[1]}
    config.write_text(yaml.safe_dump({"data_dir": "./data", "hooks": hooks, "ucms": {"office": section}}))
    settings = load(config, {})
    with Catalog.open(settings.catalog.url) as catalog:
        counts, told = PushCounts(), list[tuple[str, Sequence[Call]]]()
        pushes = SimpleNamespace(counts=counts, noted=lambda ucm, calls: told.append((ucm, calls)))
        app = create_hooks_app(SimpleNamespace(settings=settings, catalog=catalog, pushes=pushes))
        yield Listener(catalog, app, counts, told)
