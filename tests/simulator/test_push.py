"""The simulated PBX's pushes, against a listener that does as told; and recordings that are written late."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scraper.simulator import Simulator
from scraper.simulator.push import Pusher


class Taker(ThreadingHTTPServer):
    """Answers ``status``; ``taken``: method, Authorization and body of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.taken: list[tuple[str, str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Taker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append((self.command, self.headers.get("Authorization", ""), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def taker() -> Iterator[Taker]:
    with Taker() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ucm() -> Iterator[Simulator]:
    with Simulator(recordings=0, unanswered_calls=0, today=None, seconds=(0.1, 0.2)) as simulator:
        yield simulator


def pusher(ucm: Simulator, taker: Taker) -> Pusher:
    return Pusher(ucm.state, f"http://127.0.0.1:{taker.server_port}/hooks/cdr/office", ("pbx", "word"))


def test_what_is_not_taken_waits_in_its_order_and_comes_again(ucm: Simulator, taker: Taker) -> None:
    with pusher(ucm, taker) as pushing:
        taker.status = 503
        pushing.hang_up(2)
        assert len(pushing.waiting) == 2 and pushing.statuses == [503]
        taker.status = 200
        assert pushing.deliver() == 0
    assert all(auth.startswith("Basic ") for _, auth, _ in taker.taken)
    assert len({json.dumps(json.loads(body)) for _, _, body in taker.taken}) == 2


def test_probes_are_an_empty_post_and_a_get(ucm: Simulator, taker: Taker) -> None:
    with pusher(ucm, taker) as pushing:
        pushing.probe()
    assert [(method, body) for method, _, body in taker.taken] == [("POST", b""), ("GET", b"")]


def test_written_late_shows_nothing_then_half_then_all_of_a_recording(ucm: Simulator) -> None:
    ucm.state.faults.set("written_late", "1.5")
    (made,) = ucm.state.add()
    seen: list[int] = []
    deadline = time.monotonic() + 20
    while made.frames not in seen and time.monotonic() < deadline:
        found = ucm.state.find(made.path)
        seen += [size] if (size := found.frames if found else 0) not in seen else []
        time.sleep(0.02)
    nothing, half, whole = seen
    assert nothing == 0 < half < whole == made.frames
