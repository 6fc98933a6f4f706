"""What a store is to those who use it; :mod:`scraper.store.folder` and :mod:`scraper.store.bucket` are the two kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from scraper.errors import StoreVanished
from scraper.models import Identity

if TYPE_CHECKING:
    from pydantic import SecretStr

#: The file that tells a store from any other place.
MARKER = ".ucm-store"
#: What is on its way lies below this name, out of readers' sight, each UCM's apart.
INCOMING = ".incoming"
BLOCK_BYTES = 1 << 20

Originals = Literal["auto", "always", "never"]


class StoreSettings(Protocol):
    """What the configuration says of the store (``min_free_mb`` in MiB; the last five are for S3)."""

    @property
    def url(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def originals(self) -> Originals: ...
    @property
    def shared(self) -> bool: ...
    @property
    def min_free_mb(self) -> int: ...
    @property
    def endpoint_url(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def access_key(self) -> SecretStr | None: ...
    @property
    def secret_key(self) -> SecretStr | None: ...
    @property
    def path_style(self) -> bool | None: ...


class Incoming(Protocol):
    """A file on its way into the store: write to ``file``, :meth:`seal`, then :meth:`Store.place` or :meth:`discard` it."""

    file: BinaryIO

    @property
    def buffered(self) -> int:
        """How many of its bytes are held in memory."""

    def seal(self) -> None:
        """Everything is written: flush it to the disk."""

    def discard(self) -> None:
        """Remove it, unless it has been placed; harmless if repeated."""


class Store(Protocol):
    """Files under relative paths. What fails raises a :class:`~scraper.errors.StorageError`, unless it says otherwise."""

    originals: Originals
    #: How many threads may well use it at once.
    threads: int

    def open_marker(self, *, create: bool) -> str:
        """The id in the store's marker, made where there is none and ``create``, once it is sure that files can be written here.

        Raises :class:`~scraper.errors.StoreVanished` where the store or its marker is not there.
        """

    def vanished(self, how: str) -> StoreVanished:
        """The error for a place that isn't the store it was (``how``: half a sentence), with the ways back to it."""

    def path_for(self, identity: Identity, *, name: str | None = None, mark: str = "") -> StoredPath:
        """Where a recording belongs by the template; ``name`` instead of the identity's, with ``~mark`` before its extension."""

    def receive(self, ucm: str) -> Incoming:
        """Begin a file, out of readers' sight."""

    def place(self, incoming: Incoming, path: str) -> bool:
        """Put a sealed file in its place, whole; False, with nothing changed, where the place is taken. Lasts after :meth:`sync` only."""

    def replace(self, incoming: Incoming, path: str) -> None:
        """Put a sealed file in the place of another, in one step. Lasts after :meth:`sync` only."""

    def move(self, path: str, to: str) -> None:
        """Put a stored file in another's place, or a free one, in one step. Lasts after :meth:`sync` only.

        An object store does it in two, and :meth:`remove_leftovers` ends what a crash left between them.
        """

    def remove(self, path: str) -> None:
        """Remove a stored file for good; harmless where there is none. Lasts after :meth:`sync` only."""

    def sync(self, paths: list[str]) -> None:
        """Make what was placed at these paths, or moved or removed from them, last, and be seen by readers."""

    def exists(self, path: str) -> bool:
        """Whether something is there."""

    def open(self, path: str) -> BinaryIO:
        """Read a file, from any position. Raises OSError where there is none or this one can't be read."""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file, hex. Raises OSError as :meth:`open` does."""

    def paths(self, folder: str) -> Iterator[str]:
        """The files below a folder (``""``: the store's own), in any order."""

    def free(self) -> int | None:
        """Free bytes; None where nobody can say."""

    def check_free(self) -> None:
        """Raise :class:`~scraper.errors.DiskFull` where less than the configured minimum is free."""

    def remove_leftovers(self, ucm: str) -> int:
        """Remove what a crash of this UCM's job left half written; how many files. The caller holds the UCM's lock."""


@dataclass(frozen=True, slots=True)
class StoredPath:
    """A path relative to the store, and whether the name had to be cut to fit."""

    path: str
    shortened: bool = False
