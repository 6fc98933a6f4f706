"""Opening the catalog: pragmas, migrations, and the one seam where the database's errors become ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from scraper.catalog import schema
from scraper.errors import CatalogCorrupt, CatalogLocked, CatalogTooNew, ConfigError, DiskFull, StorageError, StoreUnwritable
from scraper.models import utc

#: How long a statement waits for another program's lock before it gives up, in seconds.
BUSY_SECONDS = 5.0

# SQLite's primary result codes (https://www.sqlite.org/rescode.html).
_LOCKED, _CORRUPT, _FULL, _UNWRITABLE = {5, 6}, {11, 26}, {13}, {3, 8, 14, 23}

#: Alembic's own table; in no metadata of ours, for Alembic would take it for one of our tables.
_stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
_stamp.append_constraint(PrimaryKeyConstraint("version_num", name="alembic_version_pkc"))


def now() -> str:
    """This moment as the catalog writes it."""
    text = utc(datetime.now(UTC))
    assert text is not None
    return text


class Database:
    """A connection pool to an up-to-date catalog. Threads may share it; writers take turns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open the catalog at an SQLAlchemy ``url`` (``sqlite:///path``), making or upgrading it where needed.

        Raises :class:`CatalogLocked` after ``busy_seconds``, :class:`CatalogCorrupt`, :class:`CatalogTooNew`, :class:`StoreUnwritable`,
        :class:`ConfigError` for a URL of another kind.
        """
        parsed = parse_url(url)
        _prepare_file(parsed)
        try:
            engine = create_engine(parsed, connect_args={"timeout": busy_seconds, "isolation_level": None})
        except NoSuchModuleError as error:
            raise ConfigError("catalog.url names a database driver that is not installed.") from error
        _tune_sqlite(engine)
        database = cls(engine)
        try:
            database._bring_up_to_date()
        except BaseException:
            engine.dispose()
            raise
        return database

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a writing transaction: committed at the end, rolled back on any error. Keep it short: writers take turns."""
        with _translated(), self._engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, seeing one consistent state."""
        with _translated(), self._engine.connect() as connection:
            yield connection

    def get_meta(self, key: str) -> str | None:
        """A remembered value, or None."""
        with self.reading() as connection:
            value: str | None = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
            return value

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value."""
        with self.transaction() as connection:
            if not connection.execute(schema.meta.update().where(schema.meta.c.key == key).values(value=value)).rowcount:
                connection.execute(schema.meta.insert().values(key=key, value=value))

    def _bring_up_to_date(self) -> None:
        with self.reading() as connection:
            revision = _revision(connection)
        if revision is None:
            with self.transaction() as connection:
                revision = _revision(connection) or _create(connection)
        if revision == schema.HEAD:
            return
        from scraper.catalog import migrations  # only now: Alembic takes as long to import as the rest of a start

        if not migrations.knows(revision):
            raise CatalogTooNew(f"The catalog has revision {revision!r}; this version knows up to {schema.HEAD}.", revision=revision)
        with self.transaction() as connection:
            migrations.upgrade(connection)


def _create(connection: Connection) -> str:
    """Make what the migrations make of an empty file, and say so in Alembic's own table."""
    schema.metadata.create_all(connection, checkfirst=False)
    _stamp.create(connection)
    connection.execute(_stamp.insert().values(version_num=schema.HEAD))
    return schema.HEAD


def parse_url(url: str) -> URL:
    """An SQLAlchemy URL that this version can serve. Raises :class:`ConfigError`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("catalog.url: it is not a database URL.") from error
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"catalog.url: a catalog on {parsed.get_backend_name()} comes later; today it is sqlite:///path.")
    return parsed


def _revision(connection: Connection) -> str | None:
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").scalar():
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


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


def _tune_sqlite(engine: Engine) -> None:
    def on_connect(connection: Any, _record: object) -> None:
        # WAL with NORMAL: a commit costs no flush, a crash of the machine may undo the last commits but never tears one.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def on_begin(connection: Connection) -> None:
        # The driver's own BEGIN leaves DDL outside of transactions, and takes the write lock too late to wait for it.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _ours(error) from error


def _ours(error: DBAPIError) -> StorageError:
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
