"""The catalog's recordings: what the store holds, and what is on its way into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, bindparam, func, select

from scraper.catalog.database import Database, now
from scraper.catalog.manifests import tell_announced, tell_gone
from scraper.catalog.outbox import hand_on, queue_announced
from scraper.catalog.schema import OPEN_GAP, gaps, recording_sums, recordings, tombstones
from scraper.models import GapReason, Identity, RecordingClass, Source

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One stored file. Sizes in bytes, ``frames`` per channel, hashes as hex, ``path`` and ``original_path`` relative to the store.

    ``suffix`` is empty for the first bytes seen under this identity, else the first 8 hex digits of the file's hash. The audio fields are
    None where the file was stored as it came. ``format`` is ``flac`` or ``opus``; None: WAV, or as it came. ``wav_sha256``: of the WAV
    file that the recorded samples make, where they are stored as FLAC or Opus.
    """

    identity: Identity
    suffix: str = ""
    state: str = "storing"
    path: str
    size: int
    sha256: str
    frames: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    source: Source
    source_format: str
    layout: str | None = None
    confidence: str | None = None
    source_size: int
    source_sha256: str
    source_header: bytes | None = None
    source_trailer: bytes | None = None
    original_path: str | None = None
    run_id: str
    stored_at: str = ""
    call_time: str | None = None
    format: str | None = None
    wav_sha256: str | None = None
    id: int = 0

    @property
    def sound_sha256(self) -> str:
        """The same for the same samples, whatever format they are stored in."""
        return self.wav_sha256 or self.sha256

    @property
    def stored_as(self) -> str:
        """What its file is: wav, flac, opus, or what it came as."""
        return self.format or (self.source_format if self.frames is None else "wav")


@dataclass(frozen=True, slots=True)
class Totals:
    """A UCM's sums: identities archived and not in doubt, identities gone for good, bytes of all stored files."""

    archived: int
    gone: int
    size: int


def identity_columns(identity: Identity) -> dict[str, str]:
    """An identity as the columns that hold it."""
    return {"ucm": identity.ucm, "class": identity.klass.value, "month": identity.month, "name": identity.name}


def is_of(table: Table, identity: Identity) -> ColumnElement[bool]:
    """Whether a row of this table is of that identity."""
    return and_(*(table.c[name] == value for name, value in identity_columns(identity).items()))


def identity_of(row: Mapping[Any, Any]) -> Identity:
    """The identity in a row."""
    return Identity(row["ucm"], RecordingClass(row["class"]), row["month"], row["name"])


class Recordings(Database):
    """Recordings, by identity."""

    def find_recordings(self, identity: Identity) -> list[Recording]:
        """All versions of a recording, in the order they came; also those in state ``storing``."""
        with self.reading() as connection:
            rows = connection.execute(_FIND, identity_columns(identity)).mappings().all()
        # Sorted here: asked to sort, SQLite walks all of the month in the order of ids to spare itself sorting a row or two.
        return sorted((recording_of(row) for row in rows), key=lambda recording: recording.id)

    def is_archived(self, identity: Identity) -> bool:
        """Whether at least one version of it is in the store."""
        archived = select(recordings.c.id).where(is_of(recordings, identity), recordings.c.state == "archived").limit(1)
        with self.reading() as connection:
            return connection.scalar(archived) is not None

    def knows_path(self, path: str) -> bool:
        """Whether a file at this place of the store belongs to a recording, or is another's original."""
        with self.reading() as connection:
            return connection.scalar(select(recordings.c.id).where(recordings.c.path == path).limit(1)) is not None

    def recordings(
        self, ucm: str | None = None, *, month: str | None = None, klass: RecordingClass | None = None, state: str = "archived"
    ) -> Iterator[Recording]:
        """Those that match, in the order they came; read page by page, so that any number fits in memory."""
        wanted = {"ucm": ucm, "month": month, "class": klass.value if klass else None, "state": state}
        conditions = and_(*(recordings.c[name] == value for name, value in wanted.items() if value is not None))
        last = 0
        while True:
            query = select(recordings).where(conditions, recordings.c.id > last).order_by(recordings.c.id).limit(_PAGE)
            with self.reading() as connection:
                page = [recording_of(row) for row in connection.execute(query).mappings()]
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def months(self, ucm: str) -> list[str]:
        """The months that hold a UCM's archived recordings, the earliest first, ``undated`` last."""
        mine = and_(recordings.c.ucm == ucm, recordings.c.state == "archived")
        with self.reading() as connection:
            return list(connection.scalars(select(recordings.c.month).where(mine).distinct().order_by(recordings.c.month)))

    def announce(self, batch: Sequence[Recording]) -> None:
        """Note files that are about to be put in place (state ``storing``), in one transaction."""
        stored_at = now()
        with self.transaction(of=batch[0].identity.ucm if batch else None) as connection:
            rows = [_row(recording) | {"state": "storing", "stored_at": stored_at} for recording in batch]
            if connection.dialect.name == "sqlite":
                _number(connection, rows)
            connection.execute(_INSERT, rows)

    def promote(self, ucm: str) -> None:
        """All that was announced for this UCM is in place: it is archived, in one transaction.

        The open gaps of recordings whose first version it is are closed; another version leaves the first one in doubt. What sinks are to
        be told of it is queued with it, and what the manifests are to tell. The caller holds the UCM's lock, so that nobody else announces.
        """
        when = now()
        with self.transaction(of=ucm) as connection:
            connection.execute(_LAPSE, {"of_ucm": ucm})
            connection.execute(_CLOSE_GAPS, {"of_ucm": ucm, "at": when})
            queue_announced(connection, ucm, when)
            tell_announced(connection, ucm, when)
            connection.execute(_PROMOTE, {"of_ucm": ucm, "at": when})

    def exchange(self, first: Recording, other: Recording | None) -> None:
        """Note that ``first``, a stored version, is about to become its recording's first one at its path given here, in one transaction.

        It is announced anew, for :meth:`promote`. ``other``: the first version until now, with the path and suffix that it has from now on.
        """
        changes = [({"path": other.path, "suffix": other.suffix}, other.id)] if other else []
        changes.append(({"path": first.path, "suffix": "", "state": "storing"}, first.id))
        with self.transaction(of=first.identity.ucm) as connection:
            for values, identifier in changes:
                connection.execute(recordings.update().where(recordings.c.id == identifier).values(**values))
            if other:
                hand_on(connection, other.id, first.id)

    def forget(self, recording: Recording) -> None:
        """A stored version whose file is lost is no version any more."""
        with self.transaction(of=recording.identity.ucm) as connection:
            tell_gone(connection, [recording.id])
            connection.execute(recordings.delete().where(recordings.c.id == recording.id))

    def doubted(self, ucm: str, identity: Identity | None = None) -> dict[Identity, GapReason]:
        """Recordings of which a stored copy is in doubt, or this one if it is: an open gap stands on them, with this reason."""
        query = select(gaps).where(gaps.c.ucm == ucm, OPEN_GAP, _archived_as_well())
        if identity is not None:
            query = query.where(is_of(gaps, identity))
        with self.reading() as connection:
            return {identity_of(row): GapReason(row["reason"]) for row in connection.execute(query).mappings()}

    def withdraw(self, identifiers: Sequence[int]) -> None:
        """Forget announced files that never came into place."""
        query = recordings.delete().where(recordings.c.id.in_(identifiers), recordings.c.state == "storing")
        with self.transaction() as connection:
            tell_gone(connection, identifiers)  # one that was about to be exchanged was archived before
            connection.execute(query)

    def totals(self, ucm: str) -> Totals:
        """A UCM's sums over everything known."""
        doubted = select(func.count()).where(gaps.c.ucm == ucm, OPEN_GAP, _archived_as_well(first=True)).scalar_subquery()
        # An identity has one first version, so that counting these counts identities; one in doubt may have none for a moment.
        first, size = (
            select(held).where(recording_sums.c.ucm == ucm).scalar_subquery()
            for held in (recording_sums.c.recordings, recording_sums.c.size)
        )
        lost = select(gaps.c["class"], gaps.c.month, gaps.c.name).where(gaps.c.ucm == ucm, gaps.c.closed_as == "gone", ~_archived_as_well())
        gone = select(func.count()).select_from(lost.where(~_open_as_well()).distinct().subquery()).scalar_subquery()
        with self.reading() as connection:
            row = connection.execute(select(func.coalesce(first, 0) - doubted, gone, func.coalesce(size, 0))).one()
            return Totals(int(row[0]), int(row[1]), int(row[2]))


