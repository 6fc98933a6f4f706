"""A year of coverage by day, counted at most every few seconds however often it is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from fastapi import Request

from scraper.admin.access import service_of
from scraper.admin.charts import first_day
from scraper.admin.indexing import Indexing, indexing_of
from scraper.catalog import DayCoverage

if TYPE_CHECKING:
    from scraper.service.service import Service

_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class YearOfDays:
    """Coverage by day. ``indexing``: recordings are still being indexed, and some are not counted yet."""

    days: Mapping[str, DayCoverage]
    indexing: bool


class CoverageBoard:
    """The last answers. Safe to share between threads; who asks while it is counted waits for that count."""

    def __init__(self, service: Service, indexing: Indexing, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._indexing = indexing
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[str | None, tuple[float, YearOfDays]] = {}

    @classmethod
    def of(cls, request: Request) -> Self:
        """The app's board, made when first asked for."""
        state = request.app.state
        if not hasattr(state, "coverage_board"):
            state.coverage_board = cls(service_of(request), indexing_of(request))
        return cast(Self, state.coverage_board)

    def days(self, ucm: str | None) -> YearOfDays:
        """Of one UCM, or of all. Raises the catalog's :class:`~scraper.errors.StorageError`."""
        with self._lock:
            counted = self._counted.get(ucm)
            if counted is None or self._clock() - counted[0] > _FRESH_SECONDS:
                counted = self._counted[ucm] = self._clock(), self._count(ucm)
            return counted[1]

    def _count(self, ucm: str | None) -> YearOfDays:
        zones = {name: one.zone for name, one in self._service.settings.ucms.items()}
        asked = {ucm: zones[ucm]} if ucm else zones
        indexing = not self._indexing.catch_up()
        return YearOfDays(self._service.catalog.coverage_by_day(asked, first_day(self._service.clock().date()).isoformat()), indexing)
