"""Puts recordings into the store and the catalog so that a crash at any moment loses nothing and doubles nothing.

The order is: the file's bytes are flushed to the disk under a hidden name; the catalog announces it (state ``storing``); it is put in
place; its folder is flushed; the catalog calls it ``archived``. :func:`recover` ends what a crash began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from types import TracebackType
from typing import Self

from scraper.catalog import Catalog, Recording
from scraper.errors import StoreUnwritable
from scraper.models import Identity
from scraper.names import split_extension, with_mark
from scraper.store import Incoming, Store

#: Recordings filed together; the first of them waits at most so many seconds for the others.
_BATCH, _LINGER_SECONDS = 16, 0.1
#: Written files that may wait to be filed, and what they may take of the memory.
_MOST_WAITING, _MOST_BYTES = 64, 32 << 20


class Filed(Enum):
    """What became of a recording."""

    NEW = "new"
    ALREADY = "already"
    #: Stored beside other bytes of the same identity.
    VERSION = "version"


@dataclass(slots=True)
class Parcel:
    """A written file with what the catalog is to say of it; ``recording.path`` and ``suffix`` are decided by :class:`Filing`.

    ``versions``: what :meth:`Catalog.find_recordings` found of its identity, if it was asked. ``original``: the PBX's own bytes, kept
    beside it. ``doubted``: what is stored of it may be lost. Afterwards ``filed`` says what became of it, ``note`` what a person should
    know of its name.
    """

    recording: Recording
    file: Incoming
    original: Incoming | None = None
    versions: list[Recording] | None = None
    doubted: bool = False
    filed: Filed | None = None
    note: str | None = None
    adopted: bool = field(default=False, repr=False)

    @property
    def buffered(self) -> int:
        """How many bytes of memory it takes."""
        return self.file.buffered + (self.original.buffered if self.original is not None else 0)

    def seal(self) -> None:
        """Flush its files to the disk."""
        self.file.seal()
        if self.original is not None:
            self.original.seal()

    def discard(self) -> None:
        """Remove its files, unless they were placed."""
        self.file.discard()
        if self.original is not None:
            self.original.discard()


class Filing:
    """Files parcels of one UCM, whose lock the caller holds, in a thread of its own; ``done`` is called there with each.

    What comes close together is filed together, with one flush and two commits for all. A context manager: leaving it files what was handed
    in, and raises what went wrong, a :class:`~scraper.errors.StorageError`; then nothing half done stays but what :func:`recover` ends.
    """

    def __init__(self, catalog: Catalog, store: Store, ucm: str, done: Callable[[Parcel], None]) -> None:
        self._catalog = catalog
        self._store = store
        self._ucm = ucm
        self._done = done
        self._filed: set[Identity] = set()
        #: What lay in the places that the batch in hand would like best.
        self._seen: dict[str, bool] = {}
        self._waiting: list[Parcel] = []
        self._batch: list[Parcel] = []
        self._closing = self._ended = False
        self._news = threading.Condition()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="filing")
        self._flushing = ThreadPoolExecutor(store.threads, thread_name_prefix="flushing")

    def __enter__(self) -> Self:
        self._work_done = self._thread.submit(self._work)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._thread.shutdown(wait=True)
        self._flushing.shutdown()
        self._work_done.result()

    def hand_in(self, parcel: Parcel) -> None:
        """Have a parcel filed soon; waits while too many wait. Raises what went wrong with earlier ones."""
        with self._news:
            self._news.wait_for(lambda: self._has_room() or self._ended)
            if not self._ended:
                self._waiting.append(parcel)
                self._news.notify_all()
                return
        parcel.discard()
        self._work_done.result()

    def _work(self) -> None:
        try:
            while self._next_batch():
                while self._batch:
                    self._batch = self._file_distinct(self._batch)
        finally:
            with self._news:
                for parcel in (*self._batch, *self._waiting):
                    parcel.discard()
                self._ended = True
                self._news.notify_all()

    def _next_batch(self) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._closing)
            self._news.wait_for(lambda: len(self._waiting) >= _BATCH or not self._has_room() or self._closing, timeout=_LINGER_SECONDS)
            self._batch, self._waiting = self._waiting, []
            self._news.notify_all()
            return bool(self._batch)

    def _has_room(self) -> bool:
        return len(self._waiting) < _MOST_WAITING and sum(parcel.buffered for parcel in self._waiting) < _MOST_BYTES

    def _file_distinct(self, batch: Sequence[Parcel]) -> list[Parcel]:
        """File one parcel of each identity; returns the others, which must see what became of it."""
        now: dict[Identity, Parcel] = {}
        later = [parcel for parcel in batch if now.setdefault(parcel.recording.identity, parcel) is not parcel]
        self._look_at_places(now.values())
        taken: set[str] = set()
        chosen = [parcel for parcel in now.values() if self._choose_place(parcel, taken)]
        if chosen:
            self._store.check_free()
            self._all_at_once(Parcel.seal, chosen)
            self._catalog.announce([parcel.recording for parcel in chosen])
            self._all_at_once(self._place, chosen)
            places = [(parcel.recording.path, parcel.recording.original_path) for parcel in chosen]
            self._store.sync([path for place in places for path in place if path is not None])
            self._catalog.promote(self._ucm)
        for parcel in now.values():
            self._filed.add(parcel.recording.identity)
            parcel.discard()
            parcel.filed = parcel.filed or (Filed.VERSION if parcel.recording.suffix else Filed.NEW)
            self._done(parcel)
        return later

    def _all_at_once(self, work: Callable[[Parcel], None], parcels: Sequence[Parcel]) -> None:
        """Do it to each, and only then raise what went wrong."""
        running = [self._flushing.submit(work, parcel) for parcel in parcels]
        wait(running)
        for one in running:
            one.result()

    def _look_at_places(self, parcels: Iterable[Parcel]) -> None:
        """See at once what lies where they would like to go: a bucket is far away."""
        plain = [self._store.path_for(parcel.recording.identity, name=stored_name(parcel.recording)).path for parcel in parcels]
        self._seen = dict(zip(plain, self._flushing.map(self._store.exists, plain), strict=True))

    def _exists(self, path: str) -> bool:
        return self._seen[path] if path in self._seen else self._store.exists(path)

    def _choose_place(self, parcel: Parcel, taken: set[str]) -> bool:
        """Decide identity and path; False where the archive holds the same recording already."""
        recording = parcel.recording
        # What was found before packing still holds: nobody else files for this UCM.
        changed = parcel.versions is None or recording.identity in self._filed
        versions = self._catalog.find_recordings(recording.identity) if changed else parcel.versions or []
        same = next((version for version in versions if version.sound_sha256 == recording.sound_sha256), None)
        if same is not None and self._can_stay(same, parcel):
            parcel.filed = Filed.ALREADY
            if parcel.doubted:
                self._restore(parcel, same)
            return False
        mark = suffix = recording.sha256[:8] if versions else ""
        for number in count(2):
            place = self._store.path_for(recording.identity, name=stored_name(recording), mark=mark)
            original_path = f"{place.path}.original" if parcel.original is not None else None
            there = self._exists(place.path)
            parcel.adopted = there and self._is_nobodys(place.path, recording.sha256)
            usable = (parcel.adopted or not there) and place.path not in taken
            if usable and (original_path is None or self._can_take(original_path, recording.source_sha256)):
                break
            mark = f"{recording.sha256[:8]}-{number}" if mark else recording.sha256[:8]
        taken.add(place.path)
        parcel.recording = replace(recording, path=place.path, suffix=suffix, original_path=original_path)
        if mark:
            parcel.note = f"{recording.identity.path}: stored as {place.path}, because other bytes have its name."
        elif place.shortened:
            parcel.note = f"{recording.identity.path}: stored as {place.path}, because its name is too long."
        return True

    def _can_stay(self, same: Recording, parcel: Parcel) -> bool:
        """Whether the file of the same sound is there, or can be put back: in another format the same sound has other bytes."""
        return not parcel.doubted or same.sha256 == parcel.recording.sha256 or self._digest(same.path) == same.sha256

    def _restore(self, parcel: Parcel, lost: Recording) -> None:
        """Put a stored file back that is there no more, or has other bytes now, which are kept beside it; its original likewise."""
        parcel.seal()
        wanted = [(parcel.file, lost.path, lost.sha256)] if lost.sha256 == parcel.recording.sha256 else []
        if parcel.original is not None and lost.original_path is not None and lost.source_sha256 == parcel.recording.source_sha256:
            wanted.append((parcel.original, lost.original_path, lost.source_sha256))
        for file, path, sha256 in wanted:
            if self._digest(path) != sha256:
                set_aside(self._store, path)
                if not self._store.place(file, path):  # seen still, though it was moved: a bucket that is consistent only eventually
                    self._store.replace(file, path)
                self._store.sync([path])

    def _is_nobodys(self, path: str, sha256: str) -> bool:
        """Whether what is there is this very file, and nobody's: from a lost catalog or a crash."""
        return not self._catalog.knows_path(path) and self._digest(path) == sha256

    def _can_take(self, path: str, sha256: str) -> bool:
        return not self._store.exists(path) or self._digest(path) == sha256

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


