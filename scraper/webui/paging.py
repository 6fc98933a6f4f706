"""Turns the pages of one table and tells what each shows, by the page's own ``/cgi`` answers (field guide 1, Recordings page)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from scraper.errors import SessionEnded
from scraper.webui import raised
from scraper.webui.wire import Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import Page

_CHANGER_MS = 2_000
_CHANGED_SECONDS = 15.0
_NEXT = "li.ant-pagination-next"

#: Opens the size changer: antd 3 listens to clicks, antd 4 to the mouse going down.
_OPEN_SIZES = """() => {
  const box = document.querySelector('.ant-pagination-options .ant-select');
  const target = box && (box.querySelector('.ant-select-selector, .ant-select-selection') || box);
  for (const type of target ? ['mousedown', 'mouseup', 'click'] : []) target.dispatchEvent(new MouseEvent(type, {bubbles: true}));
}"""
#: Chooses the largest page size that the opened size changer offers; says whether it was chosen already.
_CHOOSE_LARGEST = """() => {
  const options = [...document.querySelectorAll('.ant-select-dropdown-menu-item, .ant-select-item-option')]
    .filter(option => option.getClientRects().length && /^\\d+/.test(option.textContent.trim()));
  if (!options.length) return false;
  options.sort((a, b) => parseInt(b.textContent) - parseInt(a.textContent));
  const same = /-item-(option-)?selected\\b/.test(options[0].className);
  options[0].click();
  return same ? 'same' : 'changed';
}"""
_CLICK = """selector => {
  const item = document.querySelector(selector);
  if (!item || item.classList.contains('ant-pagination-disabled')) return false;
  item.click();
  return true;
}"""


class Pager:
    """The pages of one table. ``latest`` is the answer that the table shows now, ``number`` its page, from 1.

    Turning raises :class:`SessionEnded`, and TimeoutError where the page asked the PBX nothing or got no answer in ``seconds``.
    """

    def __init__(self, page: Page, wire: Wire, wanted: Callable[[Answer], bool], seconds: float) -> None:
        self._page = page
        self._wire = wire
        self._wanted = wanted
        self._seconds = seconds
        self._sized = False
        self.latest: Answer | None = None
        self.number = 1

    def show(self, answer: Answer) -> None:
        """The page itself has asked anew: the table shows ``answer`` now, from its first page."""
        self.latest, self.number = answer, 1

    def catch_up(self) -> None:
        """Take the newest answer for the one that the table shows."""
        newest = self._wire.newest(self._wanted)
        if newest is not None:
            self._took(newest, self.number)

    async def enlarge(self) -> None:
        """Choose the largest page size, once; nothing happens where the page offers none. It goes back to the first page."""
        if self._sized:
            return
        self._sized = True
        answer = self._wire.next(self._wanted)
        try:
            await self._page.evaluate(_OPEN_SIZES)
            chosen = await self._page.wait_for_function(_CHOOSE_LARGEST, timeout=_CHANGER_MS)
            if await chosen.json_value() == "changed":
                self._took(await asyncio.wait_for(answer, _CHANGED_SECONDS), 1)
        except (raised.PlaywrightError, TimeoutError):
            return
        finally:
            answer.cancel()

    async def next(self) -> bool:
        """Go to the next page; False on the last one."""
        return await self._turn(_NEXT, self.number + 1)

    async def go(self, number: int) -> bool:
        """Go to a page that the pagination shows: the first, the last, a neighbour. False where it doesn't show it."""
        return number == self.number or await self._turn(f"li.ant-pagination-item-{number}", number)

    async def _turn(self, selector: str, number: int) -> bool:
        answer = self._wire.next(self._wanted)
        try:
            if not await self._page.evaluate(_CLICK, selector):
                return False
            self._took(await asyncio.wait_for(answer, self._seconds), number)
            return True
        finally:
            answer.cancel()

    def _took(self, answer: Answer, number: int) -> None:
        if answer.session_ended:
            raise SessionEnded("The PBX ended the web session while its list was read.")
        page = answer.parameters.get("page", "")
        self.latest, self.number = answer, int(page) if page.isdigit() else number
