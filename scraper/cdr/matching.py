"""Which listed recording may belong to a call that names none: hints by numbers and time, never more. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scraper.cdr.calls import Call
from scraper.cdr.clock import SLACK, moment, read_time
from scraper.models import time_in_name

_SEPARATORS = re.compile(r"[-#.]|RG(?=\d)")


@dataclass(frozen=True, slots=True)
class Hints:
    """What a recording of the call would look like: made between ``since`` and ``until`` (aware), by ``caller`` and one of ``callees``."""

    since: datetime
    until: datetime
    caller: str
    callees: frozenset[str]


def candidates(call: Call) -> Hints | None:
    """What to look for; None where a recording can't be told: not answered, or without start or numbers."""
    if not call.answered or call.start is None:
        return None
    caller, callees = _number(call.src), frozenset(filter(None, (_number(call.dst), _number(call.answered_by))))
    if not caller and not callees:
        return None
    ends = [call.end.utc] if call.end else []
    ends.append(call.start.utc + timedelta(seconds=max(call.duration or 0, call.talk_seconds or 0)))
    return Hints(call.start.utc - SLACK, max(ends) + SLACK, caller, callees)


def belongs(call: Call, name: str, call_time: str, zone: ZoneInfo) -> bool:
    """Whether the recording ``name``, listed with ``call_time`` (PBX local text, may be empty), plausibly is of this answered call.

    The time in its name or the listed one lies within start..end ± 120 s, and the numbers in its name (field guide 3) are the call's:
    both in ``auto-<epoch>-<src>-<dst>``; elsewhere, where groups and rooms stand for people, one of them.
    """
    hints = candidates(call)
    if hints is None:
        return False
    bare, listed = name.rpartition("/")[2], read_time(call_time.strip())
    times = [time_in_name(bare, zone), moment(listed, zone, hints.since).utc if listed else None]
    if not any(hints.since <= when <= hints.until for when in times if when):
        return False
    stem = bare.rpartition(".")[0]
    numbers = [number for part in _SEPARATORS.split(stem) if (number := _number(part))]
    called, calling = not hints.callees.isdisjoint(numbers), hints.caller in numbers
    return (called and calling) if re.match(r"auto-\d+-", bare) else (called or calling)


def _number(text: str) -> str:
    """Digits (and `*`) of a number, without the `+` that some devices write and others don't."""
    return re.sub(r"[^0-9*]", "", text)
