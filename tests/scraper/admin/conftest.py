"""An admin service over a real catalog and real settings; what it is asked to dispatch is only noted."""

from __future__ import annotations

import re
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from scraper.admin import create_app
from scraper.backfill import Backfills
from scraper.catalog import Catalog
from scraper.service.health import Health
from scraper.service.metrics import Tally
from scraper.service.task import Event, Stage, Task, TaskState
from scraper.settings import load

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

TOKEN = "a-token-for-tests-0123456789"


@dataclass
class NotedDispatch:
    """Has nothing done: notes what it is asked for. ``told``: what :meth:`events` tells, after which the tasks have ended."""

    known: dict[str, TaskState] = field(default_factory=dict)
    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    def ask(self, task: Task) -> TaskState:
        return self.known.setdefault(task.id, TaskState(task, datetime.now(UTC)))

    def stop(self, task_id: str) -> bool:
        state = self.known.get(task_id)
        if state is None or state.stage is Stage.ENDED:
            return False
        state.stage = Stage.STOPPING
        return True

    def send(self, task_id: str, command: Mapping[str, Any]) -> bool:
        self.sent.append((task_id, command))
        return task_id in self.known

    def state(self, task_id: str) -> TaskState | None:
        return self.known.get(task_id)

    def states(self, ucm: str | None = None) -> list[TaskState]:
        return [state for state in self.known.values() if ucm in (None, state.task.ucm)]

    async def _events(self, task_id: str | None) -> AsyncIterator[Event]:
        for event in self.told:
            if task_id in (None, event.task_id):
                yield event

    def events(self, task_id: str | None = None) -> AsyncIterator[Event]:
        return self._events(task_id)


@dataclass
class Admin:
    """The service under test. ``client`` is signed in, ``outsider`` is nobody; neither follows redirects."""

    service: Any
    app: Any
    client: TestClient
    outsider: TestClient
    csrf: str = ""
    token: str = TOKEN
    bearer: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}"})

    @property
    def dispatch(self) -> NotedDispatch:
        return self.service.dispatch

    @property
    def catalog(self) -> Catalog:
        return self.service.catalog

    def post(self, path: str, **fields: Any) -> Any:
        """A page's form, sent with its CSRF token."""
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def sign_in(self, client: TestClient, token: str = TOKEN, **fields: str) -> Any:
        form = client.get("/sign-in")
        return client.post("/sign-in", data={"csrf": field_of(form.text, "csrf"), "token": token, **fields})


def field_of(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return found[1]


@pytest.fixture
def make_admin(tmp_path: Path) -> Iterator[Any]:
    """Makes admin services: ``make_admin(admin={"tls": {"self_made": True}})``; keywords are top-level sections of the configuration."""
    opened: list[Catalog] = []

    def make(base_url: str = "http://localhost", address: tuple[str, int] = ("127.0.0.1", 50000), **sections: Any) -> Admin:
        ucm = {"url": "https://192.0.2.1:8089", "timezone": "America/Chicago", "web": {"username": "backup", "password": "not-this-one"}}
        whole = {"data_dir": "./data", "ucms": {"office": ucm, "branch": ucm}, **sections}
        whole["admin"] = {"token": TOKEN, **sections.get("admin", {})}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole))
        settings = load(tmp_path / "config.yaml", {})
        opened.append(Catalog.open(settings.catalog.url))
        service = SimpleNamespace(
            settings=settings,
            catalog=opened[-1],
            dispatch=NotedDispatch(),
            backfills=Backfills(opened[-1]),
            go_on_with_backfills=lambda: None,
            handover=SimpleNamespace(wake=lambda: None),
            schedule=SimpleNamespace(next_run=lambda ucm: None),
            health=Health(opened[-1], settings),
            watch=SimpleNamespace(tally=Tally()),
            started_at=datetime.now(UTC),
            clock=lambda: datetime.now(UTC),
        )
        app = create_app(service)
        clients = [TestClient(app, base_url=base_url, follow_redirects=False, client=address) for _ in range(2)]
        return Admin(service, app, *clients)

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def admin(make_admin: Any) -> Admin:
    """An admin service on loopback with the UCMs ``office`` and ``branch``; its client is signed in."""
    found = make_admin()
    assert found.sign_in(found.client).status_code == 303
    page = found.client.get("/")
    found.csrf = re.search(r'name="csrf-token" content="([^"]+)"', page.text)[1]
    found.service.health = Health(found.service.catalog, found.service.settings)  # one that remembers nothing of that page
    return found
