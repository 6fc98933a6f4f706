"""What the headers of one PBX's GSFF files have in common: how a file is known to be like one whose layout was calibrated.

A signature is hex, ``??`` for each byte that differs from file to file. Which bytes those are nobody has documented (field guide 4), so
that they are found by comparing headers: in whole words of four bytes, because a length or a time first differs in its low bytes only.
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


def signature(head: bytes, size: int, others: Iterable[bytes] = ()) -> str:
    """The signature of a file of ``size`` bytes whose header is ``head``, and of other files' headers that are of the same kind.

    Words that differ among them are left open, and such as could be a length of this file.
    """
    head = head[:MAX_BYTES]
    alike = [other[: len(head)] for other in others if len(other) >= len(head)]
    parts = [ANY]
    for at in range(len(_MAGIC), len(head), _WORD):
        word = head[at : at + _WORD]
        varies = any(other[at : at + _WORD] != word for other in alike) or _could_be_length(word, size)
        parts.append("??" * len(word) if varies else word.hex())
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
