"""A place for a job's browser: so many run on this machine at once (``limits.browsers``), whoever started the jobs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

from scraper.errors import BrowserFailed, Busy
from scraper.lock import browser_lock
from scraper.progress import WAITING_FOR_BROWSER, Progress
from scraper.settings import Settings

#: How often it is looked for a free place, in seconds: the kernel tells nobody when a lock is freed, unless he waits for that alone.
_LOOK_SECONDS = 0.5
#: The part of the time for a job that it may wait for a place; the rest is for its work.
_PATIENCE = 0.5


@asynccontextmanager
async def a_place(settings: Settings, progress: Progress) -> AsyncIterator[None]:
    """Hold a place while the block runs; the kernel frees it when its holder dies. Who waits, says so.

    Raises :class:`BrowserFailed` where none comes free in half of ``limits.job_hours``, and the storage errors.
    """
    deadline = time.monotonic() + settings.limits.job_hours * 3600 * _PATIENCE
    with ExitStack() as held:
        while not _took_one(settings, held):
            progress.phase(WAITING_FOR_BROWSER)
            if time.monotonic() > deadline:
                raise BrowserFailed("Other browsers left no place for this one.", remedy="Raise limits.browsers, or limits.job_hours.")
            await asyncio.sleep(_LOOK_SECONDS)
        yield


def _took_one(settings: Settings, held: ExitStack) -> bool:
    """Whether there was a place, which is ``held`` now. They are tried in any order, so that those who wait get on alike."""
    places = settings.limits.browser_places
    for number in random.sample(range(places), places):
        with suppress(Busy):
            held.enter_context(browser_lock(settings.data_dir, number))
            return True
    return False
