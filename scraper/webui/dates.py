"""Sets a page's date filter, whichever of antd's date inputs it has (field guide 1: they are read-only until opened).

antd 3 opens a calendar with an input of its own; antd 4 lets the input itself be typed into. Either has single pickers, two of them in a
filter, and range pickers with two inputs in one. What was typed counts only if the picker shows it afterwards.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from scraper.errors import PageNotAsExpected
from scraper.models import Window
from scraper.webui import dom, raised
from scraper.webui.wire import Answer

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Page

#: The beginning of what a request asks for, be it in a form or in JSON: a day, or seconds since 1970.
_BEGINNING = re.compile(
    r"""(?:start|begin|from|since)\w*["\s]*[=:]["\s]*(?:(\d{4})[-/]?\d\d[-/]?\d\d(?!\d)|(\d{10})(?:\d{3})?(?!\d))""", re.IGNORECASE
)
#: A page that begins earlier lists all.
_FIRST_YEAR, _FIRST_SECOND = 2002, 1_009_843_200
_STEP_MS = 2_000
#: Within this a calendar closes, or turns to a range's other input, by itself.
_TURN_MS = 500
#: A page that lists anew, because its old dates were cleared, may draw its filter anew in the middle of it.
_PICKS = 3
_FORMS = {"seconds": "%Y-%m-%d %H:%M:%S", "minutes": "%Y-%m-%d %H:%M", "days": "%Y-%m-%d"}
#: Where a window has no end of its own.
_EARLIEST, _LATEST = date(2000, 1, 1), date(2099, 12, 31)

_INPUTS = "const inputs = () => [...document.querySelectorAll('.ant-calendar-picker input, .ant-picker input')]" + (
    ".filter(el => visible(el) && !el.disabled && !el.closest('.ant-modal, .ant-layout-header, .ant-picker-dropdown'));"
)
_TWO = dom.script(_INPUTS + "return inputs().length === 2;")
_IN_ONE = dom.script(
    _INPUTS + "const [one, two] = inputs().map(el => el.closest('.ant-calendar-picker, .ant-picker')); return !!one && one === two;"
)
_IS_ANTD_3 = dom.script(_INPUTS + "return inputs().some(el => el.closest('.ant-calendar-picker'));")
_CALENDARS = "const calendars = () => [...document.querySelectorAll('.ant-calendar, .ant-picker-dropdown')].filter(visible);"
#: True once no calendar is open.
_CLOSED = dom.script(_CALENDARS + "return !calendars().length;")
#: The same; clicks beside it.
_DISMISSED = dom.script(
    _CALENDARS + "document.body.dispatchEvent(new MouseEvent('mousedown', {bubbles: true})); return !calendars().length;"
)
#: Whether the n-th input's calendar is open: antd 3's takes the focus to an input of its own, antd 4 leaves it where it is.
_IS_OPEN = dom.script(
    _INPUTS
    + _CALENDARS
    + """
const own = [...document.querySelectorAll('.ant-calendar-input')].some(visible);
return own || calendars().length > 0 && inputs()[want.index] === document.activeElement;
"""
)
#: Opens the calendar of the n-th input.
_OPEN = dom.script(
    _INPUTS
    + """
const input = inputs()[want.index];
input.focus();
for (const type of ['mousedown', 'mouseup', 'click']) input.dispatchEvent(new MouseEvent(type, {bubbles: true}));
"""
)
#: Where to type: the open calendar's own input (antd 3; the n-th of a range), else the input itself, once it can be typed into.
_TYPED = dom.script(
    _INPUTS
    + """
const own = [...document.querySelectorAll('.ant-calendar-input')].filter(visible);
if (own.length) return own[Math.min(want.index, own.length - 1)];
const input = inputs()[want.index];
return input && input.closest('.ant-picker') && !input.readOnly ? input : false;
"""
)
#: True once the inputs are empty; presses antd 3's own cross.
_CLEARED = dom.script(
    _INPUTS
    + """
const filled = inputs().find(el => el.value);
if (filled) filled.closest('.ant-calendar-picker')?.querySelector('.ant-calendar-picker-clear')?.click();
return !filled;
"""
)
_SHOWS = dom.script(_INPUTS + "const input = inputs()[want.index]; return !!input && input.value.startsWith(want.day);")
#: True once no calendar is open; presses its OK where it has one.
_CONFIRMED = dom.script(
    _CALENDARS
    + """
