"""Opening the catalog, migrations, transactions, and the one seam where the database's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol, Self

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from scraper.catalog import schema, sqlite, sums
from scraper.clock import utcnow
from scraper.errors import CatalogLocked, CatalogTooNew, ConfigError, StorageError
from scraper.models import utc

#: Alembic's own table; in no metadata of ours, for Alembic would take it for one of our tables.
_stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
_stamp.append_constraint(PrimaryKeyConstraint("version_num", name="alembic_version_pkc"))


def now() -> str:
    """This moment as the catalog writes it."""
    text = utc(utcnow())
    assert text is not None
    return text


class Kind(Protocol):
    """What differs from one kind of database to the other; a module each. Options are those of a connection."""

    PATIENCE: float
    READING: dict[str, Any]
    WRITING: dict[str, Any]

    def engine(self, url: URL, patience: float) -> Engine: ...
    def reading_engine(self, url: URL) -> Engine: ...
    def take_turn(self, connection: Connection, of: str | None) -> None: ...
    def has_table(self, connection: Connection, name: str) -> bool: ...
    def upgrade(self, connection: Connection) -> None: ...
    def load(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None: ...
    def loaded(self, connection: Connection, table: Table) -> None: ...
    def ours(self, error: DBAPIError) -> StorageError: ...


class Database:
    """A connection pool to a catalog on SQLite or PostgreSQL. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kind = _kind(engine.dialect.name)

    @classmethod
    def open(cls, url: str, *, busy_seconds: float | None = None) -> Self:
        """Open the catalog at an SQLAlchemy ``url`` (``sqlite:///path``, ``postgresql+psycopg://…``), making or upgrading it where needed.

        ``busy_seconds``: how long a transaction waits for another's turn to end. Raises :class:`CatalogLocked` after that,
        :class:`CatalogCorrupt`, :class:`CatalogTooNew`, :class:`StoreUnwritable`, :class:`CatalogUnreachable`, and :class:`ConfigError`
        for a URL of another kind.
        """
        parsed = parse_url(url)
        kind = _kind(parsed.get_backend_name())
        database = cls(kind.engine(parsed, kind.PATIENCE if busy_seconds is None else busy_seconds))
        try:
            database._bring_up_to_date()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def open_to_read(cls, url: str) -> Self:
        """The catalog at ``url``, which is only read: nothing is made, upgraded or locked, whoever else works with it.

        Raises :class:`ConfigError` for a URL of another kind. What can't be read, or is not there, raises a :class:`StorageError` at the
        first question; so does what another version wrote, where it differs.
        """
        parsed = parse_url(url)
        return cls(_kind(parsed.get_backend_name()).reading_engine(parsed))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, of: str | None = None) -> Iterator[Connection]:
        """A connection in a writing transaction: committed at the end, rolled back on any error. Keep it short.

        Nobody else writes meanwhile, so that what was read in it stands until its end. ``of``: what it reads and writes concerns this
        alone, such as a UCM by its name: then, where the database can (PostgreSQL), only those of the same wait for it.
        """
        with self._translated(), self._engine.connect().execution_options(**self._kind.WRITING) as connection, connection.begin():
            self._kind.take_turn(connection, of)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, seeing one consistent state."""
        with self._translated(), self._engine.connect().execution_options(**self._kind.READING) as connection:
            yield connection

    def get_meta(self, key: str) -> str | None:
        """A remembered value, or None."""
        with self.reading() as connection:
            value: str | None = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
            return value

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value."""
        with self.transaction(of=f"meta:{key}") as connection:
            if not connection.execute(schema.meta.update().where(schema.meta.c.key == key).values(value=value)).rowcount:
                connection.execute(schema.meta.insert().values(key=key, value=value))

    def set_meta_once(self, key: str, value: str) -> str:
        """Remember a value unless there is one already; what is remembered from now on, for all who ask."""
        with self.transaction(of=f"meta:{key}") as connection:
            known: str | None = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
            if known is None:
                connection.execute(schema.meta.insert().values(key=key, value=value))
            return value if known is None else known

    def load(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Enter many whole rows of a table, the columns in their order, as fast as the database can."""
        self._kind.load(connection, table, rows)

    def loaded(self, connection: Connection, table: Table) -> None:
        """All rows of a table are in: what it numbers from now on goes on from there."""
        self._kind.loaded(connection, table)

    def revision(self, connection: Connection) -> str | None:
        """The newest migration that was made here; None in an empty database."""
        if not self._kind.has_table(connection, _stamp.name):
            return None
        revision: str | None = connection.scalar(select(_stamp.c.version_num))
        return revision

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._kind.ours(error) from error
        except NoConnectionFree as error:
            raise CatalogLocked("All connections to the catalog are in use.") from error

    def _bring_up_to_date(self) -> None:
        with self.reading() as connection:
            revision = self.revision(connection)
        if revision is None and self._kind is sqlite:
            with self.transaction() as connection:
                revision = self.revision(connection) or _create(connection)
        if revision == schema.HEAD:
            return
        from scraper.catalog import migrations  # only now: Alembic takes as long to import as the rest of a start

        if revision is not None and not migrations.knows(revision):
            raise CatalogTooNew(f"The catalog has revision {revision!r}; this version knows up to {schema.HEAD}.", revision=revision)
        with self.transaction() as connection:
            self._kind.upgrade(connection)


def _create(connection: Connection) -> str:
    """Make what the migrations make of an empty file, and say so in Alembic's own table."""
    schema.metadata.create_all(connection, checkfirst=False)
    sums.create_triggers(connection)
    _stamp.create(connection)
    connection.execute(_stamp.insert().values(version_num=schema.HEAD))
    return schema.HEAD


def parse_url(url: str) -> URL:
    """An SQLAlchemy URL that this version can serve. Raises :class:`ConfigError`, which doesn't repeat it."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("catalog.url: it is not a database URL.") from error
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"):
        raise ConfigError(f"catalog.url: no catalog can be on {parsed.drivername}; it is sqlite:///path or postgresql+psycopg://….")
    if parsed.get_backend_name() != "sqlite" and find_spec("psycopg") is None:
        raise ConfigError(
            "catalog.url: the driver for PostgreSQL is not installed.",
            remedy="Install it: `pip install 'ucm-recording-scraper[postgresql]'`.",
        )
    return parsed


def _kind(backend: str) -> Kind:
    if backend == "sqlite":
        return sqlite
    from scraper.catalog import postgresql  # only where it is used: a driver takes as long to import as the rest of a start

    return postgresql
