"""What the headers of one PBX's GSFF files have in common: how a file is known to be like one whose layout was calibrated.

A signature is hex, ``??`` for each byte that differs from file to file. Which bytes those are nobody has documented (field guide 4), so
that they are found by comparing headers of files that were calibrated: in whole words of four bytes, because a length or a time first
differs in its low bytes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from converters.interface import KnownLayout

#: How much of a header counts: what is longer holds more than a description of the sound.
MAX_BYTES = 64
_WORD = 4
_MAGIC = b"GSFF"
#: Every GSFF file has it.
ANY = _MAGIC.hex()


def signature(head: bytes, size: int, alike: Iterable[str] = ()) -> str:
    """The signature of a file of ``size`` bytes whose header is ``head``, and of files of other signatures that have its layout.

    Words that differ among them are left open, and such as could be a length of this file.
    """
    head, others = head[:MAX_BYTES], [other for other in alike if len(other) >= 2 * min(len(head), MAX_BYTES)]
    parts = [ANY]
    for at in range(len(_MAGIC), len(head), _WORD):
        word = head[at : at + _WORD]
        varies = any(other[2 * at : 2 * (at + len(word))] != word.hex() for other in others)
        parts.append("??" * len(word) if varies or _could_be_length(word, size) else word.hex())
    return "".join(parts)


def recognise(head: bytes, known: Sequence[KnownLayout]) -> KnownLayout | None:
    """The first of ``known`` that files beginning with ``head`` are of."""
    return next((one for one in known if matches(one.signature, head)), None)


def matches(pattern: str, head: bytes) -> bool:
    """Whether ``head`` is of this signature; never where it is shorter."""
    pairs = [pattern[at : at + 2] for at in range(0, len(pattern), 2)]
    return len(head) >= len(pairs) and all(pair in ("??", f"{byte:02x}") for pair, byte in zip(pairs, head, strict=False))


def certainty(pattern: str) -> int:
    """How many bytes a signature fixes: of two that fit, the one that fixes more says more."""
    return len(pattern) // 2 - pattern.count("??")


def _could_be_length(word: bytes, size: int) -> bool:
    """Bytes of the file or of what follows a header, in either byte order."""
    return len(word) == _WORD and any(max(size - 1024, 1) <= int.from_bytes(word, order) <= size for order in ("little", "big"))