const ok = [...document.querySelectorAll('.ant-calendar-ok-btn, .ant-picker-ok button')].filter(el => visible(el) && !off(el));
ok.slice(0, 1).forEach(el => el.click());
return !calendars().length;
"""
)
#: What the open calendar takes, as it shows: antd 4 has a column each for hours, minutes and, perhaps, seconds.
_TAKES = dom.script("""
const columns = [...document.querySelectorAll('.ant-picker-time-panel-column')].filter(visible).length;
const clock = [...document.querySelectorAll('.ant-calendar-time-picker-btn')].some(visible);
return columns === 2 ? 'minutes' : columns || clock ? 'seconds' : 'days';
""")
#: Whether the range that shows ends before a day begins: a range picker swaps, or refuses, a beginning after its end.
_ENDS_BEFORE = dom.script(_INPUTS + "const [, end] = inputs(); return !!end && end.value !== '' && end.value < want.day;")
#: Clicks a day of the month that one side of antd 3's range calendar shows.
_PICK_DAY = dom.script("""
const cells = [...document.querySelectorAll(`.ant-calendar-range-${want.side} td.ant-calendar-cell`)].filter(visible)
  .filter(el => !/-(last-month-cell|next-month-btn-day|disabled-cell)\\b/.test(el.className) && name(el.textContent) === want.day);
if (cells.length === 1) cells[0].click();
return cells.length === 1;
""")
_PICK_LATER = dom.script("""
const later = [...document.querySelectorAll(`.ant-calendar-range-right .ant-calendar-next-${want}-btn`)].filter(visible);
later.slice(0, 1).forEach(el => el.click());
return later.length === 1;
""")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first moment and the last of a window, PBX local."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, window: Window) -> Bounds:
        """``window``'s bounds: ``until`` is exclusive, so the last moment is a second earlier; open ends are far away."""
        last_day = window.until - timedelta(days=1) if window.until else _LATEST
        return cls(datetime.combine(window.since or _EARLIEST, time.min), datetime.combine(last_day, time(23, 59, 59)))

    @property
    def days(self) -> tuple[str, str]:
        """Both days as the page writes them in its requests."""
        return f"{self.first:%Y-%m-%d}", f"{self.last:%Y-%m-%d}"

    def are_in(self, parameters: dict[str, str]) -> bool:
        """Whether a request carries both days."""
        said = " ".join(parameters.values())
        return all(day in said for day in self.days)


def have_beginning(parameters: dict[str, str]) -> bool:
    """Whether a request asks for what is not older than some day."""
    said = _BEGINNING.findall("\n".join(f"{key}={value}" for key, value in parameters.items()))
    return any(int(year) >= _FIRST_YEAR if year else int(seconds) >= _FIRST_SECOND for year, seconds in said)


async def has_range(page: Page, seconds: float = 0.0) -> bool:
    """Whether the page shows exactly two date inputs, a beginning and an end, now or within ``seconds``."""
    if not seconds:
        return bool(await page.evaluate(_TWO))
    try:
        await page.wait_for_function(_TWO, timeout=seconds * 1000)
    except raised.PlaywrightTimeout:
        return False
    return True


async def apply(page: Page, bounds: Bounds, button: dom.Button, asked: asyncio.Future[Answer], seconds: float) -> Answer:
    """Type the range and press the filter's ``button``, where it has one; the answer to what the page then ``asked``.

    ``asked`` waits for an answer whose request carries the bounds. Raises :class:`PageNotAsExpected`; what is filtered then is not known.
    """
    done = dom.Click.MISSING
    try:
        if not await _type_range(page, bounds):
            raise PageNotAsExpected("The date filter does not take the dates that are typed into it.")
        done = await dom.click(page, button)  # some have no button and ask as soon as they are set
        return await asyncio.wait_for(asked, seconds)
    except TimeoutError:
        raise PageNotAsExpected(
            f"The date filter was set (its button is {done}), but the page did not ask the PBX for these dates.",
            remedy="If the web UI speaks another language, put the button's label into `web.labels.filter`.",
        ) from None
    finally:
        asked.cancel()


