"""Where a PBX keeps a recording: directory and month are found by trying, and what answered is remembered (field guide 2a, *recapi*)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from scraper.api.calls import Calls
from scraper.api.memory import Memory
from scraper.errors import GoneAtPbx, NotListed, NotUnderstood
from scraper.models import RecordingClass, is_month

#: What can't stand in a name: several names are joined by ``@``, and folders are ours to choose.
_UNASKABLE = re.compile(r"[@/\\\x00-\x1f\x7f\ud800-\udfff]")
#: What stands at the end of a file's name in a list.
_FILE = re.compile(r"[^,;\"\s][^,;\"\r\n]*\.(?:wav|mp3|gsm|ogg|g722|alaw|ulaw|wav49)", re.IGNORECASE)


class MonthRule(StrEnum):
    """Where the month goes, by device."""

    BARE = "bare"
    PATH = "path"
    FILEDIR = "filedir"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A recording that came: its size in bytes, and how it was asked for."""

    size: int
    filedir: str
    rule: MonthRule


@dataclass(frozen=True, slots=True)
class _Form:
    rule: MonthRule
    filedir: str
    filename: str


class Recordings:
    """recapi of one PBX."""

    def __init__(self, calls: Calls, memory: Memory) -> None:
        self._calls = calls
        self._memory = memory
        self._proved: dict[tuple[RecordingClass, str | None], MonthRule] = {}  # how a month's recordings came in this session

    @property
    def have_come(self) -> bool:
        """Whether recapi has ever brought a recording from this PBX. Where it hasn't, a miss may mean a form that nobody knows yet."""
        return any(self._remembered(klass) for klass in RecordingClass)

    def fetch(self, name: str, month: str | None, klass: RecordingClass, sink: BinaryIO) -> Fetched:
        """Write a recording into ``sink``; ``month`` is ``YYYY-MM``, or None where it isn't known.

        Raises as :meth:`Calls.fetch`: :class:`GoneAtPbx` only where each form in which this PBX may want it says so, and
        :class:`NotListed` where only the bare name could be tried.
        """
        if not name or _UNASKABLE.search(name) or name in (".", ".."):
            raise NotListed("The recording's name can't be asked for over the API.")
        month = month if month and is_month(month) else None
        misses: list[GoneAtPbx | NotUnderstood] = []
        for form in self._forms(name, month, klass):
            try:
                size = self._calls.fetch({"filedir": form.filedir, "filename": form.filename}, name, sink)
            except (GoneAtPbx, NotUnderstood) as error:
                misses.append(error)
                continue
            self._learn(klass, month, form.rule)
            return Fetched(size, form.filedir, form.rule)
        gone = next((miss for miss in misses if isinstance(miss, GoneAtPbx)), None)
        if gone is None:
            raise misses[-1]
        if month is None and {rule for (of, _), rule in self._proved.items() if of is klass} != {MonthRule.BARE}:
            raise NotListed("The PBX doesn't find it by its bare name, and its month is not known.")
        raise gone

    def list_directory(self, filedir: str) -> list[str] | None:
        """The names that recapi lists without a file name, as the PBX writes them; None where it gives no list.

        Raises as :meth:`Calls.ask`. An empty answer is none: on the older family it also follows from a parameter that isn't understood.
        """
        try:
            text = self._calls.text("recapi", {"filedir": filedir})
        except (GoneAtPbx, NotUnderstood):
            return None
        names = list(_names(text or ""))
        return names or None

    def _forms(self, name: str, month: str | None, klass: RecordingClass) -> list[_Form]:
        """The forms worth trying, the remembered rule's first; only these once a recording of that month came so.

        Firmware that was renewed may keep older months in another way.
        """
        forms = list(_all_forms(name, month, klass))
        rule = self._proved.get((klass, month), self._remembered(klass))
        known = [form for form in forms if form.rule is rule]
        return known if (klass, month) in self._proved else known + [form for form in forms if form.rule is not rule]

    def _remembered(self, klass: RecordingClass) -> MonthRule | None:
        text = self._memory.get(f"recapi-{klass}")
        return MonthRule(text) if text in list(MonthRule) else None

    def _learn(self, klass: RecordingClass, month: str | None, rule: MonthRule) -> None:
        if self._remembered(klass) is not rule:
            self._memory.set(f"recapi-{klass}", rule)
        self._proved[klass, month] = rule


def _all_forms(name: str, month: str | None, klass: RecordingClass) -> Iterator[_Form]:
    """Ordinary recordings stand in ``monitor``, else in ``queue``; the others in their own directory."""
    directories = [klass.value] if klass is not RecordingClass.MONITOR else ["monitor", "queue"]
    for filedir in directories:
        yield _Form(MonthRule.BARE, filedir, name)
        if month:
            yield _Form(MonthRule.PATH, filedir, f"{month}/{name}")
            if filedir == "monitor":
                yield _Form(MonthRule.FILEDIR, month, name)


def _names(text: str) -> Iterator[str]:
    """The file names of a list in CSV, one a line, in whichever column they stand."""
    for line in text.splitlines():
        if found := _FILE.search(line):
            yield found[0]
