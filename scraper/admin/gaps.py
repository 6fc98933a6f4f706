"""Gaps: what is missing and why, what helps, and another try; what is gone for good."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import Before, Limit, RowId, UcmFilter, api_router, known_ucm
from scraper.admin.pages import audit, page_router, redirect, render
from scraper.admin.tasks import TaskView, view_of
from scraper.catalog.gap_pages import GapGroup, GapState, NumberedGap
from scraper.menus import OF_REASON
from scraper.models import GapReason, RecordingClass, Trigger, for_ucm
from scraper.service.task import Kind, Task, TaskState
from scraper.threads import in_thread

NAVIGATION = ("/gaps",)
router = page_router("/gaps")
api = api_router("gaps")

#: Recordings that one task tries again; the rest may be asked for afterwards.
MOST_AT_ONCE = 1000
_PAGE = 50

StateFilter = Annotated[GapState, Query(description="What is still looked for, or what is gone for good.")]
ReasonFilter = Annotated[GapReason | None, Query(description="Only with this reason.")]


class GroupItem(BaseModel):
    """Gaps of one UCM with the same reason and remedy. ``menu``: where to look on the PBX; ``oldest``: when the first was seen, UTC."""

    ucm: str
    reason: GapReason
    count: int
    detail: str
    remedy: str
    menu: str
    oldest: str

    @classmethod
    def of(cls, group: GapGroup) -> Self:
        """As it was found."""
        return cls(
            ucm=group.ucm,
            reason=group.reason,
            count=group.count,
            detail=group.detail,
            remedy=for_ucm(group.remedy, group.ucm),
            menu=OF_REASON[group.reason],
            oldest=group.oldest,
        )


class GroupList(BaseModel):
    """The most frequent first."""

    items: list[GroupItem]


class GapItem(BaseModel):
    """A recording that should be in the archive and is not. Times are UTC."""

    id: int
    ucm: str
    klass: RecordingClass = Field(serialization_alias="class")
    path: str
    reason: GapReason
    detail: str
    remedy: str
    first_seen: str
    last_seen: str
    attempts: int
    closed_as: str | None

    @classmethod
    def of(cls, one: NumberedGap) -> Self:
        """As it was found."""
        gap, known = one.found.gap, one.found
        names = ("first_seen", "last_seen", "attempts", "closed_as")
        return cls(
            id=one.id,
            ucm=gap.identity.ucm,
            klass=gap.identity.klass,
            path=gap.identity.path,
            reason=gap.reason,
            detail=gap.detail,
            remedy=for_ucm(gap.remedy, gap.identity.ucm),
            **{name: getattr(known, name) for name in names},
        )


class GapPage(BaseModel):
    """Some gaps, the newest first."""

    items: list[GapItem]
    next: int | None


class Again(BaseModel):
    """Which gaps of a UCM to try again: those of one reason, or all."""

    model_config = ConfigDict(extra="forbid")

    ucm: str = Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    reason: GapReason | None = None


@api.get("", response_model=GapPage)
def listed(
    request: Request,
    ucm: UcmFilter = None,
    state: StateFilter = "open",
    reason: ReasonFilter = None,
    limit: Limit = 50,
    before: Before = None,
) -> GapPage:
    """What is missing, the newest first."""
    return _page(request, _chosen(request, ucm), state, reason, (before, limit))


@api.get("/groups", response_model=GroupList)
def groups(request: Request, ucm: UcmFilter = None, state: StateFilter = "open") -> GroupList:
    """How many are missing, by UCM, reason and remedy."""
    return GroupList(items=_groups(request, _chosen(request, ucm), state))


@api.post("/retry", response_model=TaskView, status_code=202)
async def retry_many(request: Request, again: Again) -> TaskView:
    """Try to fetch the open gaps of a UCM again, at most a thousand at once; 409 where there is none."""
    return view_of(await _retry(request, known_ucm(request, again.ucm), again.reason))


@api.post("/{id}/retry", response_model=TaskView, status_code=202)
async def retry_one(request: Request, id: RowId) -> TaskView:
    """Try to fetch one recording again; 409 where its gap is closed, unless as gone."""
    return view_of(await _retry_one(request, id))


@router.get("")
def page(
    request: Request,
    state: Annotated[str, Query(max_length=10)] = "open",
    ucm: Annotated[str, Query(max_length=100)] = "",
    reason: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Groups with what helps, then each gap. What the address asks for and doesn't exist is not asked for."""
    chosen: GapState = "gone" if state == "gone" else "open"
    named = ucm if ucm in service_of(request).settings.ucms else None
    wanted = GapReason(reason) if reason in set(GapReason) else None
    ucms = _chosen(request, named)
    found = _page(request, ucms, chosen, wanted, (before, _PAGE))
    return render(
        request,
        "gaps.html",
        state=chosen,
        ucm=named,
        reason=wanted,
        groups=_groups(request, ucms, chosen),
        gaps=found.items,
        next=found.next,
    )


@router.post("/retry")
async def retry_group(
    request: Request, ucm: Annotated[str, Form(max_length=100)] = "", reason: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Try a group again, or all of a UCM, and show how that goes."""
    if reason and reason not in set(GapReason):
        raise HTTPException(422, "There is no such reason.")
    state = await _retry(request, known_ucm(request, ucm), GapReason(reason) if reason else None)
    return redirect(f"/tasks/{state.task.id}")


@router.post("/{id}/retry")
async def retry(request: Request, id: RowId) -> Response:
    """Try one again, and show how that goes."""
    state = await _retry_one(request, id)
    return redirect(f"/tasks/{state.task.id}")


def _chosen(request: Request, ucm: str | None) -> list[str]:
    ucms = list(service_of(request).settings.ucms)
    return ucms if ucm is None else [name for name in ucms if name == ucm]


def _groups(request: Request, ucms: list[str], state: GapState) -> list[GroupItem]:
    return [GroupItem.of(group) for group in service_of(request).catalog.gap_groups(ucms, state)]


def _page(request: Request, ucms: list[str], state: GapState, reason: GapReason | None, part: tuple[int | None, int]) -> GapPage:
    """``part``: below which number, and how many."""
    before, limit = part
    found = service_of(request).catalog.gap_page(ucms, state, reason=reason, before=before, limit=limit + 1)
    items = [GapItem.of(one) for one in found[:limit]]
    return GapPage(items=items, next=items[-1].id if len(found) > limit else None)


async def _retry(request: Request, ucm: str, reason: GapReason | None) -> TaskState:
    found = await in_thread(service_of(request).catalog.longest_untried, ucm, reason, MOST_AT_ONCE)
    if not found:
        raise HTTPException(409, "There is no such gap any more.")
    return await _fetch(request, ucm, [one.path for one in found], f"{len(found)} gaps" + (f" ({reason})" if reason else ""))


async def _retry_one(request: Request, id: int) -> TaskState:
    one = await in_thread(service_of(request).catalog.numbered_gap, id)
    if one is None:
        raise HTTPException(404, "There is no such gap.")
    if one.found.closed_as not in (None, "gone"):
        raise HTTPException(409, "This gap is closed: the recording is archived, or is not expected any more.")
    return await _fetch(request, known_ucm(request, one.identity.ucm), [one.identity.path], one.identity.path)


async def _fetch(request: Request, ucm: str, paths: list[str], what: str) -> TaskState:
    state = service_of(request).dispatch.ask(Task(Kind.FETCH, ucm, Trigger.MANUAL, names=tuple(paths)))
    await audit(request, "gaps-retried", ucm, what)
    return state
