"""Finds a Chromium, starts it hardened, and ends it: Playwright's own where it is installed, else the system's."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from loguru import logger

from scraper.bandwidth import Bandwidth
from scraper.errors import BrowserFailed, BrowserMissing
from scraper.tls import Certificate
from scraper.webui import raised
from scraper.webui.guard import CAPTCHA_HOSTS
from scraper.webui.relay import relay
from scraper.webui.watchdog import Rhythm, Watchdog, drivers, is_running, watched

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright
    from playwright.sync_api import Playwright as SyncPlaywright

#: The oldest Chromium that is accepted: the first whose new headless mode downloads like a visible browser.
MINIMUM_VERSION = 112

#: How long a browser may take to start, in seconds: more than the 30 that Playwright's driver gives it with and without a sandbox.
STARTING_SECONDS = 90.0
#: How long a browser, or a download in it, may take to end, in seconds.
CLOSING_SECONDS = 10.0

_SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
#: Chromium without its window: it starts in a third of the time and of the processor's work.
_SHELL_NAME = "chromium-headless-shell"
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic")
#: Every frame stays in its page's process: in a process of its own a sandboxed frame runs before the guard has come to it.
_ONE_PROCESS = "--disable-site-isolation-trials"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How to start the browser: the folder for downloads, where it is (None: find it), visible or not, the only host it may reach.

    ``rhythm``: how often it is asked for signs of life; ``bandwidth``: how fast it may download from that host, None: as it can.
    """

    downloads: Path
    executable: Path | None = None
    headless: bool = True
    host: str | None = None
    rhythm: Rhythm = field(default_factory=Rhythm)
    bandwidth: Bandwidth | None = None


def find_system_browser(*, headless: bool = True) -> Path | None:
    """Chromium or Chrome on the system's PATH, or None."""
    names = (_SHELL_NAME, *_SYSTEM_NAMES) if headless else _SYSTEM_NAMES
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def major_version(text: str) -> int:
    """The major number of a version text such as ``156.0.8078.79``; 0 if there is none."""
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0


def find_browser(playwright: Playwright | SyncPlaywright, configured: Path | None, *, headless: bool = True) -> Path:
    """The browser to start. Raises :class:`BrowserMissing` with how to install one."""
    if configured:
        if not configured.is_file():
            raise BrowserMissing(
                "The browser named by `browser.executable` does not exist.", remedy="Correct `browser.executable`, or leave it out."
            )
        return configured
    own = Path(playwright.chromium.executable_path)
    if own.is_file():
        return own
    system = find_system_browser(headless=headless)
    if system is None:
        raise BrowserMissing
    return system


def ensure_browser() -> None:
    """Install Debian's Chromium where no browser is found: ``demo`` and the tests only. Needs root and apt; takes minutes.

    Raises :class:`BrowserMissing` where it can't be installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            find_browser(playwright, None)
            return
        except BrowserMissing:
            if os.geteuid() != 0 or not shutil.which("apt-get"):
                raise
    logger.bind(action="browser-install").info("No Chromium on this machine: installing Debian's with apt-get (some 300 MB)")
    _apt_get("update")
    try:
        _apt_get("install", "-y", "--no-install-recommends", _SHELL_NAME)
    except BrowserMissing:  # older Debians and their kin have it as a whole only
        _apt_get("install", "-y", "--no-install-recommends", "chromium")
    if find_system_browser() is None:
        raise BrowserMissing


def _apt_get(*words: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", *words], check=True, capture_output=True, env=environment, timeout=900)  # noqa: S603, S607 -- fixed words
    except (OSError, subprocess.SubprocessError) as error:
        raise BrowserMissing(f"`apt-get {' '.join(words)}` failed.") from error


@asynccontextmanager
async def launched(options: LaunchOptions, key: Certificate | None) -> AsyncIterator[Browser]:
    """A running browser that trusts, beyond the usual CAs, only ``key``; it ends with the block.

    Raises :class:`BrowserMissing` (none, or too old) and :class:`BrowserFailed` (it does not start, stops answering, or what Playwright
    raises inside the block).
    """
    async with _slowed(options) as slowed, _driver() as playwright:
        executable = find_browser(playwright, options.executable, headless=options.headless)
        if executable == find_system_browser(headless=options.headless):
            logger.bind(action="browser-found").info("Using this system's {}: Playwright's own browser is not installed", executable.name)
        args = [
            *_QUIET,
            _ONE_PROCESS,
            *([_only(options.host, *(["127.0.0.1"] if slowed else []))] if options.host else []),
            *slowed,
            *([f"--ignore-certificate-errors-spki-list={key.spki_sha256}"] if key else []),
        ]
        with _as_not_started():  # Playwright's own deadline is kept by its driver, which may hang
            async with asyncio.timeout(STARTING_SECONDS):
                browser = await _start(playwright, executable, args, options)
        if major_version(browser.version) < MINIMUM_VERSION:
            raise BrowserMissing(f"Chromium {browser.version} is too old; {MINIMUM_VERSION} or newer is needed.")
        async with watched(browser, options.rhythm) as watchdog:
            try:
                with as_browser_failure():
                    yield browser
            finally:
                await _close(browser, watchdog)


@asynccontextmanager
async def _driver() -> AsyncIterator[Playwright]:
    """Playwright's driver, a process that speaks to the browser; killed where it answers no more."""
    from playwright.async_api import async_playwright  # only now: see `raised`

    others = drivers()
    manager = async_playwright()
    with _as_not_started():
        playwright = await _answered(manager.__aenter__(), STARTING_SECONDS, others)
    try:
        yield playwright
    finally:
        with suppress(TimeoutError):
            await _answered(manager.__aexit__(), CLOSING_SECONDS, others)


