"""Where the recordings lie: a folder that is known by its marker, and into which files come whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Protocol, Self, cast
from urllib.parse import unquote, urlsplit

from scraper.catalog.database import Database
from scraper.disk import make_folder, storage_error, sync_folder, write_private, writing
from scraper.errors import ConfigError, DiskFull, StoreVanished
from scraper.models import Identity
from scraper.names import MAX_NAME_BYTES, component, shorten, with_mark

MARKER = ".ucm-store"
INCOMING = ".incoming"
TEMPLATE = "{ucm}/{month}/{name}"
BLOCK_BYTES = 1 << 20

Originals = Literal["auto", "always", "never"]
_FIELDS = {"ucm", "month", "name", "year", "class"}
_META_KEY = "store.id"
#: What file systems without hard links answer.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class StoreSettings(Protocol):
    """What the configuration says of the store (``min_free_mb`` in MiB)."""

    @property
    def url(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def originals(self) -> str: ...
    @property
    def min_free_mb(self) -> int: ...


class Incoming(Protocol):
    """A file on its way into the store: write to ``file``, :meth:`seal`, then :meth:`Store.place` or :meth:`discard` it."""

    file: BinaryIO

    def seal(self) -> None:
        """Everything is written: flush it to the disk."""

    def discard(self) -> None:
        """Remove it, unless it has been placed; harmless if repeated."""


class Store(Protocol):
    """Files under relative paths. What fails raises a :class:`~scraper.errors.StorageError`, unless it says otherwise."""

    originals: Originals

    def path_for(self, identity: Identity, *, name: str | None = None, mark: str = "") -> StoredPath:
        """Where a recording belongs by the template; ``name`` instead of the identity's, with ``~mark`` before its extension."""

    def receive(self, ucm: str) -> Incoming:
        """Begin a file, out of readers' sight."""

    def place(self, incoming: Incoming, path: str) -> bool:
        """Put a sealed file in its place, whole; False, with nothing changed, where the place is taken. Lasts after :meth:`sync` only."""

    def replace(self, incoming: Incoming, path: str) -> None:
        """Put a sealed file in the place of another, in one step. Lasts after :meth:`sync` only."""

    def move(self, path: str, to: str) -> None:
        """Put a stored file in another's place, or a free one, in one step. Lasts after :meth:`sync` only."""

    def remove(self, path: str) -> None:
        """Remove a stored file for good; harmless where there is none. Lasts after :meth:`sync` only."""

    def sync(self, paths: list[str]) -> None:
        """Make what was placed at these paths, or moved or removed from them, last."""

    def exists(self, path: str) -> bool:
        """Whether something is there."""

    def open(self, path: str) -> BinaryIO:
        """Read a file. Raises OSError."""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file, hex. Raises OSError."""

    def check_free(self) -> None:
        """Raise :class:`~scraper.errors.DiskFull` where less than the configured minimum is free."""

    def remove_leftovers(self, ucm: str) -> int:
        """Remove what a crash of this UCM's job left half written; how many files."""


@dataclass(frozen=True, slots=True)
class StoredPath:
    """A path relative to the store, and whether the name had to be cut to fit."""

    path: str
    shortened: bool = False


def open_store(settings: StoreSettings, catalog: Database) -> LocalStore:
    """The configured store, checked: it is the one that this catalog knows, it can be written, and it has free space.

    Raises :class:`ConfigError`, :class:`StoreVanished`, :class:`StoreUnwritable`, :class:`DiskFull`.
    """
    store = LocalStore(folder_of(settings.url), settings.template, cast(Originals, settings.originals), settings.min_free_mb)
    known = catalog.get_meta(_META_KEY)
    found = store.open_marker(create=known is None)
    if known is None:
        catalog.set_meta(_META_KEY, found)
    elif known != found:
        raise store.vanished("has the marker of another store")
    store.check_free()
    return store


def is_known(catalog: Database) -> bool:
    """Whether a job has used a store with this catalog: then the store must be there, with its marker."""
    return catalog.get_meta(_META_KEY) is not None


def folder_of(url: str) -> Path:
    """The folder that ``store.url`` means. Raises :class:`ConfigError` for a store that this version can't serve."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in url:
        raise ConfigError(f"store.url: a store on {parts.scheme}:// comes later; today it is a folder.")
    return Path(url)


def check_template(template: str) -> None:
    """Raise :class:`ConfigError` where the template has a field that is none of ucm, month, name, year, class, or lacks ``{name}``."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError("store.template: its braces don't match.") from error
    fields = [field for _, field, _, _ in parsed if field is not None]
    adorned = [field for _, field, spec, conversion in parsed if field and (spec or conversion)]
    if wrong := [field for field in fields if field not in _FIELDS] + adorned:
        raise ConfigError(f"store.template: {{{wrong[0]}}} is none of {', '.join(sorted(_FIELDS))}.")
    if "name" not in fields:
        raise ConfigError("store.template: it must contain {name}.")


class LocalFile:
    """An :class:`Incoming` of a :class:`LocalStore`."""

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.file: BinaryIO = os.fdopen(handle, "wb", buffering=0)

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

    def __init__(self, root: Path, template: str = TEMPLATE, originals: Originals = "auto", min_free_mb: int = 0) -> None:
        check_template(template)
        self.root = root
        self.originals: Originals = originals
        self._template = [part for part in template.split("/") if part not in ("", ".", "..")]
        self._min_free = min_free_mb << 20
        self._folders: set[Path] = set()
        self._longest = MAX_NAME_BYTES

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
                write_private(marker, json.dumps({"id": secrets.token_hex(16)}).encode())
            identifier = str(json.loads(marker.read_bytes())["id"])
            make_folder(self.root / INCOMING)
            LocalFile(self.root / INCOMING / f"probe-{secrets.token_hex(8)}").discard()
            self._longest = min(MAX_NAME_BYTES, os.pathconf(self.root, "PC_NAME_MAX"))
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
        plain = component(name if name is not None else identity.name)
        wanted = with_mark(plain, mark) if mark else plain
        fields = {
            "ucm": component(identity.ucm),
            "month": component(identity.month),
            "year": component(identity.month.partition("-")[0]),
            "class": identity.klass.value,
        }
        parts = [part.format(**fields, name=wanted) for part in self._template]
        longest = self._longest - len(".original")
        short = any(len(part.encode()) > longest for part in parts)
        if short:
            digest = mark or hashlib.sha256(plain.encode()).hexdigest()[:8]
            room = longest - max(len(part.format(**fields, name="").encode()) for part in self._template if "{name}" in part)
            parts = [part.format(**fields, name=shorten(plain, digest, room)) for part in self._template]
        # A literal part of the template, or a value, may still be what hides a file or leaves the folder.
        return StoredPath("/".join(component(part) for part in parts), short)

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

    def check_free(self) -> None:
        """See :meth:`Store.check_free`."""
        with writing("The store"):
            free = shutil.disk_usage(self.root).free
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
