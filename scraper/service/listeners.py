"""Who listens to what tasks tell, and what it means for a task's state."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from scraper.errors import ExitCode
from scraper.service.task import Event, TaskState

#: Events that a listener may leave unread; then the oldest are dropped.
_UNREAD = 1000


class _Listener(AsyncIterator[Event]):
    """What tasks tell, from its making on; it is forgotten when nobody holds it any more."""

    def __init__(self, task_id: str | None) -> None:
        self.task_id = task_id
        self._unread: deque[Event | None] = deque(maxlen=_UNREAD)
        self._came = asyncio.Event()

    def put(self, event: Event | None) -> None:
        self._unread.append(event)
        self._came.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._unread:
            self._came.clear()
            await self._came.wait()
        event = self._unread.popleft()
        if event is None:
            self.put(None)
            raise StopAsyncIteration
        return event


class Listeners:
    """All of them. Used in one event loop."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[_Listener] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, task_id: str | None, *, over: bool) -> AsyncIterator[Event]:
        """Listen to one task, or to all; ``over``: it has ended, or is not known, so that there is nothing to hear."""
        listener = _Listener(task_id)
        if over:
            listener.put(None)
        self._all.add(listener)
        return listener

    def tell(self, event: Event) -> None:
        """Tell whom it concerns."""
        for listener in tuple(self._all):
            if listener.task_id in (None, event.task_id):
                listener.put(event)

    def tell_stage(self, state: TaskState) -> None:
        """Tell a state's stage."""
        data = {"stage": state.stage.value, "exit_code": state.exit_code}
        self.tell(Event(state.task.id, state.task.ucm, "stage", data))

    def end(self, task_id: str) -> None:
        """A task tells nothing any more."""
        for listener in tuple(self._all):
            if listener.task_id == task_id:
                listener.put(None)


def take(state: TaskState, name: str, data: Mapping[str, Any]) -> None:
    """Enter into a state what its task told."""
    match name:
        case "run":
            state.run_id = data.get("run_id")
        case "phase":
            state.phase = str(data.get("name", ""))
        case "downloaded":
            state.received, state.total = data.get("received", 0), data.get("total")
        case "recording":
            state.recordings = data.get("recordings", 0)
        case "result":
            state.exit_code, state.result = int(data.get("exit_code", ExitCode.INTERNAL)), data.get("result")
            state.run_id = data.get("run_id") or state.run_id
