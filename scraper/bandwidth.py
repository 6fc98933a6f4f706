"""How fast one job may download (``limits.bandwidth_mbit``), whichever way the bytes come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.settings import Settings

_BYTES_PER_MBIT = 1_000_000 / 8


class Bandwidth:
    """So many bytes a second, together for all who spend from it. Threads may share it."""

    def __init__(self, bytes_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._free_at = clock()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Bandwidth | None:
        """What the configuration allows; None where it sets no limit."""
        limit = settings.limits.bandwidth_mbit
        return cls(limit * _BYTES_PER_MBIT) if limit else None

    def spend(self, count: int) -> float:
        """So many bytes came: how long to wait, in seconds, before more are read. Time that nobody used is not saved up."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + count / self._rate
            return self._free_at - now
