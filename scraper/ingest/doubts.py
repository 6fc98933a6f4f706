"""Stored copies that are in doubt: an open gap stands on their recording, though a copy of it is held.

A copy is doubted because it came in a damaged archive or its file was lost, or because it is shorter than its call (``too-short``). What
a stream brings of such a recording decides at the stream's end, if that was sound: the better copy gets the recording's plain place if that
is free, the other one is kept beside it, and the gap is closed. All steps leave a state that
:func:`scraper.ingest.filing.recover` or the next stream mends: as long as the gap is open, the recording counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from scraper.catalog import Catalog, Recording
from scraper.clock import utcnow
from scraper.disk import write_all, writing
from scraper.ingest.filing import digest_or_none, set_aside, stored_name
from scraper.models import GapReason, Identity, Source
from scraper.reconcile.lengths import WRITTEN_AFTER
from scraper.store import BLOCK_BYTES, Store


class Doubts:
    """The recordings in doubt, with the reasons of their gaps, and what a stream brings of them. Threads may share it."""

    def __init__(self, catalog: Catalog, store: Store, reasons: Mapping[Identity, GapReason]) -> None:
        self._catalog = catalog
        self._store = store
        self._reasons = reasons
        self._brought: dict[Identity, str] = {}

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._reasons

    def bring(self, identity: Identity, sound_sha256: str) -> None:
        """The stream brought a copy of a recording in doubt, which is stored with this sound (:attr:`Recording.sound_sha256`)."""
        self._brought[identity] = sound_sha256

    def settle(self, source: Source) -> list[str]:
        """The stream, which came by ``source``, was sound: let what it brought decide. Returns lines for the report.

        The caller holds the UCM's lock. Raises :class:`~scraper.errors.StorageError`.
        """
        return [note for identity in self._brought if (note := self._settle(identity, source))]

    def _settle(self, identity: Identity, source: Source) -> str | None:
        versions = self._catalog.find_recordings(identity)
        first = next((version for version in versions if not version.suffix), None)
        # The newest: an older one of the same sound is one that was lost, and couldn't be put back in its own format.
        came = next(version for version in reversed(versions) if version.sound_sha256 == self._brought[identity])
        short = self._reasons[identity] is GapReason.TOO_SHORT
        if came is first:
            if short and (first.source is source or self._may_grow(identity)):  # the same way says the same again; so may all, for now
                return None
            self._catalog.close_gap(identity, "confirmed" if short else "archived")
            return f"{identity.path}: another way brought the same copy; it holds no more sound." if short else None
        if short and any(_seconds(came) <= _seconds(version) for version in versions if version is not came):
            other_way = first is not None and first.source is not source and _seconds(came) == _seconds(first)
            if other_way and not self._may_grow(identity):
                self._catalog.close_gap(identity, "confirmed")  # other bytes, but no more sound
            return None
        self._exchange(came, first, {version.sha256 for version in versions})
        return f"{identity.path}: a better copy came; the other one is kept beside it."

    def _may_grow(self, identity: Identity) -> bool:
        """Whether the PBX may still be writing it, as its call has just ended: then every way brings the same beginning.

        A call that seems to end much later is one of a PBX whose clock is ahead: that says nothing.
        """
        beside, now = self._catalog.files_beside(identity.ucm, identity.name), utcnow()
        return any(file.may_be(identity) and file.ended is not None and abs(now - file.ended) <= WRITTEN_AFTER for file in beside)

    def _exchange(self, better: Recording, worse: Recording | None, ours: set[str]) -> None:
        """Give ``better`` the plain place; ``ours``: hashes of what is held elsewhere too, and may be overwritten there."""
        if worse is not None and digest_or_none(self._store, worse.path) != worse.sha256:
            set_aside(self._store, worse.path)
            self._catalog.forget(worse)
            worse = None
        place = self._store.path_for(better.identity, name=stored_name(better)).path
        others = (worse is None or worse.path != place) and self._catalog.knows_path(place)
        beside = replace(worse, suffix=worse.sha256[:8], path=self._copied(worse) if worse.path == place else worse.path) if worse else None
        if others or (self._store.exists(place) and digest_or_none(self._store, place) not in ours):
            place = better.path  # a third version, which has the same format, lies there, or somebody else's file
        self._catalog.exchange(replace(better, path=place), beside)
        if place != better.path:
            self._store.move(better.path, place)
            self._store.sync([place, better.path])
        self._catalog.promote(better.identity.ucm)

    def _copied(self, worse: Recording) -> str:
        """Copy a file to where it belongs as another version, unless a crash left the copy there; returns that place."""
        for number in count(1):
            mark = worse.sha256[:8] + (f"-{number}" if number > 1 else "")
            path = self._store.path_for(worse.identity, name=stored_name(worse), mark=mark).path
            if not self._store.exists(path):
                self._copy(worse, path)
            if digest_or_none(self._store, path) == worse.sha256 and not self._catalog.knows_path(path):
                break
        self._store.sync([path])
        return path

    def _copy(self, recording: Recording, path: str) -> None:
        copy = self._store.receive(recording.identity.ucm)
        try:
            with writing("The store"), self._store.open(recording.path) as file:
                while block := file.read(BLOCK_BYTES):
                    write_all(copy.file, block)
            copy.seal()
            self._store.place(copy, path)
        finally:
            copy.discard()


def _seconds(recording: Recording) -> float:
    return (recording.frames or 0) / (recording.sample_rate or 1)
