"""The newer API: JSON over ``POST /api``, nothing below that path (field guide 2a)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from . import cdrapi, recapi, sign_in
from .delivery import ERROR_PAGE, Silence, client_address
from .sign_in import Attempt
from .state import Action, Session, State

INVALID, NOT_AUTHENTICATED, COOKIE_DEAD, BAD_VALUE, NO_SUCH_ITEM, NO_PERMISSION = -1, -5, -6, -15, -16, -47
_SECRET = {"token", "cookie", "password"}

Request_ = dict[str, Any]


def answer(status: int = 0, **response: Any) -> Response:
    """The API's JSON. Errors come with HTTP 200."""
    return JSONResponse({"response": response, "status": status})


def invalid() -> Response:
    """What any path below ``/api`` and any nonsense gets."""
    return answer(INVALID, error_msg="Invalid parameters!")


def switched_off(state: State, enabled: bool) -> Response | None:
    """What an API gives that is switched off: nothing is there, or the connection is closed. None while it is on."""
    style = state.faults.get("api_off") or (None if enabled else state.config.api_off)
    if style is None:
        return None
    return Silence(close=True) if style == "close" else PlainTextResponse("404 Not Found", 404)


def denied(state: State, address: str) -> Response | None:
    """What a client gets whose address is not permitted; None if it is. An empty list denies everybody."""
    allowed = state.config.api_allowed
    if state.faults.get("api_denied") or (allowed is not None and address not in allowed):
        return PlainTextResponse("403 Forbidden", 403)
    return None


@dataclass(frozen=True, slots=True)
class ApiNew:
    """The endpoint."""

    state: State

    async def below(self, request: Request) -> Response:
        """``/api/anything``: an error that looks like an answer, for GET and POST alike."""
        return switched_off(self.state, self.state.config.api_new) or invalid()

    async def __call__(self, request: Request) -> Response:
        address = client_address(request)
        refused = switched_off(self.state, self.state.config.api_new) or denied(self.state, address)
        if refused is not None:
            return refused
        wanted = _read(await request.body()) if request.method == "POST" else None
        if wanted is None:
            return invalid()
        action = str(wanted.get("action", ""))
        shown = {name: str(value) for name, value in wanted.items() if name not in _SECRET}
        self.state.actions.append(Action(action, time.time(), "api", shown, str(wanted.get("cookie", ""))))
        if action in ("challenge", "login"):
            return self._sign_in(action, Attempt("api", str(wanted.get("user", "")), address), wanted)
        handler = self._handlers().get(action)
        if handler is None:
            return invalid()
        problem = self._problem(action, str(wanted.get("cookie", "")))
        if problem is not None:
            return answer(problem, error_msg="Failed")
        if self.state.faults.take("api_html"):
            return HTMLResponse(ERROR_PAGE)
        return await run_in_threadpool(handler, wanted)

    def _handlers(self) -> dict[str, Callable[[Request_], Response]]:
        return {"cdrapi": self._cdrapi, "recapi": self._recapi, "getRecordInfosByCall": self._files_of_call, "logout": self._logout}

    def _sign_in(self, action: str, attempt: Attempt, wanted: Request_) -> Response:
        state = self.state
        if action == "challenge":
            return answer(challenge=sign_in.challenge(state, attempt))
        verdict = sign_in.judge(state, attempt, sign_in.token_fits(state, attempt, str(wanted.get("token", ""))))
        if verdict["status"] != sign_in.OK:
            return JSONResponse(verdict)
        cookie = f"sid{state.number()}-{int(time.time())}"
        state.api_sessions[cookie] = Session(attempt.user, time.monotonic())
        return answer(cookie=cookie)

    def _problem(self, action: str, cookie: str) -> int | None:
        """The status that stands before an answer: no cookie, a dead one, a busy PBX, a missing permission."""
        state = self.state
        if not cookie:
            return NOT_AUTHENTICATED
        session = state.api_sessions.get(cookie)
        if session is None:
            return COOKIE_DEAD
        session.calls += 1
        limit = state.faults.get("cookie_dies_every")
        # The API's cookie lives ten minutes from its sign-in, however often it is used.
        if time.monotonic() - session.last_seen > state.config.api_cookie_seconds or (limit is not None and session.calls > limit):
            del state.api_sessions[cookie]
            return COOKIE_DEAD
        if state.faults.get(f"{action}_forbidden"):
            return NO_PERMISSION
        busy = state.faults.take("api_busy") if action != "logout" else None
        return int(busy) if busy is not None else None

    def _cdrapi(self, wanted: Request_) -> Response:
        try:
            query = cdrapi.parse(wanted, self.state)
        except cdrapi.BadParameter:
            return answer(BAD_VALUE, error_msg="Invalid value")
        return cdrapi.answer(cdrapi.find(query, self.state), str(wanted.get("format", "json")), self.state)

    def _recapi(self, wanted: Request_) -> Response:
        filedir, filename = str(wanted.get("filedir", "")), str(wanted.get("filename", ""))
        if not filename and not self.state.config.recapi_lists:
            return answer(BAD_VALUE, error_msg="Invalid value")
        try:
            found = recapi.answer(filedir, filename, self.state)
        except recapi.Missing:
            return answer(self.state.config.gone_status, error_msg="No such file")
        if isinstance(found, recapi.Listing):
            return PlainTextResponse(found.text, media_type="text/csv")
        return recapi.deliver(found, self.state)

    def _files_of_call(self, wanted: Request_) -> Response:
        files = cdrapi.files_of_call(str(wanted.get("id", "")), self.state)
        return answer(NO_SUCH_ITEM, error_msg="No such item") if files is None else answer(recordfiles=",".join(files))

    def _logout(self, wanted: Request_) -> Response:
        self.state.api_sessions.pop(str(wanted.get("cookie", "")), None)
        return answer()


def _read(body: bytes) -> Request_ | None:
    """The ``request`` object of the body, or None."""
    try:
        wanted = json.loads(body)["request"]
    except (ValueError, KeyError, TypeError):
        return None
    return wanted if isinstance(wanted, dict) else None
