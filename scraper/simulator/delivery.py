"""Hands out files over HTTP: fast when all is well; slow, stalled or cut in mid-air when a fault says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from .state import Download, State

_BLOCK = 1 << 20
_PARTS_PER_SECOND = 20
_DRAIN_SECONDS = 10.0

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Login</title></head><body><div id='root'><form>"
    "<input id='username'><input id='password' type='password'><button type='submit'>Login</button></form></div></body></html>"
)
ERROR_PAGE = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>The system is busy</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Effects:
    """What goes wrong on the way: ``cut`` and ``stall`` after this fraction of the file, ``rate`` in bytes a second."""

    cut: float | None = None
    stall: float | None = None
    rate: float | None = None


async def hang(receive: Receive) -> None:
    """Never answers: returns when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def abort(scope: Scope) -> None:
    """Cuts the connection as a broken network would: what was written still leaves, then no more, and no TLS farewell."""
    transport = cast(asyncio.Transport, scope["state"]["transport"])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _DRAIN_SECONDS
    while transport.get_write_buffer_size() and not transport.is_closing() and loop.time() < deadline:  # noqa: ASYNC110 -- see below
        await asyncio.sleep(0.01)  # asyncio tells nobody when a transport has nothing left to write
    transport.abort()


class Silence(Response):
    """No answer at all. ``close``: the connection is cut at once; otherwise the client waits for ever."""

    def __init__(self, *, close: bool) -> None:
        super().__init__()
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (abort(scope) if self._close else hang(receive))


class _Half(JSONResponse):
    """The beginning of an answer, and no more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        await abort(scope)


def wrong_answer(kind: str) -> Response:
    """What a request may meet in place of its answer; the kinds as in the catalogue of faults."""
    match kind:
        case "503":
            return PlainTextResponse("Service Unavailable", 503)
        case "html":
            return HTMLResponse(ERROR_PAGE)
        case "nothing" | "refused":
            return JSONResponse({"status": 0 if kind == "nothing" else -1, "response": {}})
        case "cut":
            return _Half({"status": 0, "response": {}})
        case "close":
            return Silence(close=True)
        case _:
            return Response()


class Delivery(Response):
    """A file as an attachment, from the disk or from memory, with what may go wrong on its way."""

    def __init__(self, content: Path | bytes, download: Download, effects: Effects | None = None) -> None:
        super().__init__(media_type="application/octet-stream")
        self._content, self._download, self._effects = content, download, effects or Effects()
        self.headers["content-length"] = str(download.size)
        self.headers["content-disposition"] = attachment(download.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        download, effects = self._download, self._effects
        stops = [fraction for fraction in (effects.cut, effects.stall) if fraction is not None]
        end = int(download.size * min(stops, default=1.0))
        transport = cast(asyncio.Transport, scope["state"]["transport"])
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        began = time.monotonic()
        for block in _blocks(self._content, end, effects.rate):
            await send({"type": "http.response.body", "body": block, "more_body": True})
            if transport.is_closing():
                return
            download.sent += len(block)
            if effects.rate:
                await asyncio.sleep(max(0.0, began + download.sent / effects.rate - time.monotonic()))
        if effects.cut is not None:
            await abort(scope)
        elif effects.stall is not None:
            await hang(receive)
        else:
            download.complete = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _blocks(content: Path | bytes, end: int, rate: float | None) -> Iterator[bytes]:
    """The first ``end`` bytes in blocks: large ones, or as small as the ``rate`` needs to look smooth."""
    block = _BLOCK if rate is None else max(1, min(_BLOCK, int(rate / _PARTS_PER_SECOND)))
    if isinstance(content, bytes):
        yield from (content[at : min(at + block, end)] for at in range(0, end, block))
        return
    with content.open("rb", buffering=0) as file:
        left = end
        while left > 0 and (data := file.read(min(block, left))):
            left -= len(data)
            yield data


def attachment(name: str) -> str:
    """The Content-Disposition of a download under this name."""
    base = name.rsplit("/", 1)[-1]
    return f'attachment; filename="{quote(base, safe="#+ ~")}"'


def page_instead(state: State, kind: str, name: str) -> Response:
    """The sign-in page under the name that was asked for: what an ended session yields (field guide 1)."""
    state.downloads.append(Download(kind, name, len(LOGIN_PAGE), len(LOGIN_PAGE)))
    return Response(LOGIN_PAGE, media_type="text/html", headers={"content-disposition": attachment(name)})


def deliver_single(state: State, kind: str, name: str, data: bytes) -> Response:
    """One recording, or what the faults make of it."""
    instead = state.faults.take("single_instead")
    if instead is not None:
        body, media = {
            "html": (ERROR_PAGE, "text/html"),
            "json": ('{"status":-9,"response":{"error_msg":"System error"}}', "application/json"),
            "empty": ("", "application/octet-stream"),
        }[instead]
        state.downloads.append(Download(kind, name, len(body), len(body)))
        return Response(body, media_type=media, headers={"content-disposition": attachment(name)})
    download = Download(kind, name, len(data))
    state.downloads.append(download)
    return Delivery(data, download, Effects(cut=state.faults.take("single_cut")))


def client_address(request: Request) -> str:
    """Where the request comes from: bans go by it."""
    return request.client.host if request.client else "unknown"
