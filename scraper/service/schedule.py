"""When each UCM's jobs start by themselves: cron or interval, each start asked for once, missed ones made up, in two attempts at most.

APScheduler keeps the times and starts what is due. When that is, a trigger of our own says, for its cron trigger (3.11.3) takes 0 for
Monday, refuses 7, wants both days to fit, and starts a daily run twice in the hour that comes twice. It sleeps by a clock that nobody
sets, so it is woken at least every half minute: a clock that is set forward brings one start, one that is set back no silence. What was
due and did not get done is due again after a restart; the catalog remembers it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from loguru import logger

from scraper.errors import StorageError
from scraper.models import Trigger, utc
from scraper.service.task import Kind, Task
from scraper.settings import Settings, cron, serving
from scraper.settings.checks import seconds_of
from scraper.threads import in_thread

#: The longest time between two looks at the clock, in seconds.
_LOOK_SECONDS = 30.0
#: Services that may try to make up for one missed run: one that it may have killed, and another that was merely stopped.
_ATTEMPTS = 2

#: UCMs that are due together start so far apart, on average, where the pause until they are due again is long enough: this part of it.
_APART = timedelta(seconds=10)
_PART = 0.8
#: Of so many UCMs the log names the next run at the start; the admin pages know those of more.
_NAMED = 20
#: How many pauses are looked at for the shortest.
_PAUSES = 10


class Memory(Protocol):
    """What the catalog remembers."""

    def get_meta(self, key: str) -> str | None: ...

    def set_meta(self, key: str, value: str) -> None: ...


class Rule(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """One UCM's rule, read from the configuration. ``base``: the time that is due next; the start comes later by jitter and ``offset``."""

    base: datetime
    offset = timedelta(0)

    def __init__(self, schedule: serving.Schedule) -> None:
        self.text = f"every {schedule.every}" if schedule.every else f"{schedule.cron} in {schedule.timezone}"
        self._schedule = schedule
        self._every = timedelta(seconds=seconds_of(schedule.every)) if schedule.every else None

    def first(self, now: datetime) -> datetime:
        """Where nothing is known of earlier runs: an interval begins now."""
        return now if self._every else self.following(now)

    def following(self, now: datetime) -> datetime:
        """The first time after ``now``. An interval counts on from ``base``, whatever was late."""
        if self._every is None:
            return cron.next_after(self._schedule.cron, now, ZoneInfo(self._schedule.timezone))
        return self.base + (math.floor((now - self.base) / self._every) + 1) * self._every

    def start(self, due: datetime) -> datetime:
        """When a run starts that is due then."""
        start: datetime = self._apply_jitter(due, self._schedule.jitter_seconds, due)
        return start + self.offset

    @property
    def may_spread(self) -> bool:
        """Whether the configuration leaves it to us when exactly it starts."""
        return self._schedule.jitter_seconds is None

    def shortest_pause(self, now: datetime) -> timedelta:
        """Between two of the next times that are due."""
        if self._every:
            return self._every
        times = [now := self.following(now) for _ in range(_PAUSES + 1)]
        return min(later - earlier for earlier, later in pairwise(times))

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The start that follows; as it is after ``now``, APScheduler gets the same due time however often it asks."""
        self.base = self.following(now)
        return self.start(self.base)


class Schedule:
    """Asks for scheduled runs, by the system's clock. All but its making happens in one event loop; :meth:`recall` comes first."""

    def __init__(self, settings: Settings, memory: Memory, ask: Callable[[Task], object]) -> None:
        self._rules = {name: Rule(ucm.schedule or settings.schedule) for name, ucm in settings.ucms.items()}
        _spread(self._rules, settings.limits.jobs)
        self._memory = memory
        self._ask = ask
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def next_run(self, ucm: str) -> datetime | None:
        """When a UCM's next scheduled run starts."""
        job = self._scheduler.get_job(ucm)
        return job.next_run_time if job else None

    def recall(self) -> None:
        """Take up what the last service left: what was due meanwhile is due now, once. Raises what reading the catalog raises."""
        now = datetime.now(UTC)
        for ucm, rule in self._rules.items():
            left, attempts = self._remembered(ucm, rule, now)
            rule.base = left or rule.first(now)
            if left and left <= now and attempts < _ATTEMPTS:
                logger.bind(action="run-missed", ucm=ucm).info("The run of {} was missed, or not done; making up for it", utc(left))
                start = rule.start(now)
                self._save(ucm, left, attempts + 1)
            else:
                if left and left <= now:
                    log = logger.bind(action="run-given-up", ucm=ucm)
                    log.warning("The run of {} was begun {} times and ended with the service each time", utc(left), attempts)
                    rule.base = rule.following(now)
                start = rule.start(rule.base)
                self._save(ucm, rule.base)
                level = "INFO" if len(self._rules) <= _NAMED else "DEBUG"
                logger.bind(action="next-run", ucm=ucm).log(level, "The next run is at {}", utc(start))
            self._scheduler.add_job(
                self._begin, rule, [ucm], id=ucm, next_run_time=start, coalesce=True, max_instances=1, misfire_grace_time=None
            )
        self._scheduler.start(paused=True)

    async def keep(self) -> None:
        """Start what is due, until cancelled."""
        self._scheduler.resume()
        try:
            while True:
                self.look()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._scheduler.pause()

    def look(self) -> None:
        """Look at the clock anew, whatever it was set to."""
        now = datetime.now(UTC)
        for ucm, rule in self._rules.items():
            if rule.following(now) < rule.base:
                start = self._scheduler.reschedule_job(ucm, trigger=rule).next_run_time
                logger.bind(action="clock-set-back", ucm=ucm).warning("The clock was set back; the next run is at {}", utc(start))
        self._scheduler.wakeup()

    async def done(self, ucm: str) -> None:
        """A scheduled run has ended: it need not be made up after a restart."""
        await in_thread(self._save, ucm, self._rules[ucm].base)

    async def _begin(self, ucm: str) -> None:
        self._ask(Task(Kind.RUN, ucm, Trigger.SCHEDULE))

    def _save(self, ucm: str, base: datetime, attempts: int = 0) -> None:
        key, kept = f"schedule:{ucm}", json.dumps({"rule": self._rules[ucm].text, "base": base.isoformat(), "attempts": attempts})
        try:
            if self._memory.get_meta(key) != kept:  # hundreds of UCMs need not be written at each start
                self._memory.set_meta(key, kept)
        except StorageError as error:
            logger.bind(action="schedule-not-saved", ucm=ucm).warning("The next run's time can't be kept: {}", error.message)

    def _remembered(self, ucm: str, rule: Rule, now: datetime) -> tuple[datetime | None, int]:
        """The start that was next when it was written down, and how often it was made up for. No other rule's, unless it is over."""
        try:
            found: Mapping[str, Any] = json.loads(self._memory.get_meta(f"schedule:{ucm}") or "{}")
            base, attempts = datetime.fromisoformat(found["base"]).astimezone(UTC), int(found.get("attempts", 0))
        except (ValueError, KeyError, TypeError):
            return None, 0
        return (base, attempts) if found.get("rule") == rule.text or base <= now else (None, 0)


def _spread(rules: Mapping[str, Rule], jobs: int) -> None:
    """More UCMs than there are places for ``jobs`` need not all knock at once: each that shares its times has an own part of the pause."""
    sharing: dict[str, list[str]] = {}
    for ucm, rule in rules.items():
        if rule.may_spread:
            sharing.setdefault(rule.text, []).append(ucm)
    now = datetime.now(UTC)
    for ucms in sharing.values():
        if len(ucms) > jobs:
            span = min(rules[ucms[0]].shortest_pause(now) * _PART, len(ucms) * _APART)
            for ucm in ucms:
                rules[ucm].offset = span * (int.from_bytes(sha256(ucm.encode()).digest()[:4]) / (1 << 32))
