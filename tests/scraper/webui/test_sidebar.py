"""Reading a sidebar, whatever opens its sub menus: a click, or a pointer that rests; one at a time, or all."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import async_playwright

from scraper.webui import sidebar
from scraper.webui.browser import find_browser

pytestmark = pytest.mark.browser

#: Three sub menus of two entries each and two of none; ``open(li)`` is how one opens.
MENU = """<ul class="ant-menu">%s</ul><script>
const show = li => {
  li.classList.add('ant-menu-submenu-open');
  li.insertAdjacentHTML('beforeend', '<ul class="ant-menu ant-menu-sub">' + (li.id.startsWith('Empty') ? '' :
    ['one', 'two'].map(n => `<li class="ant-menu-item"><a href="#/${li.id}/${n}">${li.id} ${n}</a></li>`).join('')) + '</ul>');
};
const hide = li => { li.classList.remove('ant-menu-submenu-open'); li.querySelector('ul')?.remove(); };
const all = [...document.querySelectorAll('.ant-menu-submenu')];
const open = li => { %s };
for (const li of all) li.firstElementChild.addEventListener('%s', () => setTimeout(() => open(li), 150));
</script>"""
NAMES = ("Calls", "Empty 1", "Empty 2", "System", "Value")
TITLES = "".join(f'<li class="ant-menu-submenu" id="{name}"><div class="ant-menu-submenu-title">{name}</div></li>' for name in NAMES)


@pytest.mark.parametrize("event", ["click", pytest.param("mouseover", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "opening",
    ["show(li)", "all.forEach(hide); show(li)", "all.forEach(hide); setTimeout(() => show(li), 150)"],
    ids=["all", "one-at-a-time", "one-after-the-other"],
)
def test_every_entry_is_found(event, opening):
    async def story():
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_browser(playwright, None), args=["--no-sandbox"])
            page = await browser.new_page()
            await page.set_content(MENU % (TITLES, opening, event))
            found = await sidebar.read(page)
            page = await browser.new_page()
            await page.set_content(MENU % (TITLES, opening, event))
            reached = await sidebar.open_page(page, "", ("System two",), ())
            await browser.close()
        return found, reached

    found, reached = asyncio.run(story())
    assert reached
    assert found.unopened == []
    assert {entry.label for entry in found.entries} == {f"{name} {n}" for name in NAMES if "Empty" not in name for n in ("one", "two")}
