"""One job a UCM at a time over all machines of a fleet.

Beside the lock of its own machine a job holds a lease in the catalog (:mod:`scraper.catalog.fleet`), and lets the database hear of it. If
it can't for half the time that a lease lasts, it is asked to stop; before the lease has run out, and another may begin, its process ends.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from loguru import logger

from scraper import clock
from scraper.catalog import Catalog, Held, Lease
from scraper.errors import Busy, ConfigError, ExitCode, StorageError
from scraper.lock import holder, job_lock
from scraper.settings import Settings

#: Parts of a lease: how often the database hears of its holder; after how long a silence that stops in order; and after how long it ends.
_BEAT, _STOP, _END = 0.2, 0.5, 0.8


@contextmanager
def held(settings: Settings, catalog: Catalog, name: str, stop: threading.Event | None = None) -> Iterator[Catalog]:
    """Hold ``name`` (a UCM's, or what else two must not do at once) while the block runs: on this machine, and over the whole fleet.

    Yields and raises as :func:`leased`, and raises as :func:`scraper.lock.job_lock`.
    """
    with job_lock(settings.data_dir, name), leased(settings, catalog, name, stop) as own:
        yield own


@contextmanager
def leased(settings: Settings, catalog: Catalog, name: str, stop: threading.Event | None = None) -> Iterator[Catalog]:
    """The fleet's part of :func:`held`, for those who hold their machine's lock; without a fleet, nothing.

    Yields the catalog to work with: in a fleet it writes only as long as the hold lasts, and the database's clock counts from here on.
    ``stop`` is set where the hold is in doubt. Raises :class:`Busy`, the storage errors, and :class:`ConfigError` where the catalog belongs
    to another fleet.
    """
    check_fleet(settings, catalog)
    if settings.fleet.name is None:
        yield catalog
        return
    seconds = settings.fleet.lease_seconds
    taken = catalog.take_lease(name, f"pid {os.getpid()} on {socket.gethostname()}", seconds)
    if isinstance(taken, Held):
        raise Busy(f"Another job ({taken.holder}) holds {name}.", ucm=name, holder=taken.holder)
    clock.follow(catalog.seconds_behind())
    keeper = _Keeper(catalog, taken, seconds, stop or threading.Event())
    try:
        yield catalog.under(taken)
    finally:
        keeper.close()
        with suppress(StorageError):  # it runs out by itself
            catalog.release_lease(taken)


def check_fleet(settings: Settings, catalog: Catalog) -> None:
    """Raise :class:`ConfigError` where the catalog belongs to a fleet that this configuration does not name."""
    if not settings.catalog.url.startswith("postgresql"):
        return
    found, ours = catalog.fleet(), settings.fleet.name
    if found and ours is None:
        raise ConfigError(f"The catalog belongs to the fleet {found!r}, of which this configuration knows nothing.", remedy=_OTHER_FLEET)
    if found and found != ours:
        raise ConfigError(f"The catalog belongs to the fleet {found!r}, not to {ours!r}.", remedy=_OTHER_FLEET)


_OTHER_FLEET = "Set fleet.name to that name, or give this fleet a database of its own in catalog.url."


def is_worked_on(settings: Settings, catalog: Catalog, ucm: str) -> bool:
    """Whether a job works on a UCM now, on this machine or another of the fleet. Raises the catalog's storage errors."""
    if holder(settings.data_dir, ucm) is not None:
        return True
    return bool(settings.fleet.name and catalog.holder_of(ucm, settings.fleet.lease_seconds))


def worked_on(settings: Settings, catalog: Catalog) -> set[str]:
    """All UCMs that a job works on now; see :func:`is_worked_on`."""
    elsewhere = catalog.held(settings.fleet.lease_seconds) if settings.fleet.name else set()
    return {ucm for ucm in settings.ucms if ucm in elsewhere or holder(settings.data_dir, ucm) is not None}


class _Keeper:
    """Keeps a lease alive in a thread of its own, and ends this process in another where that fails."""

    def __init__(self, catalog: Catalog, lease: Lease, seconds: float, stop: threading.Event) -> None:
        self._catalog, self._lease, self._seconds, self._stop = catalog, lease, seconds, stop
        self._heard = time.monotonic()
        self._over = threading.Event()
        for work in (self._beat, self._watch):
            threading.Thread(target=work, name="lease", daemon=True).start()

    def close(self) -> None:
        """The lease is needed no more."""
        self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT * self._seconds):
            began = time.monotonic()
            try:
                if not self._catalog.renew_lease(self._lease):
                    self._heard = min(self._heard, began - _STOP * self._seconds)
                    return
            except StorageError as error:
                logger.bind(action="lease-not-renewed").warning("The database does not hear of this job: {}", error.message)
            else:
                self._heard = began

    def _watch(self) -> None:
        while not self._over.wait(max(_BEAT * self._seconds / 4, 0.02)):
            silent = time.monotonic() - self._heard
            if silent >= _END * self._seconds and not self._over.is_set():
                logger.bind(action="lease-lost").error("Another job may begin on this UCM: ending this one")
                os._exit(int(ExitCode.STORAGE))
            if silent >= _STOP * self._seconds and not self._stop.is_set():
                logger.bind(action="lease-in-doubt").warning("The hold on this UCM is in doubt: stopping")
                self._stop.set()
