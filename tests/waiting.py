"""Waiting for what others do, in other threads and processes: for a condition, and not for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from subprocess import Popen
from typing import TypeVar

T = TypeVar("T")


def wait_until(holds: Callable[[], T], seconds: float = 90.0, *, alive: Popen[str] | Popen[bytes] | None = None) -> T:
    """What ``holds`` gives once it is something; fails where that takes longer, or ``alive`` ends before."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        assert alive is None or alive.poll() is None, "it ended"
        time.sleep(0.02)
    return found


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """The same in an event loop; raises TimeoutError where it takes longer."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 -- what it waits for has no event
            await asyncio.sleep(0.01)
