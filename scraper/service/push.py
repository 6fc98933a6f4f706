"""What becomes of pushed calls: their recordings are fetched over the API, a moment later, those of a busy minute together.

Every pushed call is in the catalog before anybody gets here, so that nothing is lost by leaving it: the next run finds the recording among
the calls' files. A PBX may still be writing it, so that it is asked for again at growing distance. A browser is never opened for a push.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from loguru import logger

from scraper.catalog import Catalog
from scraper.catalog.tombstones import key_of
from scraper.cdr import Call, CallFile
from scraper.errors import ExitCode, StorageError
from scraper.models import Identity, Trigger, class_of
from scraper.service.duties import without_end
from scraper.service.task import Dispatch, Kind, Stage, Task
from scraper.settings import Settings

#: Recordings of one UCM that may wait; what is more is left to the next run, which has cheaper ways for many.
MOST_WAITING = 1000
#: Recordings that one task fetches: a push must not keep the schedule waiting for long.
_MOST_AT_ONCE = 50
#: What was pushed so long before the service started is still fetched at once.
_RESUMED = timedelta(minutes=15)
#: After these ends of a task it makes sense to ask again soon; after others the next run says what is wrong.
_WORTH_ANOTHER = frozenset({ExitCode.COMPLETE, ExitCode.GAPS, ExitCode.BUSY})


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: ``tries``, from the push or the last try to each try; ``between`` two tasks on one UCM; ``rest``, after a failure."""

    tries: tuple[float, ...] = (10, 20, 40, 80, 160, 320)
    between: float = 20
    rest: float = 300


@dataclass(slots=True)
class PushCounts:
    """What happened since the service started.

    ``requests`` to the listener, of which ``refused`` (sign-in, form, size) and ``busy`` (to come again); call ``records`` in them, of
    which ``duplicates``; ``unknown``: what of them was not understood. Recordings ``fetched`` for a push, and ``left`` to the next run.
    """

    requests: int = 0
    refused: int = 0
    busy: int = 0
    records: int = 0
    duplicates: int = 0
    unknown: int = 0
    fetched: int = 0
    left: int = 0


