"""The overview: how each UCM is doing and what needs a person; coverage by day; how much was archived when."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from scraper.admin import charts
from scraper.admin.access import service_of
from scraper.admin.api import UcmFilter, api_router, known_ucm
from scraper.admin.coverage import CoverageBoard, YearOfDays
from scraper.admin.pages import page_router, render
from scraper.admin.tasks import TaskView, view_of
from scraper.models import utc
from scraper.service.health import State, UcmHealth
from scraper.service.task import Kind, Stage
from scraper.threads import in_thread

NAVIGATION = ("/",)
router = page_router()
api = api_router("overview")

#: More UCMs than these are shown by pages, those first that need somebody.
_SHOWN = 24
_WORST_FIRST = (State.NEEDS_PERSON, State.FAILING, State.STALE, State.NEVER_RAN, State.RUNNING, State.GAPS, State.HEALTHY)

#: What a person signs in for, not what runs.
_JOBS = frozenset({Kind.RUN, Kind.PLAN, Kind.RECONCILE, Kind.FETCH, Kind.BACKFILL, Kind.DOCTOR})


class Counts(BaseModel):
    """Recordings of everything known; ``expected`` is null where nothing could say what should exist."""

    archived: int
    expected: int | None
    gone: int


class UcmView(BaseModel):
    """How one UCM is doing. Times are UTC."""

    ucm: str
    state: State
    running: bool
    stale: bool
    last_success: str | None
    age_seconds: int | None
    last_run: str | None
    next_run: str | None
    exit_code: int | None
    failed_in_a_row: int
    recordings: Counts
    gaps: dict[str, int]
    what_now: str
    #: What runs or waits on it now.
    tasks: list[TaskView]


class OverviewView(BaseModel):
    """All UCMs, in the configuration's order."""

    ucms: list[UcmView]


class DayView(BaseModel):
    """One day's calls (PBX local): how many recordings are archived, their bytes, and how many gaps are open."""

    day: str
    archived: int
    bytes: int
    open: int


class CoverageView(BaseModel):
    """The last twelve months; days without anything are left out. ``indexing``: some recordings are not counted yet."""

    days: list[DayView]
    indexing: bool


@dataclass(frozen=True, slots=True)
class _Card:
    """What the page shows of one UCM."""

    health: UcmHealth
    next_run: datetime | None
    tasks: list[TaskView]

    @property
    def open(self) -> int:
        return sum(self.health.gaps.values())


@dataclass(frozen=True, slots=True)
class Part:
    """Which UCMs somebody wants to see, where there are many: by a part of the name, by state, page by page (None: all at once)."""

    find: str
    state: str
    page: int | None


def _part(
    find: Annotated[str, Query(max_length=100, description="A part of the name.")] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int | None, Query(ge=1, le=10_000, description="From 1; without it, all UCMs at once.")] = None,
) -> Part:
    return Part(find.strip(), state, page)


Wanted = Annotated[Part, Depends(_part)]


def _paged(part: Part) -> Part:
    return replace(part, page=part.page or 1)


@dataclass(frozen=True, slots=True)
class _Cards:
    """The cards of one page; of how many UCMs (``found``), and how many there are of each state, whatever is looked for."""

    shown: list[_Card]
    found: int
    states: Mapping[State, int]
    part: Part

    @property
    def all(self) -> int:
        return sum(self.states.values())

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // _SHOWN))


@router.get("/")
async def overview(request: Request, part: Wanted, ucm: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Every UCM at a glance; the charts are of all, or of one."""
    service = service_of(request)
    chosen = ucm if ucm in service.settings.ucms else None
    cards, coverage = await asyncio.gather(_cards(request, _paged(part)), in_thread(CoverageBoard.of(request).days, chosen))
    today = service.clock().date()
    return await in_thread(_page, request, cards, chosen, coverage, today)


def _page(request: Request, cards: _Cards, chosen: str | None, coverage: YearOfDays, today: date) -> Response:
    days = coverage.days
    return render(
        request,
        "overview.html",
        cards=cards,
        chosen=chosen,
        indexing=coverage.indexing,
        heat=charts.heat_map(days, today),
        recordings_weekly=charts.weekly_bars(days, today, "archived"),
        bytes_weekly=charts.weekly_bars(days, today, "size"),
        months=charts.months(days),
    )


@router.get("/overview/cards")
async def cards_alone(request: Request, part: Wanted) -> Response:
    """The part of the overview that changes by itself; its script asks for it."""
    return render(request, "overview_cards.html", cards=await _cards(request, _paged(part)))


@api.get("", response_model=OverviewView)
async def overview_json(request: Request, part: Wanted) -> OverviewView:
    """How each UCM is doing, when its next run is, and what works on it now. With ``page`` as the page shows them, else all."""
    cards = await _cards(request, part)
    return OverviewView(ucms=[_as_view(card) for card in cards.shown])


@api.get("/coverage", response_model=CoverageView)
def coverage_json(request: Request, ucm: UcmFilter = None) -> CoverageView:
    """Coverage by the day of the call, of all UCMs or of one."""
    found = CoverageBoard.of(request).days(known_ucm(request, ucm) if ucm else None)
    days = [DayView(day=day, archived=one.archived, bytes=one.size, open=one.open) for day, one in sorted(found.days.items())]
    return CoverageView(days=days, indexing=found.indexing)


async def _cards(request: Request, part: Part) -> _Cards:
    service = service_of(request)
    healths = await in_thread(service.health.all)
    states = Counter(health.state for health in healths)
    wanted = [one for one in healths if part.find.lower() in one.ucm.lower() and part.state in ("", one.state.value)]
    shown = wanted
    if part.page is not None and len(healths) > _SHOWN:
        wanted.sort(key=lambda one: _WORST_FIRST.index(one.state))
        shown = wanted[(part.page - 1) * _SHOWN : part.page * _SHOWN]
    tasks: dict[str, list[TaskView]] = {}
    for state in service.dispatch.states():
        if state.stage is not Stage.ENDED and state.task.kind in _JOBS:
            tasks.setdefault(state.task.ucm, []).append(view_of(state))
    cards = [_Card(health, service.schedule.next_run(health.ucm), tasks.get(health.ucm, [])) for health in shown]
    return _Cards(cards, len(wanted), {state: states[state] for state in _WORST_FIRST if states[state]}, part)


def _as_view(card: _Card) -> UcmView:
    return UcmView.model_validate({**card.health.as_json(), "next_run": utc(card.next_run), "tasks": card.tasks})
