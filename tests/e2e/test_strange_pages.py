"""Servers that are no UCM: a clear end by the deadline."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.browser

PAGES = {
    "empty": b"",
    "no fields": b"<html><body><h1>It works!</h1></body></html>",
    "only a user name": b"<html><body><form><input id=username><button type=submit>Login</button></form></body></html>",
    "no button": b"<html><body><form><input id=username><input id=password type=password></form></body></html>",
    "a form that does nothing": b"<html><body><form onsubmit='return false'><input id=username><input id=password type=password>"
    b"<button type=submit>Login</button></form></body></html>",
}


@pytest.fixture
def website():
    """Serves one page under every path, over plain http on loopback."""
    servers = []

    def start(page: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.fault(
    "web", "something else than a UCM answers: {page}", "the job ends with a screenshot and what was asked", exit_code=7, promise="hang"
)
@pytest.mark.parametrize("page", PAGES, ids=lambda name: name.replace(" ", "-"))
def test_page_that_is_no_ucm_ends_in_7_with_evidence(office, website, page):
    place = office(page_seconds=4)
    place.configure(url=website(PAGES[page]), tls={"pin": None})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (7, "PageNotAsExpected")
    assert list((place.folder / "data" / "failures").iterdir())
    assert report.seconds["total"] < 60
