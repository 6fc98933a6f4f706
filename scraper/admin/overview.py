"""The overview: how each UCM is doing, and what needs a person."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from scraper.admin.pages import page_router, render

NAVIGATION = ("/",)
router = page_router()


@router.get("/")
def overview(request: Request) -> Response:
    """Every UCM at a glance."""
    return render(request, "overview.html")
