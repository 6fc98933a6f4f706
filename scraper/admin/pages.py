"""How pages are made: templates, what every one of them knows, and the router whose routes are all guarded."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse

from scraper.admin import shown
from scraper.admin.access import page_guard, service_of, who
from scraper.threads import in_thread

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

#: (title, path): what the navigation shows, in this order, of what is there.
NAVIGATION = (
    ("Overview", "/"),
    ("Runs", "/runs"),
    ("Backfills", "/backfills"),
    ("Gaps", "/gaps"),
    ("Recordings", "/recordings"),
    ("Deliveries", "/deliveries"),
    ("Keeping", "/keeping"),
    ("Doctor", "/doctor"),
    ("Audit", "/audit"),
)


def page_router(prefix: str = "") -> APIRouter:
    """A router of pages: all need a session, all that change something its CSRF token; none is in the OpenAPI document."""
    return APIRouter(prefix=prefix, dependencies=[Depends(page_guard)], include_in_schema=False, default_response_class=HTMLResponse)


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page from ``templates/``. ``context`` goes to the template beside what every page knows (see :func:`_known`)."""
    text = _environment().get_template(template).render(**_known(request), **context)
    return HTMLResponse(text, status)


def redirect(path: str) -> RedirectResponse:
    """Go on to another page of ours, after a form."""
    return RedirectResponse(path, 303)


async def audit(request: Request, action: str, ucm: str | None = None, detail: str = "") -> None:
    """Note in the audit log who did what, such as ``run-started``. Never a secret; ``detail`` may name a recording."""
    await in_thread(service_of(request).catalog.note_audit, str(who(request)), action, ucm, detail)


def _known(request: Request) -> dict[str, Any]:
    signed_in = getattr(request.state, "who", None)
    session = signed_in.session if signed_in else None
    mounted = request.app.state.page_paths
    return {
        "request": request,
        "path": request.url.path,
        "csrf": session.csrf if session else "",
        "signed_in": session is not None,
        "navigation": [(title, path) for title, path in NAVIGATION if path in mounted],
        "ucms": list(service_of(request).settings.ucms),
        "version": version("ucm-recording-scraper"),
        "now": datetime.now(UTC),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"static": static, "csrf_field": _csrf_field}
    environment.filters |= shown.FILTERS
    return environment


@cache
def static(name: str) -> str:
    """The address of a static file, which changes with its content."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


@pass_context
def _csrf_field(context: Context) -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(context["csrf"])
