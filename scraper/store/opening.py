"""The configured store, by its URL: for a job, for readers, and for those who only want to know whether it would do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.catalog.database import Database
from scraper.disk import writing
from scraper.errors import ConfigError
from scraper.store.folder import LocalStore, folder_of
from scraper.store.interface import Store, StoreSettings

if TYPE_CHECKING:
    from scraper.store.bucket import BucketStore

_META_KEY = "store.id"


def open_store(settings: StoreSettings, catalog: Database) -> Store:
    """The configured store, checked: it is the one that this catalog knows, it can be written, and it has free space.

    Raises :class:`ConfigError`, :class:`StoreVanished`, :class:`StoreUnwritable`, :class:`DiskFull`, and for a bucket also
    :class:`StoreUnreachable`, :class:`StoreRefused`.
    """
    store = reading_store(settings)
    known = catalog.get_meta(_META_KEY)
    found = store.open_marker(create=known is None)
    if known is None:
        catalog.set_meta(_META_KEY, found)
    elif known != found:
        raise store.vanished("has the marker of another store")
    store.check_free()
    return store


def reading_store(settings: StoreSettings) -> Store:
    """The configured store, unchecked: nothing is asked of it yet. Raises :class:`ConfigError`."""
    if _is_bucket(settings):
        return _bucket(settings)
    return LocalStore(folder_of(settings.url), settings.template, settings.originals, settings.min_free_mb, shared=settings.shared)


def is_known(catalog: Database) -> bool:
    """Whether a job has used a store with this catalog: then the store must be there, with its marker."""
    return catalog.get_meta(_META_KEY) is not None


def check_place(settings: StoreSettings) -> None:
    """Raise :class:`ConfigError` for a store that can't be served; nothing is asked of it."""
    reading_store(settings)


def rehearse(settings: StoreSettings) -> int | None:
    """Whether a first job could make its store here: bytes free, None where nobody can say. Leaves nothing behind.

    Raises what :func:`open_store` would.
    """
    if _is_bucket(settings):
        _bucket(settings).probe()
        return None
    folder = _nearest(folder_of(settings.url))
    with writing("The store"), tempfile.TemporaryFile(dir=folder):
        pass
    store = LocalStore(folder, min_free_mb=settings.min_free_mb)
    store.check_free()
    return store.free()


def _is_bucket(settings: StoreSettings) -> bool:
    return settings.url.startswith("s3://")


def _bucket(settings: StoreSettings) -> BucketStore:
    try:
        from scraper.store.bucket import BucketStore
    except ModuleNotFoundError as error:
        raise ConfigError(
            "store.url: a store on s3:// needs packages that are not installed.", remedy="Run `pip install 'ucm-recording-scraper[s3]'`."
        ) from error
    return BucketStore(settings)


def _nearest(folder: Path) -> Path:
    """The folder itself, or what is there above it."""
    return next(each for each in (folder, *folder.parents) if each.exists())