def _number(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """SQLite would give the numbers of the last recordings anew where these were erased; somebody was told what became of them."""
    erased, last = connection.execute(_LAST_NUMBERS).one()
    if (erased or 0) > (last or 0):
        for number, row in enumerate(rows, erased + 1):
            row["id"] = number


def _open_as_well() -> ColumnElement[bool]:
    """Whether a gap's recording has an open gap, too: it came up again."""
    other = gaps.alias()
    same = and_(*(other.c[name] == gaps.c[name] for name in _KEY), other.c.closed_at.is_(None))
    return select(other.c.id).where(same).correlate(gaps).exists()


def _archived_as_well(*, first: bool = False) -> ColumnElement[bool]:
    """Whether a gap's recording has an archived version, or an archived first one."""
    same = and_(*(recordings.c[name] == gaps.c[name] for name in _KEY), recordings.c.state == "archived")
    query = select(recordings.c.id).where(same)
    return (query.where(recordings.c.suffix == "") if first else query).correlate(gaps).exists()


_PLAIN = tuple(field.name for field in fields(Recording) if field.name not in {"identity", "source", "id"})
_KEY = ("ucm", "class", "month", "name")

# What runs for each recording is built once: building a statement costs more than running it.
_FIND = select(recordings).where(*(recordings.c[name] == bindparam(name) for name in _KEY))
_INSERT = recordings.insert()
_LAST_NUMBERS = select(select(func.max(tombstones.c.recording_id)).scalar_subquery(), select(func.max(recordings.c.id)).scalar_subquery())
_ANNOUNCED = and_(recordings.c.ucm == bindparam("of_ucm"), recordings.c.state == "storing")
_ANNOUNCED_FIRST = and_(_ANNOUNCED, recordings.c.suffix == "")
_PROMOTE = recordings.update().where(_ANNOUNCED).values(state="archived", stored_at=bindparam("at"))
_OF_ANNOUNCED = and_(
    gaps.c.ucm == bindparam("of_ucm"),
    select(recordings.c.id).where(_ANNOUNCED_FIRST, *(recordings.c[name] == gaps.c[name] for name in _KEY)).correlate(gaps).exists(),
)
_CLOSE_GAPS = gaps.update().where(_OF_ANNOUNCED, gaps.c.closed_at.is_(None)).values(closed_at=bindparam("at"), closed_as="archived")
#: What was confirmed is another version's.
_LAPSE = gaps.update().where(_OF_ANNOUNCED, gaps.c.closed_as == "confirmed").values(closed_as="archived")


def recording_of(row: RowMapping) -> Recording:
    """The recording in a row."""
    return Recording(identity=identity_of(row), source=Source(row["source"]), id=row["id"], **{name: row[name] for name in _PLAIN})


def _row(recording: Recording) -> dict[str, Any]:
    plain = {name: getattr(recording, name) for name in _PLAIN}
    return plain | identity_columns(recording.identity) | {"source": recording.source.value}
