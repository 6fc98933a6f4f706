"""How the JSON API is made: the router whose routes are all guarded, what is answered to what can't be done, and the usual parameters."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.exceptions import HTTPException

from scraper.admin.access import api_guard, service_of


class Problem(BaseModel):
    """Why something was not done, and what helps."""

    message: str
    remedy: str | None = None
    #: What is wrong with which parameter.
    fields: dict[str, str] = Field(default_factory=dict)


_WHY = {
    400: "The request can't be read.",
    401: "No right token or session came with it.",
    403: "A session's change came without its CSRF token.",
    404: "There is no such thing.",
    409: "It can't be done now.",
    413: "The request is too big.",
    421: "It came under a name that this service doesn't listen to.",
    422: "A parameter is not as documented.",
    429: "Too many wrong tokens came from this address.",
    503: "The catalog or the storage can't be used now.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {code: {"model": Problem, "description": why} for code, why in _WHY.items()}


def api_router(topic: str) -> APIRouter:
    """A router of the JSON API under ``/api/v1/TOPIC``: every route needs a bearer token or a session."""
    return APIRouter(prefix=f"/api/v1/{topic}", tags=[topic], dependencies=[Depends(api_guard)], responses=PROBLEMS)


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a date such as 2026-02-06")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("is no day of the calendar") from None


#: A calendar day, ``2026-02-06`` and nothing else (pydantic alone would take numbers and times as well).
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
#: A UCM's name in a path; :func:`known_ucm` says whether there is one.
UcmName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$", description="A UCM's name in the configuration.")]
#: The same as an optional filter in the query.
UcmFilter = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$", description="Only this UCM's.")]
#: An id of 32 hex digits (runs, tasks, backfills).
HexId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
#: A row's number in the catalog.
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
#: How many at most.
Limit = Annotated[int, Query(ge=1, le=200)]
#: Go on below this row (keyset pagination, newest first): the last page's ``next``.
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only what is older than this: `next` of the page before.")]


def known_ucm(request: Any, name: str) -> str:
    """``name``, if it is configured. Raises 404."""
    if name not in service_of(request).settings.ucms:
        raise HTTPException(404, "There is no UCM of this name in the configuration.")
    return name
