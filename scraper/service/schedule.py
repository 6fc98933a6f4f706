"""When each UCM's jobs start by themselves: cron or interval, each start asked for once, missed ones made up once.

The time that counts is the wall clock's, looked at anew at least every half minute: a clock that is set forward brings one start, one that
is set back no silence. What was due and did not get done is due again after a restart; the catalog remembers it.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from loguru import logger

from scraper.errors import StorageError
from scraper.models import Trigger, utc
from scraper.service.task import Kind, Task
from scraper.settings import Settings, serving
from scraper.settings.checks import seconds_of
from scraper.settings.cron import Cron
from scraper.threads import in_thread

#: The longest time between two looks at the clock, in seconds.
_LOOK_SECONDS = 30.0


class Memory(Protocol):
    """What the catalog remembers."""

    def get_meta(self, key: str) -> str | None: ...

    def set_meta(self, key: str, value: str) -> None: ...


class Timing:
    """One UCM's rule, read from the configuration."""

    def __init__(self, schedule: serving.Schedule) -> None:
        self.rule = f"every {schedule.every}" if schedule.every else f"{schedule.cron} in {schedule.timezone}"
        self.jitter = timedelta(seconds=schedule.jitter_seconds)
        self._every = timedelta(seconds=seconds_of(schedule.every)) if schedule.every else None
        self._cron = Cron.parse(schedule.cron)
        self._zone = ZoneInfo(schedule.timezone)

    def next_after(self, now: datetime, base: datetime | None) -> datetime:
        """The first start after ``now``. An interval counts on from ``base``, whatever was late; without one, it begins now."""
        if self._every is None:
            return self._cron.next_after(now, self._zone)
        if base is None:
            return now
        return base + (math.floor((now - base) / self._every) + 1) * self._every


@dataclass(frozen=True, slots=True)
class Due:
    """A start: when the rule says so (``base``), and when it will be (``at``), after some jitter."""

    base: datetime
    at: datetime


class Schedule:
    """Asks for scheduled runs. ``clock`` gives aware times; ``chance`` a fraction of the jitter."""

    def __init__(
        self,
        settings: Settings,
        memory: Memory,
        ask: Callable[[Task], object],
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._timings = {name: Timing(ucm.schedule or settings.schedule) for name, ucm in settings.ucms.items()}
        self._memory = memory
        self._ask = ask
        self._clock = clock
        self._chance = chance
        self._due: dict[str, Due] = {}
        self._unsaved: set[str] = set()
        self._woken = asyncio.Event()

    def next_run(self, ucm: str) -> datetime | None:
        """When a UCM's next scheduled run starts."""
        due = self._due.get(ucm)
        return due.at if due else None

    def recall(self) -> None:
        """Take up what the last service left: what was due meanwhile is due now, once. Raises what reading the catalog raises."""
        now = self._clock()
        for ucm, timing in self._timings.items():
            base = self._remembered(ucm, timing)
            if base is None or base > now:
                self._plan(ucm, timing.next_after(now, base))
                self._save(ucm, self._due[ucm].base)
                logger.bind(action="next-run", ucm=ucm).info("The next run is at {}", utc(self._due[ucm].at))
                continue
            logger.bind(action="run-missed", ucm=ucm).info("The run of {} was missed, or not done; making up for it", utc(base))
            self._save(ucm, timing.next_after(now, base))  # should the service die of it, it is not tried at every start
            self._due[ucm] = Due(base, now + self._chance() * timing.jitter)

    def look(self) -> datetime:
        """Ask for what is due, and return when the next is."""
        now = self._clock()
        for ucm, due in tuple(self._due.items()):
            timing = self._timings[ucm]
            following = timing.next_after(now, due.base)
            if due.at <= now:
                self._plan(ucm, following)
                self._ask(Task(Kind.RUN, ucm, Trigger.SCHEDULE))
            elif following < due.base:
                logger.bind(action="clock-set-back", ucm=ucm).warning("The clock was set back; the next run is at {}", utc(following))
                self._plan(ucm, following)
        return min(due.at for due in self._due.values())

    def done(self, ucm: str) -> None:
        """A scheduled run has ended: it need not be made up after a restart."""
        self._unsaved.add(ucm)
        self._woken.set()

    async def keep(self) -> None:
        """Look, wait, and look again, until cancelled."""
        while True:
            seconds = (self.look() - self._clock()).total_seconds()
            await self._remember()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds, 0.0), _LOOK_SECONDS)):
                    await self._woken.wait()
            self._woken.clear()

    def _plan(self, ucm: str, base: datetime) -> None:
        self._due[ucm] = Due(base, base + self._chance() * self._timings[ucm].jitter)

    async def _remember(self) -> None:
        for ucm in tuple(self._unsaved):
            self._unsaved.discard(ucm)
            await in_thread(self._save, ucm, self._due[ucm].base)

    def _save(self, ucm: str, base: datetime) -> None:
        try:
            self._memory.set_meta(f"schedule:{ucm}", json.dumps({"rule": self._timings[ucm].rule, "base": base.isoformat()}))
        except StorageError as error:
            logger.bind(action="schedule-not-saved", ucm=ucm).warning("The next run's time can't be kept: {}", error.message)

    def _remembered(self, ucm: str, timing: Timing) -> datetime | None:
        """The start that was next when it was written down; None under another rule, unless it is over already."""
        try:
            found: Mapping[str, Any] = json.loads(self._memory.get_meta(f"schedule:{ucm}") or "{}")
            base = datetime.fromisoformat(found["base"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            return None
        return base if found.get("rule") == timing.rule or base <= self._clock() else None
