"""What every format's decoder takes and gives, and the registry that picks one by a file's first bytes.

Decoding never guesses in silence: it ends in a :class:`Decoded` that carries its evidence and how sure it is, or in an
:class:`Undecodable` that carries its reason.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, TypeVar, cast

from converters.sniff import HEAD_BYTES, sniff

BLOCK_BYTES = 1 << 20
#: A WAV file's lengths are 32 bits wide, and 36 bytes of its header count.
MAX_PCM_BYTES = 0xFFFFFFFF - 36

Confidence = Literal["confirmed", "declared", "likely", "claimed"]
Reason = Literal["too-short", "undecodable", "corrupt"]
Block = TypeVar("Block", bytes, memoryview)


class Source(Protocol):
    """Random access to bytes that are not decoded yet."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only where the source ends. Raises OSError."""


class BytesSource:
    """A source in memory; :meth:`view` gives its bytes without copying."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        self.size = len(self._view)

    def read(self, offset: int, length: int) -> bytes:
        """A copy of the bytes."""
        return bytes(self._view[offset : offset + length])

    def view(self, offset: int, length: int) -> memoryview:
        """The bytes themselves."""
        return self._view[offset : offset + length]


class FileSource:
    """A source on disk, read by position, so that several threads can share it. A context manager; raises OSError."""

    def __init__(self, path: Path | str) -> None:
        self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``."""
        first = os.pread(self._fd, length, offset)
        if len(first) == length or not first:
            return first
        return first + self.read(offset + len(first), length - len(first))

    def close(self) -> None:
        """Close the file; once is enough, more is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class RawLayout:
    """Headerless samples: a codec of :data:`converters.codecs.CODECS`, samples a second, channels."""

    codec: str = "s16le"
    sample_rate: int = 8000
    channels: int = 1


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """What calibration on a PBX found out about GSFF files whose header has this ``signature`` (:mod:`converters.signature`).

    ``layout`` is the :attr:`Decoded.layout` they have; None: the layout that evidence spoke for was wrong, as ``detail`` says, and they are
    not to be decoded.
    """

    signature: str
    layout: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What is known beside the bytes.

    ``known_layouts``: of GSFF, from calibration on this PBX; the first whose signature fits counts. ``raw``: take files without any
    header as this. ``talk_seconds``: the call's talk time.
    """

    known_layouts: tuple[KnownLayout, ...] = ()
    raw: RawLayout | None = None
    talk_seconds: float | None = None


class Undecodable(Exception):
    """These bytes are no recording that can be decoded with reason.

    ``kind`` is :func:`converters.sniff.sniff`'s word for what they are. For ``mp3``, ``ogg`` and ``flac`` they are sound after all, of a
    kind that is stored as it is.
    """

    def __init__(self, reason: Reason, detail: str, evidence: tuple[str, ...] = (), kind: str = "unknown") -> None:
        self.reason: Reason = reason
        self.detail = detail
        self.evidence = evidence
        self.kind = kind
        super().__init__(f"{reason}: {detail}")


class Body(Protocol):
    """Where a decoded recording's samples come from."""

    def blocks(self) -> Iterator[bytes]:
        """s16le PCM in blocks of at most 1 MiB; raises :class:`Undecodable` (``corrupt``) where the bytes end early."""


@dataclass(frozen=True, slots=True)
class CopiedBody:
    """Samples that already are s16le: decoding copies them."""

    source: Source
    offset: int
    length: int

    def blocks(self) -> Iterator[bytes]:
        """The bytes as they are."""
        for at in range(0, self.length, BLOCK_BYTES):
            wanted = min(BLOCK_BYTES, self.length - at)
            block = self.source.read(self.offset + at, wanted)
            if len(block) < wanted:
                raise Undecodable("corrupt", "the file became shorter while it was read")
            yield block


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording as 16-bit PCM, with what speaks for this reading of its bytes.

    ``layout`` names the reading, stable over versions: format / offset of the samples / codec / samples a second / channels.
    ``confidence``: ``confirmed`` (calibrated on this PBX), ``declared`` (its own header says so and fits), ``likely`` (statistics say
    so), ``claimed`` (nothing contradicts). ``copies``: ``header`` + samples + ``trailer`` are the original, bit for bit; only then do
    ``header`` and ``trailer`` mean anything.
    """

    format: str
    layout: str
    confidence: Confidence
    evidence: tuple[str, ...]
    sample_rate: int
    channels: int
    frames: int
    copies: bool
    body: Body = field(repr=False)
    header: bytes = field(default=b"", repr=False)
    trailer: bytes = field(default=b"", repr=False)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def pcm_bytes(self) -> int:
        """Bytes of s16le that :meth:`blocks` gives in all."""
        return self.frames * self.channels * 2

    def blocks(self) -> Iterator[bytes]:
        """s16le PCM in blocks of at most 1 MiB; bounded memory. Raises :class:`Undecodable` (``corrupt``), and what the source raises."""
        return self.whole(self.body.blocks())

    def whole(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """These blocks of its samples; raises :class:`Undecodable` (``corrupt``) at their end where they are not as many as announced."""
        left = self.pcm_bytes
        for block in blocks:
            left -= len(block)
            yield block
        if left:
            raise Undecodable("corrupt", "the samples turned out fewer or more than announced", self.evidence)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of a file that was considered, and how it fared.

    ``noise_bits``: what the samples cost per sample beyond what their past predicts (0 silence … 15 full-scale noise); lower is more
    like sound; None where statistics can't say.
    """

    layout: str
    verdict: str
    evidence: tuple[str, ...] = ()
    noise_bits: float | None = None


class Format(Protocol):
    """What a format's module offers."""

    def matches(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` is of this format."""

    def decode(self, source: Source, options: Options) -> Decoded:
        """Decode it; raises :class:`Undecodable`."""


#: Formats that show themselves by their first bytes, by their module's name; imported when first needed, so that this package stays cheap.
FORMATS = frozenset({"gsff", "riff"})

_WHAT = {
    "html": "a web page", "json": "a JSON answer", "xml": "an XML document", "text": "plain text", "zip": "a zip archive",
    "gzip": "gzip data", "bzip2": "bzip2 data", "xz": "xz data", "zstd": "zstd data", "7z": "a 7z archive", "tar": "a tar archive",
    "pdf": "a PDF document", "mp3": "MP3 sound, not WAV", "ogg": "Ogg sound, not WAV", "flac": "FLAC sound, not WAV",
}  # fmt: skip


def decode(source: Source, options: Options | None = None) -> Decoded:
    """Find out what ``source`` is by its first bytes and how to read it; raises :class:`Undecodable`, and OSError from the source.

    Nothing is decoded yet when this returns: :meth:`Decoded.blocks` does that.
    """
    options = options or Options()
    head = source.read(0, HEAD_BYTES)
    kind = sniff(head)
    if kind == "empty":
        raise Undecodable("too-short", "the file is empty", kind="empty")
    if kind in FORMATS:
        decoded = _format(kind).decode(source, options)
    elif kind == "unknown" and options.raw is not None:
        decoded = _format("raw").decode(source, options)
    else:
        raise Undecodable("undecodable", f"the file is {_WHAT.get(kind, 'of an unknown kind')}", (f"begins {head[:16].hex(' ')}",), kind)
    if decoded.pcm_bytes > MAX_PCM_BYTES:
        raise Undecodable("undecodable", "the recording is longer than a WAV file can hold", decoded.evidence, kind)
    return decoded


def _format(name: str) -> Format:
    return cast(Format, importlib.import_module(f"converters.{name}"))
