"""What the operating system says about storage, in our words, and how a file is made to last."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scraper.errors import DiskFull, StorageError, StoreUnwritable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(error: OSError, what: str) -> StorageError:
    """Our error for the system's; ``what`` names the place without naming a recording, such as "The store"."""
    if error.errno in _FULL:
        return DiskFull(f"{what} has no space left.", errno=error.errno)
    return StoreUnwritable(f"{what} can't be written: {error.strerror or type(error).__name__}.", errno=error.errno)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn what fails inside the block into :class:`DiskFull` or :class:`StoreUnwritable`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, what) from error


def make_folder(path: Path) -> None:
    """Make ``path`` and what is missing above it, for the owner only, so that it survives a power cut. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries: a name that was linked or renamed lasts only after this. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network shares can't flush folders
            raise
    finally:
        os.close(handle)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write all of ``data``: an unbuffered file may take less than it is given. Raises OSError."""
    done = file.write(data)
    while done < len(data):
        done += file.write(memoryview(data)[done:])


def write_private(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all, readable by the owner only. Raises OSError."""
    temporary = path.with_name(f".{path.name[:200]}.tmp")
    with _written(temporary, data):
        temporary.replace(path)
    sync_folder(path.parent)


def create_private(path: Path, data: bytes) -> None:
    """As :func:`write_private`, but what another process has made there, even at this moment, stays. Raises OSError."""
    temporary = path.with_name(f".{path.name[:180]}.{secrets.token_hex(8)}.tmp")
    with _written(temporary, data):
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # no hard links here
            if not path.exists():
                temporary.replace(path)
    sync_folder(path.parent)


@contextmanager
def _written(temporary: Path, data: bytes) -> Iterator[None]:
    """A file with this content, for as long as the block doesn't name it otherwise."""
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        yield
    finally:
        temporary.unlink(missing_ok=True)
