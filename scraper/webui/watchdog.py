"""Ends a browser that has stopped answering: whatever waits for it then fails, instead of waiting for ever.

Most of Playwright's calls have no deadline of their own. So the browser is asked for signs of life while it runs: itself, its network
(cookies lie there), and each page's script. When it owes them for too long its processes are killed, which no stopped process survives.
A page is given far longer: it can't be asked anything while the PBX lets it wait for the next page or for a download to begin.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from scraper.coroutines import end
from scraper.errors import BrowserFailed
from scraper.webui import raised

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A sign of life every so many ``seconds``, within as many; the browser ends when ``missed`` in a row, or of a page ``missed_by_page``,
    did not come. They are counted, since one can be late for the reason that we ourselves were busy.
    """

    seconds: float = 5.0
    missed: int = 4
    missed_by_page: int = 120


class Watchdog:
    """Watches one browser; get it from :func:`watched`."""

    def __init__(self, browser: Browser, session: CDPSession, pid: int, rhythm: Rhythm) -> None:
        self._browser = browser
        self._session = session
        self._group = os.getpgid(pid)  # of its own: Playwright detaches it
        self._driver = _child_of_ours(pid)
        self._rhythm = rhythm

    async def watch(self) -> None:
        """Return once the browser has ended; end it where it no longer answers."""
        rhythm = self._rhythm
        await asyncio.gather(
            self._watch("browser", self._ask_browser, rhythm.missed), self._watch("page", self._ask_pages, rhythm.missed_by_page)
        )

    async def _watch(self, what: str, ask: Callable[[], list[Awaitable[Any]]], most: int) -> None:
        missed = 0
        while self._browser.is_connected():
            if await self._answered(ask()):
                missed = 0
                await asyncio.sleep(self._rhythm.seconds)
                continue
            missed += 1
            if missed >= most:
                logger.bind(action="browser-silent").warning("The {} has stopped answering; ending the browser", what)
                await self.kill()

    async def kill(self) -> None:
        """Kill the browser, and Playwright's driver too where that does not notice."""
        gone = asyncio.Event()
        self._browser.once("disconnected", lambda _: gone.set())
        if not self._browser.is_connected():
            return
        with suppress(OSError):  # it has just ended
            os.killpg(self._group, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rhythm.seconds):
                await gone.wait()
                return
        if self._driver is not None:
            with suppress(OSError):
                os.kill(self._driver, signal.SIGKILL)

    def _ask_browser(self) -> list[Awaitable[Any]]:
        return [self._session.send("Browser.getVersion"), *(context.cookies() for context in self._browser.contexts)]

    def _ask_pages(self) -> list[Awaitable[Any]]:
        return [page.evaluate("1") for context in self._browser.contexts for page in context.pages]

    async def _answered(self, asked: list[Awaitable[Any]]) -> bool:
        """Whether all answer in time; an error is an answer as well."""
        signs = [asyncio.ensure_future(each) for each in asked]
        if not signs:
            return True
        try:
            _, owed = await asyncio.wait(signs, timeout=self._rhythm.seconds)
            return not owed
        finally:
            await end(*signs)


@asynccontextmanager
async def watched(browser: Browser, rhythm: Rhythm) -> AsyncIterator[Watchdog]:
    """Watch ``browser`` while the block runs. Raises :class:`BrowserFailed` where it does not answer at all."""
    try:
        async with asyncio.timeout(rhythm.seconds * rhythm.missed):
            session = await browser.new_browser_cdp_session()
            processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    except (raised.PlaywrightError, TimeoutError) as error:
        raise BrowserFailed("The browser started, but does not answer.") from error
    dog = Watchdog(browser, session, next(process["id"] for process in processes if process["type"] == "browser"), rhythm)
    watching = asyncio.ensure_future(dog.watch())
    try:
        yield dog
    finally:
        await end(watching)


def _child_of_ours(pid: int) -> int | None:
    """The child of ours that ``pid`` descends from: Playwright's driver, or a script between. None: the system doesn't tell."""
    try:
        while (parent := _parent_of(pid)) != os.getpid():
            pid = parent
        return pid
    except (OSError, ValueError, IndexError):
        return None


def drivers() -> set[int]:
    """The processes of Playwright's drivers that this process started; none where the system doesn't tell."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            if _parent_of(int(process.name)) == os.getpid() and b"run-driver" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    return found


def is_running(pid: int) -> bool:
    """Whether the system still knows a process, if only because nobody has asked how it ended."""
    return Path(f"/proc/{pid}").exists()


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
