"""Ten thousand deliveries to a webhook that fails one in five, hangs and restarts, by a process that is killed ten times.

The whole of it: `pytest tests/bench/test_handover_bench.py -m bench -s`; what carries no mark is the part that CI runs.
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper.catalog import Catalog, Recording
from scraper.handover.known import known_sinks
from scraper.models import Identity, RecordingClass, Source
from scraper.settings import Settings, load

#: Of so many recordings a better copy comes, each tenth.
TENTH = 10
TIMEOUT_SECONDS = 1.0


@dataclass
class Receiver:
    """Fails one in five in five ways; notes what it accepted, in order: (recording, event, delivery)."""

    accepted: list[tuple[int, str, str]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    _chance: random.Random = field(default_factory=lambda: random.Random(7))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None
    port: int = 0

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.answer(self, told)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, told: dict[str, Any]) -> None:
        with self._lock:
            fails = self._chance.random() < 0.2
            how = self._chance.choices(["500", "429", "page", "cut", "hang"], [8, 8, 8, 8, 1])[0]
            if fails:
                self.failed[how] += 1
            else:
                self.accepted.append((told["recording"]["id"], told["event"], told["delivery"]))
        if not fails:
            _send(request, 200, b'{"ok": true}', "application/json")
        elif how in ("500", "429"):
            _send(request, int(how), b"", "text/plain")
        elif how == "page":
            _send(request, 200, b"<!doctype html><title>Login</title>", "text/html")
        else:
            if how == "hang":
                time.sleep(TIMEOUT_SECONDS + 1)
            request.close_connection = True


class _Quiet(ThreadingHTTPServer):
    """Senders that were killed are no news here."""

    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def settings_of(folder: Path, receiver: Receiver) -> Settings:
    hook = {"url": f"http://127.0.0.1:{receiver.port}/hook", "secret": "a-secret-for-tests-0123"}
    sink = {"webhook": hook, "parallel": 16, "timeout_seconds": TIMEOUT_SECONDS, "retry_seconds": 0.2, "attempts": 1000}
    ucm = {"url": "https://192.0.2.1:8089", "web": {"username": "backup", "password": "not-this-one"}}
    whole = {"data_dir": "./data", "ucms": {"office": ucm}, "sinks": {"crm": sink}, "log": {"level": "error"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(whole))
    return load(folder / "config.yaml", {})


def fill(catalog: Catalog, count: int) -> int:
    """Archive so many recordings, and replace each tenth; how many deliveries that makes."""
    for start in range(0, count, 500):
        catalog.announce([recording(number) for number in range(start, min(start + 500, count))])
        catalog.promote("office")
    tenths = [one for one in catalog.recordings("office") if one.id % TENTH == 0]
    for one in tenths:
        catalog.announce_replacement(replace(one, sha256="e" * 64))
        catalog.finish_replacement(one.id)
    return count + len(tenths)


def recording(number: int) -> Recording:
    name = f"auto-{1770000000 + number}-1000-5555550100.wav"
    return Recording(
        identity=Identity("office", RecordingClass.MONITOR, "2026-02", name), path=f"office/2026-02/{name}", size=100, sha256="a" * 64,
        frames=8000, sample_rate=8000, channels=1, source=Source.BULK, source_format="gsff", source_size=64, source_sha256="b" * 64,
        run_id="r",
    )  # fmt: skip


def deliver(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "scraper", "--config", str(folder / "config.yaml"), "deliver", "--until-empty"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], deadline: float) -> None:
    while not condition():
        assert process.poll() is None, f"it ended by itself with {process.returncode}"
        assert time.monotonic() < deadline, "too slow"
        time.sleep(0.05)


def prove(folder: Path, count: int, kills: int, deadline_seconds: float) -> None:
    """All that is promised, whatever happens on the way."""
    with receiving() as receiver, Catalog.open(settings_of(folder, receiver).catalog.url, busy_seconds=30) as catalog:
        catalog.sync_sinks(known_sinks(load(folder / "config.yaml", {})))
        owed = fill(catalog, count)
        began, deadline = time.monotonic(), time.monotonic() + deadline_seconds
        for number in range(1, kills + 1):
            process = deliver(folder)
            wait_for(lambda mark=number * owed // (kills + 1): len(receiver.accepted) >= mark, process, deadline)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            if number % 3 == 1:  # it restarts, and somebody comes meanwhile
                receiver.stop()
                process = deliver(folder)
                time.sleep(0.5)
                receiver.start()
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        process = deliver(folder)
        assert process.wait(max(deadline - time.monotonic(), 1)) == 0
        seconds = time.monotonic() - began
        check(catalog, receiver, count, owed)
        twice = len(receiver.accepted) - owed
        print(f"\n{owed:,} deliveries in {seconds:.0f} s: {owed / seconds:.0f} a second; failures {dict(receiver.failed)}, twice {twice}")


def check(catalog: Catalog, receiver: Receiver, count: int, owed: int) -> None:
    assert [(one.owed, one.parked, one.delivered) for one in catalog.sink_counts()] == [(0, 0, owed)]
    events: dict[int, list[str]] = {}
    for identifier, event, _ in receiver.accepted:
        events.setdefault(identifier, []).append(event)
    assert len(events) == count
    assert all(("replaced" in seen) == (identifier % TENTH == 0) for identifier, seen in events.items())
    # What arrived twice arrived again before anything later of the same recording.
    assert all(seen == sorted(seen) and seen[0] == "archived" for seen in events.values())
    uids = {uid for _, _, uid in receiver.accepted}
    assert len(uids) == owed


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_ten_thousand_deliveries_survive_failures_hangs_restarts_and_ten_kills(tmp_path):
    prove(tmp_path, 10_000, 10, 1500)


def test_two_hundred_deliveries_survive_failures_hangs_a_restart_and_two_kills(tmp_path):
    prove(tmp_path, 200, 1, 150)  # the second one comes with the restart