async def _type_range(page: Page, bounds: Bounds) -> bool:
    """Type both ends into the two date inputs; whether they show them then."""
    together = bool(await page.evaluate(_IN_ONE))
    ends = [(0, bounds.first), (1, bounds.last)]
    if await page.evaluate(_ENDS_BEFORE, {"day": bounds.days[0]}):
        ends.reverse()
    takes = await _takes(page, ends[0][0])
    for _ in range(_PICKS if together and takes == "days" and await page.evaluate(_IS_ANTD_3) else 0):
        if await _pick_range(page, bounds):
            return True
        await _dismiss(page)
    for kind in sorted(_FORMS, key=lambda kind: kind != takes):
        for index, moment in ends:
            await _type(page, index, moment.strftime(_FORMS[kind]), last=not together or index == ends[1][0])
        await _dismiss(page)  # with it goes what was typed but not taken
        if await _is_shown(page, bounds):
            return True
    return False


async def _takes(page: Page, index: int) -> str:
    """Which of the forms the n-th input seems to take, as its calendar shows: each form that is refused costs seconds."""
    with suppress(raised.PlaywrightTimeout):
        await _open(page, index)
    takes: str = await page.evaluate(_TAKES)
    await _dismiss(page)
    return takes


async def _pick_range(page: Page, bounds: Bounds) -> bool:
    """Type the first day and pick the last in antd 3's range calendar, which may forget one end when the other is typed.

    Typing the first day turns the left side to its month; the right side begins with the month after. Whether both are shown then.
    """
    with suppress(raised.PlaywrightTimeout):
        await page.wait_for_function(_CLEARED, timeout=_STEP_MS)  # with an old end the first day would make a range at once
    await _type(page, 0, bounds.days[0], last=False)
    months = 12 * (bounds.last.year - bounds.first.year) + bounds.last.month - bounds.first.month
    side = "right" if months else "left"
    years, months = divmod(max(0, months - 1), 12)
    for unit in ["year"] * years + ["month"] * months:
        await page.evaluate(_PICK_LATER, unit)
    if not await page.evaluate(_PICK_DAY, {"side": side, "day": str(bounds.last.day)}):
        return False
    with suppress(raised.PlaywrightTimeout):
        await _close(page)
    return await _is_shown(page, bounds)


async def _is_shown(page: Page, bounds: Bounds) -> bool:
    return all([await page.evaluate(_SHOWS, {"index": index, "day": day}) for index, day in enumerate(bounds.days)])


async def _type(page: Page, index: int, text: str, *, last: bool) -> None:
    """Type into the n-th input; ``last``: its calendar closes then, else it turns to the other input."""
    try:
        found = await _open(page, index)
        assert found is not None
        await found.fill(text, timeout=_STEP_MS)
        with suppress(raised.PlaywrightError):  # antd 3's range closes as soon as it is whole, and the input goes with it
            await found.press("Enter", timeout=_STEP_MS)
        if last:
            await _close(page)
        else:
            with suppress(raised.PlaywrightTimeout):
                await page.wait_for_function(_IS_OPEN, arg={"index": 1 - index}, timeout=_TURN_MS)
    except raised.PlaywrightError:
        return  # it can't be typed into, or closed meanwhile: what the inputs show tells


async def _open(page: Page, index: int) -> ElementHandle | None:
    """Open the n-th input's calendar, unless it is open: a second click would close it. Where to type then."""
    if not await page.evaluate(_IS_OPEN, {"index": index}):
        await page.evaluate(_OPEN, {"index": index})
    return (await page.wait_for_function(_TYPED, arg={"index": index}, timeout=_STEP_MS)).as_element()


async def _close(page: Page) -> None:
    """Wait for the calendar to close, and press its OK only where it doesn't by itself: antd 4's would open the range's other input."""
    try:
        await page.wait_for_function(_CLOSED, timeout=_TURN_MS)
    except raised.PlaywrightTimeout:
        await page.wait_for_function(_CONFIRMED, timeout=_STEP_MS)


async def _dismiss(page: Page) -> None:
    """Close a calendar that is still open, as a click beside it does."""
    with suppress(raised.PlaywrightTimeout):
        await page.wait_for_function(_DISMISSED, timeout=_STEP_MS)
