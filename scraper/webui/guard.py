"""Lets only through what reads: every request and WebSocket frame of the browser is judged before it leaves (field guide 1).

The PBX's delete buttons stand beside its download buttons, so no button is trusted: a ``/cgi`` action that does not begin with a
reading verb never reaches the PBX, whoever clicked. :class:`Judge` decides and does no I/O; :class:`Guard` puts it into a browser.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from loguru import logger

from scraper.webui import raised

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, CDPSession, WebSocketRoute

READING = ("get", "list", "check", "load", "reload", "pack", "download", "challenge", "login", "logout")
#: What these verbs do to firmware is more than reading.
_FIRMWARE = re.compile(r"(load|reload|pack|download).*(firmware|upgrade)", re.IGNORECASE)
DESTRUCTIVE = re.compile(r"delete|remove|reset|reboot", re.IGNORECASE)

CAPTCHA_HOSTS = ("www.google.com", "www.gstatic.com", "www.recaptcha.net", "recaptcha.google.com")
_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: What some server may take for the key ``action``: as an array, cut off at a zero byte, in pieces of JSON.
_KEY = re.compile(r"\baction\b", re.IGNORECASE)
#: A value that speaks of an action itself: a form or JSON within.
_NESTED = re.compile(r"\baction\b[^\w&]*[=:]", re.IGNORECASE)
#: What still changes after being decoded so often was written to deceive.
_MOST_DECODINGS = 5
_API_PATHS = frozenset({"api", "cdrapi", "recapi"})
_LOCAL_SCHEMES = frozenset({"data", "blob", "about"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may leave, the ``/cgi`` actions it carries, and, if refused, why."""

    allowed: bool
    actions: tuple[str, ...] = ()
    why: str = ""

    @property
    def destructive(self) -> bool:
        """Whether it was refused and would have deleted, removed, reset or rebooted something."""
        return not self.allowed and any(DESTRUCTIVE.search(action) for action in self.actions)


class _Unreadable(ValueError):
    """A body whose actions can't be known."""


class Judge:
    """Decides what may be sent to one PBX. Pure: no I/O, no state."""

    def __init__(self, url: str, allow_actions: Iterable[str] = ()) -> None:
        self._origin = _origin(url)
        self._extra = frozenset(action for action in allow_actions if not DESTRUCTIVE.search(action))

    def request(self, method: str, url: str, body: bytes | None) -> Verdict:
        """Judge one HTTP request: method, full URL, and the body as it will be sent (None: none was visible)."""
        try:
            parts = urlsplit(url)
            origin = _origin(url)
        except ValueError:
            return Verdict(False, why="unreadable URL")
        if parts.scheme in _LOCAL_SCHEMES:
            return Verdict(True)
        if origin != self._origin:
            captcha = parts.scheme == "https" and parts.hostname in CAPTCHA_HOSTS and parts.path.startswith("/recaptcha/")
            return Verdict(captcha, why="" if captcha else "another host")
        return self._to_pbx(method.upper(), parts.path, parts.query, body)

    def frame(self, message: str | bytes) -> Verdict:
        """Judge one WebSocket frame that the page wants to send."""
        try:
            actions = _actions_in(message.encode(errors="replace") if isinstance(message, str) else message)
        except _Unreadable:
            return Verdict(False, why="unreadable frame")
        return self._actions(actions) if actions else Verdict(True)

    def _to_pbx(self, method: str, path: str, query: str, body: bytes | None) -> Verdict:
        try:
            segments = _segments(path)
            actions = (*_each_once(_form_actions(query)), *_actions_in(body or b""))
        except _Unreadable as error:
            return Verdict(False, why=str(error))
        first = segments[0].lower() if segments else ""
        if ";" in first:
            return Verdict(False, actions, "parameters in the path")
        if first in _API_PATHS:
            return Verdict(False, actions, "the browser never calls the API")
        if "cgi" not in first:
            if method not in ("GET", "HEAD"):
                return Verdict(False, actions, f"{method} to a page")
            return self._actions(actions) if actions else Verdict(True)
        if method not in ("GET", "HEAD", "POST"):
            return Verdict(False, actions, f"{method} to /cgi")
        if not actions or (method == "POST" and not body):
            return Verdict(False, actions, "no action can be seen")
        return self._actions(actions)

    def _actions(self, actions: tuple[str, ...]) -> Verdict:
        refused = next((action for action in actions if not self._reads(action)), None)
        return Verdict(True, actions) if refused is None else Verdict(False, actions, "not a reading action")

    def _reads(self, action: str) -> bool:
        if _ACTION.fullmatch(action) is None or DESTRUCTIVE.search(action):
            return False
        if action in self._extra:
            return True
        return (action.startswith(READING) or action == "CreateCdrRecord") and not _FIRMWARE.match(action)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def _segments(path: str) -> list[str]:
    """The path as the most lenient server might read it: unquoted until nothing changes, dots resolved, empty segments dropped."""
    *_, path = _readings(path)
    segments: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    return segments


