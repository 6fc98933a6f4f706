"""What the archive lets go of: found by name, time or people, buried under tombstones first, then removed from every table.

An erasure begins in one transaction: from then on its recordings are in no list (state ``erasing``), and nothing of them comes back. What a
crash leaves of it stands in the table ``erasures``; the caller, who holds the UCM's lock, goes on with that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Table, and_, func, literal, null, or_, select, union_all

from scraper.catalog.calls import Calls, StoredCall
from scraper.catalog.database import now
from scraper.catalog.findable import forget_words
from scraper.catalog.outbox import bid_farewell, queue_erased
from scraper.catalog.schema import (
    audit,
    calibrations,
    call_files,
    calls,
    erasures,
    gaps,
    inventory,
    meta,
    recordings,
    replacements,
    tombstones,
    transcripts,
)
from scraper.catalog.scrubbing import ERASED, scrub_texts
from scraper.catalog.tombstones import Forgotten, Key, Tombstones, calls_before_key, forgotten_in, key_of, row_key
from scraper.errors import CatalogLocked
from scraper.models import UNDATED, RecordingClass

_T = TypeVar("_T")
Why = Literal["erased", "retention"]

_BATCH = 500
_PAGE = 1000
_TRACES = "keeping:traces"
_CLASSES = [klass.value for klass in RecordingClass]


class KnownName(NamedTuple):
    """A recording that some table names. ``call_time``: as a list told it, PBX local text; ``size`` in bytes, 0 where nothing is stored."""

    klass: str
    month: str
    name: str
    call_time: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to go: recordings by their keys, call records by their numbers in the catalog.

    ``sessions``: those of calls of which no leg stays. ``calls_before``: a day before which call records are left out from now on.
    """

    keys: frozenset[Key] = frozenset()
    calls: frozenset[int] = frozenset()
    sessions: frozenset[str] = field(default_factory=frozenset)
    calls_before: str = ""


