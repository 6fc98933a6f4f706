"""The storage layer: data_dir, the catalog, and the recordings' store with its marker and its free space."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.doctor.steps import Layer, Step
from scraper.errors import ScraperError
from scraper.report import size
from scraper.settings import Settings
from scraper.store import LocalStore, folder_of, is_known, open_store


def storage(settings: Settings, name: str, catalog: Catalog | ScraperError) -> Step:
    """Whether a job could store what it fetches; ``catalog`` as :func:`open_catalog` gave it. Leaves nothing behind."""
    if isinstance(catalog, ScraperError):
        return Step.failed(Layer.STORAGE, catalog)
    try:
        held = catalog.totals(name).archived
        if is_known(catalog):
            folder = open_store(settings.store, catalog).root
            place = f"the store has its marker and can be written, {_free(folder)} free"
        else:
            folder = _nearest(folder_of(settings.store.url))
            with writing("The store"), tempfile.TemporaryFile(dir=folder):
                pass
            LocalStore(folder, min_free_mb=settings.store.min_free_mb).check_free()
            place = f"the store is not there yet: the first job makes it, {_free(folder)} free"
    except ScraperError as error:
        return Step.failed(Layer.STORAGE, error)
    return Step.ok(Layer.STORAGE, f"{place}; the catalog opens, and holds {held:,} recording{'' if held == 1 else 's'} of this UCM")


def open_catalog(settings: Settings) -> Catalog | ScraperError:
    """The catalog, made where there is none yet, since the sign-in budget is kept in it; or why not."""
    try:
        with writing("data_dir"):
            make_folder(settings.data_dir)
            with tempfile.TemporaryFile(dir=settings.data_dir):
                pass
        return Catalog.open(settings.catalog.url)
    except ScraperError as error:
        return error


def _nearest(folder: Path) -> Path:
    """The folder itself, or what is there above it."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _free(folder: Path) -> str:
    with writing("The store"):
        return size(shutil.disk_usage(folder).free)
