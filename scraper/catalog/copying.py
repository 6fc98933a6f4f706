"""Moving a catalog to another database, of either kind: all or nothing, compared at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, select

from scraper.catalog import schema
from scraper.catalog.database import Database
from scraper.errors import ConfigError, StorageError

_BATCH = 5000


def copy(source: Database, target: Database, told: Callable[[str, int], None] = lambda table, rows: None) -> dict[str, int]:
    """Copy all that ``source`` holds into the empty ``target``, in one transaction; how many rows of each table.

    ``told`` hears of each table when it is done. Nobody may write to either meanwhile: the caller holds the locks. Numbers stay as they
    are. Raises :class:`ConfigError` where the target is not empty, :class:`StorageError` where what arrived is not what was sent; the
    target is empty then.
    """
    counts: dict[str, int] = {}
    with source.reading() as here, target.transaction() as there:
        if filled := [table.name for table in schema.metadata.sorted_tables if there.execute(select(table).limit(1)).first()]:
            raise ConfigError(f"The target is not empty: it has rows in {', '.join(filled)}.", remedy="Name a new database or file.")
        for table in _in_order():
            there.execute(table.delete())  # sums that triggers have begun to keep
            sent = _Digest()
            rows = _rows(here, table)
            while batch := list(islice(rows, _BATCH)):
                sent.add(batch)
                target.load(there, table, batch)
            target.loaded(there, table)
            arrived = _Digest()
            rows = _rows(there, table)
            while batch := list(islice(rows, _BATCH)):
                arrived.add(batch)
            if sent != arrived:
                raise StorageError(
                    f"Of the table {table.name} another content arrived than was sent.", remedy="Please report this with the log."
                )
            counts[table.name] = sent.rows
            told(table.name, sent.rows)
    return counts


class _Digest:
    """How many rows, and a hash of all that is in them, the same on each kind of database."""

    def __init__(self) -> None:
        self.rows, self._hash = 0, hashlib.sha256()

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.rows += len(rows)
        self._hash.update("\n".join(map(repr, rows)).encode("utf-8", "surrogatepass"))
        self._hash.update(b"\n")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Digest) and (self.rows, self._hash.digest()) == (other.rows, other._hash.digest())


def _in_order() -> list[Table]:
    """First what others belong to; last the sums, which triggers change while the others are filled."""
    counted = (schema.recording_sums, schema.recording_days)
    return [*(table for table in schema.metadata.sorted_tables if table not in counted), *counted]


def _rows(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execute(query, execution_options={"yield_per": _BATCH}):
        yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
