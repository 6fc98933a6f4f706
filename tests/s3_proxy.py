"""What can stand between us and an S3 service: a proxy that makes it as bad, or as good, as a test wants it."""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from s3_server import S3Server


@dataclass(frozen=True)
class Asked:
    """One request: its method, its path with the query as sent, and how many like it came before (same method and path)."""

    method: str
    path: str
    before: int


@dataclass(frozen=True)
class Answer:
    """An answer of the proxy's own; ``code`` is S3's word for it."""

    status: int
    code: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cut:
    """The connection ends: before the service hears of the request, after it did its work, or in the middle of its answer."""

    where: str = "before"


class Hang:
    """No answer, until the proxy ends."""


class Changed:
    """The body arrives with its first byte changed."""


class OtherTag:
    """The answer is 200, and its ETag that of other bytes: the service compared nothing itself."""


Trouble = Answer | Cut | Hang | Changed | OtherTag | None


class S3Proxy:
    """Passes requests on to ``server`` unless ``trouble`` has something else for them.

    ``conditional``: knows If-None-Match, which the service behind it doesn't.
    """

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.trouble: Callable[[Asked], Trouble] = lambda asked: None
        self.conditional = False
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._before: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def note(self, method: str, path: str) -> Asked:
        with self._lock:
            asked = Asked(method, path, self._before[method, path])
            self._before[method, path] += 1
            self.asked.append(asked)
        return asked

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: S3Proxy

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.proxy.trouble(self.proxy.note(self.command, self.path)):
            case Answer() as answer:
                self._refuse(answer)
            case Cut("before"):
                self.close_connection = True
            case Cut(where):
                self._pass_on(body, where)
            case Hang():
                self.proxy.over.wait(60)
                self.close_connection = True
            case Changed():
                self._pass_on(bytes([body[0] ^ 255]) + body[1:] if body else b"", "")
            case OtherTag():
                self._pass_on(body, "", etag=f'"{hashlib.md5(body + b"x").hexdigest()}"')
            case None:
                self._pass_on(body, "")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do

    def _pass_on(self, body: bytes, cut: str, etag: str | None = None) -> None:
        if self.headers.get("If-None-Match") == "*" and self.proxy.conditional and self._is_there():
            self._refuse(Answer(412, "PreconditionFailed"))
            return
        status, headers, data = self._ask(self.command, body)
        if cut == "after":
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, etag if etag and name.lower() == "etag" else value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(data)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut == "middle" else data)
        if cut:
            self.close_connection = True

    def _is_there(self) -> bool:
        return (self.proxy.server.folder / unquote(self.path).lstrip("/")).is_file()

    def _ask(self, method: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.server.endpoint).netloc, timeout=30)
        try:
            upstream.putrequest(method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _refuse(self, answer: Answer) -> None:
        data = b"" if self.command == "HEAD" else f"<Error><Code>{answer.code}</Code><Message>no</Message></Error>".encode()
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what went wrong."""


@contextmanager
def proxied(server: S3Server) -> Iterator[S3Proxy]:
    """A proxy, for as long as the block takes."""
    proxy = S3Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
