"""One job a UCM at a time: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scraper.errors import Busy, StoreUnwritable
from scraper.models import utc
from scraper.names import component


@contextmanager
def job_lock(data_dir: Path, ucm: str) -> Iterator[None]:
    """Hold the lock of one UCM (``<data_dir>/locks/<ucm>.lock``) while the block runs.

    Keeps apart processes and threads alike; not inherited by child processes, so that a browser that outlives its job holds nothing.
    Raises :class:`Busy`, which names the holder's pid and since when, and :class:`StoreUnwritable` where the lock can't be made.
    """
    handle = _open(data_dir / "locks" / f"{component(ucm)}.lock")
    with _held(handle, lambda: _busy(ucm, handle)):
        yield


@contextmanager
def service_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of the service (``.service.lock``: no UCM is called so) while the block runs. Raises as :func:`job_lock`."""
    handle = _open(data_dir / "locks" / ".service.lock")
    with _held(handle, lambda: _busy_service(handle)):
        yield


@contextmanager
def browser_lock(data_dir: Path, place: int) -> Iterator[None]:
    """Hold one of the places for browsers (``.browser-N.lock``) while the block runs. Raises as :func:`job_lock`."""
    handle = _open(data_dir / "locks" / f".browser-{place}.lock")
    with _held(handle, lambda: Busy("Another job's browser has this place.")):
        yield


def is_free(data_dir: Path, ucm: str) -> bool:
    """Whether nobody works on a UCM. What a holder that was killed wrote into the lock does not count, whoever has its pid now."""
    try:
        with job_lock(data_dir, ucm):
            return True
    except StoreUnwritable:
        return True  # nobody can be told from a broken disk; a job will say so
    except Busy:
        return False


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnwritable(f"The lock file can't be made under data_dir: {error.strerror}.") from error


@contextmanager
def _held(handle: int, busy: Callable[[], Busy]) -> Iterator[None]:
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy() from None
        _write(handle, json.dumps({"pid": os.getpid(), "since": utc(datetime.now(UTC))}))
        try:
            yield
        finally:
            _write(handle, "")
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a UCM: its process, and since when (UTC text)."""

    pid: int
    since: str


def holder(data_dir: Path, ucm: str) -> Holder | None:
    """Who says that it holds the lock and is alive; None where nobody does. Takes no lock, and so keeps nobody from taking it."""
    try:
        said = _said((data_dir / "locks" / f"{component(ucm)}.lock").read_bytes())
        if said is None:
            return None
    except OSError:
        return None
    try:
        os.kill(said.pid, 0)
    except PermissionError:
        return said  # it lives, and is somebody else's
    except (OSError, OverflowError):
        return None
    return said


def _said(data: bytes) -> Holder | None:
    try:
        found = json.loads(data)
        return Holder(int(found["pid"]), str(found["since"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write(handle: int, text: str) -> None:
    """Who holds it is for people to read: on a full disk the lock holds without it."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)


def _busy(ucm: str, handle: int) -> Busy:
    said = _said(os.pread(handle, 4096, 0))
    if said is None:
        return Busy(f"Another job holds {ucm}.", ucm=ucm)
    return Busy(f"Another job (pid {said.pid}) has held {ucm} since {said.since}.", ucm=ucm, pid=said.pid, since=said.since)


def _busy_service(handle: int) -> Busy:
    said = _said(os.pread(handle, 4096, 0))
    who = (
        f"Another service (pid {said.pid}) has worked with this data_dir since {said.since}." if said else "Another service works with it."
    )
    return Busy(who, remedy="Stop it first, or give this one a data_dir of its own.")
