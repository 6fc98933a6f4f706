"""The manifests' side of the catalog: what they have still to tell, which were written, and what they tell is compared with.

What is to be told is noted in the transaction that does it, so that a change that nobody meant is told by no manifest.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, literal, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import manifest_lines, manifests, recordings, tombstones

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Manifest:
    """A written manifest: the ``number``-th of its UCM, with so many lines. ``day`` is UTC, ``path`` relative to the store."""

    ucm: str
    number: int
    day: str
    path: str
    sha256: str
    lines: int


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """What became of a recording. ``replaces``: the hash that it had before; ``gone`` (1): its file was lost, and it is none any more."""

    at: str
    recording_id: int
    sha256: str
    wav_sha256: str | None
    size: int
    frames: int | None
    sample_rate: int | None
    replaces: str | None
    gone: int


@dataclass(frozen=True, slots=True)
class DueDay:
    """A UTC day of which something is to be told: so many lines, the newest of them with this number."""

    day: str
    lines: int
    last: int


def tell_announced(connection: Connection, ucm: str, at: str) -> None:
    """What is just becoming archived of this UCM."""
    connection.execute(_TELL_ANNOUNCED, {"of_ucm": ucm, "at": at})


def tell_replaced(connection: Connection, recording_id: int, replaces: str, at: str) -> None:
    """A stored file's bytes have just changed; ``replaces``: its hash until now."""
    connection.execute(_TELL_REPLACED, {"of_recording": recording_id, "replaces": replaces, "at": at})


def tell_gone(connection: Connection, recording_ids: Collection[int]) -> None:
    """These recordings' files were lost, and they are just being forgotten."""
    connection.execute(_telling(recordings.c.id.in_(recording_ids), gone=1), {"at": now()})


class Manifests(Database):
    """Manifests, by UCM. What writes is called by the holder of the UCM's lock."""

    def due_days(self, ucm: str, before: str) -> list[DueDay]:
        """The UTC days before this one (``2026-02-06``) of which something is to be told, the earliest first."""
        day = func.substr(manifest_lines.c.at, 1, 10)
        query = select(day, func.count(), func.max(manifest_lines.c.id)).where(manifest_lines.c.ucm == ucm, manifest_lines.c.at < before)
        with self.reading() as connection:
            return [DueDay(*row) for row in connection.execute(query.group_by(day).order_by(day))]

    def untold(self, ucm: str, day: DueDay | None = None) -> Iterator[ManifestLine]:
        """What is still to be told, of a day or all, in the order in which it happened; streamed from one consistent state."""
        condition = _of_day(ucm, day) if day else manifest_lines.c.ucm == ucm
        query = select(*(manifest_lines.c[name] for name in _LINE)).where(condition).order_by(manifest_lines.c.at, manifest_lines.c.id)
        with self.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(query).mappings():
                yield ManifestLine(**row)

    def manifests(self, ucm: str, after: int = 0) -> list[Manifest]:
        """Those written after this number, in order."""
        columns = (manifests.c.ucm, manifests.c.number, manifests.c.day, manifests.c.path, manifests.c.sha256, manifests.c.lines)
        query = select(*columns).where(manifests.c.ucm == ucm, manifests.c.number > after).order_by(manifests.c.number)
        with self.reading() as connection:
            return [Manifest(*row) for row in connection.execute(query)]

    def last_manifest(self, ucm: str) -> Manifest | None:
        """The newest one."""
        newest = select(func.max(manifests.c.number)).where(manifests.c.ucm == ucm)
        with self.reading() as connection:
            number = connection.scalar(newest)
        return self.manifests(ucm, number - 1)[0] if number else None

    def enter_manifest(self, manifest: Manifest, day: DueDay) -> None:
        """A manifest is in its place: what it tells is told, in one transaction."""
        values = {name: getattr(manifest, name) for name in ("ucm", "number", "day", "path", "sha256", "lines")}
        with self.transaction(of=manifest.ucm) as connection:
            connection.execute(manifests.insert().values(**values, written_at=now()))
            connection.execute(delete(manifest_lines).where(_of_day(manifest.ucm, day)))

    def archived_ids(self, ucm: str) -> array[int]:
        """The numbers of a UCM's archived recordings, ascending."""
        query = select(recordings.c.id).where(recordings.c.ucm == ucm, recordings.c.state == "archived")
        with self.reading() as connection:
            found = array("q", connection.execution_options(yield_per=_PAGE).scalars(query))
        return array("q", sorted(found))

    def hashes_of(self, ucm: str, ids: Sequence[int]) -> dict[int, str]:
        """The stored files' hashes of those of these recordings that there are."""
        query = select(recordings.c.id, recordings.c.sha256).where(recordings.c.id.in_(ids), recordings.c.ucm == ucm)
        with self.reading() as connection:
            return dict(connection.execute(query).all())

    def let_go(self, ucm: str, ids: Sequence[int]) -> set[tuple[int, str]]:
        """Which of these recordings, with which hash, were erased or let go of by a rule."""
        query = select(tombstones.c.recording_id, tombstones.c.sha256).where(tombstones.c.recording_id.in_(ids), tombstones.c.ucm == ucm)
        with self.reading() as connection:
            return {(number, sha256) for number, sha256 in connection.execute(query)}


_LINE = ("at", "recording_id", "sha256", "wav_sha256", "size", "frames", "sample_rate", "replaces", "gone")


def _of_day(ucm: str, day: DueDay) -> ColumnElement[bool]:
    lines, end = manifest_lines.c, date.fromisoformat(day.day) + timedelta(days=1)
    return and_(lines.ucm == ucm, lines.at >= day.day, lines.at < end.isoformat(), lines.id <= day.last)


def _telling(condition: ColumnElement[bool], gone: int = 0, replaces: Any = None) -> Any:
    """The statement that notes recordings that match."""
    names = ["ucm", "sha256", "wav_sha256", "size", "frames", "sample_rate"]
    columns = {name: recordings.c[name] for name in names} | {"recording_id": recordings.c.id, "at": bindparam("at"), "gone": literal(gone)}
    if replaces is not None:
        columns["replaces"] = replaces
    return manifest_lines.insert().from_select(list(columns), select(*columns.values()).where(condition).order_by(recordings.c.id))


# Built once: building a statement costs more than running it.
_TELL_ANNOUNCED = _telling(and_(recordings.c.ucm == bindparam("of_ucm"), recordings.c.state == "storing"))
_TELL_REPLACED = _telling(recordings.c.id == bindparam("of_recording"), replaces=bindparam("replaces"))
