"""Deliveries: how each sink is doing, what it is owed and why it has not arrived, and another try."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import Before, Limit, RowId, api_router
from scraper.admin.pages import audit, page_router, redirect, render
from scraper.catalog import Delivery
from scraper.catalog.outbox import DELIVERED, OPEN, PARKED
from scraper.service.service import Service
from scraper.threads import in_thread

NAVIGATION = ("/deliveries",)
router = page_router("/deliveries")
api = api_router("deliveries")

_PAGE = 50
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
State = Literal["open", "parked", "delivered"]
_STATES: dict[State, tuple[str, ...]] = {"open": OPEN, "parked": (PARKED,), "delivered": (DELIVERED,)}

StateFilter = Annotated[State, Query(description="What is owed, what is parked of it, or what was delivered lately.")]
SinkFilter = Annotated[str | None, Query(pattern=_NAME, description="Only this sink's.")]


class SinkItem(BaseModel):
    """How a sink is doing. ``held`` wait for an earlier delivery of their recording; ``oldest``: when the first was queued. Times UTC.

    Of what is owed, no more than 50,000 of a kind are counted.
    """

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: str
    configured: bool
    waiting: int
    held: int
    parked: int
    delivered: int
    last_delivered: str | None
    oldest: str | None


class SinkList(BaseModel):
    """Every sink that was ever configured."""

    items: list[SinkItem]


class DeliveryItem(BaseModel):
    """One delivery. ``at``: when it is due, or since when it is parked or delivered, UTC; ``detail``: why the last attempt failed.

    ``recording_id`` is null where the recording was erased.
    """

    id: int
    sink: str
    recording_id: int | None
    event: str
    state: str
    attempts: int
    queued_at: str
    at: str
    detail: str

    @classmethod
    def of(cls, one: Delivery) -> Self:
        """As it is kept."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class DeliveryPage(BaseModel):
    """Some of them, the newest first."""

    items: list[DeliveryItem]
    next: int | None


class Again(BaseModel):
    """Whose deliveries to try again; null: all sinks'."""

    model_config = ConfigDict(extra="forbid")

    sink: str | None = Field(default=None, max_length=100, pattern=_NAME)


class Retried(BaseModel):
    """How many will be tried again."""

    count: int


@api.get("", response_model=DeliveryPage)
def listed(
    request: Request, state: StateFilter = "open", sink: SinkFilter = None, limit: Limit = 50, before: Before = None
) -> DeliveryPage:
    """Deliveries, the newest first."""
    return _page(_service(request), state, sink, (before, limit))


@api.get("/sinks", response_model=SinkList)
def sinks(request: Request) -> SinkList:
    """How each sink is doing."""
    return SinkList(items=_sinks(_service(request)))


@api.post("/retry", response_model=Retried)
async def retry_many(request: Request, again: Again) -> Retried:
    """Try again now what failed; 409 where nothing did."""
    return Retried(count=await _retry(request, again.sink))


@api.post("/{id}/retry", response_model=Retried)
async def retry_one(request: Request, id: RowId) -> Retried:
    """Try one again now; 409 where it has not failed, or its sink is not configured."""
    return Retried(count=await _retry(request, None, id))


@router.get("")
def page(
    request: Request,
    state: Annotated[str, Query(max_length=10)] = "open",
    sink: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """The sinks, then each delivery. What the address asks for and doesn't exist is not asked for."""
    chosen: State = next((known for known in _STATES if known == state), "open")
    known = _sinks(_service(request))
    named = sink if sink in {one.name for one in known} else None
    found = _page(_service(request), chosen, named, (before, _PAGE))
    return render(request, "deliveries.html", state=chosen, sink=named, sinks=known, deliveries=found.items, next=found.next)


@router.post("/retry")
async def retry_all(request: Request, sink: Annotated[str, Form(max_length=100)] = "") -> Response:
    """Try again what failed, of one sink or all."""
    await _retry(request, sink or None)
    return redirect("/deliveries")


@router.post("/{id}/retry")
async def retry(request: Request, id: RowId) -> Response:
    """Try one again."""
    await _retry(request, None, id)
    return redirect("/deliveries")


def _service(request: Request) -> Service:
    return service_of(request)


def _sinks(service: Service) -> list[SinkItem]:
    return [SinkItem.model_validate(one) for one in service.catalog.sink_counts()]


def _page(service: Service, state: State, sink: str | None, part: tuple[int | None, int]) -> DeliveryPage:
    """``part``: below which number, and how many."""
    before, limit = part
    found = service.catalog.deliveries(_STATES[state], sink, before=before, limit=limit + 1)
    items = [DeliveryItem.of(one) for one in found[:limit]]
    return DeliveryPage(items=items, next=items[-1].id if len(found) > limit else None)


async def _retry(request: Request, sink: str | None, identifier: int | None = None) -> int:
    service = _service(request)
    if identifier is not None and await in_thread(service.catalog.delivery, identifier) is None:
        raise HTTPException(404, "There is no such delivery.")
    count = await in_thread(service.catalog.retry_deliveries, sink, identifier)
    if not count:
        raise HTTPException(409, "Nothing failed that could be tried again; a sink that is not configured gets nothing.")
    service.handover.wake()
    await audit(request, "deliveries-retried", None, f"{count}" + (f" of {sink}" if sink else ""))
    return count
