"""The Recordings page (``/cdr/recordingFile``): what it lists, and its *Download All* (field guide 1, Recordings page)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger
from playwright.async_api import Download, Page
from playwright.async_api import Error as PlaywrightError

from scraper.errors import DownloadFailed, PackFailed, PageNotAsExpected, SafetyStop, ScraperError, ServerError, SessionEnded
from scraper.webui import dom
from scraper.webui.follow import GrowingDownload
from scraper.webui.guard import Guard
from scraper.webui.wire import PATIENCE_SECONDS, Answer, Wire

ROUTE = "/cdr/recordingFile"

_NEXT_PAGE = "li.ant-pagination-next"
#: Opens the size changer: antd 3 listens to clicks, antd 4 to the mouse going down.
_OPEN_SIZES = """() => {
  const box = document.querySelector('.ant-pagination-options .ant-select');
  const target = box && (box.querySelector('.ant-select-selector, .ant-select-selection') || box);
  for (const type of target ? ['mousedown', 'mouseup', 'click'] : []) target.dispatchEvent(new MouseEvent(type, {bubbles: true}));
}"""
#: Chooses the largest page size that the opened size changer offers.
_CHOOSE_LARGEST = """() => {
  const options = [...document.querySelectorAll('.ant-select-dropdown-menu-item, .ant-select-item-option')]
    .filter(option => option.getClientRects().length && /^\\d+/.test(option.textContent.trim()));
  options.sort((a, b) => parseInt(b.textContent) - parseInt(a.textContent));
  if (options.length) options[0].click();
  return options.length > 0;
}"""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels beyond the English ones, from the configuration: the UI's language decides them; classes and routes it does not."""

    download_all: tuple[str, ...] = ()
    download: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    cdr: tuple[str, ...] = ()

    @property
    def download_all_button(self) -> dom.Button:
        """*Download All*; older firmware says "Download all …"."""
        return dom.Button(self.download_all, pattern=r"^download all\b")

    @property
    def modal_button(self) -> dom.Button:
        """The packing modal's own *Download*."""
        return dom.Button(("Download", *self.download), scope=dom.MODAL, outside="")


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines in seconds: for an answer of the page, for the PBX's packing, and for a download that brings nothing more."""

    answer: float = 30.0
    pack: float = 3600.0
    stall: float = 120.0


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the PBX's own list: its name for the file (``2026-02/auto-….wav`` or bare), its local time text, its size in bytes."""

    name: str
    time: str
    size: int | None


def is_listing(answer: Answer) -> bool:
    """Whether this is the Recordings page's own list of ordinary recordings."""
    return answer.action == "listFile" and answer.parameters.get("type", "voice_recording") == "voice_recording"


def listed(answer: Answer) -> list[Listed]:
    """The rows of a listing's answer; rows without a name are left out."""
    rows = answer.response.get("voice_recording") if isinstance(answer.response, dict) else None
    rows = rows if isinstance(rows, list) else []
    found = []
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("n"), str) and row["n"]:
            size = str(row.get("s", ""))
            found.append(Listed(row["n"], str(row.get("d", "")), int(size) if size.isdigit() else None))
    return found


