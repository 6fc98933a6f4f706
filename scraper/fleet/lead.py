"""Of several schedulers of a fleet one leads: it keeps to the schedule. The others show their pages, and stand by."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable

from loguru import logger

from scraper.catalog import Catalog, Held, Lease
from scraper.coroutines import end
from scraper.errors import StorageError
from scraper.threads import in_thread

#: What the lead is a lease on: no UCM is called so.
LEAD = ".scheduler"
#: Parts of a lease: how often it is renewed or asked for, and after how long a silence it is given up.
_BEAT, _END = 0.2, 0.7


async def while_leading(catalog: Catalog, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work`` as long as this process has the lead, a lease of so many ``seconds``; stand by while another has it. Until cancelled.

    Raises what ``work`` raises.
    """
    log, told = logger.bind(action="lead"), ""
    while True:
        try:
            taken = await in_thread(catalog.take_lease, LEAD, f"pid {os.getpid()} on {socket.gethostname()}", seconds)
        except StorageError as error:
            if told != error.message:
                log.warning("The lead can't be asked for: {}", error.message)
            told = error.message
            await asyncio.sleep(_BEAT * seconds)
            continue
        if isinstance(taken, Held):
            if told != taken.holder:
                log.info("Another scheduler leads ({}); standing by", taken.holder)
            told = taken.holder
            await asyncio.sleep(_BEAT * seconds)
            continue
        log.info("Leading: the schedule is kept here")
        told = ""
        await _lead(catalog, taken, seconds, asyncio.ensure_future(work()))
        log.warning("The lead is lost")


async def _lead(catalog: Catalog, lease: Lease, seconds: float, working: asyncio.Future[None]) -> None:
    """See ``working`` through while the lease lasts."""
    heard = time.monotonic()
    try:
        while time.monotonic() - heard < _END * seconds:
            await asyncio.wait({working}, timeout=_BEAT * seconds)
            if working.done():
                return working.result()
            began = time.monotonic()
            if (renewed := await _renewed(catalog, lease, _BEAT * seconds)) is False:
                return None
            heard = began if renewed else heard
    finally:
        await end(working)
        await _release(catalog, lease)


async def _renewed(catalog: Catalog, lease: Lease, seconds: float) -> bool | None:
    """Whether it is still ours; None where nobody can say in time."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(catalog.renew_lease, lease)  # one that hangs is not waited for
    except (TimeoutError, StorageError):
        return None


async def _release(catalog: Catalog, lease: Lease) -> None:
    try:
        await in_thread(catalog.release_lease, lease)
    except StorageError:
        return  # it runs out by itself
