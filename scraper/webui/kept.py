"""The kept session: Playwright's ``storage_state`` of a signed-in browser, so that runs share one sign-in while the PBX lets it live.

It lies in a file under data_dir, or, where machines share it, in the catalog; sealed where a key is configured.
"""

from __future__ import annotations

import json
import os
import tempfile
from copy import copy
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from scraper.catalog import Catalog
from scraper.errors import ConfigError, StoreUnwritable
from scraper.names import component
from scraper.sealed import Open, Seal, seal_of
from scraper.settings import Settings


class Place(Protocol):
    """Where one UCM's session lies."""

    def read(self) -> bytes | None:
        """What lies there; None where nothing does, or it can't be read."""

    def write(self, sealed: bytes) -> None:
        """Put ``sealed`` in its place. Raises the storage errors."""

    def remove(self) -> None:
        """Let nothing lie there. Raises the storage errors."""

    def saved_at(self) -> float | None:
        """When it was written, as a number that differs from that of any other; None where nothing lies there."""


class InFile:
    """A file of its own (mode 0600)."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self._path = data_dir / "sessions" / f"{component(name)}.json"

    def read(self) -> bytes | None:
        """See :meth:`Place.read`."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def write(self, sealed: bytes) -> None:
        """See :meth:`Place.write`."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".")  # mode 0600
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
            Path(temporary).replace(self._path)
        except OSError as error:
            raise StoreUnwritable(
                f"The session can't be kept under data_dir ({error.strerror}).", remedy="Make `data_dir` writable."
            ) from error

    def remove(self) -> None:
        """See :meth:`Place.remove`."""
        self._path.unlink(missing_ok=True)

    def saved_at(self) -> float | None:
        """See :meth:`Place.saved_at`."""
        try:
            return self._path.stat().st_mtime
        except OSError:
            return None


class InCatalog:
    """A row of the catalog."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self._catalog = catalog
        self._name = name

    def read(self) -> bytes | None:
        """See :meth:`Place.read`."""
        return self._catalog.kept_session(self._name)

    def write(self, sealed: bytes) -> None:
        """See :meth:`Place.write`."""
        self._catalog.keep_session(self._name, sealed)

    def remove(self) -> None:
        """See :meth:`Place.remove`."""
        self._catalog.forget_session(self._name)

    def saved_at(self) -> float | None:
        """See :meth:`Place.saved_at`."""
        return self._catalog.session_kept_at(self._name)


class KeptSession:
    """One UCM's session. It belongs to one PBX and user: with another it is not used."""

    def __init__(self, place: Place, url: str, username: str, seal: Seal | None = None) -> None:
        self._place = place
        self._owner = {"url": url, "username": username}
        self._seal = seal or Open()
        self._is_ignored = False

    def afresh(self) -> KeptSession:
        """The same, but for the session that is kept now: it stays until another takes its place."""
        again = copy(self)
        again._is_ignored = True
        return again

    def exists(self) -> bool:
        """Whether something is kept, of whomever."""
        return self._read() is not None

    def load(self) -> Any | None:
        """The kept state, or None where there is none for this PBX and user, or it can't be read."""
        sealed = self._read()
        if sealed is None:
            return None
        plain = self._seal.open(sealed)
        if plain is None:
            logger.bind(action="session-sealed").warning("The kept session can't be opened with encryption.key; signing in anew")
            return None
        try:
            kept = json.loads(plain)
            return kept["state"] if kept["owner"] == self._owner else None
        except (ValueError, KeyError, TypeError):
            return None

    def save(self, state: Any) -> None:
        """Keep ``state``: call only while signed in. Raises the storage errors."""
        self._place.write(self._seal.close(json.dumps({"owner": self._owner, "state": state}).encode()))
        self._is_ignored = False

    def forget(self) -> None:
        """Drop it: the PBX ended it."""
        self._place.remove()

    def _read(self) -> bytes | None:
        return None if self._is_ignored else self._place.read()


def place_of_session(settings: Settings, name: str, catalog: Catalog) -> Place:
    """Where a UCM's session is kept: with a fleet in its catalog, else under data_dir."""
    return InCatalog(catalog, name) if settings.fleet.name else InFile(settings.data_dir, name)


def kept_session(settings: Settings, name: str, catalog: Catalog) -> KeptSession:
    """The session of a UCM that has a web account. Raises :class:`ConfigError` where it has none."""
    ucm = settings.ucms[name]
    if ucm.web is None:
        raise ConfigError(f"ucms.{name}: `web` is missing: no account for the web UI is configured.")
    return KeptSession(place_of_session(settings, name, catalog), ucm.url, ucm.web.username, seal_of(settings.encryption.keys))
