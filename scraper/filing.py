"""Puts recordings into the store and the catalog so that a crash at any moment loses nothing and doubles nothing.

The order is: the file's bytes are on the disk under a hidden name; the catalog announces it (state ``storing``); it is put in place; its
folder is flushed; the catalog calls it ``archived``. :func:`recover` ends what a crash began.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from scraper.catalog import Catalog, Recording
from scraper.errors import StoreUnwritable
from scraper.models import Identity
from scraper.store import Incoming, Store


class Filed(Enum):
    """What became of a recording."""

    NEW = "new"
    ALREADY = "already"
    #: Stored beside other bytes of the same identity.
    VERSION = "version"


@dataclass(slots=True)
class Parcel:
    """A sealed file with what the catalog is to say of it; ``recording.path`` and ``suffix`` are decided by :class:`Filing`.

    ``versions``: what :meth:`Catalog.find_recordings` found of its identity, if it was asked. ``name``: the file's name where it isn't
    the identity's. ``original``: the PBX's own bytes, kept beside it. Afterwards ``filed`` says what became of it, ``note`` what a person
    should know of its name.
    """

    recording: Recording
    file: Incoming
    name: str | None = None
    original: Incoming | None = None
    versions: list[Recording] | None = None
    filed: Filed | None = None
    note: str | None = None
    adopted: bool = field(default=False, repr=False)

    def discard(self) -> None:
        """Remove its files, unless they were placed."""
        self.file.discard()
        if self.original is not None:
            self.original.discard()


class Filing:
    """Files parcels of one UCM, whose lock the caller holds. Threads may share it: what they bring at the same time is filed together."""

    def __init__(self, catalog: Catalog, store: Store, ucm: str) -> None:
        self._catalog = catalog
        self._store = store
        self._ucm = ucm
        self._filed: set[Identity] = set()
        self._waiting: deque[Parcel] = deque()
        self._turn = threading.Lock()

    def file(self, parcel: Parcel) -> Filed:
        """File a parcel; when this returns it lasts. Raises :class:`~scraper.errors.StorageError`."""
        self._waiting.append(parcel)
        with self._turn:  # whoever comes first files for those that wait behind, with one flush and two commits for all
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            while batch:
                batch = self._file_distinct(batch)
        if parcel.filed is None:
            raise StoreUnwritable("A recording could not be filed together with others.")
        return parcel.filed

    def _file_distinct(self, batch: Sequence[Parcel]) -> list[Parcel]:
        """File one parcel of each identity; returns the others, which must see what became of it."""
        now: dict[Identity, Parcel] = {}
        later = [parcel for parcel in batch if now.setdefault(parcel.recording.identity, parcel) is not parcel]
        taken: set[str] = set()
        chosen = [parcel for parcel in now.values() if self._choose_place(parcel, taken)]
        if chosen:
            self._store.check_free()
            self._catalog.announce([parcel.recording for parcel in chosen])
            for parcel in chosen:
                self._place(parcel)
            self._store.sync([parcel.recording.path for parcel in chosen])
            self._catalog.promote(self._ucm)
        for parcel in now.values():
            self._filed.add(parcel.recording.identity)
            parcel.discard()
            parcel.filed = parcel.filed or (Filed.VERSION if parcel.recording.suffix else Filed.NEW)
        return later

    def _choose_place(self, parcel: Parcel, taken: set[str]) -> bool:
        """Decide identity and path; False where the archive holds the same recording already."""
        recording = parcel.recording
        # What was found before packing still holds: nobody else files for this UCM.
        changed = parcel.versions is None or recording.identity in self._filed
        versions = self._catalog.find_recordings(recording.identity) if changed else parcel.versions or []
        if any(_same_sound(recording, version) for version in versions):
            parcel.filed = Filed.ALREADY
            return False
        mark = suffix = recording.sha256[:8] if versions else ""
        while True:
            place = self._store.path_for(recording.identity, name=parcel.name, mark=mark)
            free, parcel.adopted = self._is_free(place.path, recording.sha256, taken)
            if free:
                break
            mark = recording.sha256[: len(mark) + 8]
        taken.add(place.path)
        original_path = f"{place.path}.original" if parcel.original is not None else None
        parcel.recording = replace(recording, path=place.path, suffix=suffix, original_path=original_path)
        if mark:
            parcel.note = f"{recording.identity.path}: stored as {place.path}, because other bytes have its name."
        elif place.shortened:
            parcel.note = f"{recording.identity.path}: stored as {place.path}, because its name is too long."
        return True

    def _is_free(self, path: str, sha256: str, taken: set[str]) -> tuple[bool, bool]:
        """(whether the place can be used, whether the very file is there already: from a lost catalog or a crash)."""
        if path in taken:
            return False, False
        if not self._store.exists(path):
            return True, False
        if self._catalog.knows_path(path) or self._digest(path) != sha256:
            return False, False
        return True, True

    def _place(self, parcel: Parcel) -> None:
        recording = parcel.recording
        if parcel.original is not None and recording.original_path is not None:
            placed = self._store.place(parcel.original, recording.original_path)
            if not placed and self._digest(recording.original_path) != recording.source_sha256:
                raise StoreUnwritable("Another file lies where an original belongs.")
        if not parcel.adopted and not self._store.place(parcel.file, recording.path) and self._digest(recording.path) != recording.sha256:
            raise StoreUnwritable("Another program put a file where a recording belongs.")

    def _digest(self, path: str) -> str | None:
        return digest_or_none(self._store, path)


def digest_or_none(store: Store, path: str) -> str | None:
    """A stored file's SHA-256, or None where it can't be read."""
    try:
        return store.digest(path)
    except OSError:
        return None


def recover(store: Store, catalog: Catalog, ucm: str) -> int:
    """End what a crash of this UCM's last job began, under its lock. Returns how many announced files were judged.

    An announced file that is in its place, and right, is archived; any other announcement is forgotten: the recording comes again.
    """
    rows = list(catalog.recordings(ucm, state="storing"))
    there = [row for row in rows if digest_or_none(store, row.path) == row.sha256 and _original_is_there(store, row)]
    if lost := [row.id for row in rows if row not in there]:
        catalog.withdraw(lost)
    if there:
        store.sync([row.path for row in there])
        catalog.promote(ucm)
    store.remove_leftovers(ucm)
    return len(rows)


def _original_is_there(store: Store, row: Recording) -> bool:
    return row.original_path is None or digest_or_none(store, row.original_path) == row.source_sha256


def _same_sound(one: Recording, other: Recording) -> bool:
    if one.samples_sha256 is not None and other.samples_sha256 is not None:
        return one.samples_sha256 == other.samples_sha256 and (one.sample_rate, one.channels) == (other.sample_rate, other.channels)
    return one.sha256 == other.sha256
