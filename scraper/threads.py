"""Blocking work beside the event loop: in a thread that is never left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Stopped(Exception):
    """Somebody asked to stop while a thread waited."""


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run ``work`` in a thread. When cancelled, wait for its end before going on: it may be filing a recording."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # looked at, so that nobody complains that it wasn't
        raise


def sleeper(stop: threading.Event) -> Callable[[float], None]:
    """A ``sleep`` for threads that ends with :class:`Stopped` as soon as ``stop`` is set."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopped

    return sleep
