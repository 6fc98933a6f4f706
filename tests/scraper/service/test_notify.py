"""Telling people: targets that work, refuse, hang or are not understood; and nothing secret on the way."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from loguru import logger

from scraper.service.notify import Message, Notifier, Tone
from scraper.settings.serving import Notify

MESSAGE = Message("office: it broke", ("A caller was +15555550100.", "Look at it."), Tone.BAD)


class Server(ThreadingHTTPServer):
    """Notes every JSON body; answers ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/a-secret-path"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.answers.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hanging() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"json://127.0.0.1:{listening.getsockname()[1]}/a-secret-path?rto=60"


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(str(message)), level=0)
    yield lines
    logger.remove(handler)


def notifier(*urls: str, deadline: float = 20) -> Notifier:
    return Notifier(Notify.model_validate({"urls": list(urls)}), deadline)


def test_a_message_arrives_without_numbers(server: Server) -> None:
    teller = notifier(server.url)
    assert teller.tell(MESSAGE)
    (body,) = server.bodies
    assert (body["title"], body["message"], body["type"]) == (MESSAGE.title, "A caller was ***00.\nLook at it.", "failure")
    assert (teller.counts.sent, teller.counts.failed) == (1, 0)


def test_a_target_that_hangs_delays_nobody_beyond_the_deadline(server: Server, hanging: str, log: list[str]) -> None:
    teller = notifier(hanging, server.url, deadline=2)
    began = time.monotonic()
    assert teller.tell(MESSAGE)
    assert time.monotonic() - began < 4
    assert len(server.bodies) == 1
    assert "Target 1 of 2" in "".join(log)


def test_a_target_that_still_hangs_is_not_asked_again(hanging: str) -> None:
    teller = notifier(hanging, deadline=0.2)
    assert [teller.tell(MESSAGE) for _ in range(3)] == [False] * 3
    assert sum(thread.name == "errand" for thread in threading.enumerate()) <= 1


def test_a_message_that_arrives_late_does_not_count_as_the_next_one(server: Server) -> None:
    server.answers.clear()
    teller = notifier(server.url, deadline=0.2)
    assert not teller.tell(MESSAGE)
    threading.Timer(0.2, server.answers.set).start()
    teller._deadline = 20
    assert not teller.tell(Message("office: another thing", ()))
    assert [body["title"] for body in server.bodies] == [MESSAGE.title]


def test_nobody_waits_for_a_target_that_hangs_once_it_is_closed(hanging: str) -> None:
    teller = notifier(hanging, deadline=60)
    threading.Timer(0.2, teller.close).start()
    began = time.monotonic()
    assert not teller.tell(MESSAGE)
    assert not teller.tell(MESSAGE)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("kind", ["refuses", "closed", "nonsense"])
def test_a_target_that_fails_is_logged_without_its_url(server: Server, log: list[str], kind: str) -> None:
    server.status = 500
    url = {"refuses": server.url, "closed": "json://127.0.0.1:9/a-secret-path", "nonsense": "bogus://a-secret-path"}[kind]
    assert not notifier(url).tell(MESSAGE)
    assert "Target 1 of 1" in "".join(log)
    assert "a-secret-path" not in "".join(log)


def test_one_that_was_reached_is_enough(server: Server) -> None:
    teller = notifier("json://127.0.0.1:9/x", server.url)
    assert teller.tell(MESSAGE)
    assert (teller.counts.sent, teller.counts.failed) == (1, 1)
