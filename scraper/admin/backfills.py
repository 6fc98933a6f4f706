"""Backfills: what one would cover, start, follow slice by slice, pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of, who
from scraper.admin.api import HexId, UcmFilter, api_router, known_ucm
from scraper.admin.backfill_views import BackfillList, BackfillView, PlannedSlice, Preview, SliceList, SliceView, Wanted
from scraper.admin.indexing import indexing_of
from scraper.admin.pages import audit, page_router, redirect, render
from scraper.admin.strip import strip
from scraper.admin.tasks import view_of
from scraper.backfill import Backfills, Span
from scraper.backfill.conduct import next_step
from scraper.backfill.rests import Rest
from scraper.backfill.slices import read_span, tile
from scraper.catalog import Backfill, Direction
from scraper.errors import ConfigError
from scraper.service.task import Stage
from scraper.threads import in_thread

NAVIGATION = ("/backfills",)
router = page_router("/backfills")
api = api_router("backfills")

#: Slices on one page, and backfills on theirs.
_SLICES, _BACKFILLS = 60, 30

Turn = Literal["pause", "resume", "cancel"]
#: What is done, how it is noted, and why it can't be done.
_TURNS: dict[Turn, tuple[Callable[[Backfills, str], bool], str, str]] = {
    "pause": (Backfills.pause, "backfill-paused", "It is not under way."),
    "resume": (Backfills.resume, "backfill-resumed", "There is nothing to go on with."),
    "cancel": (Backfills.cancel, "backfill-cancelled", "It is not under way."),
}


@api.get("", response_model=BackfillList)
def listed(request: Request, ucm: UcmFilter = None) -> BackfillList:
    """Every backfill, the newest first."""
    return BackfillList(items=_views(request, ucm))


@api.post("", response_model=BackfillView, status_code=201)
async def start(request: Request, wanted: Wanted) -> BackfillView:
    """Begin one; the same window again, while it is under way, is the same backfill. 409 for days that are no window."""
    known_ucm(request, wanted.ucm)
    try:
        backfill_id = await _start(request, wanted)
    except ConfigError as error:
        raise HTTPException(409, error.message) from error
    return await in_thread(_view, request, backfill_id)


@api.post("/preview", response_model=Preview)
def preview(request: Request, wanted: Wanted) -> Preview:
    """What one would be cut into, and what the catalog knows of it. 409 for days that are no window."""
    known_ucm(request, wanted.ucm)
    try:
        return _preview(request, wanted)
    except ConfigError as error:
        raise HTTPException(409, error.message) from error


@api.get("/{id}", response_model=BackfillView)
def one(request: Request, id: HexId) -> BackfillView:
    """One backfill with its statement of coverage."""
    return _view(request, id)


@api.get("/{id}/slices", response_model=SliceList)
def slices(request: Request, id: HexId) -> SliceList:
    """Its slices."""
    _view(request, id)
    return SliceList(items=[SliceView.of(found) for found in service_of(request).backfills.slices(id)])


@api.post("/{id}/{turn}", response_model=BackfillView)
async def turn(request: Request, id: HexId, turn: Turn) -> BackfillView:
    """Pause (the slice in hand is finished), resume (also what failed), or cancel for good; 409 where it can't be done now."""
    await _turn(request, id, turn)
    return await in_thread(_view, request, id)


@router.get("")
def page(request: Request) -> Response:
    """The form, and every backfill."""
    return _page(request, {}, {})


@router.post("")
async def begin(
    request: Request,
    ucm: Annotated[str, Form(max_length=100)] = "",
    since: Annotated[str, Form(max_length=100)] = "",
    until: Annotated[str, Form(max_length=100)] = "",
    order: Annotated[str, Form(max_length=20)] = "",
    do: Annotated[str, Form(max_length=20)] = "preview",
) -> Response:
    """Show what it would cover, or start it; what is wrong with it stands at its field."""
    typed = {"ucm": ucm, "since": since.strip(), "until": until.strip(), "order": order}
    wanted, errors = await in_thread(_read, request, typed)
    if wanted is None:
        return await in_thread(_page, request, typed, errors)
    if do != "start":
        return await in_thread(_page, request, typed, {}, await in_thread(_preview, request, wanted))
    return redirect(f"/backfills/{await _start(request, wanted)}")


