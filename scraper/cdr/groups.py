"""The API's JSON (field guide 2a, *cdrapi*): flat, hollow, array and deeper groups, walked to every leg, however deep. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from scraper.cdr.calls import Call, CallFile, ParsedCalls
from scraper.cdr.leg import leg, tidy

#: An object with one of these is a leg.
_OF_A_LEG = frozenset({"acctid", "start", "recordfiles", "uniqueid", "disposition", "src", "dst"})
_SUMMARY = "main_cdr"
_MOST_SHAPES = 10


@dataclass(slots=True)
class _Leg:
    call: Call
    summary: bool
    unreadable: int


@dataclass(slots=True)
class _Box:
    file: CallFile

    def learn(self, other: CallFile) -> None:
        """Take over what only the other says."""
        mine = self.file
        if mine != other:  # mostly it says nothing new, and a copy takes its time
            self.file = replace(mine, month=mine.month or other.month, seconds=mine.seconds or other.seconds, size=mine.size or other.size)


def parse_groups(groups: Any, zone: ZoneInfo) -> ParsedCalls:
    """Every leg of ``groups`` (the list under ``cdr_root``), in their order; any JSON is taken, numbers stand for their text.

    Empty summaries (``main_cdr``) of calls that have legs are left out. A file that several legs of a group name stands once, at the leg
    that is no summary and talked longest, with all that any of them says of it.
    """
    parsed: list[Call] = []
    shapes: dict[str, None] = {}
    unknown = 0
    for group in groups if isinstance(groups, list) else [groups]:
        legs = _legs(group, zone)
        if not legs:
            unknown += 1
            shapes.setdefault(_shape(group))
        _merge_files(legs)
        kept = [each for each in legs if not _is_hollow(each)] or legs[:1]
        unknown += sum(each.unreadable for each in legs) + sum(each.call.start is None for each in kept)
        parsed += [each.call for each in kept]
    return ParsedCalls(parsed, unknown, tuple(shapes)[:_MOST_SHAPES])


def _legs(group: Any, zone: ZoneInfo) -> list[_Leg]:
    """The legs of a group, in the order of the text. No recursion: JSON may be deeper than Python's stack."""
    found = []
    waiting: list[tuple[Any, str, str]] = [(group, "", "")]
    while waiting:
        node, key, session = waiting.pop()
        if isinstance(node, list):
            waiting += [(each, key, session) for each in reversed(node)]
        elif isinstance(node, dict):
            fields = {str(name).lower(): value for name, value in node.items()}
            texts = {name: value if isinstance(value, str) else _text(value) for name, value in fields.items()}
            session = _session(fields, texts) or session
            if not _OF_A_LEG.isdisjoint(name for name, value in fields.items() if not isinstance(value, dict)):
                texts["recordfiles"], strange = _recordfiles(fields.get("recordfiles"))
                call, unreadable = leg(texts, zone, session)
                found.append(_Leg(call, key == _SUMMARY, unreadable + strange))
            nested = [(value, name, session) for name, value in fields.items() if isinstance(value, (dict, list))]
            waiting += reversed(nested)
    return found


def _session(fields: dict[str, Any], texts: dict[str, str]) -> str:
    """What holds the legs below together: ``cdr`` is empty on a UCM63xx, then its summary knows."""
    summary = fields.get(_SUMMARY)
    of_summary = _text(summary.get("session")) if isinstance(summary, dict) else ""
    return tidy(texts.get("session", "")) or tidy(of_summary) or tidy(texts.get("cdr", ""))


def _text(value: Any) -> str:
    """A value as the text it would be in the documented form; empty for what is neither text nor a reasonable number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e18:
        return ""
    return str(int(value)) if value == int(value) else str(value)


def _recordfiles(value: Any) -> tuple[str, int]:
    """(``recordfiles`` in the documented form, how much of it is neither that nor a list of texts)."""
    if isinstance(value, list):
        return "".join(f"{each}@" for each in value if isinstance(each, str)), sum(not isinstance(each, str) for each in value)
    return (value, 0) if isinstance(value, str) else ("", int(bool(value)))


def _is_hollow(each: _Leg) -> bool:
    return each.summary and not each.call.acct_id and not each.call.files


def _merge_files(legs: list[_Leg]) -> None:
    """Let each file stand at one leg; a name without month is the same as the first of that name with one."""
    names = [file.name for each in legs for file in each.call.files]
    if len(names) == len(set(names)):
        return
    seen: dict[str, dict[str | None, _Box]] = {}  # by name and month; one without is the only one of its name
    owned: list[list[_Box]] = [[] for _ in legs]
    for index in sorted(range(len(legs)), key=lambda index: (legs[index].summary, -(legs[index].call.talk_seconds or 0))):
        for file in legs[index].call.files:
            boxes = seen.setdefault(file.name, {})
            if file.month and None in boxes:
                boxes[file.month] = boxes.pop(None)
            same = boxes.get(file.month) if file.month else next(iter(boxes.values()), None)
            if same is None:
                boxes[file.month] = _Box(file)
                owned[index].append(boxes[file.month])
            else:
                same.learn(file)
    for each, own in zip(legs, owned, strict=True):
        if each.call.files:
            each.call = replace(each.call, files=tuple(box.file for box in own))


def _shape(group: Any) -> str:
    """What an unknown group looks like: its type and keys, digits masked."""
    if not isinstance(group, dict):
        return type(group).__name__
    return "{" + ", ".join(_masked(str(key)) for key in list(group)[:12]) + "}"


def _masked(key: str) -> str:
    return re.sub(r"\d{3,}", "…", tidy(key))[:40]
