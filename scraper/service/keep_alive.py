"""Keeps a kept session alive where a sign-in takes a person: an idle one ends after ten minutes (field guide 1).

A small read every five minutes, of what the Recordings page itself reads: over the pinned HTTP client with the session's cookies, judged by
the browser's guard, without a browser. It never signs in; a session that has ended is noted and left alone until another is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from loguru import logger

from scraper.api.transport import Outgoing, Patience, Transport
from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.errors import AnswerNotAsExpected, StorageError
from scraper.models import Trigger
from scraper.service.task import Dispatch, Kind, Stage, Task, TaskState
from scraper.settings import Settings
from scraper.threads import in_thread
from scraper.webui.kept import kept_session, place_of_session

#: The longest time without a read, in seconds: half of what a PBX allows.
EVERY_SECONDS = 300.0
_LOOK_SECONDS = 30.0
_PATIENCE = Patience(connect=10.0, read=20.0)
_ANSWER_SECONDS, _LONGEST_ANSWER = 30.0, 1 << 20
#: What the Recordings page asks for first (field guide 1).
_READ = {
    "action": "listFile",
    "type": "voice_recording",
    "filter": '{"list_dir":0,"list_file":1,"file_suffix":["mp3","wav"]}',
    "item_num": "10",
    "page": "1",
    "sidx": "d",
    "sord": "desc",
}
_ENDED = frozenset({-5, -6})


class Session(StrEnum):
    """What a read says of the kept session."""

    ALIVE = "alive"
    ENDED = "ended"
    NONE = "none"
    UNCLEAR = "unclear"


def keep_alive(settings: Settings, name: str) -> Session:
    """Read something small with a UCM's kept session.

    Raises what opening the catalog, proving who answers, and :meth:`scraper.api.transport.Transport.send` raise.
    """
    from scraper.webui.guard import Judge  # Playwright comes along

    ucm = settings.ucms[name]
    with Catalog.open(settings.catalog.url) as catalog:
        kept = kept_session(settings, name, catalog).load() if ucm.web else None
    cookies = "; ".join(_cookies(kept, ucm.url))
    if not cookies:
        return Session.NONE
    if not Judge(ucm.url).request("POST", f"{ucm.url}/cgi", urlencode(_READ).encode()).allowed:
        return Session.UNCLEAR
    with Transport(ucm.url, ucm.tls, _PATIENCE) as transport:
        request = Outgoing("POST", "/cgi", _ANSWER_SECONDS, form=_READ, headers={"Cookie": cookies})
        with transport.send(request) as reply:
            try:
                status = reply.json(_LONGEST_ANSWER).get("status")
            except AnswerNotAsExpected:
                return Session.UNCLEAR
    return Session.ENDED if status in _ENDED else Session.ALIVE if status == 0 else Session.UNCLEAR


def is_wanted(settings: Settings, name: str, catalog: Catalog) -> bool:
    """Whether a UCM's session is to be kept alive: always, or since a person was needed once. Raises :class:`StorageError`."""
    web = settings.ucms[name].web
    if web is None or web.keep_alive == "never":
        return False
    return web.keep_alive == "always" or bool(catalog.notices(name, PERSON_NEEDED))


class Serving(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog

    @property
    def dispatch(self) -> Dispatch: ...


class KeepAlive:
    """Has UCMs' sessions read, as tasks beside whatever runs: a job may work for hours over the API alone.

    ``clock``: seconds, of a clock that nobody sets.
    """

    def __init__(self, service: Serving, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._used: dict[str, float] = {}
        #: Sessions by the time at which they were kept: those last read, and those that have ended: until another is kept nothing is asked.
        self._asked: dict[str, float | None] = {}
        self._ended: dict[str, float | None] = {}

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Ask for the reads that are due."""
        for ucm in self._service.settings.ucms:
            rested = self._clock() - self._used.get(ucm, float("-inf")) >= EVERY_SECONDS
            if rested and not self._is_read(ucm) and await in_thread(self._has_session, ucm):
                self._used[ucm] = self._clock()
                self._service.dispatch.ask(Task(Kind.KEEP_ALIVE, ucm, Trigger.SCHEDULE))

    def ended(self, state: TaskState) -> None:
        """A task ended; a read says how the session is. A job may have worked over the API alone: it stands for no read."""
        ucm = state.task.ucm
        if state.task.kind in (Kind.KEEP_ALIVE, Kind.LOGIN):
            self._used[ucm] = self._clock()
        if state.task.kind is Kind.KEEP_ALIVE and (state.result or {}).get("session") == Session.ENDED:
            self._ended[ucm] = self._asked.get(ucm)
            logger.bind(action="session-ended", ucm=ucm).info("The PBX has ended the kept session")

    def _is_read(self, ucm: str) -> bool:
        """Whether somebody else, or an earlier read, is at the session."""
        states = self._service.dispatch.states(ucm)
        return any(state.task.kind in (Kind.KEEP_ALIVE, Kind.LOGIN) and state.stage is not Stage.ENDED for state in states)

    def _has_session(self, ucm: str) -> bool:
        """Whether there is one that is worth a read."""
        settings, catalog = self._service.settings, self._service.catalog
        try:
            self._asked[ucm] = kept_at = place_of_session(settings, ucm, catalog).saved_at()
            return kept_at is not None and self._ended.get(ucm) != kept_at and is_wanted(settings, ucm, catalog)
        except StorageError:
            return False


def _cookies(state: Any, url: str) -> Iterator[str]:
    """``name=value`` of the session's cookies that a browser would send to this PBX."""
    parts = urlsplit(url)
    for cookie in state.get("cookies", ()) if isinstance(state, dict) else ():
        here = str(cookie.get("domain", "")).removeprefix(".") == parts.hostname
        if here and "/cgi".startswith(cookie.get("path", "/")) and (parts.scheme == "https" or not cookie.get("secure")):
            yield f"{cookie['name']}={cookie['value']}"
