"""What the service is asked to do, and what it tells about it while it works. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from scraper.models import Trigger, Window


class Kind(StrEnum):
    """What a job's process is to do."""

    RUN = "run"
    PLAN = "plan"  # a run, dry
    RECONCILE = "reconcile"
    FETCH = "fetch"
    BACKFILL = "backfill"  # go on with one backfill: its next slice
    DOCTOR = "doctor"
    LOGIN = "login"  # a person signs in over the live view
    KEEP_ALIVE = "keep-alive"
    RETENTION = "retention"  # let go of what is too old


#: Who goes first where several wait: the smaller number.
PRIORITY: Mapping[Kind, int] = {
    Kind.LOGIN: 0,
    Kind.KEEP_ALIVE: 1,
    Kind.DOCTOR: 2,
    Kind.FETCH: 3,
    Kind.PLAN: 4,
    Kind.RUN: 5,
    Kind.RECONCILE: 6,
    Kind.RETENTION: 7,
    Kind.BACKFILL: 9,
}


@dataclass(frozen=True, slots=True)
class Task:
    """One job that somebody wants done on one UCM.

    ``names``: the PBX's file names (fetch). ``backfill``: the id of the backfill to go on with.
    """

    kind: Kind
    ucm: str
    trigger: Trigger
    window: Window = field(default_factory=Window)
    names: tuple[str, ...] = ()
    backfill: str | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def priority(self) -> int:
        """Who goes first: the smaller number."""
        return PRIORITY[self.kind]

    def is_covered_by(self, other: Task) -> bool:
        """Whether ``other``, while it waits, makes this one superfluous; a push fetches over the API only."""
        if other.trigger is Trigger.PUSH and self.trigger is not Trigger.PUSH:
            return False
        same = (self.kind, self.ucm, self.window, self.backfill) == (other.kind, other.ucm, other.window, other.backfill)
        return same and set(self.names) <= set(other.names)

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` makes it of again, in another process."""
        plain = {"id": self.id, "kind": self.kind.value, "ucm": self.ucm, "trigger": self.trigger.value, "backfill": self.backfill}
        return {**plain, "window": self.window.as_report(), "names": list(self.names)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The task that :meth:`as_json` wrote down."""
        since, until = (date.fromisoformat(day) if (day := found["window"][key]) else None for key in ("since", "until"))
        return cls(
            kind=Kind(found["kind"]),
            ucm=found["ucm"],
            trigger=Trigger(found["trigger"]),
            window=Window(since, until),
            names=tuple(found["names"]),
            backfill=found["backfill"],
            id=found["id"],
        )


class Stage(StrEnum):
    """How far a task is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(slots=True)
class TaskState:
    """A task with what is known of its progress. Times are aware; sizes are bytes.

    ``result``: what its process said at the end: a run's report, the doctor's findings. ``exit_code`` is None until it ended.
    """

    task: Task
    asked_at: datetime
    stage: Stage = Stage.WAITING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_id: str | None = None
    phase: str = ""
    received: int = 0
    total: int | None = None
    recordings: int = 0
    exit_code: int | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a task's process told.

    ``name``, with its data: ``stage`` {stage}; ``run`` {run_id}; ``phase`` {name}; ``downloaded`` {received, total}; ``recording``
    {recordings}; ``log`` {time, level, message, action}; ``frame``; ``result`` {exit_code, run_id, result}.
    """

    task_id: str
    ucm: str
    name: str
    data: dict[str, Any]


class Dispatch(Protocol):
    """Who has tasks done: one a UCM at a time, as many UCMs as the limits allow. Everything is called in the service's event loop."""

    def ask(self, task: Task) -> TaskState:
        """Have ``task`` done in its turn. Where one that waits covers it already, that one's state is returned."""
        ...

    def stop(self, task_id: str) -> bool:
        """Ask a task to stop in order (one that waits is dropped); whether there was one."""
        ...

    def send(self, task_id: str, command: Mapping[str, Any]) -> bool:
        """Give a running task's process a command, such as a person's click; whether it could be given."""
        ...

    def state(self, task_id: str) -> TaskState | None:
        """A task that waits, runs, or ended lately."""
        ...

    def states(self, ucm: str | None = None) -> list[TaskState]:
        """What runs, then what waits in its order, then what ended lately (the newest first)."""
        ...

    def events(self, task_id: str | None = None) -> AsyncIterator[Event]:
        """What tasks tell from now on: of one, until it ends; or of all."""
        ...
