"""Sign-in by hand: somebody sees the PBX's sign-in page in a browser that runs here, and clicks and types in it, until they are signed in.

One view a UCM, of the session that opened it. Pictures pass through and are kept nowhere; what is typed goes to the browser's process only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from scraper.admin.access import service_of, while_admitted, who
from scraper.admin.api import UcmName, known_ucm
from scraper.admin.gate import Session, Who
from scraper.admin.pages import page_router, redirect, render
from scraper.budget import FEWEST_FOR_PERSON, PBX_LIMIT, known_budget
from scraper.catalog.notices import PERSON_NEEDED
from scraper.errors import ExitCode
from scraper.models import Trigger
from scraper.service.duties import Aside
from scraper.service.task import Kind, Stage, Task, TaskState
from scraper.threads import in_thread

if TYPE_CHECKING:
    from scraper.service.service import Service

router = page_router("/sign-in-by-hand")

#: How long a page goes on telling how the last view ended.
_TOLD = timedelta(minutes=15)
#: A stream that has nothing to tell says so, lest somebody in between takes it for dead, in seconds.
_PULSE_SECONDS = 15.0

_Pixels = Annotated[float, Field(ge=-10_000, le=10_000, allow_inf_nan=False)]


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Look(_Deed):
    """The viewer is there, and has so much room, in CSS pixels."""

    command: Literal["view"]
    width: Annotated[int, Field(ge=1, le=10_000)]
    height: Annotated[int, Field(ge=1, le=10_000)]


class _Point(_Deed):
    """A click; or a drag: pressed, moved, released."""

    command: Literal["click", "press", "move", "release"]
    x: _Pixels
    y: _Pixels


class _Scroll(_Deed):
    command: Literal["scroll"]
    dx: _Pixels
    dy: _Pixels


class _Type(_Deed):
    command: Literal["text"]
    text: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Press(_Deed):
    command: Literal["key"]
    key: Annotated[
        str, Field(pattern=r"^(Enter|Backspace|Delete|(Shift\+)?Tab|Escape|Space|Home|End|Page(Up|Down)|Arrow(Left|Right|Up|Down))$")
    ]


class _Plain(_Deed):
    """``seen``: still there. ``fill``: enter the configured account, which never leaves this machine."""

    command: Literal["seen", "fill"]


class Deeds(_Deed):
    """What a viewer did, in its order."""

    commands: Annotated[
        list[Annotated[_Look | _Point | _Scroll | _Type | _Press | _Plain, Field(discriminator="command")]], Field(max_length=50)
    ]


@dataclass(frozen=True, slots=True)
class _View:
    """Who opened a view; ``risks_last``: they know that one more failed sign-in can bring the PBX's ban."""

    owner: Session | None
    who: Who
    risks_last: bool


class Views:
    """The views of one service. Used in its event loop only."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._views: dict[str, _View] = {}
        self._aside = Aside()

    def current(self, ucm: str) -> TaskState | None:
        """The view that waits for its turn, or is open."""
        return next((state for state in self._of(ucm) if state.stage is not Stage.ENDED), None)

    def last(self, ucm: str) -> TaskState | None:
        """The view that ended lately, with its outcome; None while there is another."""
        since = self._service.clock() - _TOLD
        ended = (state for state in self._of(ucm) if state.exit_code != ExitCode.BUSY and state.ended_at and state.ended_at > since)
        return None if self.current(ucm) else next(ended, None)

    def neighbour(self, ucm: str) -> TaskState | None:
        """What works on the UCM, so that a view has to wait."""
        running = (state for state in self._service.dispatch.states(ucm) if state.stage in (Stage.RUNNING, Stage.STOPPING))
        return next((state for state in running if state.task.kind not in (Kind.LOGIN, Kind.DOCTOR, Kind.KEEP_ALIVE)), None)

    def view(self, ucm: str) -> _View | None:
        """Who has the current view."""
        return self._views.get(ucm) if self.current(ucm) else None

    async def open(self, ucm: str, somebody: Who, *, risks_last: bool) -> None:
        """Ask for a view. Raises 409 where there is one."""
        if self.current(ucm):
            raise HTTPException(409, "There is a sign-in by hand for this UCM already.")
        self._views[ucm] = _View(somebody.session, somebody, risks_last)
        state = self._service.dispatch.ask(Task(Kind.LOGIN, ucm, Trigger.MANUAL))
        await in_thread(self._service.catalog.note_audit, str(somebody), "sign-in-by-hand-opened", ucm, "")
        self._aside.do(self._note_end(state, somebody))

    def close(self, ucm: str) -> None:
        """End the current view, if there is one."""
        if state := self.current(ucm):
            self._service.dispatch.stop(state.task.id)

    def do(self, ucm: str, somebody: Who, commands: list[_Deed]) -> None:
        """Hand on what the viewer did. Raises 403 to others, 409 where no browser takes it."""
        view, state = self.view(ucm), self.current(ucm)
        if state is None:
            raise HTTPException(409, "The sign-in by hand has ended.")
        if view is None or view.owner is not somebody.session:
            raise HTTPException(403, "Somebody else opened this sign-in by hand.")
        for command in commands:
            extra = {"last": view.risks_last} if isinstance(command, _Look) else {}
            if not self._service.dispatch.send(state.task.id, {**command.model_dump(), **extra}):
                raise HTTPException(409, "The browser is not ready yet.")

    async def stream(self, ucm: str) -> AsyncGenerator[str]:
        """Server-sent events until the view ends: ``state`` {stage, ready, waits_for}, ``frame`` (only the newest), at last ``over``."""
        followed = None
        while (state := self.current(ucm)) is not None and state.task.id != followed:
            followed = state.task.id
            async for name, data in self._follow(state):
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n" if name else ": \n\n"
        yield "event: over\ndata: {}\n\n"

    async def _follow(self, state: TaskState) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """One view's news, until it ends; ``('', {})`` where there is none for a while."""
        events, news = self._service.dispatch.events(state.task.id), asyncio.Event()
        newest: list[dict[str, Any]] = []

        async def listen() -> None:
            async for event in events:
                if event.name == "frame":
                    newest[:] = [event.data]
                news.set()

        listening = asyncio.create_task(listen())
        listening.add_done_callback(lambda _: news.set())
        told = None
        try:
            while not listening.done() or newest:
                news.clear()
                if (shown := self._shown(state)) != told:
                    yield "state", (told := shown)
                if newest:
                    yield "frame", newest.pop()
                try:
                    async with asyncio.timeout(_PULSE_SECONDS):
                        await news.wait()
                except TimeoutError:
                    yield "", {}
        finally:
            listening.cancel()

    def _shown(self, state: TaskState) -> dict[str, Any]:
        neighbour = self.neighbour(state.task.ucm) if state.stage is Stage.WAITING else None
        return {"stage": state.stage, "ready": bool(state.phase), "waits_for": neighbour.task.kind if neighbour else None}

    def _of(self, ucm: str) -> list[TaskState]:
        return [state for state in self._service.dispatch.states(ucm) if state.task.kind is Kind.LOGIN]

    async def _note_end(self, state: TaskState, somebody: Who) -> None:
        """Note how the view ended, whoever is still there to see it; one that found the UCM held goes on as another task."""
        ucm, followed = state.task.ucm, None
        current: TaskState | None = state
        while current is not None and current.task.id != followed:
            state, followed = current, current.task.id
            async for _ in self._service.dispatch.events(followed):
                pass
            current = self.current(ucm)
        action = "signed-in-by-hand" if state.exit_code == ExitCode.COMPLETE else "sign-in-by-hand-ended"
        await in_thread(self._service.catalog.note_audit, str(somebody), action, ucm, outcome_of(state)["message"])


