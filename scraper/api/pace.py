"""How fast the API is asked: a pace that all calls to one PBX share, slower when the PBX complains, slowly faster when it doesn't.

An appliance took 0.15 s between two calls, CloudUCM wanted 15 s (field guide 1): only trying tells. Time is an argument.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds between two calls: at first and at best, the first step up, and at worst.
FASTEST, FIRST_STEP, SLOWEST = 0.1, 0.5, 15.0
_SLOWER, _FASTER = 2.0, 0.9


@dataclass(slots=True)
class Pace:
    """A minimum interval between calls, in seconds. Threads may share it."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fastest: float = FASTEST
    interval: float = field(init=False)
    _next: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.interval = self.fastest

    def wait(self) -> None:
        """Wait until the next call may be made, and take its place."""
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + self.interval
        if start > now:
            self.sleep(start - now)

    def busy(self, seconds: float) -> None:
        """The PBX asked for patience: nobody calls for so many seconds, and then more slowly."""
        with self._lock:
            self.interval = min(max(self.interval * _SLOWER, FIRST_STEP), SLOWEST)
            self._next = max(self._next, self.clock() + seconds)

    def later(self, seconds: float) -> None:
        """Something failed that has nothing to do with the pace: nobody calls for so many seconds."""
        with self._lock:
            self._next = max(self._next, self.clock() + seconds)

    def fine(self) -> None:
        """A call went well."""
        with self._lock:
            self.interval = max(self.interval * _FASTER, self.fastest)
