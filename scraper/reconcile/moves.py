"""One recording under two months: the PBX moved it, or two accounts date it differently. It is neither fetched again nor missed twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from scraper.models import RecordingClass, time_in_name
from scraper.reconcile.index import LISTED, NAMED, NEAR, SIZE_SHIFT, Folder, Index, Missing, alike

_BOTH = LISTED | NAMED


@dataclass(frozen=True, slots=True)
class Move:
    """The recording that some account knows as ``klass/month/name`` is the one in ``home``; ``entry`` is what was known of the former."""

    klass: RecordingClass
    month: str
    name: str
    home: str
    entry: Missing


def reunite(index: Index, zone: ZoneInfo) -> list[Move]:
    """Lay entries on the same recording in another month of the index, and take them out.

    Two are the same where no account knows both, and their names carry the call's own time or their sizes agree. One name in two months
    that one account knows twice stays two recordings.
    """
    moves: list[Move] = []
    for klass in RecordingClass:
        folders = [folder for folder in index if folder.klass is klass]
        half_known = _half_known(folders)
        for folder in folders:
            for name in sorted(folder.held.keys() & half_known.keys()):
                moves += _onto_held(folder, name, half_known[name], zone)
        for name in sorted(name for name, homes in half_known.items() if len(homes) > 1):
            moves += _onto_missing(name, half_known[name], zone)
    return moves


def _half_known(folders: list[Folder]) -> dict[str, list[Folder]]:
    """Names that may be one recording in two months, with the folders in which the archive lacks them.

    Not both accounts know the one that is missing, or neither knows the one that is held.
    """
    unknown = {name for folder in folders for name, value in folder.held.items() if not value & _BOTH}

    def candidates(folder: Folder) -> Iterator[str]:
        for name, entry in folder.missing.items():
            if not entry.short and (entry.flags & _BOTH != _BOTH or name in unknown):
                yield name

    once: set[str] = set()
    several: set[str] = set()
    for folder in folders:
        for name in candidates(folder):
            (several if name in once else once).add(name)
    for folder in folders:
        several |= folder.held.keys() & once
    found: dict[str, list[Folder]] = {}
    for folder in folders if several else ():
        for name in candidates(folder):
            if name in several:
                found.setdefault(name, []).append(folder)
    return found


def _onto_held(home: Folder, name: str, folders: list[Folder], zone: ZoneInfo) -> Iterator[Move]:
    """Entries that are the recording held in ``home``."""
    for folder in folders:
        entry = folder.missing.get(name)
        value = home.held[name]
        if entry is None or entry.flags & value & _BOTH or not _same(name, value >> SIZE_SHIFT, entry, zone):
            continue
        home.held[name] = value | entry.flags
        del folder.missing[name]
        yield Move(home.klass, folder.month, name, home.month, entry)


def _onto_missing(name: str, folders: list[Folder], zone: ZoneInfo) -> Iterator[Move]:
    """A recording that a CDR or an open gap puts in one month and the PBX's list in another; or a gap in one and a CDR in another."""
    there = sorted((folder for folder in folders if name in folder.missing), key=lambda folder: folder.month)
    listed = [folder for folder in there if folder.missing[name].flags & LISTED]
    named = [folder for folder in there if folder.missing[name].flags & _BOTH == NAMED]
    noted = [folder for folder in there if not folder.missing[name].flags & _BOTH and not _closed(folder.missing[name])]
    pairs = zip(listed, [*named, *noted], strict=False) if listed else zip(named, noted, strict=False)
    for home, folder in pairs:
        target, entry = home.missing[name], folder.missing[name]
        if target.flags & entry.flags & _BOTH or not _same(name, target.size, entry, zone):
            continue
        target.flags |= entry.flags
        target.take_over(entry)
        del folder.missing[name]
        yield Move(home.klass, folder.month, name, home.month, entry)


def _closed(entry: Missing) -> bool:
    """Whether the PBX said of this very month and name that it is gone: that stands for itself."""
    return entry.gap is not None and entry.gap.closed


def _same(name: str, size: int | None, entry: Missing, zone: ZoneInfo) -> bool:
    """Whether a recording of this size is the one that ``entry`` means under another month."""
    other = entry.said_size if entry.size is None else entry.size
    if not alike(size, other):
        return False
    own = time_in_name(name, zone)
    if own is None:
        return size is not None and other is not None
    return entry.start is None or abs(own - entry.start) <= NEAR
