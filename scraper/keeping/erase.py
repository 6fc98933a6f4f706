"""Lets go of recordings for good: tombstones first, then files, then rows; what a crash leaves is finished by whoever comes next.

The tombstones and the intent are one transaction. From then on the recordings are in no list and nothing brings them back, so that each of
the steps that follow may be cut short and done again: the store's files and quarantined copies, then the rows of every table, then what
logs, reports and the audit log say of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from loguru import logger

from scraper.catalog import Catalog
from scraper.catalog.keeping import Doomed, Why
from scraper.catalog.scrubbing import names_any, unmarked
from scraper.disk import write_private, writing
from scraper.failures import InFolder, InStore
from scraper.ingest.quarantine import quarantine_of
from scraper.names import split_extension
from scraper.store import Store

_BATCH = 200


class Erasing:
    """One UCM's erasures, under its lock. Its methods raise :class:`~scraper.errors.StorageError`; :meth:`finish` then goes on."""

    def __init__(self, catalog: Catalog, store: Store, data_dir: Path, ucm: str) -> None:
        self._catalog = catalog
        self._store = store
        self._data_dir = data_dir
        self._ucm = ucm

    def erase(self, doomed: Doomed, why: Why, by_whom: str) -> None:
        """Let go of these. ``by_whom`` goes on record, and holds no number."""
        self._catalog.begin_erasure(self._ucm, doomed, why, by_whom)
        self.finish()

    def finish(self) -> int:
        """Remove what an erasure noted and did not remove; how many recordings. Costs a look where there is nothing."""
        doomed = self._catalog.under_erasure(self._ucm)
        if doomed.keys or doomed.calls:
            self._remove_strays(self._remove_files(doomed), doomed)
            self._catalog.remove_rows(self._ucm, doomed)
            self._scrub_logs({key.name for key in doomed.keys})
            self._catalog.end_erasure(self._ucm, doomed)
            log = logger.bind(action="erased", ucm=self._ucm)
            log.info("{} recordings and {} call records were removed", len(doomed.keys), len(doomed.calls))
        if self._catalog.leaves_traces():
            self._remove_pictures()
            self._catalog.remove_traces()
        return len(doomed.keys)

    def _remove_files(self, doomed: Doomed) -> set[str]:
        """Remove what the catalog knows of; the folders in which it lay."""
        keys, folders = sorted(doomed.keys), set[str]()
        for at in range(0, len(keys), _BATCH):
            paths = self._catalog.files_of(self._ucm, keys[at : at + _BATCH])
            for path in paths:
                self._store.remove(path)
            self._store.sync(paths)
            folders |= {path.rpartition("/")[0] for path in paths}
        quarantine_of(self._data_dir, self._store, self._ucm).remove(doomed.keys)
        return folders

    def _remove_strays(self, folders: Iterable[str], doomed: Doomed) -> None:
        """Copies beside them that the catalog does not know: what was set aside for other bytes, a transcript that came just now.

        Before the rows go: after a crash they tell the folders again.
        """
        stems = {split_extension(key.name)[0] for key in doomed.keys if not key.month}  # with the call's time: nobody else's
        for folder in folders:
            split = (path.rpartition("/") for path in self._store.paths(folder))
            alike = {f"{beside}{slash}{name}" for beside, slash, name in split if beside == folder and not stems.isdisjoint(_stems(name))}
            # Where UCMs share a folder, another's recording of the same call may have the name. It was announced before it lay there.
            strays = sorted(alike - self._catalog.places_that_stay(alike))
            for path in strays:
                self._store.remove(path)
            self._store.sync(strays)

    def _scrub_logs(self, names: Collection[str]) -> None:
        """Where ``log.numbers`` is on, the lines of jobs may name files."""
        with writing("data_dir"):
            for path in (self._data_dir / "admin" / "logs").glob("*.jsonl"):
                lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
                if len(kept := [line for line in lines if not names_any(line, names)]) < len(lines):
                    write_private(path, "".join(kept).encode())

    def _remove_pictures(self) -> None:
        """What the browser showed when it failed may show anybody's number."""
        InFolder(self._data_dir / "failures", self._ucm).remove()
        InStore(lambda: self._store, self._ucm).remove()


def _stems(name: str) -> Iterator[str]:
    """What a file's name may be made of: itself without its mark, without its extension, and without what else was added."""
    found: re.Match[str] | None = re.fullmatch(r"(.*)", name)
    while found:
        yield unmarked(found[1])
        found = re.fullmatch(r"(.+)\.[A-Za-z]\w*", found[1])
