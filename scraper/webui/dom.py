"""How elements are found and clicked: by exact name or class inside their own container, and clicked in the same instant.

A pointer click hits what lies at a place, and on these pages a delete button may lie there; so the element itself is clicked, in the
same script that has just checked its name. Overlays, banners and elements that move make no difference then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page


MODAL = ".ant-modal"
#: Where a page's own buttons never stand.
NOT_THE_PAGE = ".ant-modal, .ant-modal-wrap, .ant-table-tbody, .ant-layout-sider, .ant-menu, .ant-popover, .ant-message, .ant-notification"

#: Shared by every script. Names are compared without the space that antd puts between two Chinese characters.
LIBRARY = r"""
const visible = el => el.getClientRects().length > 0 && getComputedStyle(el).visibility !== 'hidden';
const name = text => (text || '').replace(/\s+/g, ' ').trim().replace(/([\u3400-\u9fff]) (?=[\u3400-\u9fff])/g, '$1');
const off = el => el.disabled || el.getAttribute('aria-disabled') === 'true' || /\bant-btn-(loading|disabled)\b/.test(el.className);
const named = (text, labels, pattern) => labels.includes(text) || (pattern !== null && new RegExp(pattern, 'i').test(text));
const buttons = (scope, outside) => [...document.querySelectorAll(scope)].filter(visible)
  .flatMap(root => [...root.querySelectorAll('button, a.ant-btn, [role=button]')])
  .filter(el => visible(el) && !(outside && el.closest(outside)) && !el.querySelector('button, [role=button]'));
const find = want => buttons(want.scope, want.outside).filter(el => named(name(el.textContent), want.labels, want.pattern));
"""


class Click(StrEnum):
    """What became of a click."""

    DONE = "done"
    DISABLED = "disabled"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Button:
    """A button by its exact labels (or a pattern over the whole label), inside ``scope`` and not inside ``outside`` (CSS selectors)."""

    labels: Sequence[str]
    pattern: str | None = None
    scope: str = "body"
    outside: str = NOT_THE_PAGE

    def as_argument(self) -> dict[str, object]:
        """The form that the scripts take."""
        return {"labels": list(self.labels), "pattern": self.pattern, "scope": self.scope, "outside": self.outside}


def script(body: str) -> str:
    """A page script of one argument ``want`` with the library in reach."""
    return f"want => {{ {LIBRARY} {body} }}"


async def click(page: Page, button: Button) -> Click:
    """Click ``button`` if there is exactly one and it is enabled."""
    result = await page.evaluate(
        script("""
        const found = find(want);
        if (found.length !== 1) return found.length ? 'ambiguous' : 'missing';
        if (off(found[0])) return 'disabled';
        found[0].click();
        return 'done';"""),
        button.as_argument(),
    )
    return Click(result)


async def is_there(page: Page, button: Button) -> bool:
    """Whether ``button`` shows, enabled or not."""
    there: bool = await page.evaluate(script("return find(want).length > 0;"), button.as_argument())
    return there


async def button_names(page: Page) -> list[str]:
    """The names of the page's own buttons, for an error that helps."""
    names: list[str] = await page.evaluate(
        script("return buttons(want.scope, want.outside).map(el => name(el.textContent)).filter(Boolean).slice(0, 30);"),
        Button(()).as_argument(),
    )
    return names
