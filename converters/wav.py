"""Writes the canonical WAV file, reads its header back, and rebuilds an original from it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from converters.interface import BLOCK_BYTES, MAX_PCM_BYTES, Decoded, Source, Undecodable

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class WavDigest:
    """What was written: the file's SHA-256, that of its samples alone (hex), its size in bytes, and its frames."""

    sha256: str
    samples_sha256: str
    size: int
    frames: int


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


def read_header(path: Path) -> WavHeader:
    """The canonical header of the file at ``path``; raises ValueError where it has none, and OSError."""
    with path.open("rb") as file:
        return parse_header(file.read(HEADER_BYTES))


def write(decoded: Decoded, out: BinaryIO) -> WavDigest:
    """Write ``decoded`` as a canonical WAV file, hashing while writing; memory stays bounded.

    Raises :class:`Undecodable` (``corrupt``) where the samples turn out fewer or more than announced, and OSError from ``out``.
    """
    head = header(decoded.frames, decoded.sample_rate, decoded.channels)
    whole, samples = hashlib.sha256(head), hashlib.sha256()
    _write_all(out, head)
    written = 0
    payload = decoded.payload()
    for block in (payload,) if payload is not None else decoded.blocks():
        whole.update(block)
        samples.update(block)
        _write_all(out, block)
        written += len(block)
    if written != decoded.pcm_bytes:
        raise Undecodable("corrupt", f"{written} bytes of samples were decoded where {decoded.pcm_bytes} were expected", decoded.evidence)
    return WavDigest(whole.hexdigest(), samples.hexdigest(), len(head) + written, decoded.frames)


def _write_all(out: BinaryIO, data: bytes | memoryview) -> None:
    """An unbuffered file may take less than it is given."""
    done = out.write(data)
    while done < len(data):
        done += out.write(memoryview(data)[done:])


def rebuild(original_header: bytes, wav: Source, original_trailer: bytes) -> Iterator[bytes]:
    """The original's bytes, in blocks, from its kept header and trailer and the canonical WAV file that was made of it.

    Only for recordings whose ``Decoded.copies`` was true. Raises ValueError where ``wav`` has no canonical header or lost samples.
    """
    info = parse_header(wav.read(0, HEADER_BYTES))
    if wav.size != HEADER_BYTES + info.pcm_bytes:
        raise ValueError("the WAV file's size is not what its header says")
    yield original_header
    for at in range(HEADER_BYTES, wav.size, BLOCK_BYTES):
        yield wav.read(at, BLOCK_BYTES)
    yield original_trailer
