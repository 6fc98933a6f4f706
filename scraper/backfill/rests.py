"""When a backfill goes on, and when it rests: quiet hours, and slices that are to be tried again later. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scraper.catalog import BackfillSlice, Direction, SliceState

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Hours that are quiet for ever are looked at again after so long; a rest that is longer was noted by a clock that was ahead.
_LONGEST_REST = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done before ``until`` (aware), and why."""

    until: datetime
    why: str


def quiet_until(spans: Sequence[str], now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours that ``now`` (aware) lies in are over; else None. ``spans`` as ``limits.quiet_hours``, in ``zone``."""
    until = now
    while until - now < _LONGEST_REST:
        ends = [end for span in spans for end in _ends(span, until, zone)]
        if not ends:
            return until if until > now else None
        until = max(ends)
    return until


def _ends(span: str, when: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When the span is over that ``when`` lies in, by what a clock on the wall shows then. UTC."""
    found = re.fullmatch(r"(?:(\w{3})(?:-(\w{3}))? )?(\d\d:\d\d)-(\d\d:\d\d)", span)
    assert found is not None  # the configuration has been checked
    first, last, begins, ends = found.groups()
    opens, closes = time.fromisoformat(begins), time.fromisoformat(ends)
    local = when.astimezone(zone).replace(tzinfo=None)
    for day in (local.date() - timedelta(days=1), local.date()):
        end = datetime.combine(day + timedelta(days=closes <= opens), closes)
        begun = first is None or _is_among(day.weekday(), _WEEK.index(first), _WEEK.index(last or first))
        if begun and datetime.combine(day, opens) <= local < end:
            over = end.replace(tzinfo=zone).astimezone(UTC)
            yield over if over > when else end.replace(tzinfo=zone, fold=1).astimezone(UTC)  # that hour comes twice


def _is_among(day: int, first: int, last: int) -> bool:
    return first <= day <= last if first <= last else day >= first or day <= last


def next_slice(slices: Iterable[BackfillSlice], order: Direction, now: datetime) -> BackfillSlice | Rest | None:
    """The slice to do next: first one that was broken off, then those that wait, in their order; a rest until the next may be tried again.

    None where none is left.
    """
    left = [one for one in slices if one.state in (SliceState.RUNNING, SliceState.WAITING)]
    left.sort(key=lambda one: one.since, reverse=order is Direction.NEWEST_FIRST)
    left.sort(key=lambda one: one.state is not SliceState.RUNNING)
    due = [one for one in left if not now < _time(one.retry_at, now) <= now + _LONGEST_REST]
    if due or not left:
        return due[0] if due else None
    first = min(left, key=lambda one: _time(one.retry_at, now))
    return Rest(_time(first.retry_at, now), f"the next try is due then: {first.detail}")


def _time(text: str | None, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else otherwise
