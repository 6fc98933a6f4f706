"""The canonical WAV file's header, written and read back; its samples follow as they are."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from converters.interface import MAX_PCM_BYTES

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a canonical header says."""

    frames: int
    sample_rate: int
    channels: int

    @property
    def pcm_bytes(self) -> int:
        """Bytes of samples after the header."""
        return self.frames * self.channels * 2


def header(frames: int, sample_rate: int, channels: int) -> bytes:
    """The canonical 44-byte header of a 16-bit PCM WAV file. Raises ValueError where the format can't hold that much."""
    size, align = frames * channels * 2, channels * 2
    if size > MAX_PCM_BYTES or sample_rate * align > 0xFFFFFFFF:
        raise ValueError("longer than a WAV file can hold, or faster")
    return _HEADER.pack(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, channels, sample_rate, sample_rate * align, align, 16, b"data", size)


def parse_header(data: bytes) -> WavHeader:
    """Read a canonical header; raises ValueError for any other bytes."""
    if len(data) < HEADER_BYTES:
        raise ValueError("shorter than a WAV header")
    fields = _HEADER.unpack_from(data)
    align, channels, sample_rate = fields[9], fields[6], fields[7]
    if not align:
        raise ValueError("not a canonical WAV header")
    found = WavHeader(fields[12] // align, sample_rate, channels)
    try:
        canonical = header(found.frames, sample_rate, channels)
    except ValueError:
        canonical = b""
    if canonical != data[:HEADER_BYTES]:
        raise ValueError("not a canonical WAV header")
    return found
