"""From the click that asks for a file to its last byte: one way for archives, single recordings and tables (field guide 1).

Whoever asks says how to press, what answers end the hope, and how long to wait: an :class:`Ask`. Here the PBX's requests for patience are
obeyed, the packing modal's own button is pressed where a modal shows, and a click that would have destroyed something stops everything.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from loguru import logger

from scraper.coroutines import end
from scraper.errors import BrowserFailed, DownloadFailed, PackFailed, SafetyStop, ScraperError, ServerError, SessionEnded
from scraper.webui import dom, raised
from scraper.webui.browser import CLOSING_SECONDS
from scraper.webui.follow import GrowingDownload, guids
from scraper.webui.guard import Guard
from scraper.webui.wire import PATIENCE_SECONDS, Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Download, Page

#: How long a modal that was left open may take to close, in seconds.
_CLOSING_SECONDS = 3.0
#: How often a file is looked for before anybody reads it, in seconds: a broken one lasts for the browser's five tries.
_LOOK_SECONDS = 0.02

#: Presses the button of a modal, once it is ready; each modal's once under a ``token``, and none of a modal that was there before.
_PRESS_READY = dom.script("""
const modal = el => el.closest('.ant-modal');
const offered = find(want).filter(el => !off(el));
for (const one of document.querySelectorAll('.ant-modal[data-foreign]'))  // it begins anew, and may be ours
  if (!offered.some(el => modal(el) === one)) delete one.dataset.foreign;
const ready = offered.filter(el => !('foreign' in modal(el).dataset) && modal(el).dataset.pressed !== want.token);
const found = ready.filter(el => ready.filter(other => modal(other) === modal(el)).length === 1);
if (!found.length) return false;
modal(found[0]).dataset.pressed = want.token;
found[0].click();
return true;
""")
#: True once no modal offers the button; one that an earlier download left open is closed by its cross.
_NONE_OFFERED = dom.script("""
const left = find(want).filter(el => !off(el) && !('foreign' in el.closest('.ant-modal').dataset));
for (const el of left) el.closest('.ant-modal').querySelector('.ant-modal-close')?.click();
return left.length === 0;
""")
#: Marks the modals that offer the button and were never pressed here: another dialogue may have a *Download*, too.
_MARK_FOREIGN = dom.script("""
for (const el of find(want).filter(el => !off(el))) {
  const data = el.closest('.ant-modal').dataset;
  if (!('pressed' in data)) data.foreign = '';
}
""")


class PbxBusy(Exception):
    """The PBX asks for patience: ``status`` and how many ``seconds``."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
        self.seconds = PATIENCE_SECONDS[status]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. ``press`` clicks; ``trouble`` turns an answer into the error it means, None where it means none.

    ``seconds``: until the download must have started, the PBX's preparations and its requests for patience included; ``start_seconds``: the
    same for one click, without that patience. ``late``: the error otherwise. ``data``: what the download's own ``data=`` must be, where
    that is known; a straggler of an earlier download is then ignored.
    """

    press: Callable[[], Awaitable[None]]
    trouble: Callable[[Answer], Exception | None]
    seconds: float
    late: ScraperError
    data: str | None = None
    start_seconds: float | None = None


class Downloads:
    """The downloads of one page. ``modal_button``: the packing modal's own; ``stall_seconds`` without a byte end a download."""

    def __init__(self, page: Page, wire: Wire, guard: Guard, modal_button: dom.Button, stall_seconds: float) -> None:
        self._page = page
        self._wire = wire
        self._guard = guard
        self._modal_button = modal_button
        self._stall_seconds = stall_seconds

    @asynccontextmanager
    async def get(self, ask: Ask, folder: Path) -> AsyncIterator[GrowingDownload]:
        """Ask for a file and give it as it arrives in ``folder`` (where the browser puts its downloads, those of other tabs too).

        Raises what ``ask`` says, and :class:`SafetyStop` where a click would have destroyed something.
        """
        with closing(GrowingDownload(folder, self._stall_seconds, guids(folder))) as stream:
            following = [asyncio.ensure_future(_hold(stream))]
            try:
                async with _Arrivals(self._page, ask.data) as arrivals:
                    download = await self._start(ask, arrivals)
                    if await arrivals.discard_strays():
                        stream.let_go()
                        following.append(asyncio.ensure_future(_hold(stream)))
                    following.append(asyncio.ensure_future(_tell_end(download, stream)))
                    yield stream
            finally:
                await end(*following)
                stream.remove()

    async def _start(self, ask: Ask, arrivals: _Arrivals) -> Download:
        """Click until a download starts: a busy PBX is given the time it asks for, all within the deadline."""
        try:
            async with asyncio.timeout(ask.seconds):
                await self._close_modals()
                while True:
                    try:
                        return await self._start_once(ask, arrivals)
                    except PbxBusy as busy:
                        logger.bind(action="pbx-busy").info(
                            "The PBX is busy (status {}); trying again in {:.0f} s", busy.status, busy.seconds
                        )
                        await asyncio.sleep(busy.seconds)
        except TimeoutError:
            raise ask.late from None

    async def _start_once(self, ask: Ask, arrivals: _Arrivals) -> Download:
        beginning = _Beginning(self._page, self._wire, self._guard, ask, arrivals)
        modal = asyncio.ensure_future(self._press_in_modal())
        try:
            await ask.press()
            return await beginning.download()
        finally:
            modal.cancel()
            beginning.close()

    async def _press_in_modal(self) -> None:
        """Press the packing modal's own button when it becomes ready; firmware without the modal starts the download by itself.

        A dialogue that comes meanwhile may have such a button, too: until the download begins, each modal's is pressed once.
        """
        want = self._modal_button.as_argument() | {"token": secrets.token_hex(4)}
        with suppress(raised.PlaywrightError):  # the page went away: the download or the trouble tells
            while True:
                await self._page.wait_for_function(_PRESS_READY, arg=want, timeout=0, polling=100)

    async def _close_modals(self) -> None:
        """See that no modal of an earlier download offers its file in place of ours."""
        try:
            await self._page.wait_for_function(
                _NONE_OFFERED, arg=self._modal_button.as_argument(), timeout=_CLOSING_SECONDS * 1000, polling=100
            )
        except raised.PlaywrightTimeout:
            logger.bind(action="modal-left").debug("A modal that offers a download does not close")
            await self._page.evaluate(_MARK_FOREIGN, self._modal_button.as_argument())


