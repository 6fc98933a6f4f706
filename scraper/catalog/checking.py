"""Reading a catalog through: whether what it says can be, and whether its sums are what counting gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, text

from scraper.catalog import schema
from scraper.catalog.database import Database
from scraper.catalog.sums import COUNTED_DAYS, COUNTED_SUMS
from scraper.models import Status

#: A canonical WAV header, and a sample of each channel, in bytes (:mod:`converters.wav`).
_HEADER, _SAMPLE = 44, 2

_STATES = (
    (schema.recordings.c.state, ("storing", "archived")),
    (schema.runs.c.status, ("running", *(status.value for status in Status))),
    (schema.gaps.c.closed_as, ("archived", "confirmed", "gone", "withdrawn")),
    (schema.sign_ins.c.outcome, ("pending", "ok", "refused", "locked", "unclear", "person")),
    (schema.calls.c.source, ("api", "csv", "push")),
    (schema.backfills.c.state, ("active", "paused", "cancelled", "done")),
    (schema.backfill_slices.c.state, ("waiting", "running", "done", "failed")),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: in which table, in how many rows (0: not known), and what."""

    table: str
    rows: int
    what: str


def check(catalog: Database) -> list[Problem]:
    """Read a catalog through; all that is wrong with it. Takes seconds a million rows. Raises what reading it raises."""
    with catalog.reading() as connection:
        revision = catalog.revision(connection)
        if revision != schema.HEAD:
            return [Problem("alembic_version", 1, f"has revision {revision}; this version works with {schema.HEAD}")]
        return [*_damage(connection), *_strays(connection), *_impossible(connection), *_sums(connection)]


def _damage(connection: Connection) -> Iterator[Problem]:
    if connection.dialect.name == "sqlite":
        for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            if line != "ok":
                yield Problem("sqlite", 0, "its pages or indexes are damaged (integrity_check)")
                return


def _strays(connection: Connection) -> Iterator[Problem]:
    """Rows that belong to one that is not there."""
    for table in schema.metadata.sorted_tables:
        for key in table.foreign_keys:
            mine, other = key.parent, key.column
            there = select(other).where(other == mine).correlate(table).exists()
            yield from _found(
                connection, select(func.count()).where(mine.is_not(None), ~there), table.name, f"belong to no row of {other.table.name}"
            )


def _impossible(connection: Connection) -> Iterator[Problem]:
    for column, allowed in _STATES:
        query = select(func.count()).where(column.not_in(allowed))
        yield from _found(connection, query, column.table.name, f"have a {column.name} that there is not")
    for table, condition, what in _CONDITIONS:
        yield from _found(connection, select(func.count()).select_from(table).where(condition), table.name, what)


def _sums(connection: Connection) -> Iterator[Problem]:
    for table, query in ((schema.recording_sums, COUNTED_SUMS), (schema.recording_days, COUNTED_DAYS)):
        kept, counted = ({tuple(map(_plain, row)) for row in connection.execute(one)} for one in (select(table), text(query)))
        wrong = {row[:-2] for row in kept ^ counted if row[-2:] != (0, 0)}
        if wrong:
            yield Problem(table.name, len(wrong), "are not what counting gives")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def _found(connection: Connection, query: Select[int], table: str, what: str) -> Iterator[Problem]:
    if rows := connection.execute(query).scalar_one():
        yield Problem(table, int(rows), what)


def _sizes() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a WAV file isn't as long as its samples say, and whether what was kept to rebuild an original doesn't make it."""
    row = schema.recordings.c
    sound = row.frames * row.channels * _SAMPLE
    kept = func.coalesce(func.length(row.source_header), 0) + func.coalesce(func.length(row.source_trailer), 0)
    archived = and_(row.state == "archived", row.frames.is_not(None))
    return (
        and_(archived, row.format.is_(None), row.size != _HEADER + sound),
        and_(archived, row.source_header.is_not(None), row.source_size != kept + sound),
    )


_SIZE, _SOURCE = _sizes()
_CONDITIONS = (
    (schema.recordings, _SIZE, "are not as long as their samples"),
    (schema.recordings, _SOURCE, "don't make their original again"),
    (schema.recordings, or_(schema.recordings.c.path == "", func.length(schema.recordings.c.sha256) != 64), "have no path or no hash"),
    (schema.gaps, schema.gaps.c.closed_at.is_(None) != schema.gaps.c.closed_as.is_(None), "are closed by half"),
)
