"""Runs the simulated PBX in a thread of its own: as a context manager for tests and the demo, or alone until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import build_app, build_old_api
from .certificates import self_signed, server_context
from .config import SimulatorConfig
from .state import State

_WAIT_SECONDS = 10.0


class _Protocol(H11Protocol):
    """Lets a response reach its connection, so that it can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own, which serves TCP only
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Simulator:
    """A simulated UCM that serves from a background thread while it is entered.

    ``Simulator(config)`` or ``Simulator(recordings=120, modal=False)``. ``url``: the web UI's and the newer API's;
    ``api_old_url``: the older API's, None unless ``api_old``; ``pin`` and ``certificate_pem``: None without TLS;
    ``state``: counters and fault switches.
    Raises OSError where the port is taken.
    """

    def __init__(self, config: SimulatorConfig | None = None, **changes: Any) -> None:
        self.config = replace(config or SimulatorConfig(), **changes)
        self._folder = tempfile.TemporaryDirectory(prefix="simulated-ucm-")
        self.state = State(self.config, Path(self._folder.name))
        self.pin: str | None = None
        self.certificate_pem: str | None = None
        self.port = 0
        self.api_old_url: str | None = None
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._end: Callable[[], object] | None = None

    @property
    def url(self) -> str:
        """Where the web UI answers, without a slash at the end."""
        return self._url(self.port)

    def start(self) -> None:
        """Binds and begins to serve; connections are taken from now on."""
        config = self.config
        context = self._tls()
        sockets, apps = [bind(config)], [build_app(self.state)]
        self.port = sockets[0].getsockname()[1]
        if config.api_old:
            sockets.append(bind(config, config.api_old_port))
            apps.append(build_old_api(self.state))
            self.api_old_url = self._url(sockets[1].getsockname()[1])
        self._servers = [server(app, context) for app in apps]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(sockets)), name="simulated-ucm", daemon=True)
        self._thread.start()
        if not self._running.wait(_WAIT_SECONDS):
            raise RuntimeError("The simulated UCM's server did not start.")

    def stop(self) -> None:
        """Ends the service; connections that are still open are cut. Leaves nothing behind; a second call does nothing."""
        if self._thread is not None and self._end is not None:
            self._end()
            self._end = None
            self._thread.join(_WAIT_SECONDS)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _url(self, port: int) -> str:
        host = "127.0.0.1" if self.config.host in ("0.0.0.0", "::") else self.config.host  # noqa: S104 -- compared, not bound
        return f"{'https' if self.config.tls else 'http'}://{host}:{port}"

    def _tls(self) -> ssl.SSLContext | None:
        if not self.config.tls:
            return None
        certificate = self_signed(self.config.certificate_names, legacy=self.config.tls_legacy)
        self.pin, self.certificate_pem = certificate.pin, certificate.certificate_pem
        return server_context(certificate, self.state.folder, legacy=self.config.tls_legacy)

    async def _serve(self, sockets: list[socket.socket]) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self._end = partial(loop.call_soon_threadsafe, over.set)
        tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in zip(self._servers, sockets, strict=True)]
        self._running.set()
        await over.wait()
        for task in tasks:  # not uvicorn's own way out, which takes its time and waits for downloads to end
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in sockets:
            listener.close()
        for server in self._servers:
            for connection in list(server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()


def bind(config: SimulatorConfig, port: int | None = None) -> socket.socket:
    """A socket that listens where the configuration says, or at another ``port``. Raises OSError."""
    listener = socket.create_server((config.host, config.port if port is None else port), backlog=128)
    # asyncio does this only for sockets it made itself; without it each answer waits 40 ms for a delayed acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def server(app: ASGIApp, context: ssl.SSLContext | None) -> uvicorn.Server:
    """What serves ``app``, with TLS where there is a ``context``."""
    config = uvicorn.Config(
        app, http=_Protocol, ws="none", lifespan="off", server_header=False, timeout_keep_alive=30,
        log_config=None, log_level="critical", access_log=False,  # request lines hold telephone numbers
    )  # fmt: skip
    config.load()
    config.ssl = context
    return uvicorn.Server(config)


def run_forever(config: SimulatorConfig, started: Callable[[Simulator], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM, for the command ``simulate``; ``started`` is called once, when it runs. Main thread only."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with Simulator(config) as simulator:
        if started is not None:
            started(simulator)
        over.wait()
