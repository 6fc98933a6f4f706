"""What the charts show: a year of days by how well they are covered, and bars over weeks. Pure; ``templates/charts.html`` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

from scraper.admin.shown import number, plural, size
from scraper.catalog import DayCoverage

WEEKS = 53
#: Pixels from one square to the next, and of what stands left of and above them.
CELL, LEFT, TOP = 14, 30, 18
#: Pixels from one bar to the next, and the highest bar's.
BAR, TALLEST = 12, 110
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHADES = 4
_NOTHING = DayCoverage()


class Square(NamedTuple):
    """A day at its place; ``shade`` is a class of overview.css, ``words`` say what it shows."""

    x: int
    y: int
    shade: str
    words: str


class Label(NamedTuple):
    """A word beside the squares."""

    x: int
    y: int
    text: str


class Bar(NamedTuple):
    """A week; ``height`` in pixels."""

    x: int
    height: float
    words: str


class HeatMap(NamedTuple):
    """A column a week, a square a day."""

    title: str
    labels: Sequence[Label]
    squares: Sequence[Square]
    width: int = LEFT + WEEKS * CELL
    height: int = TOP + 7 * CELL


class Bars(NamedTuple):
    """A bar a week."""

    name: str
    title: str
    bars: Sequence[Bar]
    width: int = WEEKS * BAR
    height: int = TALLEST


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month in the table beside the charts. ``size``: bytes; ``troubled``: its days with open gaps, and how many each."""

    month: str
    archived: int
    size: int
    open: int
    troubled: Sequence[tuple[str, int]]


def first_day(today: date) -> date:
    """The Monday on which the year of weeks begins that ends with ``today``'s."""
    return today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))


def heat_map(days: Mapping[str, DayCoverage], today: date) -> HeatMap:
    """Darker for more archived, another colour where a gap is open."""
    start = first_day(today)
    most = max((day.archived for day in days.values()), default=0)
    dates = [start + timedelta(days=count) for count in range((today - start).days + 1)]
    squares = [_square(count, when, days.get(when.isoformat(), _NOTHING), most) for count, when in enumerate(dates)]
    firsts = [week for week in range(WEEKS - 2) if week == 0 or dates[7 * week].month != dates[7 * week - 7].month]
    roomy = firsts[1:] if firsts[1] < 3 else firsts  # two names side by side would overlap
    labels = [Label(LEFT + week * CELL, 11, _MONTHS[dates[7 * week].month - 1]) for week in roomy]
    labels += [Label(0, TOP + row * CELL + 10, name) for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri"))]
    troubled = sum(day.open > 0 for day in days.values())
    archived = sum(day.archived for day in days.values())
    title = f"{plural(archived, 'recording')} archived in the last twelve months; {plural(troubled, 'day')} with open gaps."
    return HeatMap(title, labels, squares)


def _square(count: int, when: date, day: DayCoverage, most: int) -> Square:
    words = f"{when}: {number(day.archived)} archived" + (f", {plural(day.open, 'gap')} open" if day.open else "")
    return Square(LEFT + count // 7 * CELL, TOP + count % 7 * CELL, _shade(day, most), words)


def _shade(day: DayCoverage, most: int) -> str:
    if day.open:
        return "bad" if day.open >= day.archived else "gap"
    return f"h{1 + _SHADES * day.archived // (most + 1)}" if day.archived else "h0"


def weekly_bars(days: Mapping[str, DayCoverage], today: date, of: Literal["archived", "size"]) -> Bars:
    """Recordings or bytes by the week of the call."""
    start, tell = first_day(today), number if of == "archived" else size
    sums = [0] * WEEKS
    for day, found in days.items():
        if len(day) == len("2026-02-06") and 0 <= (week := (date.fromisoformat(day) - start).days // 7) < WEEKS:
            sums[week] += getattr(found, of)
    most = max(sums) or 1
    bars = [
        Bar(week * BAR, round(TALLEST * amount / most, 1), f"Week of {start + timedelta(weeks=week)}: {tell(amount)}")
        for week, amount in enumerate(sums)
    ]
    what = "Recordings" if of == "archived" else "Bytes"
    return Bars(of, f"{what} by the week of the call: {tell(sum(sums))} in all, at most {tell(max(sums))} a week.", bars)


def months(days: Mapping[str, DayCoverage]) -> list[MonthLine]:
    """The same as a table, the newest month first."""
    lines = []
    for month in sorted({day[:7] for day in days}, reverse=True):
        mine = {day: found for day, found in sorted(days.items()) if day[:7] == month}
        archived, stored, missing = (sum(getattr(found, name) for found in mine.values()) for name in ("archived", "size", "open"))
        lines.append(MonthLine(month, archived, stored, missing, [(day, found.open) for day, found in mine.items() if found.open]))
    return lines
