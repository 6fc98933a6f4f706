"""Telling people: targets that work, refuse, hang or are not understood; and nothing secret on the way."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import apprise  # noqa: F401 -- now, for it takes long on a busy machine
import pytest
from loguru import logger
from web_servers import NotingServer

from scraper.service.notify import Message, Notifier, Tone
from scraper.settings.serving import Notify

MESSAGE = Message("office: it broke", ("A caller was +15555550100.", "Look at it."), Tone.BAD)


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


def url_of(server: NotingServer) -> str:
    return f"json://{server.place}/a-secret-path"


def notifier(*urls: str, deadline: float = 20) -> Notifier:
    return Notifier(Notify.model_validate({"urls": list(urls)}), deadline)


@pytest.mark.fault("service", "a message goes out", "it holds no number", promise="secret")
def test_a_message_arrives_without_numbers(server: NotingServer) -> None:
    teller = notifier(url_of(server))
    assert teller.tell(MESSAGE)
    (body,) = map(json.loads, server.bodies)
    assert (body["title"], body["message"], body["type"]) == (MESSAGE.title, "A caller was ***00.\nLook at it.", "failure")
    assert (teller.counts.sent, teller.counts.failed) == (1, 0)


@pytest.mark.fault("service", "a target of notifications hangs", "nobody is delayed beyond the deadline", promise="hang")
def test_a_target_that_hangs_delays_nobody_beyond_the_deadline(server: NotingServer, hanging: str, log: list[str]) -> None:
    teller = notifier(hanging, url_of(server), deadline=3)
    began = time.monotonic()
    assert teller.tell(MESSAGE)
    assert time.monotonic() - began < 20
    assert len(server.bodies) == 1
    assert "Target 1 of 2" in "".join(log)


def test_a_target_that_still_hangs_is_not_asked_again(hanging: str) -> None:
    teller = notifier(hanging, deadline=0.2)
    assert [teller.tell(MESSAGE) for _ in range(3)] == [False] * 3
    assert sum(thread.name == "errand" for thread in threading.enumerate()) <= 1


def test_a_message_that_arrives_late_does_not_count_as_the_next_one(server: NotingServer) -> None:
    answers = threading.Event()
    server.wait = lambda _: answers.wait(30)
    teller = notifier(url_of(server), deadline=0.2)
    assert not teller.tell(MESSAGE)
    threading.Timer(0.2, answers.set).start()
    teller._deadline = 20
    assert not teller.tell(Message("office: another thing", ()))
    assert teller._out[0].answer(20)
    assert [json.loads(body)["title"] for body in server.bodies] == [MESSAGE.title]


def test_nobody_waits_for_a_target_that_hangs_once_it_is_closed(hanging: str) -> None:
    teller = notifier(hanging, deadline=60)
    threading.Timer(0.2, teller.close).start()
    began = time.monotonic()
    assert not teller.tell(MESSAGE)
    assert not teller.tell(MESSAGE)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("kind", ["refuses", "closed", "nonsense"])
def test_a_target_that_fails_is_logged_without_its_url(server: NotingServer, log: list[str], kind: str) -> None:
    server.status = 500
    url = {"refuses": url_of(server), "closed": "json://127.0.0.1:9/a-secret-path", "nonsense": "bogus://a-secret-path"}[kind]
    assert not notifier(url).tell(MESSAGE)
    assert "Target 1 of 1" in "".join(log)
    assert "a-secret-path" not in "".join(log)


def test_one_that_was_reached_is_enough(server: NotingServer) -> None:
    teller = notifier("json://127.0.0.1:9/x", url_of(server))
    assert teller.tell(MESSAGE)
    assert (teller.counts.sent, teller.counts.failed) == (1, 1)
