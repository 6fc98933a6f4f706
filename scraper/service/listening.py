"""What listens: the admin service and the listener for pushes, each on its own address, in the service's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h11
import uvicorn
from loguru import logger
from uvicorn.protocols.http.h11_impl import H11Protocol

from scraper.admin.certificate import server_certificate, server_options
from scraper.coroutines import end
from scraper.errors import ConfigError
from scraper.settings.checks import address_of
from scraper.settings.serving import Listener

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: How long answers under way may take to end, in seconds; a page that follows a job's events never ends by itself.
_LEAVING_SECONDS = 2
#: Connections at once, on one address; more are answered 503.
_MOST_CONNECTIONS = 200


#: How long a request may take to arrive whole, in seconds; a megabyte over a poor line does.
_ARRIVING_SECONDS = 30.0


class _Protocol(H11Protocol):
    """Cuts connections on which no whole request arrives in time: else some hundred of them, half open, keep everybody out."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own, which serves TCP only
        super().connection_made(transport)
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_arriving:
            self._drop_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_arriving and self._deadline is None:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        super().connection_lost(exc)

    @property
    def _is_arriving(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(_ARRIVING_SECONDS, self.transport.abort)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """Leaves signals to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Door:
    """One address that is listened on, a context manager. It is taken at once, so that a second program on it shows at the start.

    Raises :class:`ConfigError` where it can't be taken, or its certificate can't be read; ``folder``: where a self-made one lies.
    """

    def __init__(self, title: str, listener: Listener, folder: Path) -> None:
        assert listener.listen is not None
        certificate = server_certificate(listener, folder)
        self._options: dict[str, Any] = server_options(listener, certificate)
        host, port = address_of(listener.listen)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise ConfigError(
                f"{title}.listen: {listener.listen} can't be listened on: {error.strerror}.", remedy="Choose another address or port."
            ) from error
        # asyncio does this only for sockets that it made itself; without it answers wait for a delayed acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if certificate else 'http'}://{shown}:{self._socket.getsockname()[1]}"
        log = logger.bind(action="listening")
        log.info("{}: listening on {}", title, self.url)
        if certificate:
            log.info("{}: its certificate is {}, SHA-256 {}", title, certificate.cert_file, certificate.fingerprint)

    @asynccontextmanager
    async def open(self, app: ASGIApp) -> AsyncIterator[asyncio.Task[None]]:
        """Serve ``app`` while the block runs, as the task that it yields."""
        config = uvicorn.Config(
            app,
            **self._options,
            http=_Protocol,
            ws="none",
            timeout_graceful_shutdown=_LEAVING_SECONDS,
            limit_concurrency=_MOST_CONNECTIONS,
            log_level="warning",
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        try:
            yield serving
        finally:
            server.should_exit = True
            await asyncio.wait({serving}, timeout=_LEAVING_SECONDS + 1)
            await end(serving)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
