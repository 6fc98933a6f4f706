"""A browser that hangs fails what waits for it, in bounded time, and leaves no process behind."""

from __future__ import annotations

import asyncio
import socket
import time

import psutil
import pytest

from scraper.errors import BrowserFailed, NetworkError
from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.session import go
from scraper.webui.watchdog import Rhythm

pytestmark = pytest.mark.browser

RHYTHM = Rhythm(seconds=1.0, missed=3, missed_by_page=3)


@pytest.fixture
def others():
    """Servers that other tests keep in this process."""
    return psutil.Process().children()


def running(others):
    """Playwright's driver and the processes of this test's browser."""
    (driver,) = (child for child in psutil.Process().children() if child not in others)
    return [driver, *driver.children(recursive=True)]


def check_failure(story, processes):
    began = time.monotonic()
    with pytest.raises(BrowserFailed) as caught:
        asyncio.run(story())
    assert caught.value.exit_code == 7
    assert time.monotonic() - began < 20
    psutil.wait_procs(processes, timeout=5)
    assert not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.fault(
    "process", "processes of the browser stop ({id})", "what waits fails within seconds, and they are killed", promise="hang"
)
@pytest.mark.parametrize(
    "which",
    [lambda words: "chrom" in words[0], lambda words: "--type=renderer" in words, lambda words: "node" in words[0]],
    ids=["browser", "page", "driver"],
)
def test_stopped_processes_fail_what_waits_and_are_killed(tmp_path, others, which):
    processes = []

    async def story():
        async with launched(LaunchOptions(tmp_path, rhythm=RHYTHM), None) as browser:
            page = await (await browser.new_context()).new_page()
            waiting = asyncio.ensure_future(page.evaluate("new Promise(() => {})"))
            processes.extend(running(others))
            for process in processes:
                if which(process.cmdline()):
                    process.suspend()
            await waiting

    check_failure(story, processes)


@pytest.mark.fault("process", "a script of the page never ends", "what waits fails, and the browser is ended", promise="hang")
def test_script_that_never_ends_fails_what_waits(tmp_path, others):
    processes = []

    async def story():
        async with launched(LaunchOptions(tmp_path, rhythm=RHYTHM), None) as browser:
            page = await (await browser.new_context()).new_page()
            processes.extend(running(others))
            await page.evaluate("() => { for (;;); }")

    check_failure(story, processes)


def test_server_that_never_answers_is_no_hanging_browser(tmp_path):
    async def story(url):
        async with launched(LaunchOptions(tmp_path, rhythm=Rhythm(0.5, 3)), None) as browser:
            page = await (await browser.new_context()).new_page()
            await page.evaluate(f"window.open('{url}')")
            await go(page, url, 4.0)

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(NetworkError, match="did not answer"):
        asyncio.run(story(f"http://127.0.0.1:{listener.getsockname()[1]}/"))


def test_program_that_is_busy_itself_kills_no_browser(tmp_path):
    async def story():
        async with launched(LaunchOptions(tmp_path, rhythm=RHYTHM), None) as browser:
            page = await (await browser.new_context()).new_page()
            await asyncio.sleep(0.1)
            time.sleep(2 * RHYTHM.seconds * RHYTHM.missed)  # noqa: ASYNC251 -- on purpose
            await asyncio.sleep(2 * RHYTHM.seconds)
            return await page.evaluate("1 + 1")

    assert asyncio.run(story()) == 2
