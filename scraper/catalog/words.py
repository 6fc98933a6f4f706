"""What a recording can be found by: the numbers and names in its file name and its call records, as words. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[-#~]")
#: What says when a recording was made, or of which channel, and not who spoke (field guide 3).
_STAMPS = re.compile(
    r"(?P<auto>auto-\d+)|(?P<queue>-(?:19|20)\d{6}-\d{6}-\d+(?:\.\d+)?(?=-|$))|(?P<meetme>meetme-conf-rec-)|(?P<unique>-1\d{9}(?:\.\d+)?$)"
)
_PUNCTUATION = re.compile(r"[\s()/.\-]")
#: The longest country code, in digits.
_LONGEST_CODE = 3
_SHORTEST_NUMBER = 5


def words_of(name: str, others: Iterable[str] = ()) -> str:
    """The words of a file name and of ``others`` (numbers, people's names), each once, between single spaces: `` 1000 5555550100 ``."""
    stem = _STAMPS.sub("-", name.rpartition(".")[0] or name)
    parts = [*_SEPARATORS.split(stem), *others]
    return " " + "".join(f"{word} " for word in dict.fromkeys(_word(part) for part in parts) if word)


def wanted(text: str) -> list[str]:
    """What to look for in :func:`words_of` for what a person typed: any of these texts; nothing where it says nothing.

    Digits are found within a number, however they were grouped. A number in its international form is found without its country code too:
    some devices write it, and others don't.
    """
    plain = text.strip().casefold()
    if not plain:
        return []
    digits = _PUNCTUATION.sub("", plain)
    international = re.fullmatch(r"(?:\+|00)(\d+)", digits)
    if international:
        number = international[1]
        shorter = (number[cut:] for cut in range(1, _LONGEST_CODE + 1) if len(number) - cut >= _SHORTEST_NUMBER)
        return [number, *(f" {rest} " for rest in shorter)]
    return [digits if re.fullmatch(r"[\d*+]+", digits) else " ".join(plain.split())]


def _word(part: str) -> str:
    plain = part.strip().casefold()
    digits = _PUNCTUATION.sub("", plain).removeprefix("+")
    return digits if re.fullmatch(r"[\d*]+", digits) else " ".join(plain.split())