def outcome_of(state: TaskState) -> dict[str, str]:
    """How a view ended: ``outcome`` (a word), ``message`` and ``remedy`` (sentences, or empty)."""
    result = state.result or {}
    error = result.get("error") or {}
    message = error.get("message") or result.get("message") or "Closed before it began."
    return {"outcome": result.get("outcome") or ("failed" if error else "closed"), "message": message, "remedy": error.get("remedy") or ""}


def views_of(request: Request) -> Views:
    """This service's views."""
    state = request.app.state
    if not hasattr(state, "live_views"):
        state.live_views = Views(service_of(request))
    return cast(Views, state.live_views)


@router.get("/{ucm}")
async def page(request: Request, ucm: UcmName) -> Response:
    """The view, if it is this session's; else how to open one, and how the last ended."""
    service, views = service_of(request), views_of(request)
    url, web = service.settings.ucms[known_ucm(request, ucm)].url, service.settings.ucms[ucm].web
    left = await in_thread(known_budget(service.catalog, url, service.clock).left)
    notices = await in_thread(service.catalog.open_notices, ucm, PERSON_NEEDED)
    current, last, view = views.current(ucm), views.last(ucm), views.view(ucm)
    return render(
        request,
        "by_hand.html",
        ucm=ucm,
        has_account=web is not None,
        has_password=web is not None and web.password is not None,
        needed=notices[0] if notices else None,
        left=left if left < PBX_LIMIT else None,
        is_risky=left < FEWEST_FOR_PERSON or (last is not None and outcome_of(last)["outcome"] in ("last-attempt", "locked")),
        current=current,
        mine=view is not None and view.owner is who(request).session,
        by=str(view.who) if view else "",
        neighbour=views.neighbour(ucm),
        ended=outcome_of(last) if last else None,
    )


@router.post("/{ucm}/open")
async def open_view(request: Request, ucm: UcmName, risk_last: Annotated[str, Form(max_length=5)] = "") -> Response:
    """Have a browser opened at the PBX's sign-in page, in its turn."""
    if service_of(request).settings.ucms[known_ucm(request, ucm)].web is None:
        raise HTTPException(409, "No account for this UCM's web UI is configured.")
    await views_of(request).open(ucm, who(request), risks_last=risk_last == "yes")
    return redirect(f"/sign-in-by-hand/{ucm}")


@router.post("/{ucm}/close")
async def close_view(request: Request, ucm: UcmName) -> Response:
    """End it, whoever opened it."""
    views_of(request).close(known_ucm(request, ucm))
    return redirect(f"/sign-in-by-hand/{ucm}")


@router.post("/{ucm}/do")
async def do(request: Request, ucm: UcmName, deeds: Deeds) -> Response:
    """What the viewer did."""
    views_of(request).do(known_ucm(request, ucm), who(request), list(deeds.commands))
    return Response(status_code=204)


@router.get("/{ucm}/events")
async def events(request: Request, ucm: UcmName) -> Response:
    """The live view, as server-sent events."""
    views = views_of(request)
    view = views.view(known_ucm(request, ucm))
    if view is None or view.owner is not who(request).session:
        raise HTTPException(404, "You have no sign-in by hand open for this UCM.")
    return StreamingResponse(
        while_admitted(request, views.stream(ucm)), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
