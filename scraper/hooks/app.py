"""``POST /hooks/cdr/{ucm}``: who may push, and what is answered; nothing here waits for anything but the catalog.

What a PBX does with an answer other than 200 is not documented; it buffers up to 10,000 records (field guide 2c). So 503 is for what may
work a little later, 400 and 413 for what can never be read, and all else that comes from the PBX is answered 200.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING

from loguru import logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from scraper.admin.fence import Fence, Peer
from scraper.admin.gate import Attempts, TooManyAttempts, same
from scraper.errors import StorageError
from scraper.hooks.body import Unreadable, is_empty
from scraper.hooks.inbox import Full, Inbox, Noted
from scraper.settings.serving import Hooks

if TYPE_CHECKING:
    from scraper.service.service import Service

#: How long a body may take to arrive, and how long the catalog to note it, in seconds.
_BODY_SECONDS, _NOTE_SECONDS = 10.0, 10.0
#: When a PBX that could not be served may come again, in seconds.
_AGAIN_SECONDS = 5


def create_hooks_app(service: Service) -> Starlette:
    """The listener's app over ``service``; what it takes is told to ``service.pushes``."""
    hook, listener = _Hook(service), service.settings.hooks
    app = Starlette(routes=[Route("/hooks/cdr/{ucm}", hook.answer, methods=["GET", "POST"])])
    app.add_middleware(Fence, listener=listener)
    if listener.trusted_proxy:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=listener.trusted_proxy)
    app.add_middleware(Peer)
    return app


class _Hook:
    """The one route, with its inbox. Used in the service's event loop only."""

    def __init__(self, service: Service) -> None:
        self._ucms = service.settings.ucms
        self._counts = service.pushes.counts
        self._inbox = Inbox(service.catalog, service.pushes.noted)
        self._door = _Door(service.settings.hooks)

    async def answer(self, request: Request) -> Response:
        """One request of a PBX, or of whoever. Nothing is told to who has not proved who they are, not even which UCMs there are."""
        self._counts.requests += 1
        try:
            return await self._answer(request)
        except HTTPException as error:
            self._counts.refused += error.status_code != 503
            self._counts.busy += error.status_code == 503
            headers = {"Connection": "close", **(error.headers or {})}  # its body may not have been read
            return PlainTextResponse(f"{error.detail}\n", error.status_code, headers)

    async def _answer(self, request: Request) -> Response:
        if not self._door.admits(request):
            if _is_probe(request):
                return _fine()
            raise HTTPException(401, "Sign in as configured under hooks.", {"WWW-Authenticate": 'Basic realm="hooks", charset="UTF-8"'})
        ucm = self._ucms.get(name := request.path_params["ucm"])
        if ucm is None:
            raise HTTPException(404, "There is no such UCM in the configuration.")
        body = await _body(request)
        if is_empty(body):
            return _fine()
        try:
            async with asyncio.timeout(_NOTE_SECONDS):
                noted = await self._inbox.take(name, ucm.zone, body)
        except Unreadable as error:
            logger.bind(ucm=name, action="push-unreadable").warning("A pushed call record can't be read: {}", error.args[0])
            raise HTTPException(400, f"This can't be read: {error.args[0]}.") from None
        except (Full, TimeoutError, StorageError) as error:
            logger.bind(ucm=name, action="push-busy", error=type(error).__name__).warning("A pushed call record could not be noted now")
            raise HTTPException(503, "Not now; please send it again.", {"Retry-After": str(_AGAIN_SECONDS)}) from None
        self._count(name, noted)
        return _fine()

    def _count(self, ucm: str, noted: Noted) -> None:
        self._counts.records += noted.calls
        self._counts.duplicates += noted.calls - len(noted.fresh)
        self._counts.unknown += noted.unknown
        log = logger.bind(ucm=ucm, action="push-noted", calls=noted.calls, fresh=len(noted.fresh), unknown=noted.unknown)
        log.debug("Call records were pushed")


class _Door:
    """Who may push: basic authentication, compared in constant time, wrong attempts limited as the admin service limits them."""

    def __init__(self, hooks: Hooks) -> None:
        self._username = hooks.username or ""
        self._password = hooks.password.get_secret_value() if hooks.password else ""
        self._attempts = Attempts()

    def admits(self, request: Request) -> bool:
        """Whether the request proves who sends it. Raises 429 where that failed too often."""
        given = request.headers.get("authorization")
        if given is None:
            return False
        address = request.client.host if request.client else "unknown"
        try:
            self._attempts.check(address)
        except TooManyAttempts as error:
            raise HTTPException(429, "Too many wrong passwords.", {"Retry-After": str(error.seconds)}) from None
        username, password = _credentials(given)
        right = same(username, self._username) & same(password, self._password) & bool(self._password)
        (self._attempts.was_right if right else self._attempts.was_wrong)(address)
        if not right:
            logger.bind(action="push-refused", address=address).warning("Somebody tried to push call records with a wrong user or password")
        return right


def _credentials(header: str) -> tuple[str, str]:
    """User name and password of an ``Authorization`` header; empty where it holds none."""
    scheme, _, given = header.partition(" ")
    try:
        decoded = base64.b64decode(given.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return "", ""
    username, _, password = decoded.partition(":") if scheme.lower() == "basic" else ("", "", "")
    return username, password


def _is_probe(request: Request) -> bool:
    """Whether it asks for nothing and says nothing, as CloudUCM looks whether somebody is there (field guide 2c)."""
    has_body = request.headers.get("content-length", "0").strip("0") != "" or "transfer-encoding" in request.headers
    return "authorization" not in request.headers and not has_body


async def _body(request: Request) -> bytes:
    """The whole body; what is too big is refused by the fence. Raises 408 where it does not arrive."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "The request did not arrive whole.") from None


def _fine() -> Response:
    return PlainTextResponse("OK\n")
