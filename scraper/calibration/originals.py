"""The PBX's own bytes of what is stored: kept beside it, or rebuilt bit for bit from what surrounded the samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from converters import wav
from converters.interface import BLOCK_BYTES, Source
from scraper.catalog import Recording
from scraper.store import Store


class OriginalLost(Exception):
    """The original of a recording can't be had; the message says why, in half a sentence without its name."""


class _Rebuilt:
    """A header, a file's samples, which begin at ``skipped``, and a trailer, as one source."""

    def __init__(self, file: BinaryIO, skipped: int, header: bytes, trailer: bytes) -> None:
        self._file, self._skipped = file, skipped
        self._header, self._trailer = header, trailer
        self._samples_end = len(header) + max(file.seek(0, 2) - skipped, 0)
        self.size = self._samples_end + len(trailer)

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only at the end. Raises OSError."""
        end = min(offset + length, self.size)
        parts = [self._header[offset:end]]
        at = max(offset, len(self._header))
        if at < min(end, self._samples_end):
            self._file.seek(at - len(self._header) + self._skipped)
            parts.append(_read_all(self._file, min(end, self._samples_end) - at))
        at = max(offset, self._samples_end) - self._samples_end
        parts.append(self._trailer[at : max(end - self._samples_end, at)])
        return b"".join(parts)


def _read_all(file: BinaryIO, length: int) -> bytes:
    """An unbuffered file may give less than it is asked for."""
    parts = []
    while length and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


@contextmanager
def _opened(store: Store, path: str) -> Iterator[BinaryIO]:
    try:
        with store.open(path) as file:
            yield file
    except OSError as error:
        raise OriginalLost(f"its file can't be read: {error.strerror}") from error


@contextmanager
def unproved_original(store: Store, recording: Recording) -> Iterator[Source]:
    """The original, unproved: enough to look at its beginning. Raises :class:`OriginalLost`."""
    if recording.original_path is not None:
        with _opened(store, recording.original_path) as file:
            yield _Rebuilt(file, 0, b"", b"")
    elif recording.source_header is not None:
        with _samples(store, recording) as (file, skipped):
            yield _Rebuilt(file, skipped, recording.source_header, recording.source_trailer or b"")
    else:
        raise OriginalLost("its original was not kept")


@contextmanager
def as_wav(store: Store, recording: Recording) -> Iterator[Source]:
    """The canonical WAV file of what was recorded, whatever it is stored as. Raises :class:`OriginalLost`."""
    if recording.format == "opus" or not (recording.frames and recording.sample_rate and recording.channels):
        raise OriginalLost("its samples were not kept as they were recorded")
    header = wav.header(recording.frames, recording.sample_rate, recording.channels)
    with _samples(store, recording) as (file, skipped):
        yield _Rebuilt(file, skipped, header, b"")


@contextmanager
def _samples(store: Store, recording: Recording) -> Iterator[tuple[BinaryIO, int]]:
    """A stored file's samples, and the offset at which they begin."""
    with _opened(store, recording.path) as file:
        if recording.format is None:
            yield file, wav.HEADER_BYTES
            return
        from converters.compress import Decompressed

        with Decompressed(file) as samples:
            yield cast(BinaryIO, samples), 0


@contextmanager
def original(store: Store, recording: Recording) -> Iterator[Source]:
    """The original, proved by its hash to be what the PBX sent, bit for bit. Raises :class:`OriginalLost`."""
    with unproved_original(store, recording) as source:
        if sha256_of(source) != recording.source_sha256:
            raise OriginalLost("its file is not what was stored; see `ucm-scraper verify`")
        yield source


def sha256_of(source: Source) -> str:
    """The SHA-256 of all of it, hex. Raises OSError."""
    digest = hashlib.sha256()
    for offset in range(0, source.size, BLOCK_BYTES):
        digest.update(source.read(offset, BLOCK_BYTES))
    return digest.hexdigest()
