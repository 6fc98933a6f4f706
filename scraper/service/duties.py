"""Background work of the service: duties that go on for as long as it serves, and errands beside them. What fails there is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from loguru import logger

#: How long a duty that failed rests, in seconds: doubled each time it fails again, and as at first once it has worked for longer than that.
FIRST_REST, LONGEST_REST = 1.0, 60.0


async def without_end(duty: Callable[[], Awaitable[None]]) -> None:
    """Do a duty until cancelled. One that ends or fails, which none should, is begun anew after a rest: the others go on."""
    rest, now = FIRST_REST, asyncio.get_running_loop().time
    while True:
        began = now()
        try:
            await duty()
        except Exception as error:  # noqa: BLE001 -- a duty's own boundary
            logger.bind(action="duty-failed").opt(exception=error).error("Something failed that should not; trying again in {:.0f} s", rest)
        if now() - began > LONGEST_REST:
            rest = FIRST_REST
        await asyncio.sleep(rest)
        rest = min(2 * rest, LONGEST_REST)


class Aside:
    """Short work that nobody waits for. Used in one event loop."""

    def __init__(self) -> None:
        self._going_on: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it done; returns at once."""
        task = asyncio.ensure_future(_logged(work))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 -- its own boundary: nobody else would hear of it
        logger.bind(action="aside-failed").opt(exception=error).error("Something failed that should not")
