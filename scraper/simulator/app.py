"""The simulated PBX as one ASGI application: the routes, and what stands before all of them."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import captcha
from .api_new import ApiNew
from .api_old import build_old_app
from .bundle import bundle
from .cgi import Cgi
from .cgi_calls import Calls
from .cgi_files import Files
from .delivery import client_address, hang, wrong_answer
from .state import State
from .writes import whole_body, writes_in

WEB = Path(__file__).parent / "web"
_HANGS: dict[str, str | tuple[str, ...]] = {"all": "/", "cgi": "/cgi", "api": ("/api", "/cdrapi", "/recapi")}
mimetypes.add_type("text/javascript", ".js")


class Gate:
    """What stands before every route: it counts what would change something; the PBX may be slow, or down, or never answer."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app, self.state = app, state
        self._passed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/sim/"):
            return await self.app(scope, receive, send)
        if scope["type"] == "http":
            body, receive = await whole_body(receive)
            self.state.deletes += writes_in(f"{path}?{scope['query_string'].decode('latin-1')}&{body.decode('latin-1')}")
        hanging = self.state.faults.get("hang")
        if hanging and path.startswith(_HANGS.get(hanging, "never")):
            return await hang(receive)
        if self.state.config.latency_seconds:
            await asyncio.sleep(self.state.config.latency_seconds)
        if self.state.faults.take("unavailable"):
            return await wrong_answer("503")(scope, receive, send)
        kind = None if path.startswith("/static/") else self._breaks()
        if kind == "ended":
            self.state.end_sessions()
        elif kind:
            return await wrong_answer(kind)(scope, receive, send)
        return await self.app(scope, receive, send)

    def _breaks(self) -> str | None:
        """How this request is to be answered, if wrongly."""
        broken = self.state.faults.get("broken")
        self._passed = self._passed + 1 if broken else 0
        if not broken or self._passed <= broken[0]:
            return None
        self.state.faults.take("broken")
        return str(broken[1])


def page_settings(state: State) -> dict[str, Any]:
    """What the server tells the page about the build of the UI that it shall be."""
    config, faults = state.config, state.faults
    return {
        "modal": config.modal and not faults.get("no_modal"),
        "date_filter": config.date_filter,
        "date_inputs": config.date_inputs,
        "date_preset": config.date_preset,
        "pack_follows_filter": config.pack_follows_filter,
        "language": faults.get("language") or config.language,
        "labels": faults.get("labels") or config.labels,
        "overlay": bool(config.overlay or faults.get("overlay")),
        "delete_moved": bool(faults.get("delete_moved")),
        "captcha": bool(faults.get("captcha")),
        "captcha_late": faults.get("captcha_late"),
        "page_sizes": [10, 20, 50, 100],
        "sidebar": config.sidebar,
        "reloads": config.reloads,
        "pack_mode": config.pack_mode,
        "login_extra": faults.get("login_extra"),
        "today": state.now().strftime("%Y-%m-%d"),
        "mischief": faults.get("ui_mischief"),
    }


class Pages:
    """The static front end."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def index(self, _request: Request) -> Response:
        """Every client-side route: the same page, with its settings."""
        text = (WEB / "index.html").read_text(encoding="utf-8")
        settings = json.dumps(page_settings(self.state)).replace("<", "\\u003c")
        return HTMLResponse(text.replace("__SIM_CONFIG__", settings), headers={"cache-control": "no-store"})

    async def script(self, _request: Request) -> Response:
        """All scripts in one."""
        return Response(bundle(WEB), media_type="text/javascript", headers={"cache-control": "no-store"})

    async def static(self, request: Request) -> Response:
        """A file below ``web/``."""
        path = (WEB / request.path_params["path"]).resolve()
        if not path.is_relative_to(WEB) or not path.is_file():
            return PlainTextResponse("Not Found", 404)
        media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(path.read_bytes(), media_type=media, headers={"cache-control": "no-store"})


def _control(state: State) -> list[Route]:
    """``/sim/state`` and ``/sim/fault``: for people and tests on this machine only."""

    def local(request: Request) -> bool:
        return client_address(request) in ("127.0.0.1", "::1")

    async def show(request: Request) -> Response:
        return JSONResponse(state.summary()) if local(request) else PlainTextResponse("Forbidden", 403)

    async def fault(request: Request) -> Response:
        if not local(request):
            return PlainTextResponse("Forbidden", 403)
        wanted = await request.json()
        try:
            if wanted.get("clear"):
                state.faults.clear(wanted.get("name"))
            else:
                state.faults.set(str(wanted["name"]), str(wanted.get("value", "")))
        except (KeyError, ValueError) as error:
            return PlainTextResponse(str(error), 400)
        return JSONResponse(state.faults.active())

    return [Route("/sim/state", show), Route("/sim/fault", fault, methods=["POST"])]


def build_app(state: State) -> ASGIApp:
    """The web UI with its wire and the newer API: one listener, as on the PBX."""
    files, pages, api = Files(state), Pages(state), ApiNew(state)
    cgi = Cgi(state, files.handlers() | Calls(state).handlers())
    routes = [
        Route("/cgi", cgi.__call__, methods=["GET", "POST"]),
        Route("/api", api.__call__, methods=["GET", "POST"]),
        Route("/api/{path:path}", api.below, methods=["GET", "POST"]),
        *captcha.routes(state),
        Route("/packed/{name}", files.moved),
        Route("/static/bundle.js", pages.script),
        Route("/static/{path:path}", pages.static),
        *(_control(state) if state.config.host in ("127.0.0.1", "::1", "localhost") else []),
        Route("/{path:path}", pages.index),
    ]
    return Gate(Starlette(routes=routes), state)


def build_old_api(state: State) -> ASGIApp:
    """The older API: its own listener."""
    return Gate(build_old_app(state), state)
