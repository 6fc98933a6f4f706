"""What the browser showed when the web UI failed us, kept for people: under data_dir, or, where machines share a store, in that.

Of each failure there are two files, named by when the web UI was turned to: the screenshot, and the ``/cgi`` actions. The newest stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from scraper.disk import make_folder, write_private, writing
from scraper.names import component
from scraper.settings import Settings
from scraper.store import Store, reading_store

SCREENSHOT, ACTIONS = "screenshot.png", "actions.json"
#: How many failures are kept: of a data_dir; in a store, of each UCM.
KEPT = 20
#: Where in a store they lie.
_HIDDEN = ".failures"
_FORM = "%Y-%m-%dT%H-%M-%SZ"


class Failures(Protocol):
    """One UCM's failures. All may raise :class:`~scraper.errors.StorageError`."""

    def keep(self, at: datetime, files: Mapping[str, bytes]) -> str:
        """Keep what one failure left, and let the oldest go; where it lies, for people."""

    def picture(self, began: datetime, ended: datetime | None) -> str | None:
        """The last screenshot of what happened between two times, for :meth:`read`; None where there is none."""

    def read(self, picture: str) -> bytes:
        """A screenshot, PNG. Raises OSError where it has gone."""

    def remove(self) -> None:
        """Remove all of them."""


class InFolder:
    """A folder for each failure, readable by the owner only; other UCMs' lie beside them."""

    def __init__(self, root: Path, ucm: str) -> None:
        self._root = root
        self._ucm = component(ucm)

    def keep(self, at: datetime, files: Mapping[str, bytes]) -> str:
        """See :meth:`Failures.keep`."""
        folder = self._root / f"{at:{_FORM}}-{self._ucm}"
        with writing("data_dir"):
            make_folder(folder)
            for name, data in files.items():
                write_private(folder / name, data)
            for old in sorted(path.parent for path in self._root.glob(f"*/{ACTIONS}"))[:-KEPT]:
                shutil.rmtree(old, ignore_errors=True)
        return str(folder)

    def picture(self, began: datetime, ended: datetime | None) -> str | None:
        """See :meth:`Failures.picture`."""
        names = (path.parent.name for path in self._root.glob(f"*/{SCREENSHOT}"))
        stamps = (name.removesuffix(f"-{self._ucm}") for name in names if name.endswith(f"Z-{self._ucm}"))
        found = _last(stamps, began, ended)
        return f"{found}-{self._ucm}" if found else None

    def read(self, picture: str) -> bytes:
        """See :meth:`Failures.read`."""
        return (self._root / picture / SCREENSHOT).read_bytes()

    def remove(self) -> None:
        """See :meth:`Failures.remove`."""
        for folder in self._root.glob(f"*Z-{self._ucm}"):
            shutil.rmtree(folder, ignore_errors=True)


class InStore:
    """Files under a hidden name of the store, which ``opened`` opens."""

    def __init__(self, opened: Callable[[], Store], ucm: str) -> None:
        self._opened = opened
        self._ucm = ucm
        self._place = f"{_HIDDEN}/{component(ucm)}"

    def keep(self, at: datetime, files: Mapping[str, bytes]) -> str:
        """See :meth:`Failures.keep`. Raises :class:`~scraper.errors.StoreVanished` where the store is not there."""
        store = self._opened()
        store.open_marker(create=False)
        stamp = f"{at:{_FORM}}"
        for name, data in files.items():
            _write(store, self._ucm, f"{self._place}/{stamp}.{name}", data)
        kept = sorted({_stamp(path) for path in store.paths(self._place)})
        self._remove(store, set(kept[:-KEPT]))
        return f"the store, under {self._place}/{stamp}"

    def picture(self, began: datetime, ended: datetime | None) -> str | None:
        """See :meth:`Failures.picture`."""
        found = _last((_stamp(path) for path in self._opened().paths(self._place) if path.endswith(SCREENSHOT)), began, ended)
        return f"{self._place}/{found}.{SCREENSHOT}" if found else None

    def read(self, picture: str) -> bytes:
        """See :meth:`Failures.read`."""
        with self._opened().open(picture) as file:
            return file.read()

    def remove(self) -> None:
        """See :meth:`Failures.remove`."""
        store = self._opened()
        self._remove(store, {_stamp(path) for path in store.paths(self._place)})

    def _remove(self, store: Store, stamps: set[str]) -> None:
        paths = [path for path in store.paths(self._place) if _stamp(path) in stamps] if stamps else []
        for path in paths:
            store.remove(path)
        store.sync(paths)


def failures_of(settings: Settings, ucm: str) -> Failures:
    """Where a UCM's failures are kept: with a fleet in its store, else under data_dir."""
    if settings.fleet.name:
        return InStore(partial(reading_store, settings.store), ucm)
    return InFolder(settings.data_dir / "failures", ucm)


def _write(store: Store, ucm: str, path: str, data: bytes) -> None:
    incoming = store.receive(ucm)
    try:
        incoming.file.write(data)
        incoming.seal()
        store.replace(incoming, path)
        store.sync([path])
    finally:
        incoming.discard()


def _stamp(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _last(stamps: Iterable[str], began: datetime, ended: datetime | None) -> str | None:
    """The newest of these times that lies between two; stamps are whole seconds."""
    second = timedelta(seconds=1)
    return max((one for one in stamps if (at := _time(one)) and began - second <= at <= (ended or at) + second), default=None)


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
