"""How fast a job may download, over the API and in the browser."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scraper.api.transport import Outgoing, Patience, Transport
from scraper.bandwidth import Bandwidth
from scraper.settings.model import Tls
from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.relay import relay

MBIT_4 = 500_000
FILE = os.urandom(1_000_000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_spent_is_waited_for_whoever_spends_it():
    clock = Clock()
    bandwidth = Bandwidth(1000, clock)
    assert [bandwidth.spend(500), bandwidth.spend(1000)] == [0.5, 1.5]
    clock.now = 1.0
    assert bandwidth.spend(500) == 1.0


def test_time_that_nobody_used_is_not_saved_up():
    clock = Clock()
    bandwidth = Bandwidth(1000, clock)
    clock.now = 3600.0
    assert bandwidth.spend(1000) == 1.0


def test_several_processes_spend_from_one_budget(tmp_path: Path):
    clock = Clock()
    one, other = (Bandwidth(1000, clock, tmp_path / "shared") for _ in range(2))
    assert [one.spend(500), other.spend(500), one.spend(1000)] == [0.5, 1.0, 2.0]
    clock.now = 3600.0
    assert other.spend(1000) == 1.0


def test_what_was_spent_before_the_machine_started_anew_is_not_waited_for(tmp_path: Path):
    (tmp_path / "shared").write_text("11111111-1111-1111-1111-111111111111 9000000.000000\n")
    assert Bandwidth(1000, Clock(), tmp_path / "shared").spend(1000) == 1.0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe damaged", b"one two three"])
def test_shared_file_that_is_damaged_counts_as_empty(tmp_path: Path, content: bytes):
    (tmp_path / "shared").write_bytes(content)
    one, other = (Bandwidth(1000, Clock(), tmp_path / "shared") for _ in range(2))
    assert [one.spend(1000), other.spend(1000)] == [1.0, 2.0]


def test_without_the_shared_file_each_keeps_to_the_limit_by_itself(tmp_path: Path):
    bandwidth = Bandwidth(1000, Clock(), tmp_path / "missing" / "shared")
    assert [bandwidth.spend(1000), bandwidth.spend(1000)] == [1.0, 2.0]


def test_process_that_holds_the_shared_file_hangs_nobody(tmp_path: Path):
    with (tmp_path / "shared").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert Bandwidth(1000, Clock(), tmp_path / "shared").spend(1000) == 1.0


@contextmanager
def a_server() -> Iterator[str]:
    """Serves a page with a link, and one megabyte as an attachment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = self.path != "/file"
            body = b"<a href=/file>file</a>" if page else FILE
            self.send_response(200)
            self.send_header("content-type", "text/html" if page else "application/octet-stream")
            self.send_header("content-length", str(len(body)))
            if not page:
                self.send_header("content-disposition", "attachment; filename=file.bin")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_megabyte_over_the_api_takes_as_long_as_it_may():
    bandwidth = Bandwidth(MBIT_4)
    with a_server() as url, Transport(url, Tls(), Patience()) as transport:
        transport.came = lambda count: time.sleep(bandwidth.spend(count))
        began = time.monotonic()
        with transport.send(Outgoing("GET", "/file", 60)) as reply:
            size = sum(len(piece) for piece in reply.pieces())
        assert (size, 1.6 <= time.monotonic() - began < 4) == (len(FILE), True)


@pytest.mark.browser
def test_a_megabyte_in_the_browser_takes_as_long_as_it_may(tmp_path: Path):
    async def download(url: str) -> tuple[bytes, float]:
        options = LaunchOptions(tmp_path, host="127.0.0.1", bandwidth=Bandwidth(MBIT_4))
        async with launched(options, None) as browser:
            page = await browser.new_page()
            await page.goto(url)
            began = time.monotonic()
            async with page.expect_download() as waiting:
                await page.click("a")
            path = await (await waiting.value).path()
            return path.read_bytes(), time.monotonic() - began

    with a_server() as url:
        data, seconds = asyncio.run(download(url))
    assert data == FILE
    assert 1.6 <= seconds < 4


def test_the_relay_leads_to_the_pbx_and_nowhere_else():
    async def ask(proxy: str, port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
        writer.write(b"\x05\x01\x00" + b"\x05\x01\x00\x01" + bytes([127, 0, 0, 1]) + port.to_bytes(2))
        answer = await reader.readexactly(2 + 10)
        writer.close()
        return answer[3]

    async def both(port: int) -> list[int]:
        found = []
        for hosts in ({"127.0.0.1"}, {"pbx.example.com"}):
            async with relay(Bandwidth(1e9), hosts) as proxy:
                found.append(await ask(proxy, port))
        return found

    with a_server() as url:
        assert asyncio.run(both(int(url.rpartition(":")[2]))) == [0, 2]
