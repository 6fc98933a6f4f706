"""A store in a folder.

This is our own code and not fsspec's local file system, which neither flushes to the disk nor can put a file in its place without
replacing what is there (a hard link can).
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import unquote, urlsplit

from scraper.disk import create_private, make_folder, storage_error, sync_folder, writing
from scraper.errors import ConfigError, DiskFull, StoreVanished
from scraper.models import Identity
from scraper.names import MAX_NAME_BYTES, component
from scraper.store.interface import BLOCK_BYTES, INCOMING, MARKER, Incoming, Originals, StoredPath
from scraper.store.template import TEMPLATE, Template

#: What file systems without hard links answer.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def folder_of(url: str) -> Path:
    """The folder that ``store.url`` means. Raises :class:`ConfigError` where it means none."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in url:
        raise ConfigError(f"store.url: there is no store on {parts.scheme}://; write a folder, or s3://bucket/prefix.")
    return Path(url)


class LocalFile:
    """An :class:`Incoming` of a :class:`LocalStore`."""

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.file: BinaryIO = os.fdopen(handle, "wb", buffering=0)
        self.buffered = 0

    def seal(self) -> None:
        """Flush to the disk and close."""
        with writing("The store"):
            os.fdatasync(self.file.fileno())
            self.file.close()

    def discard(self) -> None:
        """Close and remove, unless placed."""
        self.file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()


class LocalStore:
    """A folder on this machine or on a mounted share."""

    #: The disk serves what is flushed together, and the processors needn't wait for it.
    threads = 4

    def __init__(
        self, root: Path, template: str = TEMPLATE, originals: Originals = "auto", min_free_mb: int = 0, *, shared: bool = False
    ) -> None:
        self.root = root
        self.shared = shared
        self.originals: Originals = originals
        self._template = Template(template)
        self._min_free = min_free_mb << 20
        self._folders: set[Path] = set()

    def open_marker(self, *, create: bool) -> str:
        """The id in the store's marker; made where there is none and ``create``. Raises StoreVanished, StoreUnwritable, DiskFull."""
        marker = self.root / MARKER
        try:
            if create:
                make_folder(self.root)
            if not self.root.is_dir():
                raise self.vanished("is not there")
            if not marker.exists():
                if not create:
                    raise self.vanished("lacks its marker: it is empty, or something else is mounted there")
                create_private(marker, json.dumps({"id": secrets.token_hex(16)}).encode())
            identifier = str(json.loads(marker.read_bytes())["id"])
            make_folder(self.root / INCOMING)
            with TemporaryFile(dir=self.root / INCOMING):  # may one be made here? It has no name that a kill could leave
                pass
            self._template.longest = min(MAX_NAME_BYTES, os.pathconf(self.root, "PC_NAME_MAX"))
        except OSError as error:
            raise storage_error(error, "The store") from error
        except (ValueError, KeyError, TypeError) as error:
            raise self.vanished("has a damaged marker file") from error
        return identifier

    def vanished(self, how: str) -> StoreVanished:
        """The error for a folder that isn't the one it was, with the ways back to it and the way to a new one."""
        return StoreVanished(
            f"The recordings' folder {self.root} {how}.",
            remedy=f"Mount the storage there again, or set store.url to where it is now; a copy of it needs its file {MARKER} too. To start"
            " over on purpose, move the catalog away as well (`ucm-scraper config show` names it under catalog.url).",
        )

    def path_for(self, identity: Identity, *, name: str | None = None, mark: str = "") -> StoredPath:
        """See :meth:`Store.path_for`."""
        return self._template.path_for(identity, name, mark)

    def receive(self, ucm: str) -> LocalFile:
        """See :meth:`Store.receive`."""
        with writing("The store"):
            folder = self.root / INCOMING / component(ucm)
            self._make(folder)
            return LocalFile(folder / secrets.token_hex(12))

    def place(self, incoming: Incoming, path: str) -> bool:
        """See :meth:`Store.place`."""
        assert isinstance(incoming, LocalFile)
        assert incoming.path is not None
        final = self.root / path
        with writing("The store"):
            self._make(final.parent)
            try:
                os.link(incoming.path, final)  # unlike a rename it never replaces what is there
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if os.path.lexists(final):
                    return False
                incoming.path.rename(final)
                incoming.path = None
        incoming.discard()
        return True

    def replace(self, incoming: Incoming, path: str) -> None:
        """See :meth:`Store.replace`."""
        assert isinstance(incoming, LocalFile)
        assert incoming.path is not None
        with writing("The store"):
            self._make((self.root / path).parent)
            incoming.path.replace(self.root / path)
        incoming.path = None

    def move(self, path: str, to: str) -> None:
        """See :meth:`Store.move`."""
        with writing("The store"):
            self._make((self.root / to).parent)
            (self.root / path).replace(self.root / to)

    def remove(self, path: str) -> None:
        """See :meth:`Store.remove`."""
        with writing("The store"):
            (self.root / path).unlink(missing_ok=True)

    def sync(self, paths: list[str]) -> None:
        """See :meth:`Store.sync`."""
        with writing("The store"):
            for folder in {(self.root / path).parent for path in paths}:
                sync_folder(folder)

    def exists(self, path: str) -> bool:
        """See :meth:`Store.exists`."""
        return os.path.lexists(self.root / path)

    def open(self, path: str) -> BinaryIO:
        """See :meth:`Store.open`; not through a symbolic link at its end."""
        return cast(BinaryIO, io.FileIO(self.root / path, "r", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)))

    def digest(self, path: str) -> str:
        """See :meth:`Store.digest`."""
        digest = hashlib.sha256()
        with self.open(path) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def paths(self, folder: str) -> Iterator[str]:
        """See :meth:`Store.paths`."""
        return (path.relative_to(self.root).as_posix() for path in (self.root / folder).rglob("*") if path.is_file())

    def free(self) -> int:
        """See :meth:`Store.free`."""
        with writing("The store"):
            return shutil.disk_usage(self.root).free

    def check_free(self) -> None:
        """See :meth:`Store.check_free`."""
        free = self.free()
        if free < self._min_free:
            raise DiskFull(f"The store has {free >> 20:,} MiB free; store.min_free_mb asks for {self._min_free >> 20:,}.", free=free)

    def remove_leftovers(self, ucm: str) -> int:
        """See :meth:`Store.remove_leftovers`."""
        removed = 0
        with writing("The store"):
            for path in self._leftovers(ucm):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _leftovers(self, ucm: str) -> Iterator[Path]:
        folder = self.root / INCOMING / component(ucm)
        if folder.is_dir():
            yield from folder.iterdir()

    def _make(self, folder: Path) -> None:
        if folder not in self._folders:
            make_folder(folder)
            self._folders.add(folder)
