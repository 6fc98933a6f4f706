"""The kept session: Playwright's ``storage_state`` of a signed-in browser, so that runs share one sign-in while the PBX lets it live."""

from __future__ import annotations

import json
import os
import tempfile
from copy import copy
from pathlib import Path
from typing import Any

from scraper.errors import StoreUnwritable


class KeptSession:
    """One UCM's session on disk (mode 0600). It belongs to one PBX and user: with another it is not used."""

    def __init__(self, data_dir: Path, ucm: str, url: str, username: str) -> None:
        self._path = data_dir / "sessions" / f"{ucm}.json"
        self._owner = {"url": url, "username": username}
        self._is_ignored = False

    def afresh(self) -> KeptSession:
        """The same, but for the session that is kept now: it stays on disk until another takes its place."""
        again = copy(self)
        again._is_ignored = True
        return again

    def load(self) -> Any | None:
        """The kept state, or None where there is none for this PBX and user, or it can't be read."""
        if self._is_ignored:
            return None
        try:
            kept = json.loads(self._path.read_text())
            return kept["state"] if kept["owner"] == self._owner else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, state: Any) -> None:
        """Keep ``state``: call only while signed in. Raises :class:`StoreUnwritable`."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".")  # mode 0600
            with os.fdopen(descriptor, "w") as file:
                json.dump({"owner": self._owner, "state": state}, file)
            Path(temporary).replace(self._path)
            self._is_ignored = False
        except OSError as error:
            raise StoreUnwritable(
                f"The session can't be kept under data_dir ({error.strerror}).", remedy="Make `data_dir` writable."
            ) from error

    def forget(self) -> None:
        """Drop it: the PBX ended it."""
        self._path.unlink(missing_ok=True)
