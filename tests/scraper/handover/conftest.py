"""A catalog and a store with recordings in them, settings with sinks, and servers that note what they are asked."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from scraper.catalog import Catalog, Recording
from scraper.cdr import Call, CallFile
from scraper.cdr.clock import Moment
from scraper.handover.deliver import Handover
from scraper.handover.known import known_sinks
from scraper.handover.lane import Until
from scraper.models import Identity, RecordingClass, Source
from scraper.settings import Settings, load
from scraper.simulator.certificates import self_signed, server_context
from scraper.store import LocalStore, open_store

SECRET = "a-secret-for-tests-0123"
NAME = "auto-1770400000-1000-5555550100.wav"


@dataclass
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered; ``hang``: nothing, until the server ends."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    hang: bool = False


@dataclass
class Server:
    """What came, in order, and what is answered to it."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], Answer] = lambda asked: Answer()


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A real HTTP server on a free port, or with ``context`` an HTTPS one."""
    ending = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if "Content-Length" in self.headers:
                body = self.rfile.read(int(self.headers["Content-Length"]))
            else:
                body = b"".join(_chunks(self.rfile))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            server.asked.append(asked)
            answer = server.answer(asked)
            if answer.hang:
                ending.wait(30)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server = Server(f"{'https' if context else 'http'}://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        ending.set()
        http.shutdown()
        http.server_close()
        thread.join()


def _chunks(stream: Any) -> Iterator[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def https_server(tmp_path: Path) -> Iterator[Server]:
    """One with a certificate that it made itself."""
    with serving(server_context(self_signed(["127.0.0.1"]), tmp_path)) as started:
        yield started


@dataclass
class Office:
    """A configuration with sinks, its catalog, and its store."""

    settings: Settings
    catalog: Catalog
    store: LocalStore

    def archive(self, *names: str, ucm: str = "office", run_id: str = "run-1") -> None:
        """Store recordings as a job does."""
        for name in names:
            path = self.store.root / ucm / "2026-02" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"RIFF" + name.encode())
        self.catalog.announce([recording(name, ucm, run_id=run_id) for name in names])
        self.catalog.promote(ucm)

    def named_by_call(self, name: str = NAME) -> None:
        """A call record of this recording."""
        file = CallFile(name, "2026-02", RecordingClass.MONITOR, 12, None)
        start = Moment(datetime(2026, 2, 6, 12, 26, 40), datetime(2026, 2, 6, 18, 26, 40, tzinfo=UTC))
        call = Call(session="s-1", acct_id="7", src="1000", dst="5555550100", start=start, talk_seconds=12, files=(file,))
        self.catalog.upsert_calls("office", [call], "api")

    def hand_over(self, until: Until = Until.NOTHING_DUE, seconds: float = 30.0) -> None:
        """Deliver what is due."""

        async def work() -> None:
            async with asyncio.timeout(seconds):
                await Handover(self.settings, self.catalog).run(until)

        asyncio.run(work())

    def states(self) -> list[tuple[str, str, str]]:
        """(sink, event, state) of each delivery, in order."""
        found = self.catalog.deliveries(("held", "waiting", "parked", "delivered"), limit=1000)
        return [(one.sink, one.event, one.state) for one in reversed(found)]

    def details(self) -> list[str]:
        return [one.detail for one in reversed(self.catalog.deliveries(("held", "waiting", "parked", "delivered"), limit=1000))]


def recording(name: str = NAME, ucm: str = "office", **changes: Any) -> Recording:
    values = {
        "identity": Identity(ucm, RecordingClass.MONITOR, "2026-02", name), "path": f"{ucm}/2026-02/{name}", "size": 4 + len(name),
        "sha256": "a" * 64, "frames": 96000, "sample_rate": 8000, "channels": 1, "source": Source.BULK, "source_format": "gsff",
        "source_size": 64, "source_sha256": "b" * 64, "run_id": "run-1",
    }  # fmt: skip
    return Recording(**(values | changes))


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes offices with these sinks: ``make_office(crm={"webhook": {...}})``; UCMs ``office`` and ``branch``."""
    opened: list[Catalog] = []

    def make(**sinks: Any) -> Office:
        ucm = {"url": "https://192.0.2.1:8089", "timezone": "America/Chicago", "web": {"username": "backup", "password": "not-this-one"}}
        whole = {"data_dir": "./data", "ucms": {"office": ucm, "branch": ucm}, "sinks": sinks}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
        settings = load(tmp_path / "config.yaml", {})
        opened.append(Catalog.open(settings.catalog.url))
        opened[-1].sync_sinks(known_sinks(settings))
        store = open_store(settings.store, opened[-1])
        assert isinstance(store, LocalStore)
        return Office(settings, opened[-1], store)

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def kit() -> Any:
    """This module's names, for tests."""
    return SimpleNamespace(Answer=Answer, NAME=NAME, SECRET=SECRET, recording=recording, serving=serving)
