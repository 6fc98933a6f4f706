"""Signing in to the admin service with its token, and out again."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from scraper.admin.access import address_of, admitted, cookie_name, gate_of, service_of
from scraper.admin.gate import LONGEST_SECONDS, same
from scraper.admin.pages import audit, page_router, redirect, render
from scraper.threads import in_thread

router = APIRouter(include_in_schema=False)
_signed_in = page_router()

_Next = Annotated[str, Query(max_length=2000)]


@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in_page(request: Request, next: _Next = "/") -> Response:
    """The form; somebody who is signed in goes on."""
    if gate_of(request).session(request.cookies.get(cookie_name(request))):
        return redirect(_ours(next))
    return _form(request, next)


@router.post("/sign-in", response_class=HTMLResponse)
async def sign_in(
    request: Request,
    token: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Take the token, and begin a session."""
    gate, cookie = gate_of(request), request.cookies.get(cookie_name(request, "form"))
    if not cookie or not same(csrf, gate.form_token(cookie)):
        return _form(request, next, "This page was too old. Try again.", 403)
    try:
        right = admitted(request, token.strip())
    except HTTPException as error:
        refused = _form(request, next, error.detail, 429)
        refused.headers.update(error.headers or {})
        return refused
    somebody, catalog = f"{address_of(request)} (page)", service_of(request).catalog
    if not right:
        await in_thread(catalog.note_refusal, somebody, "sign-in-refused")
        return _form(request, next, "This is not the token.", 401)
    await in_thread(catalog.note_audit, somebody, "signed-in")
    secret, _ = gate.begin()
    response = redirect(_ours(next))
    _set_cookie(request, response, "session", secret)
    response.delete_cookie(cookie_name(request, "form"), secure=request.url.scheme == "https")
    return response


@_signed_in.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    await audit(request, "signed-out")
    gate_of(request).end(request.cookies.get(cookie_name(request)))
    response = redirect("/sign-in")
    response.delete_cookie(cookie_name(request), secure=request.url.scheme == "https")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


router.include_router(_signed_in)


def _form(request: Request, wanted: str, trouble: str = "", status: int = 200) -> Response:
    cookie = request.cookies.get(cookie_name(request, "form")) or secrets.token_urlsafe(16)
    response = render(request, "entry.html", status, wanted=_ours(wanted), trouble=trouble, form_token=gate_of(request).form_token(cookie))
    _set_cookie(request, response, "form", cookie)
    return response


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    secure, age = request.url.scheme == "https", int(LONGEST_SECONDS) if name == "session" else None
    response.set_cookie(cookie_name(request, name), value, max_age=age, path="/", httponly=True, secure=secure, samesite="strict")


def _ours(path: str) -> str:
    """``path``, if it is a page of ours; else the first one."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\x00-\x1f\x7f]*", path) else "/"
