"""Keeps the catalog's search index up to date while people search: at once where little is new, in the background where much is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from fastapi import Request
from loguru import logger

from scraper.admin.access import service_of
from scraper.catalog import Catalog
from scraper.errors import StorageError

#: How long a search waits for what is new, in seconds.
_PATIENCE = 1.0


class Indexing:
    """One thread at most, that ends when all is indexed."""

    def __init__(self, catalog: Catalog, zones: Mapping[str, ZoneInfo]) -> None:
        self._catalog, self._zones = catalog, zones
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def catch_up(self) -> bool:
        """Take in what is new, and wait a second for it; whether all is in."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="indexing", daemon=True)
                self._thread.start()
            working = self._thread
        working.join(_PATIENCE)
        return not working.is_alive()

    def _work(self) -> None:
        try:
            while self._catalog.index_some(self._zones):
                pass
        except StorageError as error:
            logger.bind(action="index-failed").warning("Recordings could not be made findable: {}", error.message)


def indexing_of(request: Request) -> Indexing:
    """The app's."""
    state, service = request.app.state, service_of(request)
    if not hasattr(state, "indexing"):
        state.indexing = Indexing(service.catalog, {name: ucm.zone for name, ucm in service.settings.ucms.items()})
    found: Indexing = state.indexing
    return found