class Serving(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog
    clock: Callable[[], datetime]

    @property
    def dispatch(self) -> Dispatch:
        """Who has tasks done."""


class Line:
    """One UCM's pushed recordings that aren't held yet, as the PBX's paths, and when each is tried. Time is an argument, in seconds."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waiting: dict[str, tuple[float, int]] = {}  # path: when it is due, and how often it was tried
        self._not_before = float("-inf")

    def add(self, paths: Iterable[str], now: float) -> int:
        """They were pushed; how many there is no room for."""
        new = [path for path in dict.fromkeys(paths) if path not in self._waiting]
        room = max(0, MOST_WAITING - len(self._waiting))
        self._waiting |= dict.fromkeys(new[:room], (now + self._pace.tries[0], 0))
        return len(new[room:])

    def wait(self, now: float) -> float | None:
        """How long until something is due; None: nothing waits."""
        first = min((due for due, _ in self._waiting.values()), default=None)
        return None if first is None else max(0.0, max(first, self._not_before) - now)

    def take(self, now: float) -> list[str]:
        """What is to be tried now, the longest due first. It goes on waiting until something below is said of it."""
        due = sorted((when, path) for path, (when, _) in self._waiting.items() if when <= now)
        if not due or now < self._not_before:
            return []
        self._not_before = now + self._pace.between
        return [path for _, path in due[:_MOST_AT_ONCE]]

    def came(self, paths: Iterable[str]) -> None:
        """They are held now."""
        for path in paths:
            self._waiting.pop(path, None)

    def did_not_come(self, paths: Iterable[str], now: float) -> int:
        """They were tried; how many were so for the last time."""
        given_up = 0
        for path in paths:
            tried = self._waiting.pop(path)[1] + 1
            if tried < len(self._pace.tries):
                self._waiting[path] = now + self._pace.tries[tried], tried
            else:
                given_up += 1
        return given_up

    def rest(self, paths: Iterable[str], now: float) -> int:
        """Trying was in vain, and so would be more of it for a while; these are not tried again. How many they are."""
        dropped = list(paths)
        self.came(dropped)
        self._not_before = now + self._pace.rest
        return len(dropped)


class Pushes:
    """The service's pushed calls. :meth:`noted` and :meth:`run` belong to its event loop."""

    def __init__(self, service: Serving, pace: Pace | None = None) -> None:
        self._service = service
        self.counts = PushCounts()
        with_api = [name for name, ucm in service.settings.ucms.items() if ucm.api is not None and ucm.api.kind != "off"]
        self._lines = {name: Line(pace or Pace()) for name in with_api}
        self._news = {name: asyncio.Event() for name in with_api}

    def noted(self, ucm: str, calls: Sequence[Call]) -> None:
        """New calls of a UCM are in the catalog; without an API, what they name is left to the next run."""
        self._add(ucm, [file for call in calls for file in call.files])

    async def run(self) -> None:
        """Have what is pushed fetched, until cancelled; begins with what a service that ended left."""
        async with asyncio.TaskGroup() as group:
            for ucm in self._lines:
                group.create_task(without_end(partial(self._follow, ucm)))

    def _add(self, ucm: str, files: Iterable[CallFile]) -> None:
        paths = [f"{file.month}/{file.name}" if file.month else file.name for file in files]
        if ucm in self._lines and paths:
            self.counts.left += self._lines[ucm].add(paths, time.monotonic())
            self._news[ucm].set()

    async def _follow(self, ucm: str) -> None:
        line, news = self._lines[ucm], self._news[ucm]
        with suppress(StorageError):  # the next run finds them all the same
            self._add(ucm, await asyncio.to_thread(self._service.catalog.pushed_files, ucm, self._service.clock() - _RESUMED))
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(line.wait(time.monotonic())):
                    await news.wait()
            news.clear()
            if paths := line.take(time.monotonic()):
                await self._fetch(ucm, line, paths)

    async def _fetch(self, ucm: str, line: Line, paths: Sequence[str]) -> None:
        missing = await asyncio.to_thread(self._missing, ucm, paths)
        line.came(set(paths).difference(missing))
        if not missing:
            return
        exit_code = await self._have_fetched(Task(Kind.FETCH, ucm, Trigger.PUSH, names=tuple(missing)))
        still = await asyncio.to_thread(self._missing, ucm, missing)
        line.came(set(missing).difference(still))
        left = (line.did_not_come if exit_code in _WORTH_ANOTHER else line.rest)(still, time.monotonic())
        self.counts.fetched += len(missing) - len(still)
        self.counts.left += left
        log = logger.bind(ucm=ucm, action="push-fetched", fetched=len(missing) - len(still), waiting=len(still) - left, left=left)
        log.info("{} of {} pushed recordings fetched", len(missing) - len(still), len(missing))

    async def _have_fetched(self, task: Task) -> int | None:
        """The exit code of the task's process; None where it was dropped."""
        dispatch = self._service.dispatch
        state = dispatch.ask(task)
        if state.stage is not Stage.ENDED:
            async for _ in dispatch.events(state.task.id):
                pass
        return state.exit_code

    def _missing(self, ucm: str, paths: Sequence[str]) -> list[str]:
        """Those of these recordings that the archive does not hold, or only a doubtful copy of."""
        try:
            return [path for path in paths if not self._is_held(ucm, path)]
        except StorageError:
            return list(paths)

    def _is_held(self, ucm: str, path: str) -> bool:
        catalog = self._service.catalog
        month, _, name = path.rpartition("/")
        if catalog.forgotten(ucm).has(key_of(month, name)):  # it never comes
            return True
        klass = class_of(name)
        versions = [Identity(ucm, klass, one, name) for one in ([month] if month else catalog.months_of(ucm, klass, name))]
        return any(catalog.is_archived(identity) and catalog.gap_of(identity) is None for identity in versions)
