"""Cron's five fields: what they allow, and when they next come true. Pure; time is an argument.

As cron has it: where both days are given, either counts; 0 and 7 are Sunday. A time that daylight saving skips comes when it is over; one
that comes twice counts once, unless every hour counts. (APScheduler's trigger leaps back an hour there, again and again, takes 0 for
Monday, and wants both days to fit.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: From a 29 February to the next it can be eight years.
_MOST_DAYS = 8 * 366 + 31


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. ``weekdays`` as ``date.isoweekday() % 7``; None for a day that is not restricted."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``minute hour day-of-month month day-of-week``. Raises ValueError with what is wrong, to follow the key's name."""
        fields = text.split()
        if len(fields) != 5:
            raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
        minute, hour, day, month, weekday = fields
        found = cls(
            minutes=tuple(sorted(_values("minute", minute, 0, 59))),
            hours=tuple(sorted(_values("hour", hour, 0, 23))),
            days=None if day.startswith("*") and _step(day) == 1 else _values("day of month", day, 1, 31),
            months=_values("month", month, 1, 12, _MONTHS),
            weekdays=None
            if weekday.startswith("*") and _step(weekday) == 1
            else frozenset(value % 7 for value in _values("day of week", weekday, 0, 7, _DAYS)),
        )
        if found.weekdays is None and found.days and not any(min(found.days) <= _LONGEST_MONTHS[each - 1] for each in found.months):
            raise ValueError("never comes: no such month has such a day")
        return found

    def next_after(self, when: datetime, zone: ZoneInfo) -> datetime:
        """The first time (UTC) after ``when`` (aware) that it is due on clocks in ``zone``."""
        first = when.astimezone(zone).date() - timedelta(days=1)  # what daylight saving skipped at midnight belongs to the day before
        for number in range(_MOST_DAYS):
            day = first + timedelta(days=number)
            if self._is_on(day):
                later = [moment for moment in self._moments(day, zone) if moment > when]
                if later:
                    return min(later)
        raise AssertionError("a cron that never comes was refused when it was read")

    def _is_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        fits = [day.day in self.days] if self.days is not None else []
        fits += [day.isoweekday() % 7 in self.weekdays] if self.weekdays is not None else []
        return any(fits) or not fits

    def _moments(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        always = len(self.hours) == 24
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time(hour, minute), zone)
                early, late = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
                if early <= late or not always:  # late is the earlier one for a time that daylight saving skips
                    yield early
                if always and late > early:
                    yield late


def _step(field: str) -> int:
    _, slash, step = field.partition("/")
    return int(step) if slash and step.isdecimal() else 1


def _values(title: str, field: str, least: int, most: int, names: Sequence[str] = ()) -> frozenset[int]:
    """Every value that a field allows. ``names``: of the values from ``least`` on."""
    found: set[int] = set()
    for part in field.lower().split(","):
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,3}))?", part)
        if match is None or (match[4] and not (match[1] or match[3])):
            raise ValueError(f"has a {title} that can't be read: write numbers, lists (1,15), ranges (1-5), * or steps (*/10)")
        first = least if match[1] else _value(title, match[2], least, most, names)
        last = most if match[1] else _value(title, match[3] or match[2], least, most, names)
        step = int(match[4] or 1)
        if last < first or step == 0:
            raise ValueError(f"has a {title} whose range is empty")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _value(title: str, text: str, least: int, most: int, names: Sequence[str]) -> int:
    value = least + names.index(text) if text in names else int(text) if text.isdecimal() and text.isascii() else -1
    if not least <= value <= most:
        raise ValueError(f"has a {title} beyond {least} to {most}")
    return value
