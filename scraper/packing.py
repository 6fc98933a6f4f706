"""Turns a member's bytes into a file for the store: decoded to WAV, or as it is where it is sound of another kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from converters import wav
from converters.interface import CopiedBody, Decoded, Options, Undecodable, decode
from converters.interface import Source as Bytes
from converters.sniff import OTHER_AUDIO
from scraper.archive import PiecesSource
from scraper.catalog import Recording
from scraper.disk import write_all, writing
from scraper.filing import Parcel
from scraper.models import Identity, Source
from scraper.store import Incoming, Store

_BLOCK_BYTES = 1 << 20
#: What surrounds copied samples is kept in the catalog up to this size; more keeps the whole original.
_SURROUNDINGS_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs one run's recordings."""

    store: Store
    options: Options
    source: Source
    run_id: str

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
        rebuildable = decoded.copies and len(decoded.header) + len(decoded.trailer) <= _SURROUNDINGS_BYTES
        file = self.store.receive(identity.ucm)
        original: Incoming | None = None
        try:
            digest = _write_wav(decoded, file)
            if self.store.originals == "always" or (self.store.originals == "auto" and not rebuildable):
                original = self._copy(identity, source)
        except BaseException:
            file.discard()
            raise
        recording = replace(
            self._recording(identity, source.size, sha256, decoded.format),
            size=wav.HEADER_BYTES + decoded.pcm_bytes,
            sha256=digest,
            frames=decoded.frames,
            sample_rate=decoded.sample_rate,
            channels=decoded.channels,
            layout=decoded.layout,
            confidence=decoded.confidence,
            source_header=decoded.header if rebuildable else None,
            source_trailer=decoded.trailer if rebuildable else None,
        )
        return Parcel(recording, file, original)

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
    digest, left = hashlib.sha256(head), decoded.pcm_bytes
    with writing("The store"):
        write_all(out.file, head)
        for block in _blocks(decoded):
            digest.update(block)
            write_all(out.file, block)
            left -= len(block)
    if left:
        raise Undecodable("corrupt", "the samples turned out fewer or more than announced", decoded.evidence)
    return digest.hexdigest()


def _blocks(decoded: Decoded) -> Iterable[bytes | memoryview]:
    """The samples, without a copy where they are copied from memory."""
    body = decoded.body
    if isinstance(body, CopiedBody) and isinstance(body.source, PiecesSource):
        return body.source.pieces(body.offset, body.length)
    return decoded.blocks()