class Keeping(Tombstones, Calls):
    """Erasures, by UCM."""

    def known_names(self, ucm: str, *, months: tuple[str, str] | None = None, like: str = "") -> Iterator[KnownName]:
        """Every recording that is stored, missing or listed; of these months (inclusive), or ``undated``; with this text in its name.

        One that several tables know comes several times.
        """

        def wanted(table: Table) -> ColumnElement[bool]:
            conditions = [table.c.name.contains(like, autoescape=True)] if like else []
            if months:
                conditions.append(or_(table.c.month.between(*months), table.c.month.in_(("", UNDATED))))
            return and_(True, *conditions)

        return self._known_names(ucm, wanted)

    def known_by_name(self, ucm: str, names: Collection[str]) -> Iterator[KnownName]:
        """The same of these bare names."""
        for some in _batches(sorted(names)):
            yield from self._known_names(ucm, partial(_is_one_of, some))

    def _known_names(self, ucm: str, wanted: Callable[[Table], ColumnElement[bool]]) -> Iterator[KnownName]:
        nothing = literal(0)
        queries = [
            select(recordings.c["class"], recordings.c.month, recordings.c.name, recordings.c.call_time, recordings.c.size).where(
                recordings.c.ucm == ucm, recordings.c.state == "archived", wanted(recordings)
            ),
            select(gaps.c["class"], gaps.c.month, gaps.c.name, null(), nothing).where(gaps.c.ucm == ucm, wanted(gaps)),
            select(inventory.c["class"], inventory.c.month, inventory.c.name, inventory.c.call_time, nothing).where(
                inventory.c.ucm == ucm, wanted(inventory)
            ),
        ]
        with self.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(union_all(*queries)):
                yield KnownName(*row)

    def stored_files(self, ucm: str) -> int:
        """How many files are archived of a UCM, each version one."""
        with self.reading() as connection:
            mine = and_(recordings.c.ucm == ucm, recordings.c.state == "archived")
            return connection.scalar(select(func.count()).select_from(recordings).where(mine)) or 0

    def legs(self, ucm: str, *, since: str = "", until: str = "", like: str = "") -> Iterator[StoredCall]:
        """Legs of calls that began in a window (PBX local text, ``until`` exclusive), with this text among their people."""
        conditions = [calls.c.ucm == ucm]
        if since:
            conditions.append(calls.c.start >= since)
        if until:
            conditions += [calls.c.start < until, calls.c.start != ""]
        if like:
            conditions.append(or_(*(calls.c[name].contains(like, autoescape=True) for name in _PEOPLE)))
        return self._calls(and_(*conditions))

    def legs_naming(self, ucm: str, names: Collection[str]) -> Iterator[StoredCall]:
        """Legs that name a recording of one of these bare names."""
        for some in _batches(sorted(names)):
            naming = select(call_files.c.call_id).where(call_files.c.name.in_(some))
            yield from self._calls(and_(calls.c.ucm == ucm, calls.c.id.in_(naming)))

    def legs_of_sessions(self, ucm: str, sessions: Collection[str]) -> Iterator[StoredCall]:
        """Legs of these sessions."""
        for some in _batches(sorted(sessions)):
            yield from self._calls(and_(calls.c.ucm == ucm, calls.c.session.in_(some)))

    def begin_erasure(self, ucm: str, doomed: Doomed, why: Why, by_whom: str) -> None:
        """Put up tombstones, take the recordings out of every list, note what is to be removed, and audit it, in one transaction.

        The caller holds the UCM's lock. ``by_whom`` holds no number.
        """
        salt = self.salt()
        with self.transaction(of=ucm) as connection:
            forgotten, last = replace(forgotten_in(connection, ucm), salt=salt), connection.scalar(select(func.max(tombstones.c.id))) or 0
            stone: dict[str, Any] = {"ucm": ucm, "why": why, "at": now(), "by_whom": by_whom, "recording_id": None, "sha256": None}
            stones = [*_stones(connection, forgotten, doomed)] + ([*_call_stones(connection, forgotten, doomed)] if why == "erased" else [])
            for some in _batches(stones):
                connection.execute(tombstones.insert(), [stone | one for one in some])
            queue_erased(connection, ucm, last, stone["at"])
            rows: list[dict[str, Any]] = [{"month": key.month, "name": key.name, "call_id": None} for key in sorted(doomed.keys)]
            rows += [{"month": "", "name": "", "call_id": call} for call in sorted(doomed.calls)]
            for some in _batches(rows):
                connection.execute(erasures.insert(), [{"ucm": ucm} | one for one in some])
            if doomed.calls_before:
                _remember(connection, calls_before_key(ucm), max(doomed.calls_before, forgotten.calls_before))
            if why == "erased":
                _remember(connection, _TRACES, "due")
            detail = f"{len(doomed.keys)} recordings, {len(doomed.calls)} call records"
            connection.execute(audit.insert().values(at=stone["at"], who=by_whom, action=why, ucm=ucm, detail=detail))

    def under_erasure(self, ucm: str) -> Doomed:
        """What has its tombstone and is still to be removed."""
        query = select(erasures.c.month, erasures.c.name, erasures.c.call_id).where(erasures.c.ucm == ucm)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        keys = frozenset(Key(month, name) for month, name, call in rows if call is None)
        return Doomed(keys, frozenset(call for _, _, call in rows if call is not None))

    def files_of(self, ucm: str, keys: Collection[Key]) -> list[str]:
        """Where the store holds anything of these recordings, relative to it: every version, originals, transcripts."""
        with self.reading() as connection:
            rows = _rows_of(connection, recordings, ucm, keys)
            ids = [row["id"] for row in rows]
            beside = connection.scalars(select(transcripts.c.path).where(transcripts.c.recording_id.in_(ids))).all()
        own = (path for row in rows for path in (row["path"], row["original_path"]) if path)
        return [*dict.fromkeys((*own, *beside))]

    def places_that_stay(self, paths: Collection[str]) -> set[str]:
        """Which of these files in the store belong to a recording of whatever UCM that is not being erased.

        As its file, its original, also one that is only announced, or a transcript.
        """
        found: set[str] = set()
        with self.reading() as connection:
            for place, rows in _PLACES:
                for some in _batches(sorted({*paths} - found)):
                    query = select(place).select_from(rows).where(place.in_(some), recordings.c.state != "erasing")
                    found.update(connection.scalars(query))
        return found

    def remove_rows(self, ucm: str, doomed: Doomed) -> None:
        """Remove these from every table that names them, some hundred in a transaction; the files are gone by now."""
        for keys in _batches(sorted(doomed.keys)):
            with self.transaction(of=ucm) as connection:
                _remove_recordings(connection, ucm, keys)
        for some in _batches(sorted(doomed.calls)):
            with self.transaction(of=ucm) as connection:
                connection.execute(calls.delete().where(calls.c.id.in_(some)))

    def end_erasure(self, ucm: str, doomed: Doomed) -> None:
        """What was noted at the beginning is done; what still names these recordings (reports, audit log, words) names them no more."""
        with self.transaction(of=ucm) as connection:
            scrub_texts(connection, ucm, {key.name for key in doomed.keys})
            forget_words(connection, ucm)
            connection.execute(erasures.delete().where(erasures.c.ucm == ucm))

    def leaves_traces(self) -> bool:
        """Whether an erasure asks for :meth:`remove_traces`."""
        return self.get_meta(_TRACES) is not None

    def remove_traces(self) -> None:
        """Leave nothing of what was removed in the database's own files.

        On PostgreSQL that is what VACUUM does; its write-ahead log and backups are its keeper's business.
        """
        self._rewrite()
        with self.transaction(of=f"meta:{_TRACES}") as connection:
            connection.execute(meta.delete().where(meta.c.key == _TRACES))

    def _rewrite(self) -> None:
        on_sqlite = self._engine.dialect.name == "sqlite"
        # Outside of a transaction; on SQLite it comes in the place of the BEGIN that would open one.
        options = {"begin": "VACUUM"} if on_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self._translated(), self._engine.connect().execution_options(**options) as connection:
            if on_sqlite and connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                raise CatalogLocked("What was erased is still in the catalog's journal, because another program reads it.")
            if not on_sqlite:
                connection.exec_driver_sql("VACUUM")


