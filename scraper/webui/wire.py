"""What the page and the PBX say to each other: the ``/cgi`` answers that the page itself asked for (field guide 1).

Nothing is requested here. Answers are kept by action and status only (for evidence on failure) and handed to whoever waits for one.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

from scraper.webui import raised

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Request, Response


SESSION_ENDED = frozenset({-5, -6})
LOCKED = frozenset({-68, -70})
REFUSED = frozenset({-37, -71})
#: Statuses that say nothing about the password: the PBX is busy, closed or in trouble.
TRANSIENT = frozenset({-7, -8, -9, -45, -46, -51, -57})
#: Statuses that ask for patience, and how many seconds of it (field guide 2a).
PATIENCE_SECONDS = {-45: 15.0, -46: 15.0, -51: 15.0, -57: 60.0}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of ``/cgi``: its action and parameters, the HTTP status, and, where it was JSON, its own status and response.

    ``kind`` is the media type without parameters; ``attachment`` whether the browser was told to save it; ``length`` the bytes announced;
    ``leads_on``: it sends the browser on, within the PBX; what comes from there is an answer to the same action. ``unread``: it went
    with its page before it was read.
    """

    action: str
    parameters: dict[str, str]
    http_status: int
    kind: str
    attachment: bool
    length: int | None
    status: int | None
    response: Any
    top: dict[str, Any]
    leads_on: bool = False
    unread: bool = False

    def field(self, name: str) -> int | None:
        """An integer field that firmware puts into ``response`` or at the top level (field guide 1, Lockout)."""
        inner = self.response if isinstance(self.response, dict) else {}
        return _integer(inner.get(name, self.top.get(name)))

    @property
    def says_session_ended(self) -> bool:
        """Whether it says that nobody is signed in."""
        return self.status in SESSION_ENDED

    @property
    def session_ended(self) -> bool:
        """As that, of an answer that was waited for: one that went with its page counts, for the app is loaded anew to show its sign-in."""
        return self.says_session_ended or (self.unread and self.http_status < HTTPStatus.MULTIPLE_CHOICES)


class Wire:
    """Listens to one browser context."""

    def __init__(self, context: BrowserContext) -> None:
        self._recent: deque[Answer] = deque(maxlen=200)
        self._listeners: list[Callable[[Answer], None]] = []
        self._reading: set[asyncio.Task[None]] = set()
        context.on("response", self._on_response)

    def evidence(self) -> list[dict[str, Any]]:
        """Actions with their statuses, oldest first: no parameters, no bodies."""
        return [{"action": answer.action, "http": answer.http_status, "status": answer.status} for answer in self._recent]

    def latest(self, action: str) -> Answer | None:
        """The newest answer to ``action``, if it is remembered."""
        return self.newest(lambda answer: answer.action == action)

    def newest(self, wanted: Callable[[Answer], bool]) -> Answer | None:
        """The newest answer that is ``wanted``, if it is remembered."""
        return next(filter(wanted, reversed(self._recent)), None)

    def listen(self, listener: Callable[[Answer], None]) -> Callable[[], None]:
        """Call ``listener`` with every answer from now on; call what comes back to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def next(self, wanted: Callable[[Answer], bool]) -> asyncio.Future[Answer]:
        """The next answer that is ``wanted``. Start waiting before doing what causes it; bound it with a deadline; cancel it if unused."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def take(answer: Answer) -> None:
            if not future.done() and wanted(answer):
                future.set_result(answer)

        stop = self.listen(take)
        future.add_done_callback(lambda _: stop())
        return future

    def _on_response(self, response: Response) -> None:
        request: Request | None = response.request
        while request and not (parameters := parameters_of(request)):
            request = request.redirected_from
        if parameters.get("action"):
            task = asyncio.ensure_future(self._read(response, parameters))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _read(self, response: Response, parameters: dict[str, str]) -> None:
        headers = response.headers
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        attachment = "attachment" in headers.get("content-disposition", "").lower()
        top: dict[str, Any] = {}
        unread = False
        if not attachment and (response.request.method == "POST" or kind.endswith("json")):
            try:
                body = await response.json()
                top = body if isinstance(body, dict) else {}
            except ValueError:  # not JSON: the kind says enough
                pass
            except raised.PlaywrightError:
                unread = True
        answer = Answer(
            action=parameters["action"],
            parameters=parameters,
            http_status=response.status,
            kind=kind,
            attachment=attachment,
            length=_integer(headers.get("content-length")),
            status=_integer(top.get("status")),
            response=top.get("response"),
            top=top,
            leads_on=_leads_on(response),
            unread=unread,
        )
        self._recent.append(answer)
        for listener in tuple(self._listeners):
            listener(answer)


def _leads_on(response: Response) -> bool:
    """Whether it redirects to where an answer will be heard: a page or file of the PBX, or another action; nothing else is let through."""
    if not 300 <= response.status < 400 or not (location := response.headers.get("location")):
        return False
    here, there = urlsplit(response.url), urlsplit(urljoin(response.url, location))
    return here[:2] == there[:2] and ("cgi" not in there.path or "action=" in there.query)


def _integer(value: Any) -> int | None:
    """A whole number, which some firmware writes as text; None for anything else."""
    return int(value) if isinstance(value, int | str) and re.fullmatch(r"-?\d{1,18}", str(value)) else None


def parameters_of(request: Request) -> dict[str, str]:
    """The parameters of a request to ``/cgi``, from its form and its query; empty for any other."""
    parts = urlsplit(request.url)
    if "cgi" not in parts.path:
        return {}
    try:
        body = request.post_data or ""
    except UnicodeDecodeError:
        body = ""
    return {key: values[0] for text in (body, parts.query) for key, values in parse_qs(text, keep_blank_values=True).items()}
