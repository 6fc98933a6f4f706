"""RIFF/WAVE files, also with header fields that recorders get wrong, and the same structure under another magic.

A recorder that crashed leaves lengths of 0; one that wrote to a pipe leaves the largest number; both mean "to the end". A data chunk that
says more than there is has been cut, and that is not hidden.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from converters.interface import Decoded, Options, RawLayout, Source, Undecodable
from converters.raw import at_offset

MAGICS = (b"RIFF", b"RF64", b"BW64")
_OPEN_ENDED = 0xFFFFFFFF
#: What sox writes to a pipe; only believed where the file doesn't reach that far.
_PIPE_SIZES = range(0x7FFFF000, 0x80000000)
_MAX_CHUNKS = 4096
_MAX_CHANNELS = 8
_EXTENSIBLE = 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_CODECS = {
    (1, 8): "u8",
    (1, 16): "s16le",
    (1, 24): "s24le",
    (1, 32): "s32le",
    (3, 32): "f32le",
    (3, 64): "f64le",
    (6, 8): "alaw",
    (7, 8): "ulaw",
}
_GSM = 0x31


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk's name, where its content begins, and the length it declares."""

    name: bytes
    offset: int
    size: int


def matches(head: bytes) -> bool:
    """RIFF, RF64 or BW64."""
    return head[:4] in MAGICS


def decode(source: Source, options: Options) -> Decoded:
    """Decode a RIFF/WAVE file; raises :class:`Undecodable`."""
    head = source.read(0, 12)
    if len(head) < 12:
        raise Undecodable("too-short", f"the file ends after {len(head)} bytes of its RIFF header", kind="riff")
    if head[8:12] != b"WAVE":
        raise Undecodable("undecodable", "the file is RIFF, but not WAVE", (f"its form is {head[8:12].hex(' ')}",), "riff")
    return structure(source, "riff")


def structure(source: Source, format_name: str) -> Decoded:
    """Decode chunks from offset 12 on, whatever the first four bytes are; raises :class:`Undecodable`."""
    notes: list[str] = []
    fmt, data, data64 = _find(source, notes)
    if fmt is None:
        raise Undecodable("corrupt", "the file has no fmt chunk", tuple(notes), format_name)
    layout = layout_of(source.read(fmt.offset, min(fmt.size, 40)), notes, format_name)
    if data is None:
        raise Undecodable("corrupt", "the file has no data chunk", tuple(notes), format_name)
    length = _data_length(source, data, data64, notes, format_name)
    decoded = at_offset(source, data.offset, layout, length, format_name)
    if decoded.frames == 0:
        raise Undecodable("too-short", "the file holds no sound", tuple(notes), format_name)
    return replace(decoded, confidence="declared", evidence=("fmt and data chunks describe it", *notes))


def _find(source: Source, notes: list[str]) -> tuple[Chunk | None, Chunk | None, int | None]:
    """The first fmt and data chunks, and the data length of a ds64 chunk."""
    fmt: Chunk | None = None
    data: Chunk | None = None
    data64: int | None = None
    at = 12
    for _ in range(_MAX_CHUNKS):
        header = source.read(at, 8)
        if len(header) < 8:
            break
        chunk = Chunk(header[:4], at + 8, struct.unpack("<I", header[4:])[0])
        if chunk.name == b"fmt " and fmt is None:
            fmt = chunk
        elif chunk.name == b"ds64" and chunk.size >= 16:
            sizes = source.read(chunk.offset, 16)
            data64 = struct.unpack("<Q", sizes[8:])[0] if len(sizes) == 16 else None
        elif chunk.name == b"data":
            data = chunk
            if fmt is not None:
                break
        at = _next(source, chunk, notes)
    return fmt, data, data64


def _next(source: Source, chunk: Chunk, notes: list[str]) -> int:
    """Where the chunk after ``chunk`` begins; some writers forget the byte that pads an odd length."""
    end = chunk.offset + chunk.size
    if chunk.size % 2 == 0:
        return end
    padded, unpadded = source.read(end + 1, 4), source.read(end, 4)
    if not _is_name(padded) and _is_name(unpadded):
        notes.append(f"the {chunk.name.decode('latin-1').strip()} chunk's odd length is not padded")
        return end
    return end + 1


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def layout_of(fmt: bytes, notes: list[str], kind: str) -> RawLayout:
    """What a fmt chunk describes; raises :class:`Undecodable`. Appends to ``notes`` what is odd about it."""
    if len(fmt) < 16:
        raise Undecodable("corrupt", f"the fmt chunk has {len(fmt)} bytes where 16 are needed", tuple(notes), kind)
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == _EXTENSIBLE:
        if len(fmt) < 40 or fmt[26:40] != _GUID_TAIL:
            raise Undecodable("corrupt", "the extensible fmt chunk names no known sub-format", tuple(notes), kind)
        tag = struct.unpack_from("<H", fmt, 24)[0]
    if not 1 <= channels <= _MAX_CHANNELS or not 1000 <= rate <= 384_000:
        raise Undecodable("corrupt", f"the fmt chunk says {channels} channels at {rate} Hz", tuple(notes), kind)
    if tag == _GSM:
        if channels != 1 or align not in (0, 65):
            raise Undecodable("corrupt", f"the fmt chunk says GSM in blocks of {align} bytes, {channels} channels", tuple(notes), kind)
        return RawLayout("msgsm", rate, 1)
    codec = _CODECS.get((tag, bits))
    if codec is None:
        raise Undecodable(
            "undecodable", f"the fmt chunk says codec 0x{tag:04x} with {bits} bits, which isn't supported", tuple(notes), kind
        )
    if align != channels * bits // 8:
        notes.append(f"the block align of {align} bytes is wrong")
    return RawLayout(codec, rate, channels)


def _data_length(source: Source, data: Chunk, data64: int | None, notes: list[str], kind: str) -> int:
    """Bytes of samples that are really there and meant."""
    there = max(source.size - data.offset, 0)
    declared = data.size
    if declared == _OPEN_ENDED and data64 is not None:
        declared = data64
    elif declared == _OPEN_ENDED or (declared in _PIPE_SIZES and declared > there) or (declared == 0 and not _ends_in_chunks(source, data)):
        notes.append(f"the data chunk's length is 0x{declared:x}: read to the end")
        return there
    if declared <= there:
        if declared < there and not _ends_in_chunks(source, data):
            notes.append("what follows the data chunk is no chunk; kept as the trailer")
        return declared
    if declared - there == 1:
        notes.append("the last byte, a pad, is missing")
        return there
    raise Undecodable("corrupt", f"the recording was cut: {there} of {declared} bytes of sound are there", tuple(notes), kind)


def _ends_in_chunks(source: Source, data: Chunk) -> bool:
    """Whether well-formed chunks lead from the end of ``data`` to the end of the file (nothing at all is well-formed, too)."""
    at = data.offset + data.size
    for _ in range(_MAX_CHUNKS):
        if at == source.size or (at % 2 and at + 1 == source.size):
            return True
        header = source.read(at, 8)
        if len(header) < 8 or not _is_name(header[:4]):
            return False
        size = struct.unpack("<I", header[4:])[0]
        at += 8 + size + size % 2
        if at > source.size + 1:
            return False
        at = min(at, source.size)
    return False
