"""Sending a recording's sound, whole or in parts, and noting who listens: once a sitting, however a player asks for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from scraper.admin.access import service_of, who
from scraper.admin.pages import audit
from scraper.admin.ranges import Part, Unsatisfiable, asked_part, is_unchanged
from scraper.admin.stored import NotAsStored, StoredFile, open_stored
from scraper.catalog import Recording
from scraper.names import clean
from scraper.threads import in_thread

_BLOCK_BYTES = 256 << 10
#: Who asks for more of a recording within so many seconds is still listening to it.
_SITTING_SECONDS = 1800.0
_SITTINGS = 1000


class Sittings:
    """Who is listening to what. Used in the event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, int], float] = OrderedDict()

    def begins(self, listener: str, recording: int) -> bool:
        """Whether this is a new sitting."""
        now, key = self._clock(), (listener, recording)
        last = self._seen.pop(key, None)
        self._seen[key] = now
        while len(self._seen) > _SITTINGS:
            self._seen.popitem(last=False)
        return last is None or now - last > _SITTING_SECONDS


async def play(request: Request, recording: Recording, sittings: Sittings) -> Response:
    """What a player asks for of a recording; noted as ``recording-played``. Raises :class:`NotAsStored`."""
    someone = who(request)
    listener = f"{someone} {id(someone.session)}" if someone.session else str(someone)
    response = await _send(request, recording, "inline")
    if request.method == "GET" and response.status_code in (200, 206) and sittings.begins(listener, recording.id):
        await audit(request, "recording-played", recording.identity.ucm, _which(recording))
    return response


async def download(request: Request, recording: Recording) -> Response:
    """A recording's file to be saved; noted as ``recording-downloaded``. Raises :class:`NotAsStored`."""
    response = await _send(request, recording, "attachment")
    if request.method == "GET" and response.status_code == 200:
        await audit(request, "recording-downloaded", recording.identity.ucm, _which(recording))
    return response


def _which(recording: Recording) -> str:
    return f"#{recording.id} {recording.identity.path}"


async def _send(request: Request, recording: Recording, disposition: str) -> Response:
    stored = await in_thread(open_stored, service_of(request).settings, recording)
    etag = f'"{recording.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition(disposition, stored.name),
    }
    if is_unchanged(request.headers, etag):
        stored.file.close()
        return Response(None, 304, headers)
    try:
        part = asked_part(request.headers, stored.size, etag)
    except Unsatisfiable:
        stored.file.close()
        return Response(None, 416, {**headers, "Content-Range": f"bytes */{stored.size}"})
    wanted = part or Part(0, stored.size, stored.size)
    headers |= {"Content-Length": str(wanted.length), **({"Content-Range": part.content_range} if part else {})}
    if request.method == "HEAD":
        stored.file.close()
        return Response(None, 206 if part else 200, headers, stored.type)
    return StreamingResponse(_blocks(stored, wanted), 206 if part else 200, headers, stored.type)


def _blocks(stored: StoredFile, part: Part) -> Iterator[bytes]:
    """The part's bytes. A file that ends earlier ends the connection: less than announced is no recording."""
    with stored.file as file:
        file.seek(part.start)
        left = part.length
        while left:
            block = file.read(min(left, _BLOCK_BYTES))
            if not block:
                raise NotAsStored("changed")
            left -= len(block)
            yield block


def _disposition(kind: str, name: str) -> str:
    """A name of any characters, for any browser (RFC 6266): plain ASCII first, then as it is."""
    shown = clean(name)
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in shown)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
