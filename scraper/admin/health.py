"""How the service is doing, for machines: health checks, Prometheus, and the JSON API.

``/livez`` answers as long as the event loop does: for whoever would restart the service. ``/readyz`` also wants the catalog. ``/healthz``
is 503 where it can't be read, or a UCM is stale: for whoever would call somebody. The three are open, and tell nothing but numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from scraper.admin.access import api_guard, service_of
from scraper.admin.api import UcmName, api_router, known_ucm
from scraper.errors import StorageError
from scraper.service.metrics import CONTENT_TYPE, exposition
from scraper.threads import in_thread

router = APIRouter(include_in_schema=False)
api = api_router("health")


class Held(BaseModel):
    """Recordings: ``expected`` is null where it is not known."""

    archived: int
    expected: int | None
    gone: int


class UcmState(BaseModel):
    """How a UCM is doing."""

    ucm: str
    state: str = Field(description="never-ran, running (its first job), needs-person, failing, stale, gaps or healthy.")
    running: bool = Field(description="A job works on it now.")
    stale: bool = Field(description="No run was good for longer than watch.stale_hours.")
    last_success: str | None = Field(description="When the last good run ended, UTC.")
    age_seconds: int | None
    last_run: str | None
    exit_code: int | None
    failed_in_a_row: int
    recordings: Held
    gaps: dict[str, int] = Field(description="How many are open, by reason.")
    what_now: str


@router.get("/livez")
async def live() -> Response:
    """Whether the service answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Whether it can work: the catalog can be read."""
    catalog = service_of(request).catalog

    def none_stale() -> int:
        catalog.open_notices()
        return 0

    return await in_thread(_answer, none_stale)


@router.get("/healthz")
async def healthy(request: Request) -> Response:
    """Whether all is well: no UCM is stale."""
    health = service_of(request).health
    return await in_thread(_answer, lambda: len(health.stale()))


def _answer(stale: Callable[[], int]) -> Response:
    """503 where some UCMs are ``stale``, or nobody can say how many."""
    try:
        count = stale()
    except StorageError as error:
        return JSONResponse({"status": "unhealthy", "error": error.kind}, 503)
    return JSONResponse({"status": "unhealthy", "stale": count}, 503) if count else JSONResponse({"status": "ok"})


@router.get("/metrics", dependencies=[Depends(api_guard)])
async def metrics(request: Request) -> Response:
    """What Prometheus reads."""
    service = service_of(request)
    text = await in_thread(exposition, service, service.watch.tally, service.dispatch.states())
    return Response(text, media_type=CONTENT_TYPE)


@api.get("", response_model=list[UcmState])
def all_ucms(request: Request) -> list[UcmState]:
    """How every configured UCM is doing."""
    return [UcmState.model_validate(one.as_json()) for one in service_of(request).health.all()]


@api.get("/{ucm}", response_model=UcmState)
def one_ucm(request: Request, ucm: UcmName) -> UcmState:
    """How one UCM is doing."""
    return UcmState.model_validate(service_of(request).health.of(known_ucm(request, ucm)).as_json())
