"""The web UI's wire: ``/cgi`` with ``action=…``, form-encoded or in the query (field guide 1).

Here: signing in, sessions, lists of recordings. Files and calls are beside it, in ``cgi_files`` and ``cgi_calls``.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from scraper.models import RecordingClass

from . import sign_in
from .delivery import Silence, client_address, page_instead
from .recordings import Recording
from .sign_in import Attempt
from .state import Action, Session, SignIn, State
from .writes import VERBS

T = TypeVar("T")

COOKIE = "session-identify"
INVALID, NOT_SIGNED_IN, NO_SUCH_ITEM, CAPTCHA_WANTED = -1, -6, -16, -75
EXTRA_CODE = "123456"

#: ``type=`` of listFile, checkFile and downloadFile.
CLASSES = {
    "voice_recording": RecordingClass.MONITOR,
    "queue_recording": RecordingClass.QUEUE,
    "meetme_recording": RecordingClass.MEETME,
    "conference_recording": RecordingClass.MEETME,
}
_WRITES = re.compile(VERBS, re.IGNORECASE)
_OPEN = {"challenge", "login", "logout", "getUserInfo", "checkInfo", "loginExtra"}
_DOWNLOADS = {"downloadFile", "downloadCdrRecord"}
_SECRET = {"token", "cookie", "password", "code"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to ``/cgi``."""

    state: State
    request: Request
    action: str
    params: dict[str, str]
    session: Session | None

    @property
    def address(self) -> str:
        """Where it comes from."""
        return client_address(self.request)


Handler = Callable[[Call], Awaitable[Response]]


def answer(status: int = 0, **response: Any) -> Response:
    """The wire's JSON."""
    return JSONResponse({"status": status, "response": response})


class Cgi:
    """The endpoint. ``handlers``: by action, for everything that isn't signing in."""

    def __init__(self, state: State, handlers: dict[str, Handler]) -> None:
        self.state = state
        self.handlers: dict[str, Handler] = {
            "challenge": _challenge,
            "login": _login,
            "loginExtra": _login_extra,
            "logout": _logout,
            "getUserInfo": _user_info,
            "checkInfo": _user_info,
            "listFile": _list_file,
            **handlers,
        }

    async def __call__(self, request: Request) -> Response:
        params = dict(request.query_params)
        if request.method == "POST":
            params |= dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        action = params.pop("action", "")
        shown = {name: value for name, value in params.items() if name not in _SECRET}
        self.state.actions.append(Action(action, time.time(), params=shown))
        session = self.state.session(request.cookies.get(COOKIE))
        if session is not None and session.pending and action not in _OPEN:
            session = None
        call = Call(self.state, request, action, params, session)
        if _WRITES.match(action):
            return _write(call)
        if action not in _OPEN:
            refused = self._refuse(call)
            if refused is not None:
                return refused
        handler = self.handlers.get(action)
        return await handler(call) if handler else answer(INVALID)

    def _refuse(self, call: Call) -> Response | None:
        """What stands before any action that needs a session: ended sessions, a busy PBX, a PBX that hangs."""
        faults = self.state.faults
        session = call.session
        if call.action in _DOWNLOADS and session is not None and faults.take("session_ends_before_download"):
            self.state.sessions.clear()
            session = None
        if session is not None:
            session.calls += 1
            limit = faults.get("session_ends_after")
            if limit is not None and session.calls > limit:
                faults.take("session_ends_after")
                self.state.sessions.pop(call.request.cookies[COOKIE], None)
                session = None
        if session is None:
            return ended(call)
        if faults.get("hang") == {"listFile": "list", "packFile": "pack", "downloadFile": "download"}.get(call.action, "-"):
            return Silence(close=False)
        busy = faults.take("web_busy") if call.action in ("listFile", "packFile", "checkFile") else None
        return answer(busy) if busy is not None else None


def ended(call: Call) -> Response:
    """What a request without a living session gets: -6 (or -5); a download, the sign-in page under the name that was asked for."""
    if call.action in _DOWNLOADS:
        return page_instead(call.state, call.params.get("type", ""), call.params.get("data", ""))
    return answer(call.state.faults.get("session_status") or NOT_SIGNED_IN)


def _write(call: Call) -> Response:
    """A change: really done, so that a test sees the harm."""
    state = call.state
    if call.session is None:
        return answer(NOT_SIGNED_IN)
    if call.action.startswith("removeFile"):
        for path in call.params.get("data", "").split(","):
            state.remove(path)
    elif "CDR" in call.action.upper():
        state.cdrs_deleted = True
    elif call.action.startswith(("reset", "reboot")):
        state.end_sessions()
    return answer()


# --- signing in ---


def _attempt(call: Call) -> Attempt:
    return Attempt("web", call.params.get("user", ""), call.address)


async def _challenge(call: Call) -> Response:
    return answer(challenge=sign_in.challenge(call.state, _attempt(call)))


