"""HTTP in tests: a small server that notes what it is asked, and what signs in to the admin services that tests start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What signs in to the admin services that tests start.
TOKEN = "a-token-for-tests-0123456789"


class NotingServer(ThreadingHTTPServer):
    """Answers ``status`` to all, once ``wait`` returned for the path; then notes the path and the body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.asked, self.bodies = 200, list[str](), list[bytes]()
        self.wait: Callable[[str], object] = lambda path: None

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: NotingServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.wait(self.path)
        self.server.asked.append(self.path)
        self.server.bodies.append(body)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"status":"whatever"}')

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def noting() -> Iterator[NotingServer]:
    """One that serves while the block runs."""
    with NotingServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
