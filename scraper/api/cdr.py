"""Paging through cdrapi: it ends when nothing new comes, goes on by time where pages repeat, and a zero is asked about twice.

Field guide 2a, *cdrapi*: ``offset`` counts top-level groups, numRecords goes up to 1000, some devices repeat one page for ever, and
on the older family parameters that aren't understood give an empty result that looks like success.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loguru import logger

from scraper.api.answers import response_of
from scraper.api.calls import Calls
from scraper.api.reply import JsonObject
from scraper.errors import AnswerNotAsExpected

#: Groups asked for at once, and how few where so many are more than is read.
PAGE, _SMALLEST_PAGE = 1000, 10
_START = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class _Window:
    """What is asked for, as the PBX is told: PBX-local times with ``T``, or dates, which mean 00:00 UTC."""

    start: str | None = None
    end: str | None = None

    def params(self, offset: int, count: int) -> dict[str, str]:
        """A window that is open at an end leaves the parameter out: an empty one would give an empty result."""
        named = {"startTime": self.start, "endTime": self.end}
        return {"format": "json", "numRecords": str(count), "offset": str(offset)} | {key: value for key, value in named.items() if value}


class CallRecords:
    """cdrapi of one PBX.

    ``suspicious_zero``: the last reading found nothing, and the PBX contradicts that, or says that it has no calls at all.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._most = PAGE
        self.suspicious_zero = False

    def pages(self, since: datetime | None, until: datetime | None) -> Iterator[list[JsonObject]]:
        """The call groups that began from ``since`` to ``until`` (PBX local, naive), raw, each once.

        Some around the window may come with them. A group that is no object comes as ``{"unreadable": …}``. Raises as :meth:`Calls.ask`.
        """
        self.suspicious_zero = False
        asked = _Window(_text(since), _text(until))
        found = False
        for page in self._all(asked):
            found = True
            yield page
        if not found:
            yield from self._cross_check(since, until)

    def _all(self, window: _Window) -> Iterator[list[JsonObject]]:
        """Every group of a window, by offset; where the PBX ignores that, by moving the window's start or end."""
        seen: set[bytes] = set()
        while True:
            pages, repeats = 0, False
            span: tuple[str | None, str | None] = (None, None)
            for page in self._by_offset(window):
                fresh = [group for group in page if _unseen(group, seen)]
                if not fresh:
                    repeats = True
                    break
                pages, span = pages + 1, _span(page)
                yield fresh
            narrowed = _narrowed(window, span) if pages and repeats else None
            if narrowed is None:
                return
            logger.debug("The API repeats its pages: going on by time")
            window = narrowed

    def _by_offset(self, window: _Window) -> Iterator[list[JsonObject]]:
        offset = 0
        while page := self._page(window, offset):
            yield page
            offset += len(page)

    def _page(self, window: _Window, offset: int, count: int = PAGE) -> list[JsonObject]:
        """A page; smaller ones from now on where it is too large, as of calls that ring on many phones."""
        try:
            return _groups(self._calls.ask("cdrapi", window.params(offset, min(count, self._most))))
        except AnswerNotAsExpected as error:
            if not error.evidence.get("too_large") or self._most <= _SMALLEST_PAGE:
                raise
        self._most //= 10
        return self._page(window, offset, count)

    def _cross_check(self, since: datetime | None, until: datetime | None) -> Iterator[list[JsonObject]]:
        """A zero may be a misunderstanding: ask by dates, which reach a day further at both ends, then whether there are calls at all."""
        wide = _Window(
            (since - timedelta(days=1)).strftime("%Y-%m-%d") if since else "2000-01-01",
            (until + timedelta(days=2)).strftime("%Y-%m-%d") if until else None,
        )
        if any(_within(group, since, until) for group in self._page(wide, 0)):
            self.suspicious_zero = True
            logger.bind(action="zero-contradicted").warning("The API gives no calls by time but some by date: reading by date")
            yield from self._all(wide)
        elif since is None and until is None:
            self.suspicious_zero = True
        else:
            sample = self._page(_Window(), 0, 1)
            self.suspicious_zero = not sample or any(_within(group, since, until) for group in sample)


def _text(when: datetime | None) -> str | None:
    if when is not None and when.tzinfo is not None:
        raise ValueError("cdrapi takes PBX-local times without a zone")
    return when.replace(microsecond=0).isoformat() if when else None


def _groups(answer: JsonObject) -> list[JsonObject]:
    holder = answer if "cdr_root" in answer else response_of(answer)
    if "cdr_root" not in holder:
        raise AnswerNotAsExpected("The API's answer holds no call records.")
    root = holder["cdr_root"]
    if isinstance(root, dict):
        root = [root]
    if root in (None, ""):
        return []
    if not isinstance(root, list):
        raise AnswerNotAsExpected("The API's call records are no list.")
    return [group if isinstance(group, dict) else {"unreadable": group} for group in root]


def _unseen(group: JsonObject, seen: set[bytes]) -> bool:
    """Whether it is new; remembers it, in a few bytes."""
    text = json.dumps(group, sort_keys=True).encode()
    key = hashlib.blake2b(text, digest_size=12).digest()
    new = key not in seen
    seen.add(key)
    return new


def _start(group: Any) -> str | None:
    """The earliest start of a group's legs, as ``YYYY-MM-DDTHH:MM:SS``, at whatever depth they stand."""
    starts: list[str] = []
    pending = [group]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            start = node.get("start")
            if isinstance(start, str) and _START.fullmatch(start):
                starts.append(start.replace(" ", "T"))
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return min(starts, default=None)


def _span(page: list[JsonObject]) -> tuple[str | None, str | None]:
    """Start of the first and of the last group of a page that have one."""
    starts = [start for group in page if (start := _start(group))]
    return (starts[0], starts[-1]) if starts else (None, None)


def _narrowed(window: _Window, span: tuple[str | None, str | None]) -> _Window | None:
    """The part of a window that a page didn't reach, whichever way it is sorted; None where that is unknown or nothing."""
    first, last = span
    if first is None or last is None:
        return None
    narrower = _Window(last, window.end) if first <= last else _Window(window.start, last)
    return narrower if narrower != window else None


def _within(group: JsonObject, since: datetime | None, until: datetime | None) -> bool:
    start = _start(group)
    if start is None:
        return False
    return (since is None or start >= str(_text(since))) and (until is None or start < str(_text(until)))
