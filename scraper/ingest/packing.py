"""Turns a member's bytes into a file for the store: decoded to WAV, FLAC or Opus, or as it is where it is sound of another kind.

No recording fails for its format: what Opus can't hold becomes FLAC, what FLAC can't hold WAV. Opus loses samples, so that what may have to
be converted again, because calibration has not confirmed yet what GSFF is on this PBX, becomes FLAC as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from converters import wav
from converters.interface import CopiedBody, Decoded, Options, Undecodable, decode
from converters.interface import Source as Bytes
from converters.sniff import OTHER_AUDIO
from scraper.catalog import Recording
from scraper.disk import make_folder, write_all, writing
from scraper.ingest.filing import Parcel
from scraper.ingest.members import PiecesSource
from scraper.models import Identity, Source
from scraper.store import Incoming, Store

if TYPE_CHECKING:
    from hashlib import _Hash

    from converters.compress import Compression

Format = Literal["wav", "flac", "opus"]

_BLOCK_BYTES = 1 << 20
#: What surrounds copied samples is kept in the catalog up to this size; more keeps the whole original.
_SURROUNDINGS_BYTES = 64 << 10
#: A compressed recording is put together in memory up to this size (an hour of speech), on the disk beyond.
_IN_MEMORY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class _Written:
    """The stored file's size and hash; where it isn't WAV its format, and the hash of the WAV file that it stands for."""

    size: int
    sha256: str
    format: str | None = None
    wav_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs one run's recordings. ``work_dir``: where what is too large for memory may lie for a moment; None: the system's own place."""

    store: Store
    options: Options
    source: Source
    run_id: str
    format: Format = "wav"
    work_dir: Path | None = None

    def pack(self, identity: Identity, source: Bytes, sha256: str) -> Parcel:
        """Decode ``source``, whose SHA-256 (hex) is given, into a written file that is ready to be filed.

        Raises :class:`~converters.interface.Undecodable`, and :class:`~scraper.errors.StorageError`; then nothing is left behind.
        """
        try:
            decoded = decode(source, self.options)
        except Undecodable as error:
            if error.kind not in OTHER_AUDIO:
                raise
            return self._as_it_is(identity, source, sha256, error.kind)
        return self._decoded(identity, source, sha256, decoded)

    def _decoded(self, identity: Identity, source: Bytes, sha256: str, decoded: Decoded) -> Parcel:
        file = self.store.receive(identity.ucm)
        original: Incoming | None = None
        try:
            written = self._write(decoded, file)
            lossy = written.format == "opus"
            rebuildable = decoded.copies and len(decoded.header) + len(decoded.trailer) <= _SURROUNDINGS_BYTES and not lossy
            if self.store.originals == "always" or (self.store.originals == "auto" and not rebuildable and not lossy):
                original = self._copy(identity, source)
        except BaseException:
            file.discard()
            raise
        recording = replace(
            self._recording(identity, source.size, sha256, decoded.format),
            size=written.size,
            sha256=written.sha256,
            format=written.format,
            wav_sha256=written.wav_sha256,
            frames=decoded.frames,
            sample_rate=decoded.sample_rate,
            channels=decoded.channels,
            layout=decoded.layout,
            confidence=decoded.confidence,
            source_header=decoded.header if rebuildable else None,
            source_trailer=decoded.trailer if rebuildable else None,
        )
        return Parcel(recording, file, original)

    def _write(self, decoded: Decoded, file: Incoming) -> _Written:
        if self.format != "wav":
            from converters.compress import Incompressible, fits  # what stores WAV does without libsndfile

            for compression in self._compressions(decoded):
                if fits(compression, decoded.frames, decoded.sample_rate, decoded.channels):
                    with suppress(Incompressible):
                        return self._write_compressed(compression, decoded, file)
        return _Written(wav.HEADER_BYTES + decoded.pcm_bytes, _write_wav(decoded, file))

    def _compressions(self, decoded: Decoded) -> tuple[Compression, ...]:
        """What to try, in order."""
        sure = decoded.format == "riff" or decoded.confidence == "confirmed"
        return ("opus", "flac") if self.format == "opus" and sure else ("flac",)

    def _write_compressed(self, compression: Compression, decoded: Decoded, out: Incoming) -> _Written:
        """Put together first: a FLAC file's beginning is written last, and not every store can go back."""
        from converters.compress import compress

        as_wav = hashlib.sha256(wav.header(decoded.frames, decoded.sample_rate, decoded.channels))
        with writing("The working folder"), SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=self._folder()) as made:
            blocks = _hashed(_blocks(decoded), as_wav)
            compress(compression, blocks, decoded.sample_rate, decoded.channels, cast(BinaryIO, made))
            made.seek(0, 2)
            size, digest = made.tell(), hashlib.sha256()
            made.seek(0)
            with writing("The store"):
                while block := made.read(_BLOCK_BYTES):
                    digest.update(block)
                    write_all(out.file, block)
        return _Written(size, digest.hexdigest(), compression, as_wav.hexdigest())

    def _folder(self) -> str | None:
        if self.work_dir is None:
            return None
        make_folder(self.work_dir)
        return str(self.work_dir)

    def _as_it_is(self, identity: Identity, source: Bytes, sha256: str, kind: str) -> Parcel:
        return Parcel(self._recording(identity, source.size, sha256, kind), self._copy(identity, source))

    def _copy(self, identity: Identity, source: Bytes) -> Incoming:
        file = self.store.receive(identity.ucm)
        try:
            with writing("The store"):
                for offset in range(0, source.size, _BLOCK_BYTES):
                    write_all(file.file, source.read(offset, _BLOCK_BYTES))
        except BaseException:
            file.discard()
            raise
        return file

    def _recording(self, identity: Identity, size: int, sha256: str, source_format: str) -> Recording:
        """What is known of a file that is stored as it is."""
        return Recording(
            identity=identity,
            path="",
            size=size,
            sha256=sha256,
            source=self.source,
            source_format=source_format,
            source_size=size,
            source_sha256=sha256,
            run_id=self.run_id,
        )


def _write_wav(decoded: Decoded, out: Incoming) -> str:
    """Write the canonical WAV file, hashing on the way: its SHA-256 (hex). It hashes once: the header follows from the samples."""
    head = wav.header(decoded.frames, decoded.sample_rate, decoded.channels)
    digest = hashlib.sha256(head)
    with writing("The store"):
        write_all(out.file, head)
        for block in _hashed(_blocks(decoded), digest):
            write_all(out.file, block)
    return digest.hexdigest()


def _hashed(blocks: Iterable[bytes | memoryview], digest: _Hash) -> Iterator[bytes | memoryview]:
    """The same blocks, added to ``digest``."""
    for block in blocks:
        digest.update(block)
        yield block


def _blocks(decoded: Decoded) -> Iterator[bytes | memoryview]:
    """The samples, without a copy where they are copied from memory. Raises :class:`Undecodable`."""
    body = decoded.body
    if isinstance(body, CopiedBody) and isinstance(body.source, PiecesSource):
        return decoded.whole(body.source.pieces(body.offset, body.length))
    return decoded.blocks()
