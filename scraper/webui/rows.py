"""Chosen recordings by the rows of an open Recordings page: some of them ticked and packed, or one by one (field guide 1).

A row's key is the PBX's name for the file, and antd 3 renders each row up to three times. Delete buttons and icons stand beside those that
download, so everything is clicked in the same script that has just checked its name, its class and its row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from converters.sniff import sniff
from scraper.errors import DownloadFailed, GoneAtPbx, NotListed, PageNotAsExpected, SessionEnded, WebPageInstead
from scraper.webui import dom, raised
from scraper.webui.downloads import Ask, file_trouble, refusal
from scraper.webui.follow import GrowingDownload
from scraper.webui.pause import Pause
from scraper.webui.recordings_page import RecordingsPage, listed
from scraper.webui.wire import Answer, parameters_of

if TYPE_CHECKING:
    from playwright.async_api import Request

#: Bytes of a single download that are looked at before it is handed on.
_HEAD_BYTES = 512
#: How long a tick, or a message of the page to itself, may take to show, in seconds.
_SETTLE_SECONDS = 2.0
_MISSING_FILE = 2

#: In reach of every script here. A key's boxes and icons are those in its own rows, the visible one first.
_ROWS = r"""
const rows = () => [...document.querySelectorAll('tr[data-row-key]')].filter(row => !row.closest('.ant-modal') && row.isConnected);
const keyOf = row => row.getAttribute('data-row-key');
const inRow = (key, selector) => {
  const all = rows().filter(row => keyOf(row) === key)
    .flatMap(row => [...row.querySelectorAll(selector)].filter(el => el.closest('tr[data-row-key]') === row));
  return all.find(visible) || all[0];
};
const box = key => inRow(key, 'td .ant-checkbox-input');
const ticked = key => { const found = box(key); return !!found && found.checked; };
const keys = () => [...new Set(rows().map(keyOf))];
const same = (one, other) => one.length === other.length && one.every(item => other.includes(item));
"""
_SHOWN = dom.script(_ROWS + "return same(keys(), want) && !document.querySelector('.ant-table-wrapper .ant-spin-spinning');")
_KEYS = dom.script(_ROWS + "return keys();")
_TICKED = dom.script(_ROWS + "return keys().filter(ticked);")
#: Ticks the wanted rows of this page and unticks the others, one at a time: the page has to take in each before the next.
_TICK = f"""async want => {{ {dom.LIBRARY} {_ROWS}
const deadline = performance.now() + want.milliseconds;
for (const key of keys()) {{
  const on = want.names.includes(key);
  if (ticked(key) === on || !box(key)) continue;
  box(key).click();
  while (ticked(key) !== on && performance.now() < deadline) await new Promise(done => setTimeout(done, 0));
}}
return keys().filter(ticked);
}}"""
#: Presses the button if, and only if, exactly the wanted rows of this page are ticked now.
_PRESS_TICKED = dom.script(
    _ROWS
    + """
if (!same(keys().filter(ticked), want.names)) return 'ticks';
const found = find(want.button);
if (found.length !== 1) return found.length ? 'ambiguous' : 'missing';
if (off(found[0])) return 'disabled';
found[0].click();
return 'done';
"""
)
#: Presses the download icon of one row.
_PRESS_ICON = dom.script(
    _ROWS
    + """
