"""The audit log: who signed in, what they started, stopped, listened to."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import Before, Limit, api_router
from scraper.admin.pages import page_router, render

NAVIGATION = ("/audit",)
router = page_router()
api = api_router("audit")

_PAGE = 50


class Entry(BaseModel):
    """One thing that somebody did. ``at``: UTC; ``who``: an address and how they signed in; ``action``: a stable word."""

    id: int
    at: str
    who: str
    action: str
    ucm: str | None
    detail: str


class Entries(BaseModel):
    """The newest first; ``next`` goes into ``before`` for what is older."""

    items: list[Entry]
    next: int | None


@router.get("/audit")
def audit_page(request: Request, before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None) -> Response:
    """The newest entries."""
    found = service_of(request).catalog.audit_entries(_PAGE + 1, before)
    return render(request, "audit.html", entries=found[:_PAGE], older_than=found[_PAGE - 1].id if len(found) > _PAGE else None)


@api.get("", response_model=Entries)
def audit_json(request: Request, limit: Limit = 50, before: Before = None) -> Entries:
    """Who did what."""
    found = service_of(request).catalog.audit_entries(limit + 1, before)
    items = [Entry.model_validate(entry, from_attributes=True) for entry in found[:limit]]
    return Entries(items=items, next=items[-1].id if len(found) > limit else None)
