"""GSFF: any bytes after the magic are sound that its evidence speaks for, or undecodable with a reason."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.makers import recordings
from fuzz.sound import look_at

from converters.interface import KnownLayout, Options
from converters.signature import ANY, MAX_BYTES, matches, signature
from scraper.simulator.recordings import encode_gsff

_LAYOUTS = ("length8", "bare8", "bare16", "riff44", "alaw8", "ulaw16", "inverted8")
#: What may be known beside the bytes; the first byte of an input chooses.
_OPTIONS = (
    Options(),
    Options(talk_seconds=0.2),
    Options(talk_seconds=30.0),
    *(Options(known_layouts=(KnownLayout(ANY, layout),)) for layout in ("gsff/8/s16le/8000/1", "gsff/16/ulaw/8000/1", "gsff/8/gsm/8000/1")),
    Options(known_layouts=(KnownLayout(ANY, None, "contradicted"),)),
)
WORDS = (b"WAVE", b"fmt ", b"data", b"\1\0\1\0\x40\x1f\0\0", b"\7\0\1\0\x40\x1f\0\0", b"\x31\0\1\0\x40\x1f\0\0", b"\xff\xff\xff\xff")


def target(data: bytes) -> None:
    """The first byte chooses what is known, the rest follows the magic."""
    body = b"GSFF" + data[1:]
    head = body[:MAX_BYTES]
    assert matches(signature(head, len(body)), head)
    look_at(body, _OPTIONS[(data[0] if data else 0) % len(_OPTIONS)])


def seeds() -> Iterator[bytes]:
    """A recording of the simulation in each layout."""
    (recording,) = recordings(1)
    for layout in _LAYOUTS:
        body = encode_gsff(recording.samples(), layout)[4:]
        yield from (bytes([how]) + body for how in range(len(_OPTIONS)))