def _readings(text: str) -> Iterator[str]:
    """``text`` as it is, and unquoted as often as that changes it: not every server does so once."""
    for _ in range(_MOST_DECODINGS):
        yield text
        if (once := unquote(text)) == text:
            return
        text = once
    raise _Unreadable("encoded over and over")


def _actions_in(body: bytes) -> tuple[str, ...]:
    """Every action that a form or JSON body carries; anything else can't be judged."""
    try:
        return _each_once(_text_actions(body.decode()))
    except UnicodeDecodeError as error:
        raise _Unreadable("unreadable body") from error


def _each_once(actions: Iterator[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(actions))
    except RecursionError as error:
        raise _Unreadable("nested too deeply") from error


def _text_actions(text: str) -> Iterator[str]:
    if text.startswith("\ufeff") or text.lstrip()[:1] == "<":
        raise _Unreadable("unreadable body")
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text, object_pairs_hook=_unique)
        except ValueError as error:
            raise _Unreadable("unreadable JSON") from error
        yield from _json_actions(value)
    elif re.search(r"[\r\n\0]", text):  # multipart or worse: an upload is a write
        raise _Unreadable("unreadable body")
    else:
        yield from _form_actions(text)


def _form_actions(text: str) -> Iterator[str]:
    for reading in _readings(text):
        try:
            pairs = parse_qsl(reading.replace(";", "&"), keep_blank_values=True, max_num_fields=1000, errors="strict")
        except ValueError as error:
            raise _Unreadable("unreadable form") from error
        for key, value in pairs:
            if _KEY.search(key):
                yield _action_at(key, value)
            else:
                yield from _nested_actions(value)


def _json_actions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if _KEY.search(key):
                yield _action_at(key, inner)
            else:
                yield from _json_actions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _json_actions(inner)
    elif isinstance(value, str):
        yield from _nested_actions(value)


def _action_at(key: str, value: Any) -> str:
    """The action under ``key``; "?", which is none, where the key only looks like one, or the value is no text."""
    return value if isinstance(value, str) and key.strip().lower() == "action" else "?"


def _nested_actions(value: str) -> Iterator[str]:
    if _NESTED.search(value):
        yield from _text_actions(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two equal keys are refused: parsers disagree on which of them counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate keys")
    return found


#: What is taken from every page.
_IN_THE_PAGE = Path(__file__).with_name("guard.js")


class Guard:
    """Puts a :class:`Judge` between a browser and the network, and keeps what it refused."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._waiting: list[asyncio.Future[str]] = []
        self.refused: list[Verdict] = []

    async def attach(self, context: BrowserContext) -> None:
        """Judge every request of the browser, and every WebSocket frame of ``context``, from now on; ``context`` has no page yet.

        By Chromium's own interception, for the whole browser at once: Playwright's routes don't see where the PBX redirects a request.
        """
        assert context.browser is not None
        gate = await context.browser.new_browser_cdp_session()
        gate.on("Fetch.requestPaused", lambda paused: self._decide(gate, paused))
        await gate.send("Fetch.enable", {"patterns": [{"urlPattern": "*", "requestStage": "Request"}]})
        await context.add_init_script(path=_IN_THE_PAGE)
        await context.route_web_socket("**/*", self._web_socket)

    def next_destruction(self) -> asyncio.Future[str]:
        """The next destructive action that is refused: a click did what it should not. Cancel it if unused."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        future.add_done_callback(self._waiting.remove)
        return future

    async def _decide(self, gate: CDPSession, paused: dict[str, Any]) -> None:
        """Let one request go, or fail it; until then it waits."""
        request = paused["request"]
        verdict = self._judge.request(request["method"], request["url"], _body(request))
        with suppress(raised.PlaywrightError):  # the request, or the browser, has ended meanwhile
            if verdict.allowed:
                await gate.send("Fetch.continueRequest", {"requestId": paused["requestId"]})
            else:
                self._refuse(verdict)
                await gate.send("Fetch.failRequest", {"requestId": paused["requestId"], "errorReason": "BlockedByClient"})

    def _web_socket(self, socket: WebSocketRoute) -> None:
        if not self._judge.request("GET", socket.url, None).allowed:
            self._refuse(Verdict(False, why="a WebSocket to another place"))
            return
        server = socket.connect_to_server()

        def forward(message: str | bytes) -> None:
            verdict = self._judge.frame(message)
            if verdict.allowed:
                server.send(message)
            else:
                self._refuse(verdict)

        socket.on_message(forward)

    def _refuse(self, verdict: Verdict) -> None:
        self.refused.append(verdict)
        for future in self._waiting if verdict.destructive else ():
            if not future.done():
                future.set_result(", ".join(verdict.actions))
        level = "WARNING" if verdict.destructive else "DEBUG"
        logger.bind(action="guard-refused").log(level, "Refused to send {} ({})", ", ".join(verdict.actions) or "a request", verdict.why)


def _body(request: dict[str, Any]) -> bytes | None:
    """The body of a paused request; None where there is none, or a part of it can't be seen (a file, a stream)."""
    parts = request.get("postDataEntries", [])
    return b"".join(b64decode(part["bytes"]) for part in parts) if parts and all("bytes" in part for part in parts) else None
