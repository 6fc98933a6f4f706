"""A window cut into slices, and what the slices say of how it is covered. Days are PBX local; no I/O, no clock.

Slices are made of whole days, so that neither leap years nor a day of 23 hours matters: a day lasts from its midnight to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from scraper.catalog.backfills import BackfillSlice, SliceState
from scraper.errors import ConfigError

#: A slice should hold no more than this: a pack of more takes a PBX long, and what breaks off is to be asked for again.
MOST_RECORDINGS, MOST_BYTES = 2000, 2_000_000_000
#: There were no UCMs before.
_EARLIEST = date(2000, 1, 1)
#: Without a date filter each slice reads the list from its newest row on, so that few and large slices are cheaper.
_MORE_WITHOUT_FILTER = 4


class Grain(StrEnum):
    """How long a slice is."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"


_DAYS = {Grain.MONTH: 31, Grain.WEEK: 7, Grain.DAY: 1}


class Span(NamedTuple):
    """Days from ``since`` up to ``until``, which is exclusive."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a PBX: whether its page filters by date, and the recordings of a busy day, with their bytes. None: not known."""

    has_filter: bool | None = None
    recordings_a_day: float | None = None
    bytes_a_day: float | None = None


def grain_for(evidence: Evidence) -> Grain:
    """The longest slice that isn't too much at once; a week where nothing is known."""
    count, size = evidence.recordings_a_day, evidence.bytes_a_day or 0.0
    if count is None:
        return Grain.WEEK
    more = _MORE_WITHOUT_FILTER if evidence.has_filter is False else 1
    fits = (grain for grain, days in _DAYS.items() if count * days <= MOST_RECORDINGS * more and size * days <= MOST_BYTES * more)
    return next(fits, Grain.DAY)


def tile(span: Span, grain: Grain) -> list[Span]:
    """``span`` in slices that end with a month, a week (on Sunday) or a day; together they are the span. The oldest first."""
    tiles, since = [], span.since
    while since < span.until:
        until = min(_end(since, grain), span.until)
        tiles.append(Span(since, until))
        since = until
    return tiles


def _end(day: date, grain: Grain) -> date:
    """The first day after the month, week or day that ``day`` lies in."""
    if grain is Grain.MONTH:
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 - day.weekday() if grain is Grain.WEEK else 1)


def halve(span: Span) -> list[Span]:
    """The two halves of a span; a day stays whole."""
    if span.days < 2:
        return [span]
    middle = span.since + timedelta(days=span.days // 2)
    return [Span(span.since, middle), Span(middle, span.until)]


def recut(spans: Iterable[Span], grain: Grain) -> list[Span]:
    """Spans anew in slices of ``grain``: those that touch count as one. Days between them stay between them."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and joined[-1].until == span.since:
            joined[-1] = Span(joined[-1].since, span.until)
        else:
            joined.append(span)
    return [piece for span in joined for piece in tile(span, grain)]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a backfill has covered. ``expected`` and the other counts are those of the slices that are ``done``.

    ``open``: recordings of these that are missing still. ``expected`` is None where no slice is done.
    """

    span: Span
    slices: int
    done: int
    failed: int
    days_done: int
    expected: int | None
    archived: int
    gone: int
    open: int

    @property
    def complete(self) -> bool:
        """Whether each day of the window was looked at, and nothing is missing."""
        return self.done == self.slices and not self.open

    def as_json(self) -> dict[str, Any]:
        """The form in which a report carries it."""
        return {
            "window": {"since": self.span.since.isoformat(), "until": self.span.until.isoformat()},
            "slices": {"done": self.done, "open": self.slices - self.done, "failed": self.failed},
            "days": {"done": self.days_done, "open": self.span.days - self.days_done},
            "recordings": {"expected": self.expected, "archived": self.archived, "gone": self.gone, "open": self.open},
        }

    def as_text(self) -> str:
        """One sentence for people."""
        last = self.span.until - timedelta(days=1)
        expected = "not known" if self.expected is None else f"{self.expected:,}"
        return (
            f"{self.span.since} to {last} ({self.span.days:,} days): {self.done:,} of {self.slices:,} slices done;"
            f" expected {expected}, archived {self.archived:,}, gone {self.gone:,}, open {self.open:,}"
        )


def coverage(span: Span, slices: Sequence[BackfillSlice]) -> Coverage:
    """The statement of coverage of a window by its slices."""
    done = [one for one in slices if one.state is SliceState.DONE]
    return Coverage(
        span=span,
        slices=len(slices),
        done=len(done),
        failed=sum(one.state is SliceState.FAILED for one in slices),
        days_done=sum((one.until - one.since).days for one in done),
        expected=sum(one.expected or 0 for one in done) if done else None,
        archived=sum(one.archived or 0 for one in done),
        gone=sum(one.gone or 0 for one in done),
        open=sum(one.open or 0 for one in done),
    )


def read_span(since: str | date, until: str | date, today: date) -> Span:
    """The window that somebody asks for; ``today`` is the PBX's. Raises :class:`ConfigError` that says what is wrong with it."""
    span = Span(_read_day("since", since), _read_day("until", until))
    if span.since >= span.until:
        raise ConfigError("`since` must lie before `until`, which is exclusive.", remedy="Swap the dates, or let until be a day later.")
    if span.since < _EARLIEST:
        raise ConfigError(f"`since` lies before {_EARLIEST}.", remedy="No UCM is that old; name the year in which yours was set up.")
    if span.since > today:
        raise ConfigError(f"`since` lies in the future: at the PBX it is {today}.", remedy="Name days that have begun.")
    if span.until > today + timedelta(days=1):
        raise ConfigError(
            f"`until` lies in the future: at the PBX it is {today}.",
            remedy=f"Tomorrow, {today + timedelta(days=1)}, is the latest: it is exclusive, and takes in today.",
        )
    return span


def _read_day(name: str, text: str | date) -> date:
    if type(text) is date:  # not a datetime, which is one too
        return text
    problem = f"`{name}` is no day: write it as 2026-02-28, without a time."
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(text).strip()):
        raise ConfigError(problem, remedy="Days are the PBX's own, from midnight to midnight.")
    try:
        return date.fromisoformat(str(text).strip())
    except ValueError:
        raise ConfigError(problem, remedy="There is no such day in the calendar.") from None
