"""The guard between a hostile page and a server that counts what arrives."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.guard import Guard, Judge

pytestmark = pytest.mark.browser

SENDERS = {
    "fetch": "fetch('/cgi', {method: 'POST', body: new URLSearchParams({action: 'removeFile', data: '*'})})",
    "fetch with a query": "fetch('/cgi?action=removeFile&data=*')",
    "keepalive while the page is left": "addEventListener('pagehide', () => fetch('/cgi?action=removeFile', {keepalive: true}));"
    "location = '/next'",
    "XMLHttpRequest": "const x = new XMLHttpRequest(); x.open('POST', '/cgi'); x.send('action=removeFile')",
    "beacon": "navigator.sendBeacon('/cgi', new Blob(['action=removeFile'], {type: 'application/x-www-form-urlencoded'}))",
    "form": "const f = document.createElement('form'); f.method = 'POST'; f.action = '/cgi?action=removeFile';"
    "document.body.append(f); f.submit()",
    "link": "const a = document.createElement('a'); a.href = '/cgi?action=removeFile'; document.body.append(a); a.click()",
    "image": "new Image().src = '/cgi?action=removeFile'",
    "frame": "const f = document.createElement('iframe'); f.src = '/cgi?action=removeFile'; document.body.append(f)",
    "new window": "window.open('/cgi?action=removeFile')",
    "worker": "new Worker(URL.createObjectURL(new Blob([`fetch('${location.origin}/cgi?action=removeFile')`])))",
    "shared worker": "new SharedWorker(URL.createObjectURL(new Blob([`fetch('${location.origin}/cgi?action=removeFile')`])))",
    "service worker": "navigator.serviceWorker.register('/worker.js')",
}


@pytest.fixture
def server():
    """A page under every path; what arrives with an action is kept."""
    arrived: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            text = self.path + " " + self.rfile.read(length).decode()
            if "action" in text:
                arrived.append(text)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html><body>page</body></html>")

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", arrived
    httpd.shutdown()
    httpd.server_close()


async def visit(url, script, downloads, guarded):
    async with launched(LaunchOptions(downloads, host="127.0.0.1"), None) as browser:
        context = await browser.new_context(service_workers="block")
        if guarded:
            await Guard(Judge(url)).attach(context)
        page = await context.new_page()
        await page.goto(url)
        await page.evaluate(f"() => {{ try {{ {script} }} catch (error) {{}} }}")
        await asyncio.sleep(0.5)  # nothing can be waited for: nothing may happen


@pytest.mark.parametrize("sender", SENDERS)
def test_destructive_request_never_arrives(server, tmp_path, sender):
    url, arrived = server
    asyncio.run(visit(url, SENDERS[sender], tmp_path, guarded=True))
    assert arrived == []


@pytest.mark.parametrize("sender", ["fetch", "keepalive while the page is left", "form", "shared worker"])
def test_without_the_guard_it_would_arrive(server, tmp_path, sender):
    url, arrived = server
    asyncio.run(visit(url, SENDERS[sender], tmp_path, guarded=False))
    assert any("removeFile" in text for text in arrived)