class RecordingsPage:
    """The page, open and signed in. ``total`` is what the PBX says it holds; None where it doesn't say."""

    def __init__(self, page: Page, wire: Wire, guard: Guard, labels: Labels, patience: Patience) -> None:
        self._page = page
        self._wire = wire
        self._guard = guard
        self._labels = labels
        self._patience = patience
        self.first: Answer | None = None

    @property
    def total(self) -> int | None:
        """``total_item`` of the page's own listing."""
        return self.first.field("total_item") if self.first else None

    @asynccontextmanager
    async def download_all(self, folder: Path) -> AsyncIterator[GrowingDownload]:
        """Have everything packed and give the archive as it arrives in ``folder`` (empty, where the browser puts its downloads).

        Raises :class:`SessionEnded`, :class:`PackFailed`, :class:`DownloadFailed`, :class:`PageNotAsExpected`, :class:`SafetyStop`.
        """
        _empty(folder)
        download = await self._start()
        stream = GrowingDownload(folder, self._patience.stall)
        waiting = asyncio.ensure_future(self._tell_end(download, stream))
        try:
            yield stream
        finally:
            with suppress(PlaywrightError):
                await download.cancel()
            await waiting
            stream.close()
            with suppress(PlaywrightError):
                await download.delete()

    async def _tell_end(self, download: Download, stream: GrowingDownload) -> None:
        try:
            stream.ended(await download.failure())
        except PlaywrightError as error:
            stream.ended(error.message.splitlines()[0][:80] if error.message else "browser ended")

    async def _start(self) -> Download:
        """Click until a download starts: a busy PBX is given the time it asks for, all within the packing's deadline."""
        try:
            async with asyncio.timeout(self._patience.pack):
                while True:
                    try:
                        return await self._pack_once()
                    except _Busy as busy:
                        logger.bind(action="pbx-busy").info(
                            "The PBX is busy (status {}); trying again in {:.0f} s", busy.status, busy.seconds
                        )
                        await asyncio.sleep(busy.seconds)
        except TimeoutError:
            raise PackFailed(f"The PBX did not finish packing within {self._patience.pack:.0f} s.") from None

    async def _pack_once(self) -> Download:
        downloads: asyncio.Future[Download] = asyncio.get_running_loop().create_future()

        def started(download: Download) -> None:
            if not downloads.done():
                downloads.set_result(download)

        trouble = self._wire.next(_is_trouble)
        destruction = self._guard.next_destruction()
        modal = asyncio.ensure_future(self._press_in_modal())
        self._page.on("download", started)
        self._page.context.on("page", lambda page: page.on("download", started))
        try:
            await self._click(self._labels.download_all_button)
            awaited: set[asyncio.Future[Any]] = {downloads, trouble, destruction}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if destruction.done():
                raise SafetyStop(f"A click would have sent {destruction.result()} to the PBX; it was refused and nothing was changed.")
            if downloads.done():
                return downloads.result()
            raise _trouble(trouble.result())
        finally:
            self._page.remove_listener("download", started)
            for future in (trouble, destruction, modal):
                future.cancel()

    async def _click(self, button: dom.Button) -> None:
        done = await dom.click(self._page, button)
        if done is not dom.Click.DONE:
            names = ", ".join(repr(name) for name in await dom.button_names(self._page)) or "none"
            raise PageNotAsExpected(
                f"The Recordings page's Download All button is {done}; its buttons are: {names}.",
                remedy="If the web UI speaks another language, put its label into `web.labels.download_all`.",
            )

    async def _press_in_modal(self) -> None:
        """Press the packing modal's own button when it becomes ready; firmware without the modal starts the download by itself."""
        press = dom.script(
            "const found = find(want).filter(el => !off(el)); if (found.length !== 1) return false; found[0].click(); return true;"
        )
        with suppress(PlaywrightError):  # the page went away: the download or the trouble tells
            await self._page.wait_for_function(press, arg=self._labels.modal_button.as_argument(), timeout=0, polling=100)

    async def listing(self) -> tuple[list[Listed], bool]:
        """The list, from the page's own answers while paging at the largest page size, and whether it is as long as the PBX says.

        Ends when the pages end, repeat, or answer no more. Raises :class:`SessionEnded`.
        """
        rows: dict[str, Listed] = {}
        whole = False
        answer = await self._largest_pages() or self.first
        while answer is not None:
            if answer.session_ended:
                raise SessionEnded("The PBX ended the web session while its list was read.")
            before, total = len(rows), answer.field("total_item")
            rows |= {row.name: row for row in listed(answer)}
            whole = total is not None and len(rows) >= total
            if whole or len(rows) == before:
                break
            answer = await self._next_page()
        return list(rows.values()), whole

    async def _largest_pages(self) -> Answer | None:
        """Choose the largest page size; None where the page offers none or already uses it."""
        answer = self._wire.next(is_listing)
        try:
            await self._page.evaluate(_OPEN_SIZES)
            await self._page.wait_for_function(_CHOOSE_LARGEST, timeout=2_000)
            return await asyncio.wait_for(answer, 5)
        except (PlaywrightError, TimeoutError):
            return None
        finally:
            answer.cancel()

    async def _next_page(self) -> Answer | None:
        answer = self._wire.next(is_listing)
        try:
            moved = await self._page.evaluate(
                """selector => { const next = document.querySelector(selector);
                if (!next || next.classList.contains('ant-pagination-disabled')) return false; next.click(); return true; }""",
                _NEXT_PAGE,
            )
            return await asyncio.wait_for(answer, self._patience.answer) if moved else None
        except TimeoutError:
            return None
        finally:
            answer.cancel()


def _empty(folder: Path) -> None:
    for leftover in folder.iterdir():
        leftover.unlink()


class _Busy(Exception):
    """The PBX asks for patience: ``status`` and how many ``seconds``."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
        self.seconds = PATIENCE_SECONDS[status]


def _is_trouble(answer: Answer) -> bool:
    """Whether this answer ends the hope for a download."""
    if answer.session_ended:
        return True
    if answer.action == "packFile":
        return answer.http_status >= 400 or answer.status != 0
    return (
        answer.action == "downloadFile" and not answer.attachment and (answer.http_status >= 400 or answer.kind.endswith(("html", "json")))
    )


def _trouble(answer: Answer) -> ScraperError | _Busy:
    if answer.session_ended:
        return SessionEnded("The PBX ended the web session before the download.")
    if answer.status in PATIENCE_SECONDS:
        return _Busy(answer.status)
    if answer.http_status >= 500:
        return ServerError(f"The PBX answered {answer.action} with HTTP status {answer.http_status}.")
    if answer.kind.endswith("html"):
        return SessionEnded(f"The PBX answered {answer.action} with a web page.")
    if answer.action == "packFile":
        return PackFailed(f"The PBX could not pack its recordings (HTTP {answer.http_status}, status {answer.status}).")
    return DownloadFailed(f"The PBX answered the download with {json.dumps(answer.kind)}, status {answer.status}.")
