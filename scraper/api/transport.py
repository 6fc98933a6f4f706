"""httpx behind one seam: the certificate is proved first, every wait has a deadline, and httpx's errors become ours."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import SHUT_RDWR, socket
from typing import Any, Self

import httpx

from scraper.api.reply import Reply
from scraper.errors import (
    AnswerCut,
    AnswerNotAsExpected,
    CertificateUntrusted,
    ConnectionClosed,
    NetworkError,
    ScraperError,
    TlsHandshakeFailed,
)
from scraper.tls import Certificate, ClientRules, client_context, prove

_BLOCK = 1 << 16
#: What httpx calls it when a connection stands.
_OPENED = ("connection.connect_tcp.complete", "connection.start_tls.complete")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect and shake hands; for the next bytes; for a whole answer of JSON; for a whole recording."""

    connect: float = 10.0
    read: float = 60.0
    answer: float = 180.0
    recording: float = 3600.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request. ``seconds`` is how long its whole answer may take; ``form`` its body, where it isn't JSON."""

    method: str
    path: str
    seconds: float
    params: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None
    auth: httpx.Auth | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None


class Transport:
    """Connections to one address, whose certificate was proved once and is the only one trusted from then on.

    Raises as :func:`scraper.tls.prove`.
    """

    def __init__(self, url: str, rules: ClientRules, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        #: Told how many bytes of an answer came; it may take its time.
        self.came: Callable[[int], None] = lambda count: None
        self.patience = patience
        #: Seconds by which the PBX's clock is ahead of ours, by its last answer; None where it doesn't say.
        self.clock_ahead: float | None = None
        self._clock = clock
        self._socket: socket | None = None
        self._waits = False
        self._address = httpx.URL(url).netloc.decode()
        self.certificate: Certificate | None = prove(url, rules, patience.connect, legacy=rules.legacy)
        # With plain http nothing is to be trusted, should something ask for TLS after all.
        context = client_context(self.certificate, rules) if self.certificate else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(
            base_url=url,
            verify=context,
            timeout=httpx.Timeout(patience.read, connect=patience.connect),
            headers={"Accept-Encoding": "identity", "User-Agent": "ucm-recording-scraper"},
            trust_env=False,  # no proxy of the environment: the handshake before went straight to the PBX
            follow_redirects=False,
        )

    @contextmanager
    def send(self, request: Outgoing) -> Iterator[Reply]:
        """The answer, its body still arriving. What httpx raises within the block is translated too.

        Raises :class:`NetworkError`, of it :class:`ConnectionClosed` and :class:`AnswerCut`; :class:`CertificateUntrusted`,
        :class:`TlsHandshakeFailed`, :class:`AnswerNotAsExpected`.
        """
        deadline, began = self._clock() + request.seconds, False
        self._waits = True
        try:
            with self._http.stream(
                request.method,
                request.path,
                params=request.params,
                json=request.json,
                data=request.form,
                auth=request.auth,
                headers=request.headers,
                extensions={"trace": self._note_socket},
            ) as response:
                began, self._waits = True, False
                self._note_clock(response.headers.get("date"))
                yield Reply(response.status_code, response.headers, self._pieces(response, deadline, request.seconds))
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise ours(error, self._address, began=began) from error
        finally:
            self._waits = False

    def break_off(self) -> None:
        """Wait no more for an answer that has not begun: it ends as where the PBX closes the connection. From any thread."""
        if self._waits and self._socket is not None:
            with suppress(OSError):  # it has just ended by itself
                socket.shutdown(self._socket, SHUT_RDWR)  # not the method of a TLS socket, which takes away what its reader reads from

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pieces(self, response: httpx.Response, deadline: float, seconds: float) -> Iterator[bytes]:
        for piece in response.iter_bytes(_BLOCK):
            if self._clock() > deadline:
                raise AnswerCut(f"The PBX's answer took longer than {seconds:.0f} s.")
            self.came(len(piece))
            yield piece

    def _note_socket(self, event: str, told: Mapping[str, Any]) -> None:
        if event in _OPENED:
            self._socket = told["return_value"].get_extra_info("socket")

    def _note_clock(self, date: str | None) -> None:
        try:
            theirs = parsedate_to_datetime(date) if date else None
        except ValueError:
            return
        if theirs is not None:
            self.clock_ahead = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def ours(error: httpx.RequestError | httpx.InvalidURL, address: str, *, began: bool = False) -> ScraperError:
    """The one place where httpx's errors become ours: ``address`` is ``host:port``, ``began`` whether an answer had begun.

    Their texts stay out: they may carry a URL, and so a file name.
    """
    cause = _tls_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CertificateUntrusted(
            f"{address} shows another certificate than a moment ago.",
            remedy="If the PBX's certificate was just renewed, run again; otherwise somebody may be in between.",
        )
    match error:
        case httpx.TimeoutException() | httpx.NetworkError() | httpx.RemoteProtocolError() if began:
            return AnswerCut(f"{address} broke off its answer.")
        case httpx.TimeoutException():
            return NetworkError(f"{address} did not answer in time.")
        case httpx.ConnectError() if cause:
            return TlsHandshakeFailed(f"The TLS handshake with {address} failed ({cause.reason or 'connection closed'}).")
        case httpx.ConnectError():
            return NetworkError(f"{address} can't be reached.")
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return ConnectionClosed(f"{address} closed the connection without an answer.")
        case _:
            return AnswerNotAsExpected(f"{address} does not answer as HTTP asks for ({type(error).__name__}).")


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    return seen
