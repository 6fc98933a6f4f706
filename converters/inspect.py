"""What a file is, with the evidence: everything that the decoder saw, for a person who has to decide."""

from __future__ import annotations

from dataclasses import dataclass

from converters import gsff
from converters.interface import Candidate, Decoded, Options, Source, Undecodable, decode
from converters.sniff import HEAD_BYTES, sniff

_DUMPED_BYTES = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file's size in bytes, its first four bytes and first 64 as lines of a hex dump, its kind, the readings considered, the one
    chosen, or why there is none. The dump may hold sound, but no name or number."""

    size: int
    magic: str
    dump: tuple[str, ...]
    kind: str
    candidates: tuple[Candidate, ...]
    chosen: Decoded | None = None
    error: Undecodable | None = None


def inspect(source: Source, options: Options | None = None) -> Inspection:
    """Look at ``source`` without raising :class:`Undecodable`: that becomes ``error``. Raises OSError from the source."""
    head = source.read(0, HEAD_BYTES)
    kind = sniff(head)
    chosen: Decoded | None = None
    error: Undecodable | None = None
    try:
        chosen = decode(source, options)
    except Undecodable as caught:
        error = caught
    return Inspection(
        size=source.size,
        magic=_printable(head[:4]),
        dump=_hex_dump(head[:_DUMPED_BYTES]),
        kind=kind,
        candidates=_candidates(source, kind, chosen),
        chosen=chosen,
        error=error,
    )


def _candidates(source: Source, kind: str, chosen: Decoded | None) -> tuple[Candidate, ...]:
    """The chosen reading first, then what else was weighed."""
    considered = gsff.candidates(source) if kind == "gsff" else ()
    if chosen is None:
        return considered
    figures = next((reading.noise_bits for reading in considered if reading.layout == chosen.layout), None)
    first = Candidate(chosen.layout, f"chosen ({chosen.confidence})", chosen.evidence, figures)
    return (first, *(reading for reading in considered if reading.layout != chosen.layout))


def _hex_dump(data: bytes) -> tuple[str, ...]:
    return tuple(f"{at:04x}  {data[at : at + 16].hex(' '):<47}  {_printable(data[at : at + 16])}" for at in range(0, len(data), 16))


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