def stored_name(recording: Recording) -> str:
    """The name of a recording's file: the PBX's own where that says truly what is in it."""
    name, wanted = recording.identity.name, f".{recording.stored_as}"
    stem, extension = split_extension(name)
    if recording.frames is not None and extension.lower() == wanted:
        return name
    return f"{stem if recording.frames is None or extension.lower() == '.wav' else name}{wanted}"


def set_aside(store: Store, path: str) -> None:
    """Move whatever lies in a stored recording's place, and isn't it, to a free place beside it."""
    if not store.exists(path):
        return
    mark = (digest_or_none(store, path) or "unreadable")[:8]
    folder, slash, name = path.rpartition("/")
    beside = (f"{folder}{slash}{with_mark(name, mark if number == 1 else f'{mark}-{number}')}" for number in count(1))
    store.move(path, next(place for place in beside if not store.exists(place)))


def digest_or_none(store: Store, path: str) -> str | None:
    """A stored file's SHA-256, or None where it can't be read."""
    try:
        return store.digest(path)
    except OSError:
        return None


def recover(store: Store, catalog: Catalog, ucm: str) -> int:
    """End what a crash of this UCM's last job began, under its lock. Returns how many announced files were judged.

    An announced file that is in its place, and right, is archived; any other announcement is forgotten: the recording comes again.
    Likewise a conversion that was to take another's place (:mod:`scraper.calibration.replacing`): the file tells which of the two is there.
    """
    for changed in catalog.announced_replacements(ucm):
        if digest_or_none(store, changed.path) == changed.sha256:
            store.sync([changed.path])
            catalog.finish_replacement(changed.id)
        else:
            catalog.withdraw_replacement(changed.id)
    rows = list(catalog.recordings(ucm, state="storing"))
    there = [row for row in rows if digest_or_none(store, row.path) == row.sha256 and _original_is_there(store, row)]
    if lost := [row.id for row in rows if row not in there]:
        catalog.withdraw(lost)
    if there:
        store.sync([row.path for row in there])
        catalog.promote(ucm)
        for row in there:
            _end_move(store, catalog, row)
    store.remove_leftovers(ucm)
    return len(rows)


def _end_move(store: Store, catalog: Catalog, row: Recording) -> None:
    """Remove what a move that a bucket does in two steps left in the recording's place of before (:mod:`scraper.ingest.doubts`)."""
    before = store.path_for(row.identity, name=stored_name(row), mark=row.sha256[:8]).path
    if before != row.path and not catalog.knows_path(before) and digest_or_none(store, before) == row.sha256:
        store.remove(before)
        store.sync([before])


def _original_is_there(store: Store, row: Recording) -> bool:
    return row.original_path is None or digest_or_none(store, row.original_path) == row.source_sha256
