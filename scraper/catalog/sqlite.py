"""The catalog in a file: SQLite in WAL mode."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from scraper.errors import CatalogCorrupt, CatalogLocked, DiskFull, StorageError, StoreUnwritable

#: How long a statement waits for another program's lock before it gives up, in seconds.
PATIENCE = 5.0
READING: dict[str, Any] = {}
WRITING: dict[str, Any] = {"begin": "BEGIN IMMEDIATE"}

# SQLite's primary result codes (https://www.sqlite.org/rescode.html).
_LOCKED, _CORRUPT, _FULL, _UNWRITABLE = {5, 6}, {11, 26}, {13}, {3, 8, 14, 23}


def engine(url: URL, patience: float) -> Engine:
    """An engine on a file, which is made where there is none."""
    _prepare_file(url)
    made = create_engine(url, connect_args={"timeout": patience, "isolation_level": None})
    event.listen(made, "connect", _on_connect)
    event.listen(made, "begin", _on_begin)
    return made


def reading_engine(url: URL) -> Engine:
    """An engine that only reads, and makes no file."""
    return create_engine(URL.create("sqlite", database=f"file:{url.database}", query={"mode": "ro", "uri": "true"}))


def take_turn(connection: Connection, of: str | None) -> None:
    """Nothing more: whoever begins to write is the only one."""


def has_table(connection: Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).scalar() is not None


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision."""
    from scraper.catalog import migrations

    migrations.upgrade(connection)


def load(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Enter many whole rows."""
    columns, values = ", ".join(f'"{column.name}"' for column in table.columns), ", ".join("?" for _ in table.columns)
    connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})', list(rows))  # noqa: S608 -- ours


def loaded(connection: Connection, table: Table) -> None:
    """Nothing more: the next number is the largest and one."""


def ours(error: DBAPIError) -> StorageError:
    """Which of our errors a driver's error is; the driver's text stays out of the message: it may carry values."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in _LOCKED:
        return CatalogLocked()
    if code in _CORRUPT:
        return CatalogCorrupt()
    if code in _FULL:
        return DiskFull("There is no space left for the catalog.")
    if code in _UNWRITABLE:
        return StoreUnwritable("The catalog can't be opened or written.")
    return StorageError(f"The catalog failed: {getattr(error.orig, 'sqlite_errorname', type(error.orig).__name__)}.")


def _prepare_file(url: URL) -> None:
    """Make the file, so that it and SQLite's files beside it are the owner's alone."""
    if url.database in (None, "", ":memory:"):
        return
    path = Path(str(url.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnwritable(f"The catalog can't be opened for writing: {error.strerror}.") from error


def _on_connect(connection: Any, _record: object) -> None:
    # WAL with FULL: a commit is on the disk when it returns. With NORMAL a power cut may undo the last ones: a file would be in its place
    # that the catalog knows nothing of, and what was erased would come again.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    # The driver's own BEGIN leaves DDL outside of transactions, and takes the write lock too late to wait for it.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
