"""Putting the admin service together: routes, guards, and what is answered when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from scraper.admin import (
    audit_log,
    backfills,
    deliveries,
    doctor,
    entry,
    gaps,
    health,
    keeping,
    openapi,
    overview,
    recordings,
    runs,
    sign_in,
    tasks,
    transcripts,
)
from scraper.admin.access import NotSignedIn
from scraper.admin.api import Problem
from scraper.admin.fence import Fence, Peer, protect
from scraper.admin.gate import Gate, token_of
from scraper.admin.pages import STATIC, render
from scraper.admin.run_log import RunLogs
from scraper.coroutines import end
from scraper.errors import ScraperError
from scraper.service.duties import without_end

if TYPE_CHECKING:
    from scraper.service.service import Service

#: Each topic's module. Any of these may be missing: ``router`` holds its pages, ``api`` its part of the JSON API, ``NAVIGATION`` the paths
#: of its entries in the menu; ``background(app)`` works until it is cancelled, while the app serves.
TOPICS = (
    entry,
    overview,
    runs,
    tasks,
    sign_in,
    health,
    recordings,
    gaps,
    audit_log,
    openapi,
    backfills,
    doctor,
    deliveries,
    keeping,
    transcripts,
)


def create_app(service: Service) -> FastAPI:
    """The admin service over ``service``. The token is made where none is configured (see :func:`scraper.admin.gate.token_of`)."""
    app = FastAPI(
        title="ucm-scraper", description="The admin service of ucm-recording-scraper.", version="1", openapi_url=None, docs_url=None,
        redoc_url=None, lifespan=_with_background,
    )  # fmt: skip
    app.state.service = service
    app.state.gate = Gate(token_of(service.settings)[0])
    app.state.run_logs = RunLogs(service.settings.data_dir / "admin" / "logs")
    for topic in TOPICS:
        for router in (getattr(topic, "router", None), getattr(topic, "api", None)):
            if router is not None:
                app.router.routes.extend(router.routes)  # as they are: an included router's are worked out again, at the first request
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.state.page_paths = frozenset(path for topic in TOPICS for path in getattr(topic, "NAVIGATION", ()))
    app.add_middleware(Fence, listener=service.settings.admin)
    if service.settings.admin.trusted_proxy:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=service.settings.admin.trusted_proxy)
    app.add_middleware(Peer)
    _answer_failures(app)
    return app


@asynccontextmanager
async def _with_background(app: FastAPI) -> AsyncIterator[None]:
    duties = [partial(topic.background, app) for topic in TOPICS if hasattr(topic, "background")]
    works = [asyncio.ensure_future(without_end(duty)) for duty in duties]
    try:
        yield
    finally:
        await end(*works)


class _Static(StaticFiles):
    """Files whose address changes with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _answer_failures(app: FastAPI) -> None:
    app.add_exception_handler(NotSignedIn, _to_sign_in)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(ScraperError, _failed)
    app.add_exception_handler(Exception, _unforeseen)


def _to_sign_in(request: Request, _: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(wanted)}" if request.method == "GET" and wanted != "/" else "/sign-in", 303)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(request, error.status_code, Problem(message=error.detail), error.headers)


def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = {_name_of(one["loc"]): str(one["msg"]).removeprefix("Value error, ") for one in error.errors()}
    return problem(request, 422, Problem(message="Something in the request is not as it should be.", fields=fields))


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, ScraperError)
    return problem(request, 503, Problem(message=error.message, remedy=error.remedy))


def _unforeseen(request: Request, _: Exception) -> Response:
    """The outermost answer: it does not pass the fence, and the server logs the error."""
    response = problem(request, 500, Problem(message="Something went wrong that nobody foresaw.", remedy="The log says more."))
    protect(MutableHeaders(raw=response.raw_headers), request.url.scheme)
    return response


def problem(request: Request, status: int, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """What went wrong: JSON for the API, else a page."""
    if request.url.path.startswith("/api/"):
        response: Response = JSONResponse(found.model_dump(), status)
    else:
        response = render(request, "problem.html", status, problem=found, code=status)
    response.headers.update(headers or {})
    return response


def _name_of(place: Sequence[object]) -> str:
    return ".".join(str(part) for part in place[1:]) or str(place[0])
