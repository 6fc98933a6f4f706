"""A person's window onto a browser that has no screen: pictures of the page out, clicks and keys in, until somebody is signed in.

What comes in is a person's: it may be a password, so that it is never logged. The guard stands whatever is clicked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from loguru import logger

from scraper.budget import FEWEST_FOR_PERSON
from scraper.coroutines import end
from scraper.errors import ExitCode
from scraper.webui import raised
from scraper.webui.session import Credentials, fill_in, is_signed_in

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page, ViewportSize

#: A viewer of whom nothing is heard for so long has left, in seconds.
ABSENT_SECONDS = 60.0

_FRAME_SECONDS = 0.2
_COMMAND_SECONDS = 10.0
_MOST_WAITING = 500
_MOST_TEXT = 500
#: From what a sign-in page with a CAPTCHA needs to what a large screen shows, in CSS pixels.
_WIDTHS, _HEIGHTS = (480, 1600), (480, 1200)
_ARROWS = tuple(f"Arrow{side}" for side in ("Left", "Right", "Up", "Down"))
_KEYS = frozenset({"Enter", "Backspace", "Delete", "Tab", "Shift+Tab", "Escape", "Space", "Home", "End", "PageUp", "PageDown", *_ARROWS})

Show = Callable[[dict[str, Any]], None]


class Outcome(StrEnum):
    """How a sign-in by hand ended."""

    SIGNED_IN = "signed-in"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    LEFT = "left"
    LAST_ATTEMPT = "last-attempt"
    LOCKED = "locked"

    @property
    def exit_code(self) -> ExitCode:
        """As documented: 0 signed in, 4 locked out, 5 a person is still needed."""
        return {Outcome.SIGNED_IN: ExitCode.COMPLETE, Outcome.LOCKED: ExitCode.SIGN_IN}.get(self, ExitCode.PERSON_NEEDED)

    @property
    def message(self) -> str:
        """A sentence for the person."""
        return _MESSAGES[self]


_MESSAGES = {
    Outcome.SIGNED_IN: "Signed in; the session is kept for the runs that follow.",
    Outcome.CLOSED: "Closed before anybody had signed in.",
    Outcome.TIMEOUT: "Closed: nobody signed in within ten minutes.",
    Outcome.LEFT: "Closed: nothing was heard of the viewer for a minute.",
    Outcome.LAST_ATTEMPT: "Closed: one more failed sign-in could make the PBX ban this address.",
    Outcome.LOCKED: "Closed: the PBX has locked this address or user out.",
}


class Closed(Exception):
    """The view ended without a sign-in."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.message)


