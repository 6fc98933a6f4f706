"""Tasks over the JSON API: ask for a job, follow it live, stop it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import date
from typing import Any, Self

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from scraper.admin.access import service_of, while_admitted
from scraper.admin.api import Day, HexId, UcmFilter, api_router, known_ucm
from scraper.admin.pages import audit
from scraper.models import Trigger, Window, utc
from scraper.service.task import Event, Kind, Stage, Task, TaskState

api = api_router("tasks")

#: A comment is sent so often where nothing happens, so that proxies keep the line open and a closed one is noticed.
_HEARTBEAT_SECONDS = 15.0
#: Lines that are followed live at the same time; each holds a connection.
_MOST_FOLLOWERS = 100
#: What is shown live; pictures of a sign-in by hand go their own way.
_SHOWN = ("stage", "run", "phase", "downloaded", "recording", "log")
_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event": {"enum": ["state", *_SHOWN, "end"]},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "A TaskView with state and end."},
    },
    "required": ["event", "data"],
}


class TaskView(BaseModel):
    """A task and how far it is. Times are UTC, sizes bytes; ``total`` is null where the PBX doesn't say."""

    id: str
    kind: Kind
    ucm: str
    trigger: Trigger
    since: date | None
    until: date | None
    stage: Stage
    asked_at: str
    started_at: str | None
    ended_at: str | None
    run_id: str | None
    phase: str
    received: int
    total: int | None
    recordings: int
    exit_code: int | None


class TaskResult(TaskView):
    """The same with what its process said at the end: a run's report, the doctor's findings."""

    result: dict[str, Any] | None


class TaskList(BaseModel):
    """What runs, then what waits in its order, then what ended lately (the newest first)."""

    items: list[TaskView]


class Wanted(BaseModel):
    """A job that somebody wants done: ``run``, ``plan`` (a dry run) or ``reconcile`` (everything, or a window of call times)."""

    model_config = ConfigDict(extra="forbid")

    ucm: str = Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    kind: Kind = Field(default=Kind.RUN, json_schema_extra={"enum": ["run", "plan", "reconcile"]})
    since: Day | None = Field(default=None, description="Calls from this day on, PBX local; with reconcile only.")
    until: Day | None = Field(default=None, description="Calls before this day, PBX local; with reconcile only.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind not in (Kind.RUN, Kind.PLAN, Kind.RECONCILE):
            raise ValueError("kind must be run, plan or reconcile")
        if (self.since or self.until) and self.kind is not Kind.RECONCILE:
            raise ValueError("since and until go with reconcile only")
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since must be before until")
        return self


def view_of(state: TaskState) -> TaskView:
    """A task's state as it is shown."""
    return TaskView(**_plain(state))


def _plain(state: TaskState) -> dict[str, Any]:
    task = state.task
    return {
        "id": task.id,
        "kind": task.kind,
        "ucm": task.ucm,
        "trigger": task.trigger,
        "since": task.window.since,
        "until": task.window.until,
        "stage": state.stage,
        **{name: utc(getattr(state, name)) for name in ("asked_at", "started_at", "ended_at")},
        **{name: getattr(state, name) for name in ("run_id", "phase", "received", "total", "recordings", "exit_code")},
    }


@api.get("", response_model=TaskList)
async def tasks(request: Request, ucm: UcmFilter = None) -> TaskList:
    """What is being done, will be, and was lately."""
    return TaskList(items=[view_of(state) for state in service_of(request).dispatch.states(ucm)])


@api.post("", response_model=TaskView, status_code=202)
async def ask(request: Request, wanted: Wanted) -> TaskView:
    """Have a job done in its turn; where one that waits covers it already, that one is answered."""
    task = Task(wanted.kind, known_ucm(request, wanted.ucm), Trigger.MANUAL, Window(wanted.since, wanted.until))
    return view_of(await have_done(request, task))


@api.get("/{id}", response_model=TaskResult)
async def task(request: Request, id: HexId) -> TaskResult:
    """One task; ended ones are forgotten after a while (their runs are not)."""
    state = _known(request, id)
    return TaskResult(**_plain(state), result=state.result)


@api.post("/{id}/stop", response_model=TaskView, status_code=202)
async def stop(request: Request, id: HexId) -> TaskView:
    """Ask a task to stop in order: it finishes the recording in hand."""
    await have_stopped(request, id)
    return view_of(_known(request, id))


@api.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events until the task ends.", "content": {"text/event-stream": {"schema": _EVENT}}}},
)
async def follow(request: Request, id: HexId) -> StreamingResponse:
    """What the task tells from now on: `state` first, then stage, run, phase, downloaded, recording and log, and `end` at last."""
    state, followers = _known(request, id), request.app.state
    if getattr(followers, "followers", 0) >= _MOST_FOLLOWERS:
        raise HTTPException(503, "Too many pages follow live: close some.")
    return StreamingResponse(
        while_admitted(request, _stream(request, state)), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def have_done(request: Request, task: Task) -> TaskState:
    """Ask for ``task`` and note who did."""
    window = " ".join(f"{name} {day}" for name, day in task.window.as_report().items() if day)
    await audit(request, f"{task.kind.value}-asked", task.ucm, window)  # first: what can't be noted is not begun, as the answer says
    return service_of(request).dispatch.ask(task)


async def have_stopped(request: Request, task_id: str) -> TaskState:
    """Ask a task to stop, and note who did. Raises 404 where it isn't known, 409 where it has ended."""
    state = _known(request, task_id)
    if not service_of(request).dispatch.stop(task_id):
        raise HTTPException(409, "It has ended already.")
    await audit(request, f"{state.task.kind.value}-stopped", state.task.ucm)
    return state


def _known(request: Request, task_id: str) -> TaskState:
    state = service_of(request).dispatch.state(task_id)
    if state is None:
        raise HTTPException(404, "No such task waits, runs, or ended lately.")
    return state


async def _stream(request: Request, state: TaskState) -> AsyncGenerator[str]:
    app = request.app.state
    app.followers = getattr(app, "followers", 0) + 1
    try:
        async for event in _with_heartbeat(service_of(request).dispatch.events(state.task.id), state):
            yield event
    finally:
        app.followers -= 1


async def _with_heartbeat(events: AsyncIterator[Event], state: TaskState) -> AsyncIterator[str]:
    yield _sse("state", view_of(state).model_dump(mode="json"))
    coming: asyncio.Future[Event] | None = None
    try:
        while state.stage is not Stage.ENDED:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({coming}, timeout=_HEARTBEAT_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                break
            coming = None
            if event.name in _SHOWN:
                yield _sse(event.name, event.data)
    finally:
        if coming is not None:
            coming.cancel()
    yield _sse("end", view_of(state).model_dump(mode="json"))


def _sse(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