#: Where the store's files are named; the first has an index, and settles most.
_PLACES: tuple[tuple[Column[str], FromClause], ...] = (
    (recordings.c.path, recordings),
    (recordings.c.original_path, recordings),
    (replacements.c.original_path, replacements.join(recordings)),
    (transcripts.c.path, transcripts.join(recordings)),
)
_PEOPLE = ("src", "dst", "answered_by", "caller_name")


def _is_one_of(names: list[str], table: Table) -> ColumnElement[bool]:
    return table.c.name.in_(names)


def _stones(connection: Connection, forgotten: Forgotten, doomed: Doomed) -> Iterator[dict[str, Any]]:
    """A tombstone for each stored version; one for each recording of which nothing is stored."""
    for keys in _batches(sorted(doomed.keys)):
        rows = _rows_of(connection, recordings, forgotten.ucm, keys)
        connection.execute(recordings.update().where(recordings.c.id.in_([row["id"] for row in rows])).values(state="erasing"))
        stored = set()
        for row in rows:
            key = key_of(row["month"], row["name"])
            stored.add(key)
            yield _stone(forgotten, key) | {"recording_id": row["id"], "sha256": row["sha256"]}
        for key in keys:
            unmonthed = {Key(UNDATED, key.name)} if key.month else set()  # an archive may carry no month
            yield from (_stone(forgotten, one) for one in ({key} - stored) | unmonthed if not forgotten.has(one))


def _stone(forgotten: Forgotten, key: Key) -> dict[str, Any]:
    return {"kind": "recording", "identity_hash": forgotten.digest("recording", *key).hex()}


def _call_stones(connection: Connection, forgotten: Forgotten, doomed: Doomed) -> Iterator[dict[str, Any]]:
    for some in _batches(sorted(doomed.calls)):
        hashes: set[bytes] = set()
        for leg in connection.execute(select(calls).where(calls.c.id.in_(some))).mappings():
            hashes.update(forgotten.hashes_of_call(dict(leg), session=leg["session"] in doomed.sessions))
        yield from ({"kind": "call", "identity_hash": found.hex()} for found in sorted(hashes - forgotten.hashes))


def _rows_of(connection: Connection, table: Table, ucm: str, keys: Collection[Key]) -> Sequence[Any]:
    """The rows of a table with class, month and name that these keys mean, by its unique index."""
    if not keys:
        return []
    months = connection.scalars(select(table.c.month).where(table.c.ucm == ucm).distinct()).all()
    named = and_(table.c["class"].in_(_CLASSES), table.c.month.in_(months), table.c.name.in_({key.name for key in keys}))
    wanted, rows = set(keys), connection.execute(select(table).where(table.c.ucm == ucm, named)).mappings()
    return [row for row in rows if row_key(row["month"], row["name"], row.get("call_time")) in wanted]


def _remove_recordings(connection: Connection, ucm: str, keys: Collection[Key]) -> None:
    bid_farewell(connection, [row["id"] for row in _rows_of(connection, recordings, ucm, keys)])
    for table in (recordings, gaps, inventory):
        _delete(connection, table, [row["id"] for row in _rows_of(connection, table, ucm, keys)])
    wanted, names = set(keys), {key.name for key in keys}
    query = select(call_files.c.id, call_files.c.month, call_files.c.name, calls.c.start).join(calls)
    links = connection.execute(query.where(calls.c.ucm == ucm, call_files.c.name.in_(names)))
    _delete(connection, call_files, [id for id, month, name, start in links if row_key(month, name, start) in wanted])
    # What a comparison taught stays.
    tried = [row["id"] for row in _rows_of(connection, calibrations, ucm, keys)]
    connection.execute(calibrations.update().where(calibrations.c.id.in_(tried)).values(name=ERASED))


def _delete(connection: Connection, table: Table, ids: Iterable[int]) -> None:
    connection.execute(table.delete().where(table.c.id.in_(list(ids))))


def _remember(connection: Connection, key: str, value: str) -> None:
    if not connection.execute(meta.update().where(meta.c.key == key).values(value=value)).rowcount:
        connection.execute(meta.insert().values(key=key, value=value))


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    waiting = iter(items)
    while batch := list(islice(waiting, _BATCH)):
        yield batch
