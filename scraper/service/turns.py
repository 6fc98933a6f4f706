"""Whose turn it is: the most urgent first, and yet nobody waits for ever. Fair between UCMs, whatever one of them does. No I/O.

Of tasks that are alike urgent, that one goes first whose UCM's last job was begun the longest ago: a UCM that asks for much, or whose jobs
take long, waits for all others each time. Who waits becomes more urgent with the time, so that a backfill has its turn in the busiest
service. Where every place is taken by jobs that take long, one more is there for those that don't; and a job that waits for a browser's
place takes none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scraper.models import Trigger
from scraper.progress import OPENING_BROWSER, WAITING_FOR_BROWSER
from scraper.service.task import Kind, Task, TaskState
from scraper.settings.serving import Limits

if TYPE_CHECKING:
    from scraper.settings import Settings

#: Who waited so long goes as one that is more urgent by one.
AGEING = timedelta(minutes=10)
#: A job that takes longer is called long.
LONG = timedelta(minutes=1)

#: What disturbs no job, and waits for none.
_BESIDE = frozenset({Kind.DOCTOR, Kind.KEEP_ALIVE})
#: What a person waits for, or takes no time: it counts against no limit.
_UNCOUNTED = frozenset({Kind.DOCTOR, Kind.LOGIN, Kind.KEEP_ALIVE})


def web_only(settings: Settings) -> Callable[[str], bool]:
    """Whether all that a UCM is asked goes through its web UI."""
    ucms = {name for name, ucm in settings.ucms.items() if ucm.web and (ucm.api is None or ucm.api.kind == "off")}
    return ucms.__contains__


class Turns:
    """Remembers whose turn it was, and how it went. ``needs_browser``: whether a UCM's jobs open one, as long as none has shown it."""

    def __init__(self, limits: Limits, clock: Callable[[], datetime], needs_browser: Callable[[str], bool] = lambda _: False) -> None:
        self._limits = limits
        self._clock = clock
        self._needs_browser = needs_browser
        self._starts = itertools.count(1)
        self._last: dict[str, int] = {}
        self._slow: set[str] = set()
        self._opened: dict[str, bool] = {}
        self._opens: dict[str, bool] = {}

    def order(self, waiting: Iterable[TaskState]) -> list[TaskState]:
        """Those who wait, the next one first; who came first stands first among equals."""
        now = self._clock()

        def turn(state: TaskState) -> tuple[int, int, datetime]:
            return max(0, state.task.priority - (now - state.asked_at) // AGEING), self._last.get(state.task.ucm, 0), state.asked_at

        return sorted(waiting, key=turn)

    def next(self, waiting: Iterable[TaskState], running: Collection[TaskState]) -> TaskState | None:
        """Who may start now."""
        return next((state for state in self.order(waiting) if self._may_start(state.task, running)), None)

    def started(self, state: TaskState) -> None:
        """A task was begun."""
        if state.task.kind not in _UNCOUNTED:
            self._last[state.task.ucm] = next(self._starts)
            self._opened[state.task.ucm] = False

    def moved_on(self, state: TaskState) -> None:
        """A task entered another phase."""
        if state.phase in (OPENING_BROWSER, WAITING_FOR_BROWSER):
            self._opened[state.task.ucm] = True

    def ended(self, state: TaskState) -> None:
        """A task that was begun has ended."""
        task = state.task
        if task.kind not in _UNCOUNTED:
            (self._slow.add if self._is_long(state) else self._slow.discard)(task.ucm)
            if task.trigger is not Trigger.PUSH:
                self._opens[task.ucm] = self._opened[task.ucm]

    def _may_start(self, task: Task, running: Collection[TaskState]) -> bool:
        neighbours = {other.task.kind for other in running if other.task.ucm == task.ucm}
        if task.kind in _BESIDE:
            return task.kind not in neighbours
        if neighbours - _BESIDE:
            return False
        if task.kind in _UNCOUNTED:
            return True
        jobs = [other for other in running if other.task.kind not in _UNCOUNTED]
        at_work = [other for other in jobs if other.phase != WAITING_FOR_BROWSER]
        if not self._may_wait_for_browser(task, len(jobs) - len(at_work)):
            return False
        backfills = sum(other.task.kind is Kind.BACKFILL for other in at_work)
        if task.kind is Kind.BACKFILL and at_work and backfills >= self._limits.jobs - 1:
            return False  # one place is kept for what is due: a slice may take hours
        return len(at_work) < self._limits.jobs or (len(at_work) == self._limits.jobs and self._is_quick(task, at_work))

    def _may_wait_for_browser(self, task: Task, waiting: int) -> bool:
        """Not one that would most likely only wait as well; and not too many whose first job this is."""
        places = self._limits.browser_places
        if task.trigger is Trigger.PUSH or waiting < places:
            return True
        opens = self._opens.get(task.ucm)
        return waiting < places + self._limits.jobs and not (self._needs_browser(task.ucm) if opens is None else opens)

    def _is_quick(self, task: Task, at_work: Iterable[TaskState]) -> bool:
        """Whether it needn't wait for those who take long, for all that is known of its UCM."""
        return task.kind is not Kind.BACKFILL and task.ucm not in self._slow and all(map(self._is_long, at_work))

    def _is_long(self, state: TaskState) -> bool:
        return state.started_at is not None and (state.ended_at or self._clock()) - state.started_at > LONG
