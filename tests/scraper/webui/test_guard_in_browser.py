"""The guard between a hostile page and a server that counts what arrives."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scraper.errors import PageNotAsExpected
from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.guard import Guard, Judge
from scraper.webui.session import go

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
    "rules to fetch ahead": "const s = document.createElement('script'); s.type = 'speculationrules';"
    "s.textContent = JSON.stringify({prefetch: [{source: 'list', urls: ['/cgi?action=removeFile']}]}); document.head.append(s)",
    "body in parts": "const form = new FormData(); form.append('action', 'listFile'); form.append('action', new Blob(['removeFile']));"
    "fetch('/cgi', {method: 'POST', body: form})",
}

REDIRECTED = {
    "page": "location = '/harmless'",
    "frame": "const f = document.createElement('iframe'); f.src = '/harmless'; document.body.append(f)",
    "new window without opener": "window.open('/harmless', '_blank', 'noopener')",
    "fetch": "fetch('/harmless')",
    "keepalive while the page is left": "addEventListener('pagehide', () => fetch('/harmless', {keepalive: true})); location = '/next'",
    "download link": "const a = document.createElement('a'); a.download = 'x'; a.href = '/harmless'; document.body.append(a); a.click()",
    "download": "location = '/cgi?action=downloadFile&then=redirect'",
    "POST (307)": "fetch('/cgi', {method: 'POST', body: 'action=downloadFile&then=redirect'})",
    "form (307)": "const f = document.createElement('form'); f.method = 'POST'; f.action = '/cgi';"
    "for (const [name, value] of [['action', 'downloadFile'], ['then', 'redirect']]) {"
    "const i = document.createElement('input'); i.name = name; i.value = value; f.append(i); } document.body.append(f); f.submit()",
}


class Handler(BaseHTTPRequestHandler):
    """A page under every path, but for downloads and redirects; what would have removed something is kept."""

    arrived: list[str]

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.path + " " + self.rfile.read(length).decode()
        if "removeFile" in text:
            self.arrived.append(text)
        if "then=redirect" in text or self.path == "/harmless":
            self.send(307 if "then" in text else 302, "Location", "/cgi?action=removeFile&data=*")
        elif self.path == "/elsewhere":
            self.send(302, "Location", "http://localhost:1/")
        elif "downloadFile" in text:
            self.send(200, "Content-Disposition", "attachment; filename=x.tgz", b"an archive")
        else:
            self.send(200, "Content-Type", "text/html", b"<html><head></head><body>page</body></html>")

    def send(self, status, header, value, body=b""):
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """(address, what arrived to remove something) of a small server."""
    handler = type("Handler", (Handler,), {"arrived": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", handler.arrived
    httpd.shutdown()
    httpd.server_close()


@asynccontextmanager
async def opened(url, downloads, guard):
    async with launched(LaunchOptions(downloads, host="127.0.0.1"), None) as browser:
        context = await browser.new_context(service_workers="block")
        if guard:
            await guard.attach(context)
        page = await context.new_page()
        await page.goto(url)
        yield page


async def visit(url, script, downloads, guard):
    async with opened(url, downloads, guard) as page:
        await page.evaluate(f"() => {{ try {{ {script} }} catch (error) {{}} }}")
        await asyncio.sleep(0.5)  # nothing can be waited for: nothing may happen


@pytest.mark.fault("web", "a page asks for a deletion by {id}", "it never leaves the browser", promise="reading")
@pytest.mark.parametrize("sender", SENDERS)
def test_destructive_request_never_arrives(server, tmp_path, sender):
    url, arrived = server
    asyncio.run(visit(url, SENDERS[sender], tmp_path, Guard(Judge(url))))
    assert arrived == []


@pytest.mark.fault("web", "the PBX redirects a request to a deletion", "it never arrives", promise="reading")
@pytest.mark.parametrize("sender", REDIRECTED)
def test_request_that_the_pbx_redirects_to_a_destructive_action_never_arrives(server, tmp_path, sender):
    url, arrived = server
    guard = Guard(Judge(url))
    asyncio.run(visit(url, REDIRECTED[sender], tmp_path, guard))
    assert arrived == []
    assert [verdict.destructive for verdict in guard.refused] == [True]


@pytest.mark.parametrize(
    "script",
    [
        *(SENDERS[sender] for sender in ("fetch", "keepalive while the page is left", "form", "shared worker", "rules to fetch ahead")),
        *(REDIRECTED[sender] for sender in ("fetch", "new window without opener", "form (307)")),
    ],
)
def test_without_the_guard_it_would_arrive(server, tmp_path, script):
    url, arrived = server
    asyncio.run(visit(url, script, tmp_path, None))
    assert any("removeFile" in text for text in arrived)


def test_download_under_the_guard_arrives_whole(server, tmp_path):
    url, _ = server

    async def download():
        async with opened(url, tmp_path, Guard(Judge(url))) as page:
            async with page.expect_download() as waiting:
                await page.evaluate("() => { location = '/cgi?action=downloadFile&data=x.tgz' }")
            return (await (await waiting.value).path()).read_bytes()

    assert asyncio.run(download()) == b"an archive"


@pytest.mark.fault("web", "a click is redirected to a deletion", "the job stops at once", promise="reading")
def test_click_that_the_pbx_redirects_to_a_destructive_action_is_told_at_once(server, tmp_path):
    url, _ = server
    guard = Guard(Judge(url))

    async def click():
        async with opened(url, tmp_path, guard) as page:
            told = guard.next_destruction()
            await page.evaluate("() => { location = '/harmless' }")
            return await asyncio.wait_for(told, 5.0)

    assert asyncio.run(click()) == "removeFile"


@pytest.mark.fault(
    "web", "the PBX sends the browser to another address", "it has no address in that browser; the error names it", promise="tls"
)
def test_pbx_that_sends_the_browser_to_another_address_is_named_as_such(server, tmp_path):
    url, _ = server

    async def open_it():
        async with opened(url, tmp_path, Guard(Judge(url))) as page:
            await go(page, url + "/elsewhere", 5.0)

    with pytest.raises(PageNotAsExpected, match="another address"):
        asyncio.run(open_it())
