#!/usr/bin/env python3
"""Draws the chart of a compressed month from what ``tests/bench/test_month.py`` measured: ``make_chart.py [CSV [SVG]]``.

Unless told otherwise ``docs/month.csv`` becomes ``docs/pictures/month.svg``. One panel a figure, all over the same days; faults and
restarts are marked. Plain SVG on white, so that it reads the same in a light page and a dark one.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
#: Pixels: of the whole picture's width, left and right of the panels, of a panel with its title and without, of a strip of faults.
WIDTH, LEFT, RIGHT, PANEL, PLOT, STRIP = 960, 64, 16, 132, 92, 16
#: What a letter takes, roughly: legends are set one after the other.
_LETTER = 6.6
_BLUE, _ORANGE, _GREEN = "#0969da", "#bc4c00", "#1a7f37"
_INK, _FAINT, _GRID = "#1f2328", "#59636e", "#d1d9e0"
#: What interrupts, as it is written in the CSV: colour, dashes.
MARKS = {"SIGTERM": ("#59636e", "5 3"), "SIGKILL": ("#cf222e", ""), "backfill": ("#8250df", "1 3")}
WORDS = {"SIGTERM": "service stopped (SIGTERM) and started", "SIGKILL": "killed (SIGKILL) and started", "backfill": "backfill asked for"}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """One column of the CSV in a panel."""

    column: str
    words: str
    colour: str
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """A chart with its unit."""

    title: str
    lines: Sequence[Line]


PANELS = (
    Panel(
        "Memory, MB",
        (
            Line("memory_mb", "the service itself (USS)", _BLUE),
            Line("most_mb", "at most, with its jobs and browsers (PSS)", _ORANGE, dots=True),
        ),
    ),
    Panel("Open handles of the service", (Line("handles", "files, sockets and pipes", _BLUE), Line("threads", "threads", _GREEN))),
    Panel(
        "Processes",
        (Line("processes", "between jobs", _BLUE), Line("most_processes", "at most, with jobs and browsers", _ORANGE, dots=True)),
    ),
    Panel("Disk beyond the recordings, MB", (Line("disk_mb", "catalog, logs, pictures of failures, working files", _BLUE),)),
    Panel(
        "Seconds of a job",
        (
            Line("head_s", "over the API", _BLUE, dots=True),
            Line("branch_s", "in a browser", _ORANGE, dots=True),
            Line("push_s", "from a pushed call to its archived recording", _GREEN, dots=True),
        ),
    ),
    Panel("Milliseconds of an admin page", (Line("page_ms", "mean of overview, recordings, runs and gaps", _BLUE),)),
)


def main() -> None:
    """Read the CSV, write the SVG."""
    words = sys.argv[1:]
    source = Path(words[0]) if words else HERE / "month.csv"
    target = Path(words[1]) if len(words) > 1 else HERE / "pictures" / "month.svg"
    with source.open(newline="") as file:
        target.write_text(chart(list(csv.DictReader(file))))


def chart(rows: Sequence[Row]) -> str:
    """The whole picture."""
    days = math.ceil(float(rows[-1]["day"]))
    top, height = 64, 64 + PANEL * len(PANELS) + 2 * STRIP + 66
    parts = [_text(LEFT, 22, f"{days} days of ucm-scraper serve, compressed", size=17, weight=600), *_legend(44)]
    for number, panel in enumerate(PANELS):
        parts += _panel(panel, rows, days, top + number * PANEL)
    parts += _strips(rows, days, top + PANEL * len(PANELS) + 14)
    parts += _days(days, height - 30)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">\n'
        f'<title>Memory, handles, processes, disk and latency over {days} days</title>\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f"{body}\n</svg>\n"
    )


def _panel(panel: Panel, rows: Sequence[Row], days: int, top: int) -> Iterator[str]:
    bottom = top + 26 + PLOT
    values = [float(row[line.column]) for line in panel.lines for row in rows if row[line.column]]
    step = _step(max(values, default=1.0))
    most = step * math.ceil(max(values, default=1.0) / step)
    yield _text(LEFT, top + 14, panel.title, weight=600)
    x = LEFT + _LETTER * (len(panel.title) + 6)
    for line in panel.lines:
        yield f'<circle cx="{x:.0f}" cy="{top + 10}" r="4" fill="{line.colour}"/>'
        yield _text(x + 10, top + 14, line.words, colour=_FAINT)
        x += 10 + _LETTER * (len(line.words) + 3)
    for number in range(round(most / step) + 1):
        y = bottom - PLOT * number * step / most
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{_GRID}"/>'
        yield _text(LEFT - 8, y + 4, f"{number * step:g}", colour=_FAINT, anchor="end")
    yield from _marks(rows, days, bottom - PLOT, bottom)
    for line in panel.lines:
        points = [(_x(row, days), bottom - PLOT * float(row[line.column]) / most) for row in rows if row[line.column]]
        if line.dots:
            yield f'<g fill="{line.colour}">' + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.7"/>' for x, y in points) + "</g>"
        else:
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            yield f'<path d="M{path}" fill="none" stroke="{line.colour}" stroke-width="1.6" stroke-linejoin="round"/>'


def _marks(rows: Iterable[Row], days: int, top: float, bottom: float) -> Iterator[str]:
    for row in rows:
        for event in row["event"].split():
            colour, dashes = MARKS[event]
            yield f'<path d="M{_x(row, days):.1f} {top}V{bottom}" stroke="{colour}" stroke-dasharray="{dashes}"/>'


def _legend(y: int) -> Iterator[str]:
    x = float(LEFT)
    for event, (colour, dashes) in MARKS.items():
        yield f'<path d="M{x + 3:.0f} {y - 11}V{y + 3}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dashes}"/>'
        yield _text(x + 10, y, WORDS[event], colour=_FAINT)
        x += 10 + _LETTER * (len(WORDS[event]) + 3)


def _strips(rows: Sequence[Row], days: int, top: int) -> Iterator[str]:
    """When a fault of a PBX's simulation was on."""
    yield _text(LEFT, top, "Faults switched on", weight=600)
    for number, (ucm, words) in enumerate((("head", "API"), ("branch", "browser"))):
        y = top + 8 + number * STRIP
        yield _text(LEFT - 8, y + 10, words, colour=_FAINT, anchor="end")
        for row, after in pairwise(rows):
            for fault in filter(lambda text: text.startswith(f"{ucm}: "), row["faults"].split("; ")):
                x = _x(row, days)
                yield f'<rect x="{x:.1f}" y="{y}" width="{max(2.0, _x(after, days) - x):.1f}" height="{STRIP - 4}" fill="#d4a72c">'
                yield f"<title>{escape(fault.partition(': ')[2])}</title></rect>"


def _days(days: int, y: int) -> Iterator[str]:
    for day in range(0, days + 1, 5 if days > 10 else 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * day / days
        yield f'<path d="M{x:.1f} {y - 12}v5" stroke="{_FAINT}"/>'
        yield _text(x, y + 6, str(day), colour=_FAINT, anchor="middle")
    yield _text((WIDTH + LEFT) / 2, y + 24, "day of the month", colour=_FAINT, anchor="middle")


def _x(row: Row, days: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * float(row["day"]) / days


def _step(most: float) -> float:
    """Between two lines of the grid: 1, 2 or 5 times a power of ten, three to five of them."""
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _text(x: float, y: float, words: str, *, colour: str = _INK, anchor: str = "start", size: int = 12, weight: int = 400) -> str:
    style = f'fill="{colour}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
