"""What listens is not kept busy by those who never say what they want."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from scraper.service import listening
from scraper.service.listening import Door
from scraper.settings.serving import Listener


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    while scope["path"] == "/read" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    await PlainTextResponse("fine")(scope, receive, send)


def listen_while(folder: Path, work: Callable[[str, int], None]) -> None:
    async def run() -> None:
        with Door("test", Listener(listen="127.0.0.1:0"), folder) as door:
            async with door.open(app):
                await asyncio.to_thread(work, door.url, int(door.url.rpartition(":")[2]))

    asyncio.run(run())


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123"],
)
def test_a_connection_without_a_whole_request_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr(listening, "_ARRIVING_SECONDS", 0.3)

    def work(_: str, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as held:
            held.sendall(beginning)
            began = time.monotonic()
            with suppress(ConnectionResetError):
                while held.recv(1000):
                    pass
            assert time.monotonic() - began < 20

    listen_while(tmp_path, work)


def test_what_keeps_sending_a_byte_at_a_time_is_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_ARRIVING_SECONDS", 0.3)

    def work(_: str, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as held, pytest.raises(OSError):
            for letter in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 100:
                held.sendall(bytes([letter]))
                time.sleep(0.05)

    listen_while(tmp_path, work)


def test_a_slow_answer_and_requests_one_after_another_are_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_ARRIVING_SECONDS", 0.8)

    def work(url: str, _: int) -> None:
        with httpx.Client(base_url=url) as http:
            for path in ("/slow", "/", "/read", "/slow"):
                assert http.post(path, content=b"something").text == "fine"

    listen_while(tmp_path, work)


def test_half_open_connections_keep_nobody_out_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_ARRIVING_SECONDS", 0.3)
    monkeypatch.setattr(listening, "_MOST_CONNECTIONS", 5)

    def work(url: str, port: int) -> None:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
        deadline = time.monotonic() + 60
        while (status := httpx.get(url).status_code) == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        for each in held:
            each.close()
        assert status == 200

    listen_while(tmp_path, work)
