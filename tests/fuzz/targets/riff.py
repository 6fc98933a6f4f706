"""RIFF: any chunks are sound as long as their header says, or undecodable with a reason."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fuzz.makers import recordings
from fuzz.sound import look_at

from converters.interface import Options
from converters.riff import MAGICS
from scraper.simulator.recordings import encode_alaw, encode_ulaw

WORDS = (b"WAVE", b"fmt ", b"data", b"ds64", b"LIST", b"\xfe\xff", b"\x31\0", b"\3\0", b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f", bytes(8))
#: (tag, bits) of fmt chunks.
_FORMATS = ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8), (0x31, 0), (0x55, 0))


def target(data: bytes) -> None:
    """The first byte chooses the magic, the rest follows it."""
    look_at(MAGICS[(data[0] if data else 0) % len(MAGICS)] + data[1:], Options())


def seeds() -> Iterator[bytes]:
    """A recording of the simulation as it is, and its bytes under every format."""
    (recording,) = recordings(1)
    samples = recording.samples()
    yield b"\0" + recording.riff()[4:]
    for tag, bits in _FORMATS:
        data = {6: encode_alaw, 7: encode_ulaw}.get(tag, lambda plain: plain.tobytes())(samples)[:650]
        fmt = struct.pack("<HHIIHH", tag, 1, 8000, 8000 * bits // 8, max(bits // 8, 65 * (tag == 0x31)), bits)
        for magic, ds64 in ((0, b""), (1, b"ds64" + struct.pack("<IQQQI", 28, 0, len(data), 0, 0))):
            declared = 0xFFFFFFFF if ds64 else len(data)
            chunks = b"WAVE" + ds64 + b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", declared) + data
            yield bytes([magic]) + struct.pack("<I", len(chunks)) + chunks + b"LIST\4\0\0\0abcd" * (not ds64)
