"""Whether the configuration has changed since the service began: jobs read it anew, the service itself only at its start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from loguru import logger

from scraper.errors import ConfigError
from scraper.settings import Settings
from scraper.threads import in_thread

#: How often it is looked, in seconds.
_LOOK_SECONDS = 120.0


class Changes:
    """Says once of each change what it needs. ``configured`` reads the configuration, and raises :class:`ConfigError`."""

    def __init__(self, served: Settings, configured: Callable[[], Settings]) -> None:
        self._served = served
        self._configured = configured
        self._said: Settings | str = served

    async def keep(self) -> None:
        """Look from time to time, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await in_thread(self.look)

    def look(self) -> None:
        """Read the configuration, and log what is new about it."""
        log = logger.bind(action="configuration-changed")
        try:
            found: Settings | str = self._configured()
        except ConfigError as error:
            found = error.message
            if found != self._said:
                log.warning("The configuration has changed and can't be read now, so that jobs will fail: {}", found)
        else:
            if found != self._said and found != self._served:
                log.warning("The configuration has changed: jobs take it at once, schedule, limits, listeners and new UCMs at a restart")
        self._said = found