class _Arrivals:
    """The downloads of a page until the block ends. ``wanted`` is the first whose ``data=`` is right; it is discarded with the block's end.

    Any other is discarded as it begins: in the folder it looks like the wanted one, and an archive would take bandwidth until the end.
    """

    def __init__(self, page: Page, data: str | None) -> None:
        self._page = page
        self._data = data
        self._discarding: list[asyncio.Future[None]] = []
        self.wanted: asyncio.Future[Download] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._page.on("download", self.take)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._page.remove_listener("download", self.take)
        if self.wanted.done():
            await _discard(self.wanted.result())
        await self.discard_strays()

    def take(self, download: Download) -> None:
        """A download began."""
        if not self.wanted.done() and _is_asked_for(download, self._data):
            self.wanted.set_result(download)
        else:
            self._discarding.append(asyncio.ensure_future(_discard(download)))

    async def discard_strays(self) -> bool:
        """Have the browser remove what was not asked for; whether there was any."""
        await asyncio.gather(*self._discarding)
        return bool(self._discarding)


class _Beginning:
    """What a click may lead to, on this page or one that it opens: a download, trouble, a destruction that was refused, the page's end."""

    def __init__(self, page: Page, wire: Wire, guard: Guard, ask: Ask, arrivals: _Arrivals) -> None:
        self._ask = ask
        self._arrivals = arrivals
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trouble = wire.next(lambda answer: ask.trouble(answer) is not None)
        self._destruction = guard.next_destruction()
        self._heard: list[tuple[Any, str, Callable[[Any], None]]] = []
        self._hear(page, "close", self._ended)
        self._hear(page, "crash", self._ended)
        self._hear(page.context, "page", self._opened)

    async def download(self) -> Download:
        """The first download that is asked for. Raises what came instead of it."""
        ends: set[asyncio.Future[Any]] = {self._arrivals.wanted, self._trouble, self._destruction, self._gone}
        await asyncio.wait(ends, timeout=self._ask.start_seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._destruction.done():
            raise SafetyStop(f"A click would have sent {self._destruction.result()} to the PBX; it was refused and nothing was changed.")
        if self._arrivals.wanted.done():
            return self._arrivals.wanted.result()
        if self._gone.done():
            raise BrowserFailed("The browser ended before the download began.")
        if not self._trouble.done():
            raise self._ask.late
        error = self._ask.trouble(self._trouble.result())
        assert error is not None
        raise error

    def close(self) -> None:
        """Listen no more."""
        for source, event, listener in self._heard:
            source.remove_listener(event, listener)
        for future in (self._gone, self._trouble, self._destruction):
            future.cancel()

    def _hear(self, source: Page | BrowserContext, event: Any, listener: Callable[[Any], None]) -> None:
        source.on(event, listener)
        self._heard.append((source, event, listener))

    def _opened(self, page: Page) -> None:
        self._hear(page, "download", self._arrivals.take)

    def _ended(self, _: Page) -> None:
        if not self._gone.done():
            self._gone.set_result(None)


def pack_trouble(answer: Answer) -> Exception | None:
    """The error that an answer on the way to an archive means, None where it means none."""
    if answer.action == "packFile" and not answer.session_ended and (answer.http_status >= 400 or answer.status != 0):
        return refusal(answer) or PackFailed(
            f"The PBX could not pack its recordings (HTTP {answer.http_status}, status {answer.status}).", status=answer.status
        )
    return file_trouble(answer, before=("packFile",))


def file_trouble(
    answer: Answer, actions: tuple[str, ...] = ("downloadFile",), before: tuple[str, ...] = ("checkFile",)
) -> Exception | None:
    """The error that an answer to the download itself means: an ended session, or a page or JSON shown instead of a file saved.

    ``actions`` download; those ``before`` lead to it.
    """
    if answer.says_session_ended or (answer.session_ended and answer.action in before):
        return SessionEnded("The PBX ended the web session before the download.")
    if answer.action not in actions or answer.attachment:
        return None
    if answer.leads_on or (answer.http_status < 400 and not answer.kind.endswith(("html", "json"))):
        return None
    if error := refusal(answer):
        return error
    if answer.kind.endswith("html"):
        return SessionEnded(f"The PBX answered {answer.action} with a web page.")
    return DownloadFailed(f"The PBX answered the download with {json.dumps(answer.kind)}, status {answer.status}.")


def refusal(answer: Answer) -> Exception | None:
    """A request for patience, or a server's error; None where ``answer`` is neither."""
    if answer.status in PATIENCE_SECONDS:
        return PbxBusy(answer.status)
    if answer.http_status >= 500:
        return ServerError(f"The PBX answered {answer.action} with HTTP status {answer.http_status}.")
    return None


async def _tell_end(download: Download, stream: GrowingDownload) -> None:
    try:
        failure = await download.failure()
        stream.ended(failure, None if failure else await download.path())
    except raised.PlaywrightError as error:
        stream.ended(error.message.splitlines()[0][:80] if error.message else "browser ended")


async def _hold(stream: GrowingDownload) -> None:
    while not stream.hold():  # noqa: ASYNC110 -- nobody tells when the browser makes its file
        await asyncio.sleep(_LOOK_SECONDS)


async def _discard(download: Download) -> None:
    with suppress(raised.PlaywrightError, TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await download.cancel()
            await download.delete()


def _is_asked_for(download: Download, data: str | None) -> bool:
    named = parse_qs(urlsplit(download.url).query).get("data")
    return data is None or named is None or named[0].replace("+", " ") == data.replace("+", " ")  # not every build escapes the plus
