"""Cron's five fields: what is refused, and when they next come true. Pure; time is an argument.

They mean what they mean to Debian's cron, which cronsim follows, daylight saving too: a fixed time that is skipped comes when the gap is
over, and one that comes twice counts once; a rule whose minutes or hours begin with ``*`` goes by the hours that there are. (Where clocks
change by half an hour, on Lord Howe Island, such a rule may miss a start on that night.)
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_SOME_DAY = datetime(2026, 1, 1)


def check(text: str) -> None:
    """Raise ValueError with what is wrong, to follow the key's name, unless ``text`` comes true some day."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"must have five fields: {', '.join(_FIELDS)}")
    for number, (title, field) in enumerate(zip(_FIELDS, fields, strict=True)):
        alone = " ".join(field if place == number else "*" for place in range(len(_FIELDS)))
        try:
            CronSim(alone, _SOME_DAY)
        except (CronSimError, ValueError):  # Python itself refuses thousands of digits
            raise ValueError(f"has a {title} that can't be read: write numbers, lists (1,15), ranges (1-5), * or steps (*/10)") from None
    try:
        next(CronSim(text, _SOME_DAY))
    except (CronSimError, StopIteration):
        raise ValueError("never comes: no such month has such a day") from None


def next_after(text: str, when: datetime, zone: ZoneInfo) -> datetime:
    """The first time (UTC) after ``when`` (aware) that a checked ``text`` is due on clocks in ``zone``."""
    times = (time.astimezone(UTC) for time in CronSim(text, when.astimezone(zone)))
    return next(time for time in times if time > when)  # the first may be over: in an hour that comes twice, fixed times lie in its first
