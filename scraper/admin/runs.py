"""Runs: what ran and what came of it; one run live, with its plan, report, log and picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Form, Query, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import HexId, Limit, UcmFilter, api_router, known_ucm
from scraper.admin.pages import page_router, redirect, render
from scraper.admin.run_log import RunLogs
from scraper.admin.tasks import have_done, have_stopped, view_of
from scraper.catalog import Run
from scraper.errors import StorageError
from scraper.failures import Failures, failures_of
from scraper.models import GapReason, Trigger, for_ucm
from scraper.service.task import Kind, Stage, Task, TaskState
from scraper.threads import in_thread

NAVIGATION = ("/runs",)
router = page_router()
api = api_router("runs")

_PAGE = 30
_EXAMPLES = 5
#: What may be started from the page.
_KINDS = {"run": Kind.RUN, "plan": Kind.PLAN, "reconcile": Kind.RECONCILE}

#: What an exit code means, in a few words.
MEANINGS: Mapping[int, str] = {
    0: "complete, nothing missing",
    1: "internal error",
    2: "usage or configuration",
    3: "gaps remain, or it was stopped",
    4: "sign-in refused",
    5: "a person is needed",
    6: "the UCM can't be reached or trusted",
    7: "the web UI is not as expected",
    8: "storage",
    9: "another job holds this UCM",
    10: "safety stop",
}


class RunView(BaseModel):
    """One job in a line. Times are UTC; counts are null until it has finished, ``expected`` also where nothing could say."""

    id: str
    ucm: str
    trigger: str
    since: str | None
    until: str | None
    started_at: str
    finished_at: str | None
    status: str
    exit_code: int | None
    expected: int | None
    archived: int | None
    gone: int | None
    new: int | None
    open: int | None
    error: str | None


class RunList(BaseModel):
    """The newest first; ``next`` goes into ``before`` for what is older."""

    items: list[RunView]
    next: str | None


class LogLineView(BaseModel):
    """One line of a job's log, secrets and phone numbers masked."""

    time: str
    level: str
    message: str


class RunDetail(RunView):
    """A job with its documented report, null until it has finished, and the last lines of its log."""

    report: dict[str, Any] | None
    log: list[LogLineView]


@dataclass(frozen=True, slots=True)
class GapGroup:
    """A report's gaps of one reason: how many, what helps, and some of them."""

    reason: GapReason
    count: int
    remedy: str
    detail: str
    examples: Sequence[str]


_Before = Annotated[
    str | None, Query(pattern=r"^[0-9a-f]{32}$", description="Only what is older than this run: `next` of the page before.")
]


async def background(app: FastAPI) -> None:
    """Keep what jobs log."""
    await app.state.run_logs.keep(app.state.service)


@router.get("/runs")
async def runs_page(
    request: Request, ucm: Annotated[str, Query(max_length=100)] = "", before: Annotated[str, Query(max_length=32)] = ""
) -> Response:
    """What runs and waits, and what ran."""
    service = service_of(request)
    chosen = ucm if ucm in service.settings.ucms else None
    found = await in_thread(service.catalog.run_summaries, chosen, before=before or None, limit=_PAGE + 1)
    live = [] if before else [view_of(state) for state in service.dispatch.states(chosen) if _is_shown(state)]
    ids = {one.id for one in live}
    shown = [run for run in found[:_PAGE] if run.id not in ids]
    older = found[_PAGE - 1].id if len(found) > _PAGE else None
    return await in_thread(render, request, "runs.html", live=live, runs=shown, older_than=older, chosen=chosen, meanings=MEANINGS)


def _is_shown(state: TaskState) -> bool:
    return state.stage is not Stage.ENDED and state.task.kind not in (Kind.LOGIN, Kind.KEEP_ALIVE)


@router.post("/runs")
async def start(
    request: Request, ucm: Annotated[str, Form(max_length=100)] = "", kind: Annotated[str, Form(max_length=20)] = "run"
) -> Response:
    """Have a job done, and show it."""
    if kind not in _KINDS:
        raise HTTPException(422, "There is no such job.")
    state = await have_done(request, Task(_KINDS[kind], known_ucm(request, ucm), Trigger.MANUAL))
    return redirect(f"/runs/{state.task.id}")


