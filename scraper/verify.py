"""Re-reads every stored recording against its catalogued hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from scraper.catalog import Catalog, Recording
from scraper.models import Identity
from scraper.store import Store

_THREADS = 4
_AHEAD = 64


class VerifyProgress(Protocol):
    """Watches a verification; called in the caller's thread."""

    def recording(self, size: int) -> None:
        """One more recording was checked, of ``size`` bytes."""


@dataclass(slots=True)
class VerifyResult:
    """What a verification found: how many recordings were ``checked`` and are ``ok``; the others by what is wrong with them."""

    checked: int = 0
    ok: int = 0
    missing: list[Identity] = field(default_factory=list)
    changed: list[Identity] = field(default_factory=list)
    unreadable: list[Identity] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every recording is as it was stored."""
        return self.ok == self.checked


def verify(catalog: Catalog, store: Store, ucm: str | None = None, progress: VerifyProgress | None = None) -> VerifyResult:
    """Read every archived file of one UCM, or of all, and compare it with its catalogued hash; kept originals as well.

    A file that is not there is ``missing``, one with other bytes ``changed``, one that the system can't read ``unreadable``. Only reads,
    with bounded memory. Raises :class:`~scraper.errors.StorageError` from the catalog.
    """
    result = VerifyResult()
    kinds: dict[str, Callable[[Identity], None]] = {
        "missing": result.missing.append,
        "changed": result.changed.append,
        "unreadable": result.unreadable.append,
    }
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        for chunk in _chunks(catalog.recordings(ucm), _AHEAD):
            for recording, verdict in zip(chunk, pool.map(lambda one: _judge(store, one), chunk), strict=True):
                result.checked += 1
                if verdict == "ok":
                    result.ok += 1
                else:
                    kinds[verdict](recording.identity)
                if progress is not None:
                    progress.recording(recording.size)
    return result


def _chunks(recordings: Iterable[Recording], size: int) -> Iterator[list[Recording]]:
    iterator = iter(recordings)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _judge(store: Store, recording: Recording) -> str:
    verdict = _compare(store, recording.path, recording.sha256)
    if verdict == "ok" and recording.original_path is not None:
        return _compare(store, recording.original_path, recording.source_sha256)
    return verdict


def _compare(store: Store, path: str, sha256: str) -> str:
    try:
        return "ok" if store.digest(path) == sha256 else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
