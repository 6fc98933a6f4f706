"""The way to a page where deep links don't work: the sidebar, by route first, by label second (field guide 1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scraper.webui import raised
from scraper.webui.dom import script

if TYPE_CHECKING:
    from playwright.async_api import Page

_STEP_MS = 2_000

#: What all scripts here begin with: the links and items that show, the titles of the sub menus that are closed and can be opened, and of
#: those that show no items; how one is opened: those of a collapsed sidebar fly out where the pointer rests.
_SHOWN = """
const items = [...document.querySelectorAll('.ant-menu a[href], .ant-menu-item')].filter(visible);
const entries = items.filter(el => !el.querySelector('a[href]'));
const closed = [...document.querySelectorAll(
    '.ant-menu-submenu:not(.ant-menu-submenu-open, .ant-menu-submenu-disabled) > .ant-menu-submenu-title')].filter(visible);
const shown = entries.map(el => [el.getAttribute('href') || '', name(el.textContent)]);
const blank = [...document.querySelectorAll('.ant-menu-submenu-open > ul, .ant-menu-submenu-popup ul')]
  .filter(list => visible(list) && !list.querySelector('li'))
  .map(list => name(list.parentElement.querySelector('.ant-menu-submenu-title')?.textContent));
const unfold = el => {
  el.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
  el.click();
};
"""
#: Clicks the link or item of the wanted page; where none shows, opens the next closed sub menu and says so. Upon the click the app may be
#: loaded anew, and asked once more: what it says is text, which outlives a page, and there is no second click.
_STEP = script(
    _SHOWN
    + """
if (want.route && location.href !== want.from && location.pathname.endsWith(want.route)) return '"opened"';
const link = want.route && items.find(el => (el.getAttribute('href') || '').endsWith(want.route))
  || entries.find(el => want.labels.includes(name(el.textContent)))
  || items.find(el => want.labels.includes(name(el.textContent)));
if (link) { link.click(); return '"opened"'; }
const untried = closed.filter(el => el.getAttribute('data-tried') !== want.token);
const first = untried.find(el => want.menus.includes(name(el.textContent))) || untried[0];
if (!first) return false;
first.setAttribute('data-tried', want.token);
unfold(first);
return JSON.stringify({shown, blank});
"""
)
#: Gives the entries that show, and opens the next closed sub menu.
_ENTRIES = script(
    _SHOWN
    + """
const first = closed.find(el => el.getAttribute('data-tried') !== want.token);
const next = first ? name(first.textContent) : null;
if (first) { first.setAttribute('data-tried', want.token); unfold(first); }
return {shown, blank, next};
"""
)
#: Tries once more to open the sub menu that did not open.
_AGAIN = script(_SHOWN + "closed.filter(el => name(el.textContent) === want.next).slice(0, 1).forEach(unfold);")
#: True once the opened sub menu shows: its entries, or that it has none. Those of one that closes for it may go earlier.
_UNFOLDED = script(
    _SHOWN
    + """
const count = (all, one) => all.map(String).filter(other => other === String(one)).length;
const more = (now, before) => now.some(one => count(now, one) > count(before, one));
return more(shown, want.shown) || more(blank, want.blank);
"""
)
#: How long that may take.
_UNFOLD_MS = 2_000
_MOST_MENUS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the sidebar: its route (empty where it isn't a link) and its label."""

    route: str
    label: str


@dataclass(frozen=True, slots=True)
class Sidebar:
    """Its entries, and the names of sub menus that did not open: nobody knows what is in them."""

    entries: list[Entry]
    unopened: list[str]


async def read(page: Page) -> Sidebar:
    """Every entry of the sidebar, unfolding its sub menus one after another; some sidebars keep one open at a time. Menus only read."""
    found: dict[Entry, None] = {}
    unopened = []
    token = secrets.token_hex(4)
    for _ in range(_MOST_MENUS):
        step = await page.evaluate(_ENTRIES, {"token": token})
        found |= {Entry(route, label): None for route, label in step["shown"]}
        if step["next"] is None:
            break
        if not await _unfolds(page, step):
            unopened.append(step["next"])
    return Sidebar(list(found), unopened)


async def _unfolds(page: Page, step: dict[str, Any]) -> bool:
    """Whether a sub menu that was clicked opens, if need be at a second click."""
    for last in (False, True):
        try:
            await page.wait_for_function(_UNFOLDED, arg=step, timeout=_UNFOLD_MS, polling=50)
        except raised.PlaywrightTimeout:
            if not last:
                await page.evaluate(_AGAIN, step)
        else:
            return True
    return False


async def open_page(page: Page, route: str, labels: Sequence[str], menus: Sequence[str]) -> bool:
    """Go to the page at ``route``, if any, or of a label, unfolding ``menus`` first; whether its entry was found. Menus only read."""
    want = {"route": route, "labels": list(labels), "menus": list(menus), "token": secrets.token_hex(4), "from": page.url}
    for _ in range(_MOST_MENUS):
        try:
            step = await page.wait_for_function(_STEP, arg=want, timeout=_STEP_MS, polling=250)
        except raised.PlaywrightTimeout:
            return False
        done = json.loads(await step.json_value())
        if done == "opened":
            return True
        with suppress(raised.PlaywrightTimeout):
            await page.wait_for_function(_UNFOLDED, arg=done, timeout=_UNFOLD_MS, polling=50)
    return False
