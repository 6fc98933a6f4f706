"""A simulated PBX with an API, and the client that is to cope with it. Waiting costs no time: the clock jumps."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scraper.api import Client, Pace, Patience, ShortMemory, Surroundings, open_api
from scraper.budget import SignInBudget
from scraper.catalog import Catalog
from scraper.models import RecordingClass
from scraper.settings import Ucm
from scraper.simulator import API_PASSWORD, API_USER, Simulator


@dataclass
class Clock:
    """Monotonic seconds that only pass where somebody sleeps, and what was slept."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def utc(self) -> datetime:
        return datetime(2026, 2, 27, 18, tzinfo=UTC) + timedelta(seconds=self.now)


@dataclass
class Bench:
    """A running simulation and everything a client of it needs."""

    simulator: Simulator
    ucm: Ucm
    surroundings: Surroundings
    clock: Clock
    memory: ShortMemory
    catalog: Catalog
    stack: ExitStack

    @property
    def state(self) -> Any:
        return self.simulator.state

    def api(self) -> Client:
        """A client that is signed in."""
        return self.stack.enter_context(open_api(self.ucm, self.surroundings))

    def groups(self, api: Client, since: datetime | None = None, until: datetime | None = None) -> list[dict[str, Any]]:
        return [group for page in api.cdr_pages(since, until) for group in page]

    def fetch(self, api: Client, recording: Any, **changes: Any) -> bytes:
        sink = io.BytesIO()
        wanted = {"name": recording.name, "month": recording.month, "klass": recording.klass} | changes
        fetched = api.recording(wanted["name"], wanted["month"], wanted["klass"], sink)
        assert fetched.size == len(sink.getvalue())
        return sink.getvalue()

    def recordings(self, klass: RecordingClass = RecordingClass.MONITOR) -> list[Any]:
        return [each for each in self.state.all_recordings if each.klass is klass]


def ucm_for(web_url: str, pin: str | None = None, **api: Any) -> Ucm:
    """The configuration of one UCM."""
    legacy = api.pop("tls_legacy", False)
    account = {"username": API_USER, "password": API_PASSWORD, **api}
    return Ucm.model_validate({"url": web_url, "tls": {"pin": pin, "legacy": legacy}, "api": account})


def surroundings_in(folder: Path, stack: ExitStack, url: str, **patience: float) -> tuple[Surroundings, Clock, ShortMemory, Catalog]:
    catalog = stack.enter_context(Catalog.open(f"sqlite:///{folder}/catalog.db"))
    clock, memory = Clock(), ShortMemory()
    budget = SignInBudget(catalog, url, clock.utc)
    return (
        Surroundings(budget, memory, Pace(clock, clock.sleep), Patience(**{"read": 5.0, "connect": 2.0, **patience})),
        clock,
        memory,
        catalog,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Starts a simulation of one family (``https`` or ``legacy``) and gives what a client needs."""
    with ExitStack() as stack:

        def begin(kind: str = "https", user: dict[str, Any] | None = None, **changes: Any) -> Bench:
            settings = {"tls": False, "recordings": 10, "seconds": (0.5, 1.0), "pack_seconds": 0.0, "unanswered_calls": 2}
            simulator = stack.enter_context(Simulator(**{**settings, "api_new": kind == "https", "api_old": kind == "legacy", **changes}))
            account = {"kind": kind, "tls_legacy": simulator.config.tls_legacy, **(user or {})}
            if kind == "legacy":
                account.setdefault("url", simulator.api_old_url)
            around, clock, memory, catalog = surroundings_in(tmp_path, stack, simulator.url)
            return Bench(simulator, ucm_for(simulator.url, simulator.pin, **account), around, clock, memory, catalog, stack)

        yield begin


class Scripted:
    """A PBX of the newer API that lets anybody in and answers every other call with what the test says."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], tuple[bytes, dict[str, str]]] = lambda request: (b"", {})
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))["request"]
                body, headers = outer.reply(request)
                self.send_response(int(headers.pop("status", "200")))
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # a client that has read enough
                    self.wfile.write(body)
                self.close_connection = "content-length" in headers

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def reply(self, request: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        inside = {"challenge": {"challenge": "0001"}, "login": {"cookie": "sid1-1"}, "logout": {}}.get(request["action"])
        if inside is not None:
            return json.dumps({"status": 0, "response": inside}).encode(), {}
        self.asked.append(request)
        body, headers = self.answer(request)
        return body, dict(headers)

    def says(self, body: bytes | dict[str, Any], **headers: str) -> None:
        """Answer every call with this."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda request: (data, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[Scripted, Client, Clock]]:
    """The scripted PBX, a client that is signed in to it, and the client's clock."""
    pbx = Scripted()
    with ExitStack() as stack:
        stack.callback(pbx.server.server_close)
        stack.callback(pbx.server.shutdown)
        around, clock, _, _ = surroundings_in(tmp_path, stack, pbx.url, read=2.0)
        yield pbx, stack.enter_context(open_api(ucm_for(pbx.url, kind="https"), around)), clock