class Inbox:
    """Commands on their way from any thread to the one event loop that obeys them; too many at once are dropped."""

    def __init__(self) -> None:
        self._commands: deque[Mapping[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._there = asyncio.Event()
        self._lock = threading.Lock()

    def put(self, command: Mapping[str, Any]) -> None:
        """Hand over one command; from any thread."""
        with self._lock:
            self._commands.append(command)
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._there.set)

    async def next(self, seconds: float) -> Mapping[str, Any]:
        """The next command. Raises TimeoutError where none comes within ``seconds``."""
        async with asyncio.timeout(seconds):
            while True:
                with self._lock:
                    self._loop = asyncio.get_running_loop()
                    self._there.clear()
                    if self._commands:
                        return self._commands.popleft()
                await self._there.wait()


@dataclass(frozen=True, slots=True)
class _Picture:
    jpeg: str  # base64
    width: int  # CSS pixels, as clicks are told
    height: int


class LiveView:
    """Shows one page to one viewer, and does on it what they tell: :meth:`accompany` runs beside the wait for the sign-in.

    Commands: ``view`` (width, height of the viewer's room in CSS pixels; last: the last attempt may be risked), ``click`` (x, y), to drag
    ``press``, ``move``, ``release`` (x, y each), ``scroll`` (dx, dy), ``text``, ``key``, ``fill`` (the configured account), ``seen`` (still
    there), ``stop``. Anything else is left.
    """

    def __init__(self, inbox: Inbox, show: Show, account: Credentials, left: int) -> None:
        self._inbox = inbox
        self._show = show
        self._account = account
        self._left = left
        self._may_risk_last = False
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._picture: _Picture | None = None
        self._fresh = asyncio.Event()
        self._acknowledging: set[asyncio.Task[None]] = set()

    def refused(self, left: int, locked: bool) -> None:
        """The PBX refused a sign-in; ``left`` more failures bring its ban. Ends the view where that is too near."""
        self._left = left
        self._fresh.set()
        outcome = Outcome.LOCKED if locked else Outcome.LAST_ATTEMPT if self._is_too_near else None
        if outcome and not self._closed.done():
            self._closed.set_exception(Closed(outcome))

    async def accompany(self, page: Page) -> None:
        """Show ``page`` and obey until cancelled. Raises :class:`Closed`."""
        camera = await page.context.new_cdp_session(page)
        camera.on("Page.screencastFrame", lambda frame: self._take(camera, frame))
        page.on("popup", _close)
        parts = {asyncio.ensure_future(self._obey_all(page, camera)), asyncio.ensure_future(self._show_all(page)), self._closed}
        try:
            for part in (await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED))[0]:
                part.result()
        finally:
            await end(*parts)

    @property
    def _is_too_near(self) -> bool:
        return self._left < FEWEST_FOR_PERSON and not self._may_risk_last

    async def _obey_all(self, page: Page, camera: CDPSession) -> None:
        while True:
            try:
                command = await self._inbox.next(ABSENT_SECONDS)
            except TimeoutError:
                raise Closed(Outcome.LEFT) from None
            with suppress(TimeoutError):  # a page that is busy for so long has lost this click
                async with asyncio.timeout(_COMMAND_SECONDS):
                    await self._obey(page, camera, command)

    async def _obey(self, page: Page, camera: CDPSession, command: Mapping[str, Any]) -> None:
        name = command.get("command")
        if name == "stop":
            raise Closed(Outcome.CLOSED)
        try:
            if name == "view":
                await self._set_size(page, camera, command)
            elif name in _ACTS and self._picture is not None and not await is_signed_in(page):
                await _ACTS[name](self, page, command)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            logger.bind(action="viewer-command").debug("A command of the viewer could not be understood")
        except raised.PlaywrightError:
            if page.is_closed():
                raise
            logger.bind(action="viewer-command").debug("The page changed while the viewer acted on it")

    async def _set_size(self, page: Page, camera: CDPSession, command: Mapping[str, Any]) -> None:
        """Fit the page to the viewer's room, and show it; the latest picture again where nothing changes (they may have come back)."""
        self._may_risk_last = command.get("last") is True
        if self._is_too_near:
            raise Closed(Outcome.LAST_ATTEMPT)
        width, height = _within(command["width"], _WIDTHS), command["height"] / command["width"]
        size: ViewportSize = {"width": width, "height": _within(width * height, _HEIGHTS)}
        if size != page.viewport_size:
            await page.set_viewport_size(size)
        if self._picture is None:
            await camera.send("Page.startScreencast", {"format": "jpeg", "quality": 75})
        self._fresh.set()

    async def _click(self, page: Page, command: Mapping[str, Any]) -> None:
        await page.mouse.click(float(command["x"]), float(command["y"]))

    async def _press(self, page: Page, command: Mapping[str, Any]) -> None:
        await self._move(page, command)
        await page.mouse.down()

    async def _move(self, page: Page, command: Mapping[str, Any]) -> None:
        await page.mouse.move(float(command["x"]), float(command["y"]))

    async def _release(self, page: Page, command: Mapping[str, Any]) -> None:
        await self._move(page, command)
        await page.mouse.up()

    async def _scroll(self, page: Page, command: Mapping[str, Any]) -> None:
        await page.mouse.wheel(float(command["dx"]), float(command["dy"]))

    async def _text(self, page: Page, command: Mapping[str, Any]) -> None:
        await page.keyboard.type("".join(letter for letter in str(command["text"])[:_MOST_TEXT] if letter.isprintable()))

    async def _key(self, page: Page, command: Mapping[str, Any]) -> None:
        if command["key"] in _KEYS:
            await page.keyboard.press(command["key"])

    async def _fill(self, page: Page, _: Mapping[str, Any]) -> None:
        if self._account.password is not None:
            await fill_in(page, self._account, _COMMAND_SECONDS)

    def _take(self, camera: CDPSession, frame: dict[str, Any]) -> None:
        """A new picture; only the newest counts."""
        shown = frame["metadata"]
        self._picture = _Picture(frame["data"], round(shown["deviceWidth"]), round(shown["deviceHeight"]))
        self._fresh.set()
        task = asyncio.create_task(_acknowledge(camera, frame["sessionId"]))
        self._acknowledging.add(task)
        task.add_done_callback(self._acknowledging.discard)

    async def _show_all(self, page: Page) -> None:
        """Show what is new, a few pictures a second; nothing of what lies behind the sign-in."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            picture = self._picture  # taken before the page is asked: it is not of the app if that doesn't show even then
            with suppress(raised.PlaywrightError):  # it goes to another page: there will be another picture
                if picture is not None and not await is_signed_in(page):
                    self._show({"image": picture.jpeg, "width": picture.width, "height": picture.height, "left": self._left})
            await asyncio.sleep(_FRAME_SECONDS)


_ACTS = {
    "click": LiveView._click,
    "press": LiveView._press,
    "move": LiveView._move,
    "release": LiveView._release,
    "scroll": LiveView._scroll,
    "text": LiveView._text,
    "key": LiveView._key,
    "fill": LiveView._fill,
}


def _within(value: float, bounds: tuple[int, int]) -> int:
    return round(min(max(value, bounds[0]), bounds[1]))


async def _acknowledge(camera: CDPSession, number: int) -> None:
    """Without this Chromium sends no further pictures."""
    with suppress(raised.PlaywrightError):  # it has gone meanwhile
        await camera.send("Page.screencastFrameAck", {"sessionId": number})


async def _close(popup: Page) -> None:
    """Nobody would see it."""
    with suppress(raised.PlaywrightError):
        await popup.close()
