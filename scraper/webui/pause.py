"""The pause between single downloads, which a PBX asks for by sending a page of its web UI instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pause:
    """In seconds: it grows when a page comes instead, and shrinks slowly, never to what was too short."""

    def __init__(
        self,
        seconds: float = 0.15,
        longest: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.seconds = seconds
        self._shortest = seconds
        self._longest = longest
        self._clock = clock
        self._sleep = sleep
        self._ended: float | None = None

    async def wait(self) -> None:
        """Wait until the pause since the last download is over."""
        if self._ended is not None and (left := self._ended + self.seconds - self._clock()) > 0:
            await self._sleep(left)

    def ended(self) -> None:
        """A download has ended now."""
        self._ended = self._clock()

    def good(self) -> None:
        """A recording came."""
        self.seconds = max(self._shortest, self.seconds * 0.95)

    def too_short(self) -> bool:
        """A page came instead: whether a longer pause is worth a try."""
        if self.seconds >= self._longest:
            return False
        self._shortest = min(self._longest, self.seconds * 1.25)
        self.seconds = min(self._longest, max(1.0, self.seconds * 4))
        return True
