"""The way to a page where deep links don't work: the sidebar, by route first, by label second (field guide 1)."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from scraper.webui.dom import script

_STEP_MS = 2_000

#: Clicks the link or item of the wanted page; where none shows, opens the next closed sub menu and says so.
_STEP = script(r"""
const items = [...document.querySelectorAll('.ant-menu a[href], .ant-menu-item')].filter(visible);
const link = items.find(el => (el.getAttribute('href') || '').endsWith(want.route))
  || items.find(el => want.labels.includes(name(el.textContent)) && !el.querySelector('a[href]'))
  || items.find(el => want.labels.includes(name(el.textContent)));
if (link) { link.click(); return 'opened'; }
const closed = [...document.querySelectorAll('.ant-menu-submenu:not(.ant-menu-submenu-open) > .ant-menu-submenu-title')]
  .filter(el => visible(el) && !el.hasAttribute('data-tried'));
const first = closed.find(el => want.menus.includes(name(el.textContent))) || closed[0];
if (!first) return false;
first.setAttribute('data-tried', '');
first.click();
return 'unfolded';
""")
_MOST_MENUS = 12


async def open_page(page: Page, route: str, labels: Sequence[str], menus: Sequence[str]) -> bool:
    """Go to the page at ``route`` or of one of ``labels``, unfolding ``menus`` first; whether its entry was found. Menus only read."""
    want = {"route": route, "labels": list(labels), "menus": list(menus)}
    for _ in range(_MOST_MENUS):
        try:
            step = await page.wait_for_function(_STEP, arg=want, timeout=_STEP_MS, polling=250)
        except PlaywrightTimeout:
            return False
        if await step.json_value() == "opened":
            return True
    return False