@router.get("/tasks/{id}")
async def task_page(id: HexId) -> Response:
    """A task's page is its run's, which has the same id."""
    return redirect(f"/runs/{id}")


@router.get("/runs/{id}")
async def run_page(request: Request, id: HexId) -> Response:
    """One run: live while it goes on, then what came of it."""
    service = service_of(request)
    state, run = service.dispatch.state(id), await in_thread(service.catalog.find_run, id)
    if state is None and run is None:
        raise HTTPException(404, "There is no such run.")
    live = state is not None and state.stage is not Stage.ENDED
    report = (run.report if run else None) or (state.result if state else None)
    lines = await in_thread(logs_of(request).lines, id)
    return await in_thread(
        render,
        request,
        "run.html",
        id=id,
        ucm=state.task.ucm if state else run.ucm if run else "",
        task=view_of(state) if state else None,
        live=live,
        run=run,
        report=report,
        has_counts=bool(report and "recordings" in report),
        groups=grouped((report or {}).get("gaps") or [], state.task.ucm if state else run.ucm if run else ""),
        log=lines,
        picture=await in_thread(_picture, request, run) is not None,
        meanings=MEANINGS,
    )


@router.post("/runs/{id}/stop")
async def stop(request: Request, id: HexId) -> Response:
    """Ask it to stop in order."""
    await have_stopped(request, id)
    return redirect(f"/runs/{id}")


@router.get("/runs/{id}/screenshot")
async def screenshot(request: Request, id: HexId) -> Response:
    """What the browser showed when the web UI failed; input fields are masked."""
    run = await in_thread(service_of(request).catalog.find_run, id)
    picture = await in_thread(_picture, request, run)
    if run is None or picture is None:
        raise HTTPException(404, "This run left no picture.")
    try:
        content = await in_thread(_failures(request, run).read, picture)
    except OSError as error:
        raise HTTPException(404, "The picture has gone: newer ones took its place.") from error
    return Response(content, media_type="image/png", headers={"Cache-Control": "no-store"})


@api.get("", response_model=RunList)
def runs_json(request: Request, ucm: UcmFilter = None, limit: Limit = 50, before: _Before = None) -> RunList:
    """What ran, in a line each."""
    found = service_of(request).catalog.run_summaries(ucm, before=before, limit=limit + 1)
    items = [RunView.model_validate(run, from_attributes=True) for run in found[:limit]]
    return RunList(items=items, next=items[-1].id if len(found) > limit else None)


@api.get("/{id}", response_model=RunDetail)
def run_json(request: Request, id: HexId) -> RunDetail:
    """One run with its report and log."""
    catalog = service_of(request).catalog
    run, summary = catalog.find_run(id), catalog.run_summary(id)
    if run is None or summary is None:
        raise HTTPException(404, "There is no such run.")
    plain = RunView.model_validate(summary, from_attributes=True).model_dump()
    lines = [LogLineView.model_validate(line, from_attributes=True) for line in logs_of(request).lines(id)]
    return RunDetail(**plain, report=run.report, log=lines)


def logs_of(request: Request) -> RunLogs:
    """The app's logs of jobs."""
    found: RunLogs = request.app.state.run_logs
    return found


def grouped(gaps: Sequence[Mapping[str, str]], ucm: str) -> list[GapGroup]:
    """A report's gaps by reason, the most frequent first."""
    by_reason: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for gap in gaps:
        by_reason[gap["reason"]].append(gap)
    groups = [
        GapGroup(
            GapReason(reason), len(found), for_ucm(found[0]["remedy"], ucm), found[0]["detail"], [one["path"] for one in found[:_EXAMPLES]]
        )
        for reason, found in by_reason.items()
    ]
    return sorted(groups, key=lambda group: -group.count)


def _picture(request: Request, run: Run | None) -> str | None:
    """The run's screenshot; None where it has none, or nobody can say."""
    if run is None:
        return None
    ended = datetime.fromisoformat(run.finished_at) if run.finished_at else None
    try:
        return _failures(request, run).picture(datetime.fromisoformat(run.started_at), ended)
    except StorageError:
        return None


def _failures(request: Request, run: Run) -> Failures:
    return failures_of(service_of(request).settings, run.ucm)
