"""The storage layer: data_dir, the catalog, and the recordings' store with its marker and its free space."""

from __future__ import annotations

import tempfile

from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.doctor.steps import Layer, Step
from scraper.errors import ScraperError
from scraper.job.report import size
from scraper.settings import Settings
from scraper.store import is_known, open_store, rehearse


def storage(settings: Settings, name: str, catalog: Catalog | ScraperError) -> Step:
    """Whether a job could store what it fetches; ``catalog`` as :func:`open_catalog` gave it. Leaves nothing behind."""
    if isinstance(catalog, ScraperError):
        return Step.failed(Layer.STORAGE, catalog)
    try:
        held = catalog.totals(name).archived
        if is_known(catalog):
            place = f"the store has its marker and can be written{_free(open_store(settings.store, catalog).free())}"
        else:
            place = f"the store is not there yet: the first job makes it{_free(rehearse(settings.store))}"
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


def _free(free: int | None) -> str:
    return "" if free is None else f", {size(free)} free"