@router.get("/{id}")
async def one_page(request: Request, id: HexId, first: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """One backfill, live while it is under way."""
    return await _one(request, "backfill.html", id, first)


@router.get("/{id}/live")
async def live(request: Request, id: HexId, first: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """The part of its page that changes."""
    return await _one(request, "backfill_live.html", id, first)


@router.post("/{id}/{turn}")
async def turn_page(request: Request, id: HexId, turn: Turn) -> Response:
    """Pause, resume or cancel, and show it."""
    await _turn(request, id, turn)
    return redirect(f"/backfills/{id}")


def _today(request: Request, ucm: str) -> date:
    """The PBX's."""
    service = service_of(request)
    return service.clock().astimezone(service.settings.ucms[ucm].zone).date()


def _read(request: Request, typed: dict[str, str]) -> tuple[Wanted | None, dict[str, str]]:
    """What a form asks for, or what is wrong with which of its fields."""
    if typed["ucm"] not in service_of(request).settings.ucms:
        return None, {"ucm": "Choose a UCM."}
    errors = {name: "Name a day." for name in ("since", "until") if not typed[name]}
    if errors:
        return None, errors
    try:
        span = read_span(typed["since"], typed["until"], _today(request, typed["ucm"]))
    except ConfigError as error:
        return None, {"until" if error.message.startswith("`until`") else "since": f"{error.message} {error.remedy}"}
    order = typed["order"] if typed["order"] in set(Direction) else Direction.NEWEST_FIRST
    return Wanted(ucm=typed["ucm"], since=span.since, until=span.until, order=Direction(order)), {}


async def _start(request: Request, wanted: Wanted) -> str:
    """Raises :class:`ConfigError`."""
    service, today = service_of(request), _today(request, wanted.ucm)
    backfill_id = await in_thread(service.backfills.start, wanted.ucm, wanted.since, wanted.until, wanted.order, str(who(request)), today)
    await audit(request, "backfill-started", wanted.ucm, f"{wanted.since} to {wanted.until}, {wanted.order}")
    service.go_on_with_backfills()
    return backfill_id


def _preview(request: Request, wanted: Wanted) -> Preview:
    """Raises :class:`ConfigError`."""
    service = service_of(request)
    span = read_span(wanted.since, wanted.until, _today(request, wanted.ucm))
    indexing_of(request).catch_up()
    zones = {wanted.ucm: service.settings.ucms[wanted.ucm].zone}
    held, known = service.catalog.coverage_by_day(zones, span.since.isoformat()), service.catalog.recorded_days(wanted.ucm)
    planned = []
    for part in tile(span, service.backfills.grain(wanted.ucm, span)):
        days = [part.since + timedelta(days=number) for number in range(part.days)]
        covered = [found for day in days if (found := held.get(day.isoformat()))]
        planned.append(
            PlannedSlice(
                since=part.since,
                until=part.until,
                known=sum(known.get(day, (0, 0))[0] for day in days),
                archived=sum(found.archived for found in covered),
                open=sum(found.open for found in covered),
            )
        )
    if wanted.order is Direction.NEWEST_FIRST:
        planned.reverse()
    sums = {name: sum(getattr(part, name) for part in planned) for name in ("known", "archived", "open")}
    return Preview(**dict(wanted), slices=planned, **sums)


async def _turn(request: Request, id: str, turn: Turn) -> None:
    found = await in_thread(_view, request, id)
    service = service_of(request)
    does, noted, why_not = _TURNS[turn]
    if not await in_thread(does, service.backfills, id):
        raise HTTPException(409, why_not)
    await audit(request, noted, found.ucm, f"{found.since} to {found.until}")
    service.go_on_with_backfills()


def _views(request: Request, ucm: str | None = None) -> list[BackfillView]:
    backfills = service_of(request).backfills
    return [_view_of(request, found) for found in backfills.all(ucm)]


def _view(request: Request, id: str) -> BackfillView:
    found = service_of(request).backfills.of(id)
    if found is None:
        raise HTTPException(404, "There is no such backfill.")
    return _view_of(request, found)


def _view_of(request: Request, found: Backfill) -> BackfillView:
    service = service_of(request)
    covered = service.backfills.coverage(found.id)
    assert covered is not None
    known = found.ucm in service.settings.ucms
    step = next_step(service.catalog, found.id, service.clock(), service.settings) if known else None
    return BackfillView.of(found, covered, step if isinstance(step, Rest) else None)


def days(part: BackfillView | SliceView | PlannedSlice) -> str:
    """A window as people say it: with its last day, not the one after."""
    last = part.until - timedelta(days=1)
    return f"{part.since}" if last == part.since else f"{part.since} to {last}"


def _page(request: Request, typed: dict[str, str], errors: dict[str, str], planned: Preview | None = None) -> Response:
    ucms = list(service_of(request).settings.ucms)
    today = _today(request, typed["ucm"] if typed.get("ucm") in ucms else ucms[0])
    return render(
        request,
        "backfills.html",
        422 if errors else 200,
        typed=typed,
        errors=errors,
        preview=planned,
        backfills=_views(request)[:_BACKFILLS],
        ucm_choices=[(name, name) for name in ucms],
        tomorrow=today + timedelta(days=1),
        days=days,
    )


async def _one(request: Request, template: str, id: str, first: int) -> Response:
    service = service_of(request)
    view = await in_thread(_view, request, id)
    found = await in_thread(service.backfills.slices, id)
    if view.order is Direction.NEWEST_FIRST:
        found.reverse()
    tasks = (state for state in service.dispatch.states(view.ucm) if state.task.backfill == id and state.stage is not Stage.ENDED)
    task = next(map(view_of, tasks), None)
    return await in_thread(
        render,
        request,
        template,
        one=view,
        strip=strip(Span(view.since, view.until), found),
        slices=[SliceView.of(part) for part in found[first : first + _SLICES]],
        next=first + _SLICES if first + _SLICES < len(found) else None,
        task=task,
        first=first,
        last=view.until - timedelta(days=1),
        days=days,
    )
