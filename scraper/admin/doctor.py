"""The doctor, run from the page: each layer between a job and its recordings, with cause, menu path and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import HexId, UcmName, api_router, known_ucm
from scraper.admin.pages import page_router, redirect, render
from scraper.admin.tasks import TaskView, have_done, view_of
from scraper.models import Trigger
from scraper.service.task import Kind, Stage, Task, TaskState

#: Of more UCMs the page shows those that were examined lately; the others are chosen by name.
_SHOWN = 24
NAVIGATION = ("/doctor",)
router = page_router("/doctor")
api = api_router("doctor")

#: The same as the command's exit codes, in words.
_VERDICTS = {0: "All that is configured works.", 3: "A job would work, but not everything does."}


class Examination(BaseModel):
    """A checkup: how far it is, and what ``ucm-scraper doctor --json`` prints once it has ended."""

    task: TaskView
    result: dict[str, Any] | None


@api.post("/{ucm}", response_model=TaskView, status_code=202)
async def examine(request: Request, ucm: UcmName) -> TaskView:
    """Have a UCM examined; it disturbs no running job. Where one is being examined, that examination is answered."""
    return view_of(await _examine(request, known_ucm(request, ucm)))


@api.get("/{id}", response_model=Examination)
async def examination(request: Request, id: HexId) -> Examination:
    """How an examination goes, or what it found; ended ones are forgotten after a while."""
    state = _known(request, id)
    return Examination(task=view_of(state), result=state.result)


@router.get("")
async def page(request: Request) -> Response:
    """The UCMs to choose from, each with its last examination."""
    service = service_of(request)
    examined: dict[str, TaskView] = {}
    for state in service.dispatch.states():
        if state.task.kind is Kind.DOCTOR:
            examined.setdefault(state.task.ucm, view_of(state))
    ucms = list(service.settings.ucms)
    shown = ucms if len(ucms) <= _SHOWN else [ucm for ucm in ucms if ucm in examined]
    return render(request, "doctor.html", last={ucm: examined.get(ucm) for ucm in shown}, others=len(ucms) > _SHOWN, verdict=verdict)


@router.post("")
async def begin(request: Request, ucm: Annotated[str, Form(max_length=100)] = "") -> Response:
    """Have a UCM examined, and show how that goes."""
    state = await _examine(request, known_ucm(request, ucm))
    return redirect(f"/doctor/{state.task.id}")


@router.get("/{id}")
async def result_page(request: Request, id: HexId) -> Response:
    """What an examination found; live until it has ended."""
    state = _known(request, id)
    result = state.result if state.result and "steps" in state.result else None
    return render(
        request,
        "examination.html",
        task=view_of(state),
        result=result,
        failure=_failure(state),
        live=state.stage is not Stage.ENDED,
        verdict=verdict,
    )


def verdict(exit_code: int | None) -> str:
    """What an examination's exit code says."""
    return "" if exit_code is None else _VERDICTS.get(exit_code, "No job would work now.")


def _failure(state: TaskState) -> Mapping[str, Any] | None:
    """Why there is no result, where its process told."""
    error = (state.result or {}).get("error")
    return error if isinstance(error, Mapping) else None


def _examinations(request: Request, ucm: str) -> list[TaskState]:
    return [state for state in service_of(request).dispatch.states(ucm) if state.task.kind is Kind.DOCTOR]


async def _examine(request: Request, ucm: str) -> TaskState:
    for state in _examinations(request, ucm):
        if state.stage is not Stage.ENDED:
            return state
    return await have_done(request, Task(Kind.DOCTOR, ucm, Trigger.MANUAL))


def _known(request: Request, id: str) -> TaskState:
    state = service_of(request).dispatch.state(id)
    if state is None or state.task.kind is not Kind.DOCTOR:
        raise HTTPException(404, "There is no such examination, or it has been forgotten.")
    return state
