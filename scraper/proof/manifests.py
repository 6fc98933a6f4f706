"""Manifests: what was stored on a day, by numbers and hashes alone, each chained to its UCM's one before.

They lie in the store, ``.manifests/<ucm>/<UTC day>.jsonl``, and the catalog remembers their hashes: a later change or loss of a recording,
of its row, or of a manifest shows. They hold no names and no numbers, so that nothing in them need ever be erased. The first line is
``{"schema":1,"ucm":…,"day":…,"number":…,"previous":…,"lines":…}``, ``previous`` being the SHA-256 of the file before. Then comes a line for
each recording that was archived, replaced (``replaces``: its hash before) or lost (``gone``), in the order in which it happened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from scraper.catalog import Catalog, DueDay, Manifest, ManifestLine
from scraper.clock import utcnow
from scraper.disk import write_all, writing
from scraper.ingest.filing import digest_or_none
from scraper.names import component
from scraper.store import Store

FOLDER = ".manifests"
SCHEMA = 1
_BLOCK_BYTES = 256 << 10


def write_due(catalog: Catalog, store: Store, ucm: str, at: datetime | None = None) -> list[Manifest]:
    """Write a manifest for each day that is over, in UTC, and of which something is to be told; mostly there is none.

    The caller holds the UCM's lock. A crash leaves a file that the catalog doesn't know: the same file is made again then, and found there.
    Raises :class:`~scraper.errors.StorageError`.
    """
    today = (at or utcnow()).astimezone(UTC).date().isoformat()
    return [_write(catalog, store, ucm, day) for day in catalog.due_days(ucm, today)]


def _write(catalog: Catalog, store: Store, ucm: str, day: DueDay) -> Manifest:
    last = catalog.last_manifest(ucm)
    number, previous = (last.number + 1, last.sha256) if last else (1, None)
    head = {"schema": SCHEMA, "ucm": ucm, "day": day.day, "number": number, "previous": previous, "lines": day.lines}
    file, digest = store.receive(ucm), hashlib.sha256()
    try:
        with writing("The store"):
            for block in _blocks(head, catalog.untold(ucm, day)):
                digest.update(block)
                write_all(file.file, block)
        file.seal()
        path = _free_place(store, ucm, day.day, digest.hexdigest())
        store.place(file, path)
        store.sync([path])
    finally:
        file.discard()
    manifest = Manifest(ucm, number, day.day, path, digest.hexdigest(), day.lines)
    catalog.enter_manifest(manifest, day)
    return manifest


def _free_place(store: Store, ucm: str, day: str, sha256: str) -> str:
    """A day has more than one where clocks were wrong: nothing is ever written over."""
    for number in count(1):
        path = f"{FOLDER}/{component(ucm)}/{day}{f'-{number}' if number > 1 else ''}.jsonl"
        if not store.exists(path) or digest_or_none(store, path) == sha256:
            break
    return path


def _blocks(head: dict[str, Any], lines: Iterator[ManifestLine]) -> Iterator[bytes]:
    block = bytearray(_as_line(head))
    for line in lines:
        block += _as_line(_told(line))
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _as_line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _told(line: ManifestLine) -> dict[str, Any]:
    return {
        "id": line.recording_id,
        "at": line.at,
        "sha256": line.sha256,
        **({"wav_sha256": line.wav_sha256} if line.wav_sha256 else {}),
        "size": line.size,
        "seconds": round(line.frames / line.sample_rate, 3) if line.frames is not None and line.sample_rate else None,
        **({"replaces": line.replaces} if line.replaces else {}),
        **({"gone": True} if line.gone else {}),
    }
