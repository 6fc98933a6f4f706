"""Bytes that can't be trusted, kept beside a note that says why: never in the archive, never lost."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from converters.interface import Source
from scraper.catalog.gaps import Quarantined
from scraper.catalog.tombstones import Key, key_of
from scraper.disk import make_folder, sync_folder, write_private, writing
from scraper.models import Identity, utc
from scraper.names import MAX_NAME_BYTES, component, shorten

BLOCK_BYTES = 1 << 20


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

        The returned path is relative to the folder. Raises :class:`~scraper.errors.DiskFull`, :class:`~scraper.errors.StoreUnwritable`.
        """
        name = shorten(component(identity.name), sha256[:8], MAX_NAME_BYTES - len("..json.tmp"))
        relative = Path(component(identity.ucm), component(identity.month), name)
        path = self.folder / relative
        note = path.with_name(f"{name}.json")
        if not note.exists():  # written last: with it, both are there
            with writing("The quarantine"):
                make_folder(path.parent)
                _write(path, _blocks(source))
                write_private(note, json.dumps(_note(identity, source.size, sha256, suspicion), ensure_ascii=False, indent=2).encode())
        return Quarantined(relative.as_posix(), sha256)

    def remove(self, keys: Collection[Key]) -> int:
        """Remove all that is kept of these recordings, with its notes; how many copies. Raises as :meth:`keep`."""
        removed = 0
        with writing("The quarantine"):
            for note in self.folder.rglob("*.json") if self.folder.is_dir() else ():
                month, _, name = str(json.loads(note.read_bytes()).get("path", "")).partition("/")
                if key_of(month, name) in keys:
                    note.with_suffix("").unlink(missing_ok=True)
                    note.unlink()
                    removed += 1
        return removed

    def count(self, ucm: str) -> int:
        """How many items of this UCM are kept."""
        folder = self.folder / component(ucm)
        return sum(1 for path in folder.rglob("*.json") if not path.name.startswith(".")) if folder.is_dir() else 0


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


def _write(path: Path, blocks: Iterator[bytes]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
