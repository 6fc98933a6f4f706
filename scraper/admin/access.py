"""Every route's guard: pages need a session and, to change something, its CSRF token; the API takes a bearer token or that session."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from scraper.admin.gate import Gate, TooManyAttempts, Who, same

if TYPE_CHECKING:
    from scraper.service.service import Service

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"

_bearer = HTTPBearer(auto_error=False, description="The admin service's token.")
_cookie = APIKeyCookie(name="ucm_session", auto_error=False, description="The session of a page; changes need its X-CSRF-Token header too.")


class NotSignedIn(Exception):
    """A page was asked for by somebody who has no session."""


def service_of(request: Request) -> Service:
    """The service that this app shows."""
    return cast("Service", request.app.state.service)


def gate_of(request: Request) -> Gate:
    """The app's gate."""
    return cast(Gate, request.app.state.gate)


def who(request: Request) -> Who:
    """Who asks; known on every guarded route."""
    return cast(Who, request.state.who)


def address_of(request: Request) -> str:
    """Where the request comes from; behind a trusted proxy, what that says."""
    return request.client.host if request.client else "unknown"


async def while_admitted(request: Request, stream: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """``stream``, until the session that asked for it has ended: it goes on long after its request has passed the guard."""
    session, gate = who(request).session, gate_of(request)
    async with aclosing(stream):
        async for part in stream:
            if session is not None and not gate.holds(session):
                return
            yield part


def cookie_name(request: Request, name: str = "session") -> str:
    """A cookie's name: over TLS one that browsers take from this very host only."""
    return f"__Host-ucm_{name}" if request.url.scheme == "https" else f"ucm_{name}"


async def page_guard(request: Request) -> None:
    """Raises :class:`NotSignedIn` without a session, 403 for a change without its CSRF token (form field ``csrf``, or the header)."""
    session = gate_of(request).session(request.cookies.get(cookie_name(request)))
    if session is None:
        raise NotSignedIn
    request.state.who = Who(address_of(request), "page", session)
    if request.method not in _SAFE and not same(await _csrf_of(request), session.csrf):
        raise HTTPException(403, "This page was too old, or the request came from elsewhere. Load the page again.")


async def api_guard(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    _session: Annotated[str | None, Depends(_cookie)],
) -> None:
    """Raises 401 without a right token or session, 403 for a session's change without its CSRF token, 429 after many wrong tokens."""
    address = address_of(request)
    if bearer is not None:
        if not admitted(request, bearer.credentials):
            raise HTTPException(401, "This is not the token.", {"WWW-Authenticate": "Bearer"})
        request.state.who = Who(address, "token")
        return
    session = gate_of(request).session(request.cookies.get(cookie_name(request)))
    if session is None:
        raise HTTPException(401, "Sign in, or send the token as a bearer.", {"WWW-Authenticate": "Bearer"})
    if request.method not in _SAFE and not same(request.headers.get(CSRF_HEADER), session.csrf):
        raise HTTPException(403, f"The header {CSRF_HEADER} is missing or wrong.")
    request.state.who = Who(address, "page", session)


def admitted(request: Request, token: str) -> bool:
    """Whether this is the token. Raises 429 after too many wrong ones."""
    try:
        return gate_of(request).admits(token, address_of(request))
    except TooManyAttempts as error:
        sentence = f"Too many wrong tokens: try again in {error.seconds} s."
        raise HTTPException(429, sentence, {"Retry-After": str(error.seconds)}) from error


async def _csrf_of(request: Request) -> str | None:
    if (header := request.headers.get(CSRF_HEADER)) is not None:
        return header
    sent = (await request.form()).get(CSRF_FIELD)
    return sent if isinstance(sent, str) else None
