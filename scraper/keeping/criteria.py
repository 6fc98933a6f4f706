"""By what recordings and calls are chosen: a number, days, file names. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scraper.catalog.tombstones import Key, key_of
from scraper.catalog.words import words_of
from scraper.cdr.clock import read_time
from scraper.errors import ConfigError
from scraper.models import Window, is_month, month_in_name, time_in_name
from scraper.names import clean

_NUMBER = re.compile(r"[+(]{0,2}[\d*#][\d*#\s()./-]*")
_NUMBERS_IN_TEXT = re.compile(r"\+?\d[\d\s()./-]*")
#: Digits that a number has at least, that two forms of one number share at least, and that one may have more (country code, trunk prefix).
_FEWEST, _SHARED, _PREFIX = 2, 7, 3
#: As many digits stand together in whatever form a number is written.
_TOGETHER = 4


@dataclass(frozen=True, slots=True)
class Span:
    """The days on which a recording may have been made, PBX local: ``since`` to ``until`` (exclusive)."""

    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Criteria:
    """What all holds of what is chosen. ``number`` is digits only; ``files`` are clean, with their month or without; none: any."""

    number: str = ""
    window: Window = field(default_factory=Window)
    files: tuple[str, ...] = ()

    @property
    def like(self) -> str:
        """What a text must contain to have the number in it, in whatever form."""
        return self.number[-_TOGETHER:]

    def is_spoken_by(self, people: Iterable[str]) -> bool:
        """Whether one of these texts (numbers, names) has the number."""
        return not self.number or any(same_number(self.number, found) for text in people for found in numbers_in(text))

    def is_named_by(self, name: str) -> bool:
        """Whether a file name has the number."""
        return not self.number or any(same_number(self.number, word) for word in words_of(name).split())

    def covers(self, span: Span | None) -> bool:
        """Whether all of a span lies in the window; what has none lies in none."""
        if self.window == Window():
            return True
        since, until = self.window.since or date.min, self.window.until or date.max
        return span is not None and since <= span.since and span.until <= until

    def touches(self, span: Span | None) -> bool:
        """Whether some of a span lies in the window; what has none may."""
        since, until = self.window.since or date.min, self.window.until or date.max
        return span is None or (since < span.until and span.since < until)

    def wants_file(self, month: str, name: str) -> bool:
        """Whether a recording is among the files, or none are named."""
        return not self.files or name in self.files or f"{month}/{name}" in self.files

    @property
    def named(self) -> dict[str, Key]:
        """The files by bare name, with the keys that they mean where nobody knows more of them."""
        parts = (file.rpartition("/") for file in self.files)
        return {name: key_of(month if is_month(month) else None, name) for month, _, name in parts}


def criteria(number: str | None, window: Window, files: Iterable[str]) -> Criteria:
    """What somebody asked for. Raises :class:`ConfigError` for what can't be a number or a file name; it is not repeated."""
    if number is not None and not (_NUMBER.fullmatch(number.strip()) and len(_digits(number)) >= _FEWEST):
        raise ConfigError("That is no number: write digits, with + or * where it has them.", remedy="Such as --number +15555550100.")
    named = tuple("/".join(map(clean, file.lstrip("/").split("/")[-2:])) for file in files)
    if any(file.rpartition("/")[2] in ("", ".", "..") for file in named):
        raise ConfigError("One of the files has no name.", remedy="Write a recording's name as `ucm-scraper recordings` shows it.")
    return Criteria(_digits(number or ""), window, named)


def span_of(month: str, name: str, told: str | None, zone: ZoneInfo) -> Span | None:
    """When a recording was made: by its name, by what a list or a call ``told`` (PBX local text), or by its month; else None."""
    when: datetime | None = time_in_name(name, zone) or read_time(told or "")
    if when is not None:
        return Span(when.date(), when.date() + timedelta(days=1))
    month = month if is_month(month) else month_in_name(name, zone) or ""
    if not month:
        return None
    first = date.fromisoformat(f"{month}-01")
    return Span(first, (first + timedelta(days=31)).replace(day=1))


def numbers_in(text: str) -> list[str]:
    """The numbers in a text, digits only."""
    return [_digits(found) for found in _NUMBERS_IN_TEXT.findall(text)] or [text]


def same_number(one: str, other: str) -> bool:
    """Whether two numbers, digits only, are the same, one perhaps without country code or trunk prefix."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    if longer == shorter:
        return True
    return shorter.isdecimal() and len(shorter) >= _SHARED and len(longer) - len(shorter) <= _PREFIX and longer.endswith(shorter)


def _digits(text: str) -> str:
    return re.sub(r"[^\d*#]", "", text)