const icon = inRow(want, 'span.sprite-download');
if (!icon) return rows().some(row => keyOf(row) === want) ? 'missing' : 'absent';
if (icon.classList.contains('sprite-del') || keyOf(icon.closest('tr[data-row-key]')) !== want) return 'ambiguous';
icon.click();
return 'done';
"""
)
_ROWS_SHOW = dom.script(_ROWS + "return rows().some(row => keyOf(row) === want);")


@dataclass(frozen=True, slots=True)
class Batch:
    """One archive of ticked rows as it arrives: which ``names`` it should hold, and which wanted ones the whole list does not show."""

    stream: GrowingDownload
    names: frozenset[str]
    absent: frozenset[str]


class Rows:
    """The rows of one open page. Ask for them in the list's order: pages are turned from where the table stands, and round once.

    Raises :class:`SessionEnded`, :class:`PageNotAsExpected` and :class:`~scraper.errors.SafetyStop`. Give the same ``pause`` to the pages
    that follow this one, since what it has learned concerns the PBX.
    """

    def __init__(self, page: RecordingsPage, pause: Pause | None = None) -> None:
        self._list = page
        self._page = page.page
        self._pager = page.pager
        self._pause = pause or Pause()
        self._ticked: set[str] = set()  # may still be ticked, on pages that don't show
        self._ticks_survive: bool | None = None

    # --- some rows, packed ---

    @asynccontextmanager
    async def download_batch(self, names: Collection[str], folder: Path) -> AsyncIterator[Batch]:
        """Tick rows of these ``names`` (as the PBX lists them), as many as go at once, and give their archive as it arrives in ``folder``.

        Where ticks don't survive paging that is one page's; ask again for what neither ``names`` nor ``absent`` has accounted for.
        Raises :class:`NotListed` where the list shows none of them, and what
        :meth:`~scraper.webui.recordings_page.RecordingsPage.download_all` raises.
        """
        chosen, absent = await self._select(set(names))
        if not chosen:
            raise NotListed("The PBX's list shows none of the wanted recordings.")
        here = sorted(chosen & set(await self._page.evaluate(_KEYS)))
        packed = self._list.wire.next(lambda answer: answer.action == "packFile" and answer.status == 0)
        try:
            async with self._list.downloads.get(self._list.packing(lambda: self._press_download(here)), folder) as stream:
                yield Batch(stream, frozenset(self._asked_for(packed, chosen)), frozenset(absent))
        finally:
            packed.cancel()

    def _asked_for(self, packed: asyncio.Future[Answer], chosen: set[str]) -> set[str]:
        """Which of the ``chosen`` the page itself asked to be packed; all of them where it doesn't say so by names."""
        data = packed.result().parameters.get("data", "") if packed.done() else ""
        asked = chosen & set(data.split(","))
        if asked and asked != chosen:
            self._ticks_survive = False
            logger.bind(action="ticks-lost").info("The page asked for {} of {} ticked recordings", len(asked), len(chosen))
        return asked or chosen

    async def _select(self, wanted: set[str]) -> tuple[set[str], set[str]]:
        """Tick wanted rows and untick others, page by page; (ticked, not in the whole list)."""
        await self._turning(self._pager.enlarge())
        start, found, seen = self._pager.number, set[str](), set[str]()
        while True:
            here = await self._shown()
            ticked = await self._tick(wanted & here)
            found |= ticked
            seen |= here
            if found >= wanted and not self._ticked - wanted:
                return found, set()
            if ticked and self._ticks_survive is None:
                await self._find_out(ticked)
            if found and self._ticks_survive is False:
                return found, set()
            if not await self._advance(start):
                self._ticked = set(found)
                return found, wanted - seen

    async def _tick(self, wanted: set[str]) -> set[str]:
        """Have exactly the ``wanted`` rows of this page ticked."""
        here = set(await self._page.evaluate(_KEYS))
        ticked = set(await self._page.evaluate(_TICK, {"names": sorted(wanted), "milliseconds": _SETTLE_SECONDS * 1000}))
        if ticked != wanted:
            raise PageNotAsExpected(
                f"Of {len(wanted)} wanted rows {len(ticked & wanted)} could be ticked, and {len(ticked - wanted)} others are."
            )
        self._ticked = (self._ticked - here) | ticked
        return ticked

    async def _find_out(self, ticked: set[str]) -> None:
        """Whether ticks survive paging: tick a row of the next page too, come back and look. Undecided where there is one page only.

        Some tables (antd 4) show old ticks again, but drop them with the first tick on another page.
        """
        number = self._pager.number
        if not await self._turning(self._pager.next()) and (number == 1 or not await self._turning(self._pager.go(1))):
            return
        await self._tick(set(sorted(await self._shown())[:1]))
        await self._turn_to(number)
        await self._shown()
        self._ticks_survive = ticked <= set(await self._page.evaluate(_TICKED))
        logger.bind(action="ticks").debug("Ticks {} paging", "survive" if self._ticks_survive else "don't survive")
        if not self._ticks_survive:
            self._ticked = await self._tick(ticked)

    async def _press_download(self, names: list[str]) -> None:
        want = {"names": names, "button": self._list.labels.download_button.as_argument()}
        try:
            async with self._page.expect_request(_asks, timeout=self._list.patience.answer * 1000):
                done = await self._page.evaluate(_PRESS_TICKED, want)
                if done != dom.Click.DONE:
                    raise await self._not_pressed(done)
        except raised.PlaywrightTimeout:
            raise PageNotAsExpected("The Download button for ticked rows was pressed, but the page asked the PBX for nothing.") from None

    async def _not_pressed(self, why: str) -> PageNotAsExpected:
        if why == "ticks":
            return PageNotAsExpected("The ticked rows changed before they could be downloaded; nothing was pressed.")
        shown = ", ".join(repr(name) for name in await dom.button_names(self._page)) or "none"
        return PageNotAsExpected(
            f"The Download button for ticked rows is {why}; the page's buttons are: {shown}.",
            remedy="If the web UI speaks another language, put its label into `web.labels.download`.",
        )

    # --- one row ---

    @asynccontextmanager
    async def download_row(self, name: str, folder: Path) -> AsyncIterator[GrowingDownload]:
        """Press the download icon of one row and give the file as it arrives in ``folder``; its first bytes are no web page.

        Pauses before, and tries again after longer pauses where a web page comes instead. Raises :class:`NotListed`, :class:`GoneAtPbx`
        (checkFile said so for this very file), :class:`WebPageInstead`, :class:`DownloadFailed`.
        """
        await self._show(name)
        while True:
            await self._pause.wait()
            try:
                async with self._list.downloads.get(self._single(name), folder) as stream:
                    if await self._is_recording(stream):
                        self._pause.good()
                        yield stream
                        return
            except _PageShown:
                logger.bind(action="page-instead").debug("A web page was shown instead of a recording")
            finally:
                self._pause.ended()
            if not self._pause.too_short() or not await self._still_here(name):
                raise WebPageInstead
            logger.bind(action="pause-grew").info(
                "A web page came instead of a recording; pausing {:.1f} s from now on", self._pause.seconds
            )

    def _single(self, name: str) -> Ask:
        def trouble(answer: Answer) -> Exception | None:
            if answer.action == "checkFile" and answer.parameters.get("data") == name and not answer.session_ended and answer.status != 0:
                return _check_trouble(answer)
            error = file_trouble(answer)
            return _PageShown() if isinstance(error, SessionEnded) and not answer.session_ended else error

        late = DownloadFailed("The download of one recording did not start in time.")
        return Ask(
            lambda: self._press_icon(name), trouble, self._list.patience.pack, late, data=name, start_seconds=self._list.patience.answer
        )

    async def _press_icon(self, name: str) -> None:
        done = await self._page.evaluate(_PRESS_ICON, name)
        if done == "absent":
            raise NotListed("The row of a recording vanished from the list.")
        if done != dom.Click.DONE:
            raise PageNotAsExpected(f"A row's download icon (span.sprite-download) is {done}.")

    async def _is_recording(self, stream: GrowingDownload) -> bool:
        """Whether something else than a web page comes. Raises :class:`DownloadFailed` for nothing at all, or JSON."""
        reading = asyncio.ensure_future(asyncio.to_thread(stream.head, _HEAD_BYTES))
        try:
            kind = sniff(await asyncio.shield(reading))
        except asyncio.CancelledError:
            stream.ended("stopped")
            await asyncio.wait({reading})
            raise
        if kind in ("empty", "json"):
            raise DownloadFailed(f"The PBX sent {'nothing' if kind == 'empty' else 'JSON'} instead of a recording.")
        return kind != "html"

    async def _still_here(self, name: str) -> bool:
        """Whether the page that sent a web page still shows its own table."""
        try:
            await self._page.wait_for_function(_ROWS_SHOW, arg=name, timeout=_SETTLE_SECONDS * 1000)
        except raised.PlaywrightError:
            return False
        return True

    # --- turning pages ---

    async def _show(self, name: str) -> None:
        """Turn to the page with this row. Raises :class:`NotListed`."""
        await self._turning(self._pager.enlarge())
        start = self._pager.number
        while name not in await self._shown():
            if not await self._advance(start):
                raise NotListed

    async def _advance(self, start: int) -> bool:
        """The next page of one round that began at page ``start``; False where the round is over."""
        number = self._pager.number
        if number >= start:
            return await self._turning(self._pager.next()) or (start > 1 and await self._turn_to(1))
        return number + 1 < start and await self._turning(self._pager.next())

    async def _turn_to(self, number: int) -> bool:
        if not await self._turning(self._pager.go(number)):
            raise PageNotAsExpected(f"The list offers no way to page {number}.")
        return True

    async def _turning(self, turn: Awaitable[Any]) -> bool:
        try:
            return bool(await turn)
        except TimeoutError:
            raise PageNotAsExpected("A page of the list was turned, but nothing came.") from None

    async def _shown(self) -> set[str]:
        """The row keys of this page, once the table shows what the PBX answered."""
        if self._pager.latest is None:
            return set(await self._page.evaluate(_KEYS))
        deadline = time.monotonic() + self._list.patience.answer
        while not await self._shows(names := {row.name for row in listed(self._pager.latest)}):
            self._pager.catch_up()  # a page may ask again, or be answered late
            if time.monotonic() > deadline:
                raise PageNotAsExpected("The table does not show the rows that the PBX listed.")
        return names

    async def _shows(self, names: set[str]) -> bool:
        try:
            await self._page.wait_for_function(_SHOWN, arg=sorted(names), timeout=_SETTLE_SECONDS * 1000)
        except raised.PlaywrightTimeout:
            return False
        return True


class _PageShown(Exception):
    """A web page was shown instead of a file saved."""


def _check_trouble(answer: Answer) -> Exception:
    if answer.status == _MISSING_FILE:
        return GoneAtPbx()
    return refusal(answer) or DownloadFailed(f"The PBX answered checkFile with HTTP {answer.http_status}, status {answer.status}.")


def _asks(request: Request) -> bool:
    """Whether a click made the page ask for something; it polls the PBX with get… and list… by itself."""
    action = parameters_of(request).get("action", "")
    return bool(action) and not action.startswith(("get", "list"))
