"""Bytes that can't be trusted, kept beside a note that says why: never in the archive, never lost.

They lie in data_dir; where the store is a bucket, or several machines share it, they lie there too: a machine that works for it may have
no disk of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from converters.interface import FileSource, Source
from scraper.catalog.gaps import Quarantined
from scraper.catalog.tombstones import Key, key_of
from scraper.disk import make_folder, sync_folder, writing
from scraper.models import Identity, utc
from scraper.names import MAX_NAME_BYTES, component, shorten
from scraper.store import LocalStore, Store

BLOCK_BYTES = 1 << 20
#: Where in a store it lies.
_HIDDEN = ".quarantine"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why some bytes aren't trusted: a gap reason, a sentence, what was seen."""

    reason: str
    detail: str
    evidence: tuple[str, ...] = ()


class Quarantine:
    """A folder, ``<data_dir>/quarantine``: ``<ucm>/<month>/<name>~<sha8>`` and the same with ``.json``, readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, identity: Identity, source: Source, sha256: str, suspicion: Suspicion) -> Quarantined:
        """Keep ``source``, whose SHA-256 (hex) is given, with a note; the same bytes of the same recording are kept once.

        The returned path is what :meth:`opened` takes. Raises :class:`~scraper.errors.StorageError`.
        """
        name = shorten(component(identity.name), sha256[:8], MAX_NAME_BYTES - len("..json.tmp"))
        path = f"{component(identity.ucm)}/{component(identity.month)}/{name}"
        if not self._holds(f"{path}.json"):  # written last: with it, both are there
            note = json.dumps(_note(identity, source.size, sha256, suspicion), ensure_ascii=False, indent=2)
            self._write(path, _blocks(source))
            self._write(f"{path}.json", [note.encode()])
        return Quarantined(path, sha256)

    def remove(self, keys: Collection[Key]) -> int:
        """Remove all that is kept of these recordings, with its notes; how many copies. Raises as :meth:`keep`."""
        removed = 0
        for path in self._notes():
            with self.opened(path) as note:
                month, _, name = str(json.loads(note.read(0, note.size)).get("path", "")).partition("/")
            if key_of(month, name) in keys:
                self._drop(path.removesuffix(".json"))
                self._drop(path)
                removed += 1
        return removed

    @contextmanager
    def opened(self, path: str) -> Iterator[Source]:
        """What is kept at a path. Raises OSError."""
        with FileSource(self.folder / path) as source:
            yield source

    def _holds(self, path: str) -> bool:
        return (self.folder / path).exists()

    def _write(self, path: str, blocks: Iterable[bytes]) -> None:
        with writing("The quarantine"):
            make_folder((self.folder / path).parent)
            _write(self.folder / path, blocks)

    def _notes(self) -> list[str]:
        found = self.folder.rglob("*.json") if self.folder.is_dir() else ()
        return [path.relative_to(self.folder).as_posix() for path in found if not path.name.startswith(".")]

    def _drop(self, path: str) -> None:
        with writing("The quarantine"):
            (self.folder / path).unlink(missing_ok=True)


class QuarantineInStore(Quarantine):
    """The same in the store, under a hidden name; of one UCM, whose lock the caller holds."""

    def __init__(self, store: Store, ucm: str) -> None:
        self._store = store
        self._ucm = ucm

    @contextmanager
    def opened(self, path: str) -> Iterator[Source]:
        """What is kept at a path. Raises OSError, :class:`~scraper.errors.StorageError`."""
        with self._store.open(f"{_HIDDEN}/{path}") as file:
            yield _OpenFile(file)

    def _holds(self, path: str) -> bool:
        return self._store.exists(f"{_HIDDEN}/{path}")

    def _write(self, path: str, blocks: Iterable[bytes]) -> None:
        incoming = self._store.receive(self._ucm)
        try:
            for block in blocks:
                incoming.file.write(block)
            incoming.seal()
            self._store.replace(incoming, f"{_HIDDEN}/{path}")
            self._store.sync([f"{_HIDDEN}/{path}"])
        finally:
            incoming.discard()

    def _notes(self) -> list[str]:
        found = self._store.paths(f"{_HIDDEN}/{component(self._ucm)}")
        return [path.removeprefix(f"{_HIDDEN}/") for path in found if path.endswith(".json")]

    def _drop(self, path: str) -> None:
        self._store.remove(f"{_HIDDEN}/{path}")


class _OpenFile:
    """A file as a source."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def quarantine_of(data_dir: Path, store: Store, ucm: str) -> Quarantine:
    """Where a UCM's untrusted files go."""
    if isinstance(store, LocalStore) and not store.shared:
        return Quarantine(data_dir / "quarantine" / component(ucm))
    return QuarantineInStore(store, ucm)


def _note(identity: Identity, size: int, sha256: str, suspicion: Suspicion) -> dict[str, object]:
    return {
        "ucm": identity.ucm,
        "class": identity.klass.value,
        "path": identity.path,
        "reason": suspicion.reason,
        "detail": suspicion.detail,
        "evidence": list(suspicion.evidence),
        "size": size,
        "sha256": sha256,
        "quarantined_at": utc(datetime.now(UTC)),
    }


def _blocks(source: Source) -> Iterator[bytes]:
    return (source.read(offset, BLOCK_BYTES) for offset in range(0, source.size, BLOCK_BYTES))


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
