"""The simulated PBX's CDR Real-time Output (field guide 2c): pushes each call that ends, keeps what it can't deliver, and probes."""

from __future__ import annotations

import json
import ssl
from collections import deque
from types import TracebackType
from typing import Any, Literal, Self
from xml.etree import ElementTree

import httpx

from scraper.models import RecordingClass

from .cdrs import calls, group
from .recordings import Recording
from .state import State

#: Records that wait while nobody takes them; older ones are lost.
BUFFER = 10_000
Form = Literal["json", "list", "cdr_root", "xml"]


class Pusher:
    """Sends to ``url`` as ``user``; ``form`` is how it writes records. A context manager, used in one thread.

    ``statuses``: what was answered, in order, 0 where nothing was. ``trust``: the certificate that the receiver shows, as PEM.
    """

    def __init__(self, state: State, url: str, user: tuple[str, str], form: Form = "json", trust: str | None = None) -> None:
        self.state = state
        self.url = url
        self.form = form
        self.statuses: list[int] = []
        self.waiting: deque[dict[str, Any]] = deque(maxlen=BUFFER)
        self._http = httpx.Client(auth=user, timeout=10, verify=ssl.create_default_context(cadata=trust) if trust else True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def hang_up(self, count: int = 1, klass: RecordingClass = RecordingClass.MONITOR) -> list[Recording]:
        """So many calls end now: their recordings are there (or will be, see ``written_late``), their records are pushed."""
        made = [recording for _ in range(count) for recording in self.state.add(1, klass)]
        paths = {recording.path for recording in made}
        ended = [call for call in calls(self.state) if any(paths.intersection(leg.files) for leg in call.legs)]
        self.waiting.extend(group(call, self.state.config) for call in ended)
        self.deliver()
        return made

    def deliver(self) -> int:
        """Send what waits, record by record, until one is not taken; how many wait on."""
        while self.waiting and self.post(self.body([self.waiting[0]])):
            self.waiting.popleft()
        return len(self.waiting)

    def probe(self) -> None:
        """Look whether somebody is there: an empty POST and a GET, as CloudUCM does."""
        self.post(b"")
        self._note(self._http.build_request("GET", self.url))

    def post(self, body: bytes) -> bool:
        """Send this body, under a content type that says nothing; whether it was taken."""
        return self._note(self._http.build_request("POST", self.url, content=body, headers={"Content-Type": "text/plain"})) == 200

    def body(self, records: list[dict[str, Any]]) -> bytes:
        """These records as they are written on the wire."""
        if self.form == "xml":
            root = ElementTree.Element("root")
            for record in records:
                _write(root, "cdr_root", record)
            return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True))
        if self.form == "cdr_root":
            return json.dumps({"cdr_root": records}).encode()
        return json.dumps(records if self.form == "list" or len(records) != 1 else records[0]).encode()

    def _note(self, request: httpx.Request) -> int:
        try:
            self.statuses.append(self._http.send(request).status_code)
        except httpx.TransportError:
            self.statuses.append(0)
        return self.statuses[-1]


def _write(parent: ElementTree.Element, name: str, value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _write(parent, name, each)
        return
    element = ElementTree.SubElement(parent, name)
    if isinstance(value, dict):
        for key, inner in value.items():
            _write(element, key, inner)
    else:
        element.text = value
