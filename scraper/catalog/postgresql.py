"""The catalog on a PostgreSQL server, which many processes on many machines may share.

**Turns.** What a transaction of SQLite promises, that nobody writes beside it, is kept by advisory locks that end with the transaction:
one for the whole catalog, taken alone by a transaction that says nothing more, and shared by those that say of what they are; these wait
only for others of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from scraper.catalog import schema
from scraper.errors import (
    CatalogCorrupt,
    CatalogLocked,
    CatalogUnreachable,
    DiskFull,
    StorageError,
    StoreUnwritable,
)

#: How long a transaction waits for another's turn to end, in seconds; they wait in the order in which they came.
PATIENCE = 30.0
# Not READ ONLY as well: SQLAlchemy would end that by READ WRITE, against a server's own word.
READING: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}
WRITING: dict[str, Any] = {}

#: No statement takes longer than this, in seconds, but for those that change the tables.
_LONGEST_STATEMENT = 600
_CONNECT_SECONDS = 10
#: How a connection whose other end is gone is noticed: within about a minute.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
#: Connections that a process keeps; more are made for a moment where many threads ask at once.
_KEPT, _MORE = 2, 18

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCKED = {"55P03", "40P01", "40001", "57014"}
_READ_ONLY, _FORBIDDEN, _FULL = "25006", "42501", {"53100"}
_CORRUPT = {"XX001", "XX002"}
_GONE = ("08", "57P", "53300")


def engine(url: URL, patience: float) -> Engine:
    """An engine on a server; nothing is asked of it yet."""
    made = _engine(url)
    settings = f"SET lock_timeout = {round(patience * 1000)}; SET statement_timeout = '{_LONGEST_STATEMENT}s'"

    def on_connect(connection: Any, _record: object) -> None:
        # Not as options of the connection: connection poolers between here and the server refuse those.
        _at_once(connection, settings)

    event.listen(made, "connect", on_connect)
    return made


def reading_engine(url: URL) -> Engine:
    """An engine that can't write."""
    made = _engine(url)
    event.listen(made, "connect", lambda connection, _record: _at_once(connection, "SET default_transaction_read_only = on"))
    return made


def take_turn(connection: Connection, of: str | None) -> None:
    """Wait until nobody else writes; with ``of``, until nobody else writes of this (see the module)."""
    if of is None:
        connection.execute(_ALONE)
    else:
        connection.execute(_BESIDE_OTHERS, {"key": int.from_bytes(blake2b(of.encode(), digest_size=8).digest(), signed=True)})


def has_table(connection: Connection, name: str) -> bool:
    """Whether there is a table of this name where ours would be."""
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision.

    All text sorts as it does in SQLite, whatever the database's language; so its indexes outlive updates of the system's locales, too.
    """
    from scraper.catalog import migrations

    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    migrations.upgrade(connection)
    columns = connection.execute(_OTHERWISE_SORTED, {"tables": list(schema.metadata.tables)}).all()
    for table in {row.table_name for row in columns}:
        changes = (f'ALTER COLUMN "{row.column_name}" TYPE {row.data_type} COLLATE "C"' for row in columns if row.table_name == table)
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(changes)}')


def load(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Enter many whole rows, as one statement."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.driver_connection
    foreign: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
    except foreign as error:  # not by way of SQLAlchemy, which would have wrapped it
        raise DBAPIError.instance("COPY", None, error, foreign) from error


def loaded(connection: Connection, table: Table) -> None:
    """Let the table's sequence go on from its largest number."""
    key = table.autoincrement_column
    if key is not None:
        largest = select(func.max(key)).scalar_subquery()
        connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, key.name), largest)).where(largest.is_not(None)))


def ours(error: DBAPIError) -> StorageError:
    """Which of our errors a driver's error is; only of a connection that was not made its text is told: else it may carry values."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if code in _LOCKED:
        return CatalogLocked(remedy=_LOCKED_REMEDY)
    if code in _CORRUPT:
        return CatalogCorrupt(remedy="Restore the database from a backup; recordings in the store are adopted as they are seen again.")
    if code in _FULL:
        return DiskFull("The catalog's PostgreSQL has no space left.")
    if code == _READ_ONLY:
        return StoreUnwritable("The catalog's PostgreSQL is read-only.", remedy="Name the primary in catalog.url, not a standby.")
    if code == _FORBIDDEN:
        return StoreUnwritable("The user in catalog.url may not do that on PostgreSQL.", remedy=_FORBIDDEN_REMEDY)
    if code.startswith(_GONE) or error.connection_invalidated or (not code and isinstance(error, OperationalError)):
        return _unreachable(error)
    return StorageError(f"The catalog failed on PostgreSQL: {type(error.orig).__name__}.", remedy="Look at PostgreSQL's own log.")


def _engine(url: URL) -> Engine:
    arguments = {"connect_timeout": _CONNECT_SECONDS, **_KEEPALIVE, "application_name": "ucm-scraper"}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        # What the URL says itself stands. Statements are not prepared: poolers may forget them, and plans are made for the values.
        connect_args={"prepare_threshold": None, **{name: value for name, value in arguments.items() if name not in url.query}},
        pool_pre_ping=True,
        pool_size=_KEPT,
        max_overflow=_MORE,
    )


def _at_once(connection: Any, statements: str) -> None:
    """Run statements outside of a transaction that would then be open."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute(statements)
    connection.autocommit = before


def _unreachable(error: DBAPIError) -> CatalogUnreachable:
    told = str(error.orig).strip()
    if not getattr(error.orig, "pgconn", None) and "FATAL" not in told and "connection failed" not in told:
        told = ""
    refused = told.rpartition("FATAL:")[2].strip().splitlines()[0].rstrip(".") if "FATAL:" in told else ""
    if refused:
        return CatalogUnreachable(f"The catalog's PostgreSQL refuses the connection: {refused}.", remedy=_REFUSED_REMEDY)
    return CatalogUnreachable()


_LOCKED_REMEDY = "Other jobs keep PostgreSQL busy; if it repeats, look there for sessions that are idle in a transaction."
_FORBIDDEN_REMEDY = "Let the user own the database, or grant it all on its schema."
_REFUSED_REMEDY = (
    "Check user, password and database in catalog.url, and the server's `max_connections`: each job needs two, the service up to twenty."
)

_EVERYTHING = 0x75636D  # 'ucm'
_ALONE = text(f"SELECT pg_advisory_xact_lock({_EVERYTHING})")
_BESIDE_OTHERS = text(f"SELECT pg_advisory_xact_lock_shared({_EVERYTHING}), pg_advisory_xact_lock(:key)")
_OTHERWISE_SORTED = text(
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema()"
    " AND table_name = ANY(:tables) AND data_type IN ('character varying', 'text') AND collation_name IS DISTINCT FROM 'C'"
)