async def _login(call: Call) -> Response:
    state, attempt = call.state, _attempt(call)
    unproved = call.params.get("captcha") not in state.captcha_tokens
    if state.faults.get("captcha_late") and unproved:
        return JSONResponse(sign_in.judge(state, attempt, good=False))
    if state.faults.get("captcha") and unproved:
        state.sign_ins.append(SignIn("web", False, attempt.address, CAPTCHA_WANTED, time.time()))
        return answer(CAPTCHA_WANTED, captcha=1)
    verdict = sign_in.judge(state, attempt, sign_in.token_fits(state, attempt, call.params.get("token", "")))
    if verdict["status"] != sign_in.OK:
        return JSONResponse(verdict)
    extra = state.faults.get("login_extra")
    cookie = f"sid{state.number()}-{int(time.time())}"
    state.sessions[cookie] = Session(attempt.user, time.monotonic(), pending=extra is not None)
    details = {"user_id": 1, "user_name": attempt.user, **({"extra": extra} if extra else {})}
    response = answer(0, **details)
    response.set_cookie(COOKIE, cookie, path="/", secure=state.config.tls, httponly=False, samesite="lax")
    return response


async def _login_extra(call: Call) -> Response:
    """The extra step: the code of the second factor, or any new password (field guide 1: no page of this is documented)."""
    if call.session is None:
        return answer(NOT_SIGNED_IN)
    if call.session.pending and not (call.params.get("code") == EXTRA_CODE or call.params.get("password")):
        return answer(sign_in.WRONG)
    call.session.pending = False
    return answer(user_id=1, user_name=call.session.user)


async def _logout(call: Call) -> Response:
    call.state.sessions.pop(call.request.cookies.get(COOKIE, ""), None)
    return answer()


async def _user_info(call: Call) -> Response:
    if call.session is None or call.session.pending:
        return answer(call.state.faults.get("session_status") or NOT_SIGNED_IN)
    return answer(user_id=1, user_name=call.session.user, privilege=1)


# --- lists ---


async def _list_file(call: Call) -> Response:
    kind = call.params.get("type", "")
    klass = CLASSES.get(kind)
    if klass is None:
        return answer(INVALID)
    found = filtered(call.state.listed(klass), call.params.get("filter", ""), call.state)
    found.sort(key=_SORT.get(call.params.get("sidx", "d"), _SORT["d"]), reverse=call.params.get("sord", "desc") == "desc")
    total = len(found) + (call.state.faults.get("listing_total") or 0)
    rows = [_row(recording) for recording in page_of(found, call.params)]
    return answer(0, total_item=total, total_page=pages(total, call.params), page=_whole(call.params, "page", 1), **{kind: rows})


_SORT: dict[str, Callable[[Recording], Any]] = {
    "d": lambda recording: (recording.start, recording.path),
    "n": lambda recording: recording.path,
    "s": lambda recording: (recording.size, recording.path),
    "caller": lambda recording: (recording.caller, recording.path),
    "callee": lambda recording: (recording.callee, recording.path),
}


def _row(recording: Recording) -> dict[str, Any]:
    return {
        "n": recording.path,
        "caller": recording.caller,
        "callee": recording.callee,
        "d": recording.start.strftime("%Y-%m-%d %H:%M:%S"),
        "s": recording.size,
    }


def _whole(params: dict[str, str], name: str, default: int) -> int:
    text = params.get(name, "")
    return max(int(text), 1) if text.isdecimal() else default


def page_of(items: list[T], params: dict[str, str]) -> list[T]:
    """The page that ``page`` and ``item_num`` ask for; beyond the last one, nothing."""
    size = _whole(params, "item_num", 10)
    first = (_whole(params, "page", 1) - 1) * size
    return items[first : first + size]


def pages(total: int, params: dict[str, str]) -> int:
    """How many pages of ``item_num`` rows there are."""
    return max(-(-total // _whole(params, "item_num", 10)), 1)


def local_time(text: str | None) -> str | None:
    """A local time as the wire writes it, to compare as text; None if there is none. ``T`` and a date alone are taken too."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.strip()).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


def filtered(recordings: list[Recording], text: str, state: State) -> list[Recording]:
    """The recordings between the filter's start_time and end_time, where this build of the UI has a date filter at all."""
    try:
        wanted = json.loads(text or "{}")
    except json.JSONDecodeError:
        wanted = {}
    if not state.config.date_filter or not isinstance(wanted, dict):
        return recordings
    since, until = local_time(wanted.get("start_time")), local_time(wanted.get("end_time"))
    return [
        recording
        for recording in recordings
        if (since is None or f"{recording.start:%Y-%m-%d %H:%M:%S}" >= since)
        and (until is None or f"{recording.start:%Y-%m-%d %H:%M:%S}" <= until)
    ]
