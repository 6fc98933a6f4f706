"""The older API: ``GET /cdrapi`` and ``GET /recapi`` with HTTP Digest (or Basic), on a listener of its own (field guide 2b)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from urllib.request import parse_http_list, parse_keqv_list

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import cdrapi, recapi, sign_in
from .api_new import denied, switched_off
from .delivery import ERROR_PAGE, client_address
from .sign_in import Attempt
from .state import Action, State

_REALM = "Grandstream"


@dataclass(slots=True)
class ApiOld:
    """The endpoints. ``nonces``: those given out, and whether somebody has signed in with them."""

    state: State
    nonces: dict[str, bool] = field(default_factory=dict)

    async def cdrapi(self, request: Request) -> Response:
        """Calls. Nonsense gets an empty result that looks like success."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        form = request.query_params.get("format", "csv")
        try:
            query = cdrapi.parse(request.query_params, self.state)
        except cdrapi.BadParameter:
            return cdrapi.answer([], form, self.state)
        return cdrapi.answer(await run_in_threadpool(cdrapi.find, query, self.state), form, self.state)

    async def recapi(self, request: Request) -> Response:
        """One recording, several as a tar, or a list. A missing file is 404."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        filedir, filename = request.query_params.get("filedir", ""), request.query_params.get("filename", "")
        try:
            found = await run_in_threadpool(recapi.answer, filedir, filename, self.state)
        except recapi.Missing:
            return PlainTextResponse("404 Not Found", 404)
        if isinstance(found, recapi.Listing):
            return PlainTextResponse(found.text, media_type="text/csv")
        return recapi.deliver(found, self.state)

    def _refuse(self, request: Request) -> Response | None:
        """What stands before an answer: switched off, address not permitted, not signed in, permission, a busy PBX."""
        state, action = self.state, request.url.path.strip("/")
        refused = switched_off(state, state.config.api_old) or denied(state, client_address(request))
        if refused is not None:
            return refused
        unauthorized = self._authenticate(request)
        if unauthorized is not None:
            return unauthorized
        state.actions.append(Action(action, time.time(), "old-api", dict(request.query_params)))
        if state.faults.get(f"{action}_forbidden"):
            return PlainTextResponse("403 Forbidden", 403)
        if state.faults.take("api_html"):
            return HTMLResponse(ERROR_PAGE)
        busy = state.faults.take("api_busy")
        return None if busy is None else PlainTextResponse("503 Service Unavailable", 503)

    def _authenticate(self, request: Request) -> Response | None:
        """None for the right credentials. Each wrong answer counts as a failed sign-in of the address."""
        header = request.headers.get("authorization", "")
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != self.state.config.api_old_auth:
            return self._ask()
        try:
            user, good, known = self._basic(rest) if scheme.lower() == "basic" else self._digest(request, rest)
        except (ValueError, KeyError, binascii.Error):
            return self._ask()
        attempt = Attempt("old-api", user, client_address(request))
        if good and known and not sign_in.is_banned(self.state, attempt):
            return None  # signed in with this nonce before: no new sign-in
        return None if sign_in.judge(self.state, attempt, good)["status"] == sign_in.OK else self._ask()

    def _basic(self, rest: str) -> tuple[str, bool, bool]:
        user, _, password = base64.b64decode(rest).decode().partition(":")
        expected = sign_in.password_of(self.state, Attempt("old-api", user, ""))
        good = expected is not None and hmac.compare_digest(expected.encode(), password.encode())
        known = any(entry.way == "old-api" and entry.ok for entry in self.state.sign_ins)
        return user, good, known

    def _digest(self, request: Request, rest: str) -> tuple[str, bool, bool]:
        """(user, whether the answer fits, whether this nonce was used before). RFC 2617, MD5, qop=auth."""
        given = parse_keqv_list(parse_http_list(rest))
        user, nonce = given["username"], given["nonce"]
        password = sign_in.password_of(self.state, Attempt("old-api", user, ""))
        target = request.scope["raw_path"].decode() + (
            "?" + request.scope["query_string"].decode() if request.scope["query_string"] else ""
        )
        if nonce not in self.nonces or password is None or given["uri"] != target:
            return user, False, False
        first, second = _md5(f"{user}:{_REALM}:{password}"), _md5(f"{request.method}:{given['uri']}")
        middle = f"{nonce}:{given['nc']}:{given['cnonce']}:{given['qop']}" if "qop" in given else nonce
        good = hmac.compare_digest(_md5(f"{first}:{middle}:{second}"), given["response"])
        known, self.nonces[nonce] = self.nonces[nonce], self.nonces[nonce] or good
        return user, good, known

    def _ask(self) -> Response:
        if self.state.config.api_old_auth == "basic":
            challenge = f'Basic realm="{_REALM}"'
        else:
            nonce = _md5(f"{self.state.number()}")
            self.nonces[nonce] = False
            challenge = f'Digest realm="{_REALM}", nonce="{nonce}", qop="auth", algorithm=MD5'
        return PlainTextResponse("401 Unauthorized", 401, headers={"www-authenticate": challenge})


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def build_old_app(state: State) -> Starlette:
    """The older API as an application of its own."""
    api = ApiOld(state)
    return Starlette(routes=[Route("/cdrapi", api.cdrapi), Route("/recapi", api.recapi)])
