"""The PBX's times: naive local text, now and then an epoch, made into moments; also where the clocks change. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

#: What two clocks or two fields of one call may differ by.
SLACK = timedelta(minutes=2)

_CLOCK = r"[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?"
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})" + _CLOCK + r" ?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}),?" + _CLOCK + r" ?([AP]M)?", re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}),?" + _CLOCK)
_EPOCH = re.compile(r"(1\d{9})(?:\.\d+)?")
_EPOCH_IN_ID = re.compile(r"(?<!\d)1\d{9}")
_SECONDS = re.compile(r"(\d{1,9})(?:\.\d+)? ?(?:s|sec|seconds)?", re.IGNORECASE)
_HOURS = re.compile(r"(?:(\d{1,5}):)?(\d{1,5}):(\d\d)")
_FIRST_YEAR, _LAST_YEAR = 1990, 2100


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of a call: ``local`` as the PBX shows it (naive), ``utc`` aware.

    ``sure`` is false where the local time occurs twice or never in the zone (a change of daylight saving) and nothing told which is meant;
    then ``utc`` follows the clock as it ran before the change.
    """

    local: datetime
    utc: datetime
    sure: bool = True

    @property
    def text(self) -> str:
        """``2026-02-06 16:21:36``, PBX local, which sorts as time."""
        return self.local.isoformat(" ", "seconds")


def read_time(text: str) -> datetime | None:
    """The time in ``text``: naive where it is PBX local, aware where it has an offset or is an epoch; None where it is no date with a time.

    ``2026-02-06 16:21:36``, the same with ``T``, slashes, offset or without seconds; ``02/06/2026 4:21:36 PM`` (US, month first, by its
    slashes); ``06.02.2026 16:21:36`` (day first, by its dots); ten digits are an epoch. Seconds are whole.
    """
    try:
        if found := _ISO.fullmatch(text):
            year, month, day, *clock = found.groups()
            return _checked(year, month, day, clock[:3], _offset(clock[3]))
        if found := _US.fullmatch(text):
            month, day, year, *clock = found.groups()
            return _checked(year, month, day, _half_day(clock))
        if found := _DOTTED.fullmatch(text):
            day, month, year, *clock = found.groups()
            return _checked(year, month, day, clock)
        if found := _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(found[1]), UTC)
    except ValueError:
        return None
    return None


def read_seconds(text: str) -> int | None:
    """Whole seconds of ``75``, ``75.4``, ``75s``, ``1:15`` or ``0:01:15``; None for anything else."""
    if found := _SECONDS.fullmatch(text):
        return int(found[1])
    if found := _HOURS.fullmatch(text):
        return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])
    return None


def epoch_in(identifier: str) -> datetime | None:
    """When a channel was made, from ``uniqueid`` or ``session``, which begin with a UTC epoch (field guide 2a)."""
    found = _EPOCH_IN_ID.search(identifier)
    return datetime.fromtimestamp(int(found[0]), UTC) if found else None


def is_plain(read: datetime, zone: ZoneInfo) -> bool:
    """Whether this time means one moment only."""
    return read.tzinfo is not None or _offset_of(read, zone, 0) == _offset_of(read, zone, 1)


def moment(read: datetime, zone: ZoneInfo, not_before: datetime | None = None) -> Moment:
    """The moment of a time from :func:`read_time`.

    Where the clocks change, it is the earliest that is not before ``not_before`` (aware, give or take :data:`SLACK`), if that is known and
    not days away; else what the clock as it ran before the change says, and not ``sure``.
    """

    def earliest(meant: list[datetime]) -> datetime | None:
        if not_before is None or abs(meant[0] - not_before) > timedelta(days=1):
            return None
        first, last = sorted(meant)
        return first if first >= not_before - SLACK else last

    return _told(read, zone, earliest)


def nearest(read: datetime, zone: ZoneInfo, *expected: datetime) -> Moment:
    """The moment of a time from :func:`read_time`; where the clocks change, the one nearest to any that is ``expected`` (aware)."""
    return _told(read, zone, lambda meant: min(sorted(meant), key=lambda utc: min(abs(utc - each) for each in expected)))


def _told(read: datetime, zone: ZoneInfo, choose: Callable[[list[datetime]], datetime | None]) -> Moment:
    """``choose`` is asked only where the clocks change: which of two moments is meant (by the clock before, and after), or None."""
    if read.tzinfo is not None:
        utc = read.astimezone(UTC)
        return Moment(utc.astimezone(zone).replace(tzinfo=None), utc)
    meant = [read.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    if meant[0] == meant[1]:
        return Moment(read, meant[0])
    told = choose(meant)
    return Moment(read, meant[0], sure=False) if told is None else Moment(read, told)


def _offset_of(read: datetime, zone: ZoneInfo, fold: int) -> timedelta | None:
    return read.replace(tzinfo=zone, fold=fold).utcoffset()


def _checked(year: str, month: str, day: str, clock: list[str | None], offset: str = "") -> datetime | None:
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None
    hour, minute, second = (int(part or 0) for part in clock)
    read = datetime(int(year), int(month), int(day), hour, minute, second)
    return datetime.fromisoformat(f"{read.isoformat()}{offset}") if offset else read


def _offset(text: str | None) -> str:
    return "+00:00" if text in ("Z", "z") else text or ""


def _half_day(clock: list[str | None]) -> list[str | None]:
    hour, minute, second, half = clock
    if half is None:
        return [hour, minute, second]
    if not 1 <= int(hour or 0) <= 12:
        raise ValueError
    return [str(int(hour or 0) % 12 + (12 if half in ("PM", "pm", "Pm", "pM") else 0)), minute, second]
