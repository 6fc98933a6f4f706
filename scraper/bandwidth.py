"""How fast this machine's jobs together may download (``limits.bandwidth_mbit``), whichever way the bytes come."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.settings import Settings

_BYTES_PER_MBIT = 1_000_000 / 8
#: Tells this start of the machine from others: its monotonic clock begins anew at each.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: How often the shared file's lock is tried, which others hold for some microseconds.
_TRIES = 1000


class Bandwidth:
    """So many bytes a second, together for all who spend from it: threads, and with ``shared`` (a file) processes as well."""

    def __init__(self, bytes_per_second: float, clock: Callable[[], float] = time.monotonic, shared: Path | None = None) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._free_at = clock()
        self._lock = threading.Lock()
        self._shared = shared
        self._boot = ""
        with suppress(OSError):
            self._boot = _BOOT_ID.read_text().strip()

    @classmethod
    def of(cls, settings: Settings) -> Bandwidth | None:
        """What the configuration allows all jobs that share its data_dir; None where it sets no limit."""
        limit = settings.limits.bandwidth_mbit
        return cls(limit * _BYTES_PER_MBIT, shared=settings.data_dir / "locks" / ".bandwidth") if limit else None

    def spend(self, count: int) -> float:
        """So many bytes came: how long to wait, in seconds, before more are read. Time that nobody used is not saved up."""
        with self._lock:
            handle = self._open()
            try:
                now = self._clock()
                self._free_at = max(self._free_at, self._agreed(handle), now) + count / self._rate
                self._agree(handle)
                return self._free_at - now
            finally:
                if handle is not None:
                    os.close(handle)

    def _open(self) -> int | None:
        """The shared file, locked; None where it can't be had: then this job keeps to the limit by itself."""
        if self._shared is None:
            return None
        with suppress(OSError):
            handle = os.open(self._shared, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for _ in range(_TRIES):
                with suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return handle
                os.sched_yield()
            os.close(handle)
        return None

    def _agreed(self, handle: int | None) -> float:
        """When all that is spent by anybody will have come."""
        with suppress(OSError, ValueError):
            boot, free_at = os.pread(handle, 200, 0).decode().split() if handle is not None else ("", "")
            return float(free_at) if boot == self._boot else 0.0
        return 0.0

    def _agree(self, handle: int | None) -> None:
        if handle is not None:
            with suppress(OSError):  # a full disk
                os.pwrite(handle, f"{self._boot} {self._free_at:020.6f}\n".encode(), 0)
