"""Takes what is owed to its sinks: each sink has a lane of its own, so that none waits for another's answers.

What is taken is leased: whoever dies in the middle loses it to others when that ends. A delivery that failed comes again at growing
distance; after too many failures it is parked until somebody retries it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from scraper.catalog import Catalog
from scraper.coroutines import end
from scraper.handover.interface import Sink
from scraper.handover.known import known_sinks
from scraper.handover.lane import Lane, Until
from scraper.handover.subject import subject_of
from scraper.settings import Settings
from scraper.store import Store, reading_store
from scraper.threads import in_thread


def make_sink(name: str, settings: Settings, catalog: Catalog, store: Store) -> Sink:
    """The sink of this name. Raises :class:`~scraper.errors.ConfigError` where something that it needs is missing."""
    one = settings.sinks[name]
    if one.webhook:
        from scraper.handover.webhook import WebhookSink

        return WebhookSink(one.webhook, one.seconds)
    if one.sql:
        from scraper.handover.sql import SqlSink

        return SqlSink(one.sql, one.seconds)
    if one.command:
        from scraper.handover.command import CommandSink

        return CommandSink(one.command, store)
    assert one.transcription is not None
    from scraper.handover.transcription import TranscriptionSink

    zone = ZoneInfo(settings.schedule.timezone)
    return TranscriptionSink(name, one.transcription, one.seconds, (catalog, store), lambda: datetime.now(UTC).astimezone(zone))


class Handover:
    """All configured sinks over one catalog. Made and used in one event loop."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog
        self._lanes: list[Lane] = []

    def wake(self) -> None:
        """There may be something to deliver: look at once."""
        for lane in self._lanes:
            lane.news.set()

    async def run(self, until: Until = Until.STOPPED) -> None:
        """Deliver until it is cancelled, or nothing more can be; what is in hand then is given back.

        Raises :class:`~scraper.errors.StorageError`, :class:`~scraper.errors.ConfigError`.
        """
        await in_thread(self._catalog.sync_sinks, known_sinks(self._settings))
        store = await in_thread(reading_store, self._settings.store)
        build = partial(subject_of, self._catalog, store, self._settings.store.url)
        self._lanes = []
        async with AsyncExitStack() as stack:
            for name, sink in self._settings.sinks.items():
                made = make_sink(name, self._settings, self._catalog, store)
                stack.push_async_callback(made.close)
                self._lanes.append(Lane(name, sink, made, self._catalog, build, self.wake))
            due = self._lanes
            while due:
                await _together([lane.run(until) for lane in due])
                # What one has delivered may have let others' go that had ended by then.
                due = [lane for lane in self._lanes if until is Until.NOTHING_DUE and await lane.has_due()]


async def _together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All at once; one that fails ends the others, and its own error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end(*tasks)
