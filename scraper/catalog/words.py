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
_NUMBER = re.compile(r"\+?[\d*]+")
#: Databases index no text of any length.
LONGEST_WORD = 200


def words_of(name: str, others: Iterable[str] = ()) -> str:
    """The words of a file name and of ``others`` (numbers, people's names), each once, between single spaces: `` 1000 5555550100 ``."""
    stem = _STAMPS.sub("-", name.rpartition(".")[0] or name)
    parts = [*_SEPARATORS.split(stem), *others]
    return " " + "".join(f"{word} " for word in dict.fromkeys(_word(part) for part in parts) if word)


def wanted(text: str) -> list[list[str]]:
    """What to look for in :func:`words_of` for what a person typed: of each list any of its texts; nothing where it says nothing.

    A text begins with a space where a word has to begin so, and ends with one where it has to end so. A number, or a word of a name, is
    found by its beginning and by its end, however it is grouped. A number in its international form is found without its country code
    too: some devices write it, and others don't.
    """
    plain = text.strip().casefold()
    number = _PUNCTUATION.sub("", plain)
    return [_any_of(part) for part in ([number] if _NUMBER.fullmatch(number) else plain.split())]


def singles(words: str) -> set[str]:
    """The single words of :func:`words_of`, each as long as the catalog keeps it."""
    return {word[:LONGEST_WORD] for word in words.split()}


def _any_of(part: str) -> list[str]:
    digits = _PUNCTUATION.sub("", part)
    word, rests = (digits if _NUMBER.fullmatch(digits) else part), list[str]()
    if international := re.fullmatch(r"(?:\+|00)(\d+)", digits):
        word = international[1]
        rests = [word[cut:] for cut in range(1, _LONGEST_CODE + 1) if len(word) - cut >= _SHORTEST_NUMBER]
    return [f" {word}", f"{word} ", *(f" {rest} " for rest in rests)]


def _word(part: str) -> str:
    plain = part.strip().casefold()
    digits = _PUNCTUATION.sub("", plain).removeprefix("+")
    return digits if re.fullmatch(r"[\d*]+", digits) else " ".join(plain.split())