async def _answered(asked: Coroutine[Any, Any, _T], seconds: float, others: set[int]) -> _T:
    """What the driver answers. Raises TimeoutError where it hangs, once it (whichever is not of ``others``) has been killed."""
    answer = asyncio.ensure_future(asked)
    _, owed = await asyncio.wait({answer}, timeout=seconds)
    if owed:
        hung = drivers() - others
        for driver in hung:
            with suppress(ProcessLookupError):
                os.kill(driver, signal.SIGKILL)
        async with asyncio.timeout(seconds):
            await asyncio.gather(answer, return_exceptions=True)
            while any(map(is_running, hung)):  # noqa: ASYNC110 -- asyncio sees their ends in a thread, and then closes their pipes
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
        raise TimeoutError
    return answer.result()


@contextmanager
def _as_not_started() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise BrowserFailed(f"The browser did not start within {STARTING_SECONDS:.0f} seconds.") from error


async def _close(browser: Browser, watchdog: Watchdog) -> None:
    with suppress(raised.PlaywrightError):
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await browser.close()
        except TimeoutError:
            await watchdog.kill()


@asynccontextmanager
async def _slowed(options: LaunchOptions) -> AsyncIterator[list[str]]:
    """What makes the browser keep to its bandwidth."""
    if options.bandwidth is None or options.host is None:
        yield []
        return
    async with relay(options.bandwidth, {options.host, *CAPTCHA_HOSTS}) as proxy:
        yield [f"--proxy-server={proxy}", "--proxy-bypass-list=<-loopback>"]


def _only(*hosts: str) -> str:
    """No other host has an address, for whatever leaves the browser; but for those that a CAPTCHA loads from."""
    excluded = ", ".join(f"EXCLUDE {name}" for name in (*hosts, *CAPTCHA_HOSTS))
    return f"--host-resolver-rules=MAP * ~NOTFOUND, {excluded}"


@contextmanager
def as_browser_failure() -> Iterator[None]:
    """What Playwright raises inside the block becomes :class:`BrowserFailed`."""
    try:
        yield
    except raised.PlaywrightError as error:
        raise BrowserFailed(f"The browser failed: {_first_line(error.message or '')}") from error


async def _start(playwright: Playwright, executable: Path, args: list[str], options: LaunchOptions) -> Browser:
    """Start with Chromium's sandbox where it can work: root and many containers have none."""
    sandboxes = (False,) if os.geteuid() == 0 else (True, False)
    for sandbox in sandboxes:
        try:
            return await playwright.chromium.launch(
                executable_path=executable,
                headless=options.headless,
                args=args,
                chromium_sandbox=sandbox,
                downloads_path=options.downloads,
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except raised.PlaywrightError as error:
            if sandbox and "sandbox" in error.message.lower():
                logger.bind(action="browser-sandbox").warning("Chromium's sandbox can't start here; going on without it")
                continue
            raise BrowserFailed(f"The browser did not start: {_first_line(error.message)}") from error
    raise BrowserFailed


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else "no reason given"
