"""HTTP range requests, as players make them to seek (RFC 9110, section 14). No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)", re.IGNORECASE | re.ASCII)
#: Longer numbers are larger than any file.
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Part:
    """What to send of a file of ``size`` bytes: from byte ``start`` up to ``end``, exclusive."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        """Its bytes."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """Its header."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


class Unsatisfiable(Exception):
    """What is asked for lies beyond the file's end: 416."""


def asked_part(headers: Mapping[str, str], size: int, etag: str) -> Part | None:
    """The part that a request asks for; None where it is the whole.

    Several ranges, other units and what can't be understood ask for the whole, and so does an ``If-Range`` of another version (a date is
    none of ours). Raises :class:`Unsatisfiable`.
    """
    found = _ONE.fullmatch(headers.get("range", "").strip())
    if found is None or headers.get("if-range", etag).strip() != etag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        length = min(_number(last), size)
        if not length:
            raise Unsatisfiable
        return Part(size - length, size, size)
    start, end = _number(first), _number(last) + 1 if last else size
    if end <= start and last:
        return None
    if start >= size:
        raise Unsatisfiable
    return Part(start, min(end, size), size)


def is_unchanged(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the asker has this version already (``If-None-Match``): 304."""
    known = [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]
    return etag in known or known == ["*"]


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS
