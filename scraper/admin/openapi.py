"""The OpenAPI document of the JSON API, for those who are signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from scraper.admin.access import api_guard

api = APIRouter(dependencies=[Depends(api_guard)], include_in_schema=False)


@api.get("/api/v1/openapi.json")
def openapi(request: Request) -> Response:
    """What the API takes and answers, as OpenAPI 3.1."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)
