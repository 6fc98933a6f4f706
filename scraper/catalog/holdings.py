"""What the archive holds and lacks as the plan wants to know it: streamed, a row a stored version or a gap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from scraper.catalog.database import Database
from scraper.catalog.recordings import identity_of, is_of
from scraper.catalog.schema import call_files, calls, gaps, inventory, recordings
from scraper.models import Gap, GapReason, Identity, RecordingClass, Source, utc

_PAGE = 1000
_KEY = ("ucm", "class", "month", "name")
_CLASSES = {klass.value: klass for klass in RecordingClass}
#: What an open gap may hold against a copy; any other says only that it did not arrive, and is settled by its being there.
_DOUBTS = {GapReason.TOO_SHORT.value, GapReason.CORRUPT.value, GapReason.UNDECODABLE.value}
_SOURCES = {source.value: source for source in Source}


class Holding(NamedTuple):
    """An archived version of a recording. ``doubtful``: an open gap says that a better copy is wanted.

    ``source``: the way it came, where that very way can't bring a better one; else None.
    """

    klass: RecordingClass
    month: str
    name: str
    source_size: int
    doubtful: bool
    source: Source | None


class RememberedGap(NamedTuple):
    """A gap that is open, or was closed as gone (``closed``). Times aware."""

    identity: Identity
    reason: GapReason
    detail: str
    remedy: str
    attempts: int
    last_seen: datetime
    gone_at: datetime | None
    closed: bool


class Stored(NamedTuple):
    """A recording as its sound was stored, and when it last came (aware): ``source_size`` in bytes as the PBX sent it, ``seconds`` of sound
    if known.
    """

    identity: Identity
    source: Source
    source_size: int
    frames: int | None
    seconds: float | None
    at: datetime


class Holdings(Database):
    """Streams from one consistent state: read them to their end soon."""

    def holdings(self, ucm: str) -> Iterator[Holding]:
        """Every archived version of every recording."""
        columns = (recordings.c["class"], recordings.c.month, recordings.c.name, recordings.c.source_size, recordings.c.source)
        doubt = select(gaps.c.reason).where(_same_identity(), gaps.c.closed_at.is_(None)).correlate(recordings).scalar_subquery()
        query = select(*columns, doubt).where(recordings.c.ucm == ucm, recordings.c.state == "archived")
        with self.reading() as connection:
            for klass, month, name, size, source, reason in connection.execution_options(yield_per=_PAGE).execute(query):
                tried = _SOURCES[source] if reason == GapReason.TOO_SHORT.value else None
                yield Holding(_CLASSES[klass], month, name, size, reason in _DOUBTS, tried)

    def remembered_gaps(self, ucm: str) -> Iterator[RememberedGap]:
        """Open gaps, and those closed as gone."""
        wanted = and_(gaps.c.ucm == ucm, or_(gaps.c.closed_at.is_(None), gaps.c.closed_as == "gone"))
        with self.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(select(gaps).where(wanted)).mappings():
                yield RememberedGap(
                    identity_of(row),
                    GapReason(row["reason"]),
                    row["detail"],
                    row["remedy"],
                    row["attempts"],
                    datetime.fromisoformat(row["last_seen"]),
                    datetime.fromisoformat(row["gone_at"]) if row["gone_at"] else None,
                    row["closed_at"] is not None,
                )

    def newest_held(self, ucm: str, klass: RecordingClass) -> Identity | None:
        """The recording of a class that was archived last."""
        mine = and_(recordings.c.ucm == ucm, recordings.c["class"] == klass.value, recordings.c.state == "archived")
        with self.reading() as connection:
            row = connection.execute(select(recordings).where(mine).order_by(recordings.c.id.desc()).limit(1)).mappings().one_or_none()
            return identity_of(row) if row else None

    def stored_since(self, ucm: str, when: datetime) -> Iterator[Stored]:
        """The first versions of what was stored, or came once more in doubt, from ``when`` (aware) on."""
        since = utc(when) or ""
        closed = and_(gaps.c.ucm == ucm, gaps.c.closed_as == "archived", gaps.c.closed_at >= since)
        key = tuple(gaps.c[name] for name in _KEY)
        with self.reading() as connection:
            rows = connection.execute(select(*key, func.max(gaps.c.closed_at).label("at")).where(closed).group_by(*key)).mappings()
            came_again = {identity_of(row): datetime.fromisoformat(row["at"]) for row in rows}
            for one in _stored(connection, and_(recordings.c.ucm == ucm, recordings.c.stored_at >= since)):
                yield one._replace(at=max(one.at, came_again.pop(one.identity, one.at)))
            for identity, at in came_again.items():
                yield from (one._replace(at=at) for one in _stored(connection, is_of(recordings, identity)))

    def new_in_run(self, run_id: str) -> Iterator[Stored]:
        """What a run brought and nothing stands against."""
        brought = and_(recordings.c.run_id == run_id, ~exists().where(_same_identity(), gaps.c.closed_at.is_(None)))
        with self.reading() as connection:
            yield from _stored(connection, brought)

    def gap_of(self, identity: Identity) -> Gap | None:
        """The open gap of a recording."""
        with self.reading() as connection:
            row = connection.execute(select(gaps).where(is_of(gaps, identity), gaps.c.closed_at.is_(None))).mappings().one_or_none()
            return Gap(identity, GapReason(row["reason"]), row["detail"], row["remedy"]) if row else None

    def months_of(self, ucm: str, klass: RecordingClass, name: str) -> set[str]:
        """The months under which a bare name is known: as stored, missing, listed or named by a call."""
        mine = {"ucm": ucm, "class": klass.value, "name": name}
        tables = (recordings, gaps, inventory)
        queries = [select(table.c.month).where(*(table.c[key] == value for key, value in mine.items())) for table in tables]
        named = select(call_files.c.month).join(calls).where(calls.c.ucm == ucm, call_files.c.name == name)
        with self.reading() as connection:
            return {month for query in (*queries, named) for month in connection.scalars(query) if month}

    def was_confirmed(self, identity: Identity) -> bool:
        """Whether the first version that is held came another way, too, after it had been found too short: it is as long as it is."""
        confirmed = select(gaps.c.id).where(is_of(gaps, identity), gaps.c.closed_as == "confirmed").limit(1)
        with self.reading() as connection:
            return connection.scalar(confirmed) is not None


def _stored(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Stored]:
    query = select(recordings).where(condition, recordings.c.state == "archived", recordings.c.suffix == "")
    for row in connection.execution_options(yield_per=_PAGE).execute(query).mappings():
        seconds = row["frames"] / row["sample_rate"] if row["frames"] is not None and row["sample_rate"] else None
        at = datetime.fromisoformat(row["stored_at"])
        yield Stored(identity_of(row), _SOURCES[row["source"]], row["source_size"], row["frames"], seconds, at)


def _same_identity() -> ColumnElement[bool]:
    return and_(*(recordings.c[name] == gaps.c[name] for name in _KEY))
