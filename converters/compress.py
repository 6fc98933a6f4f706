"""FLAC and Opus: 16-bit samples compressed and decompressed again, by libsndfile.

FLAC is lossless. Opus is not: its samples sound like the recorded ones, and are as many, but are others.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal

from converters.interface import BLOCK_BYTES
from converters.sized import SizedFile

Compression = Literal["flac", "opus"]

_KINDS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
_OPUS_RATES = frozenset({8000, 12000, 16000, 24000, 48000})
#: FLAC writes a rate in Hz up to 16 bits, else in tens of Hz.
_FLAC_PLAIN_RATE, _FLAC_MOST_RATE, _FLAC_MOST_CHANNELS = 65_535, 655_350, 8


class Incompressible(Exception):
    """libsndfile doesn't compress these samples so; the message says why, in half a sentence."""


class Damaged(OSError):
    """These bytes are no sound that libsndfile can decompress."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "its sound can't be decoded")


def fits(compression: Compression, frames: int, sample_rate: int, channels: int) -> bool:
    """Whether the format can hold so many frames, samples a second and channels; nothing holds no sound at all."""
    if compression == "opus":
        return frames > 0 and channels in (1, 2) and sample_rate in _OPUS_RATES
    exact = sample_rate <= _FLAC_PLAIN_RATE or (sample_rate % 10 == 0 and sample_rate <= _FLAC_MOST_RATE)
    return frames > 0 and 0 < channels <= _FLAC_MOST_CHANNELS and exact


def compress(compression: Compression, blocks: Iterable[bytes | memoryview], sample_rate: int, channels: int, out: BinaryIO) -> None:
    """Write s16le in blocks of any size to ``out``, a file that can seek; memory stays bounded.

    Raises :class:`Incompressible`, and whatever ``out`` and ``blocks`` raise.
    """
    import soundfile  # heavy: only who compresses pays for it

    container, subtype = _KINDS[compression]
    guarded = _Guarded(out)
    try:
        with soundfile.SoundFile(guarded, "w", sample_rate, channels, subtype, format=container) as file:
            for block in _whole_frames(blocks, 2 * channels):
                file.buffer_write(block, dtype="int16")
    except (soundfile.SoundFileError, AssertionError) as error:
        raise guarded.failure or Incompressible(f"{compression} can't hold these samples") from error
    if guarded.failure:
        raise guarded.failure


def _whole_frames(blocks: Iterable[bytes | memoryview], align: int) -> Iterator[bytes | memoryview]:
    """The same bytes, cut between frames."""
    rest = b""
    for block in blocks:
        data = rest + bytes(block) if rest else block
        whole = len(data) - len(data) % align
        rest = bytes(data[whole:])
        if whole:
            yield data[:whole]


class _Guarded:
    """Keeps what a file raises, which may be a store's own error: what C calls back can't raise."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: Exception | None = None

    def write(self, data: bytes) -> int:
        try:
            done = self._file.write(data)
            while done < len(data):
                done += self._file.write(data[done:])
        except Exception as error:  # noqa: BLE001 -- raised again as soon as C has returned
            self.failure = self.failure or error
            return 0
        return done

    def read(self, length: int) -> bytes:
        data = b""
        try:
            while len(data) < length and (part := self._file.read(length - len(data))):  # an unbuffered file may give less
                data += part
        except Exception as error:  # noqa: BLE001 -- likewise
            self.failure = self.failure or error
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class Decompressed(SizedFile):
    """The s16le samples of a FLAC or Opus file as a file of their own that can seek. The caller closes ``file``.

    Raises what ``file`` raises, and :class:`Damaged`.
    """

    def __init__(self, file: BinaryIO) -> None:
        import soundfile

        self._guarded = _Guarded(file)
        self._error = soundfile.SoundFileError
        try:
            self._sound: Any = soundfile.SoundFile(self._guarded)
        except soundfile.SoundFileError as error:
            raise self._failure() from error
        self.sample_rate: int = self._sound.samplerate
        self.channels: int = self._sound.channels
        self.frames: int = self._sound.frames
        self._align = 2 * self.channels
        self._frame = 0
        super().__init__(self.frames * self._align)

    def read_at(self, at: int, length: int) -> bytes:
        """Samples, as bytes; at most 1 MiB."""
        frame, skipped = divmod(at, self._align)
        wanted = skipped + min(length, BLOCK_BYTES)
        return self._decode(frame, -(-wanted // self._align))[skipped:wanted]

    def _decode(self, frame: int, count: int) -> bytes:
        try:
            if frame != self._frame:
                self._sound.seek(frame)
            data = bytes(self._sound.buffer_read(count, dtype="int16"))
        except (self._error, AssertionError) as error:
            raise self._failure() from error
        if self._guarded.failure or not data:
            raise self._failure()
        self._frame = frame + len(data) // self._align
        return data

    def _failure(self) -> Exception:
        return self._guarded.failure or Damaged()

    def close(self) -> None:
        """Free the decoder; the file itself stays open."""
        if not self.closed and hasattr(self, "_sound"):
            self._sound.close()
        super().close()
