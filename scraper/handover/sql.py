"""A statement on somebody's own PostgreSQL, in a transaction of its own, with everything bound and nothing pasted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from scraper.errors import ConfigError
from scraper.handover.interface import Undelivered
from scraper.handover.statement import for_psycopg
from scraper.handover.subject import Farewell, Subject
from scraper.settings.sinks import Sql

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 10
#: Of SQLSTATE: what another attempt may mend. The connection, too little of something, a restart, a deadlock, a failed system call.
_PASSING = ("08", "40", "53", "57", "58")


class SqlSink:
    """Keeps its connections for the next delivery."""

    def __init__(self, settings: Sql, seconds: float) -> None:
        try:
            import psycopg  # noqa: F401 -- here, so that a sink without its driver is said at the start
        except ImportError as error:
            remedy = "Run `pip install 'ucm-recording-scraper[postgresql]'`."
            raise ConfigError("A sink asks for PostgreSQL, whose driver is not installed.", remedy=remedy) from error
        self._settings = settings
        self._statement = for_psycopg(settings.statement)
        self._erased_statement = for_psycopg(settings.erased_statement or "")
        self._milliseconds = int(seconds * 1000)
        self._idle: list[psycopg.AsyncConnection] = []

    async def deliver(self, subject: Subject | Farewell) -> str:
        """See :meth:`~scraper.handover.interface.Sink.deliver`."""
        import psycopg

        connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or await self._connect()
            rows = await self._run(connection, subject)
            self._idle.append(connection)
            connection = None
        except psycopg.Error as error:
            raise _why(error) from error
        finally:
            if connection is not None:
                await connection.close()
        return f"{rows} rows" if rows != 1 else ""

    async def close(self) -> None:
        """Close its connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, connection: psycopg.AsyncConnection, subject: Subject | Farewell) -> int:
        """How many rows it concerned; committed where these are enough. What was erased may not have been told before."""
        erased = isinstance(subject, Farewell)
        expected = None if erased else self._settings.expect_rows
        statement = self._erased_statement if erased else self._statement
        async with connection.transaction():
            cursor = await connection.execute(statement.encode(), subject.parameters())
            if expected is not None and cursor.rowcount < expected:
                raise Undelivered(f"The statement concerned {max(cursor.rowcount, 0)} rows, and expect_rows asks for {expected}.")
            return max(cursor.rowcount, 0)

    async def _connect(self) -> psycopg.AsyncConnection:
        import psycopg

        if self._settings.url is None:
            raise Undelivered("Its url is missing in the configuration.")
        url = self._settings.url.get_secret_value().replace("+psycopg", "", 1)
        return await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name="ucm-scraper",
            options=f"-c statement_timeout={self._milliseconds} -c idle_in_transaction_session_timeout={self._milliseconds}",
            **_verified(url),
        )


def _verified(url: str) -> dict[str, Any]:
    """Over a network the server proves who it is, unless the address itself says otherwise (sslmode)."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if (
        "sslmode" in given
        or (parts.hostname or given.get("host", "/")).startswith("/")
        or parts.hostname in ("localhost", "127.0.0.1", "::1")
    ):
        return {}
    return {"sslmode": "verify-full", "sslrootcert": given.get("sslrootcert", "system")}


def _why(error: psycopg.Error) -> Undelivered:
    """The driver's own text stays out: it may hold what was bound."""
    if error.sqlstate is None:
        remedy = "check address, user, password and sslmode"
        return Undelivered(f"The database can't be reached, or does not let us in ({remedy}).", unwell=True)
    passing = error.sqlstate[:2] in _PASSING
    return Undelivered(f"The database refused it: {type(error).__name__} ({error.sqlstate}).", unwell=passing)
