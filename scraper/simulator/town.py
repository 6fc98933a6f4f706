"""Many simulated UCMs in one thread, each at a port of its own: for rehearsals of whole fleets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp, Receive, Scope, Send

from .app import build_app
from .server import Simulator, bind, server


class Town:
    """``with Town(200, recordings=3, api_new=True) as town``: ``town.ucms`` are simulators that answer in plain HTTP.

    Each has recordings of its own; ``changes`` are the same for all. Their older APIs are not served.
    """

    def __init__(self, count: int, **changes: Any) -> None:
        self.ucms = [Simulator(**{**changes, "seed": number, "tls": False}) for number in range(1, count + 1)]
        self._apps: dict[int, ASGIApp] = {}
        self._running = threading.Event()
        self._end: Callable[[], object] = lambda: None
        self._closing = ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, to the UCM at whose port it came."""
        await self._apps[scope["server"][1]](scope, receive, send)

    def __enter__(self) -> Self:
        sockets = []
        for ucm in self.ucms:
            sockets.append(self._closing.enter_context(bind(ucm.config)))
            ucm.port = sockets[-1].getsockname()[1]
            self._apps[ucm.port] = build_app(ucm.state)
            self._closing.callback(ucm.stop)
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(sockets)), name="simulated-town", daemon=True)
        thread.start()
        assert self._running.wait(30)
        self._closing.callback(thread.join, 30)
        self._closing.callback(lambda: self._end())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    async def _serve(self, sockets: list[Any]) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self._end = partial(loop.call_soon_threadsafe, over.set)
        serving = asyncio.ensure_future(server(self, None).serve(sockets=sockets))
        self._running.set()
        await over.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
