"""The guard between a hostile page and a server that counts what arrives."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scraper.errors import PageNotAsExpected
from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.guard import Guard, Judge
from scraper.webui.session import go

pytestmark = pytest.mark.browser

#: In reach of every sender: what it asks for, and short ways to say it.
TOOLS = """
const address = `/cgi?action=${action}&data=*`, command = JSON.stringify({action, data: '*'});
const made = (name, properties) => Object.assign(document.createElement(name), properties);
const put = (name, properties) => { const element = made(name, properties); document.body.append(element); return element; };
const downloading = {href: address, download: 'x'};
const code = () => URL.createObjectURL(new Blob([`fetch('${location.origin}${address}')`]));
const rules = () => made('script', {type: 'speculationrules', textContent: JSON.stringify(
  {prefetch: [{source: 'list', urls: [address], eagerness: 'immediate'}]})});
const speak = (kind, said) => { const socket = new kind(`ws://${location.host}/socket`); socket.onopen = () => socket.send(said); };
const speaking = `const socket = new WebSocket('ws://${location.host}/socket'); socket.onopen = () => socket.send('${command}')`;
"""

#: What a button does when it is clicked.
SENDERS = {
    "fetch": "fetch('/cgi', {method: 'POST', body: new URLSearchParams({action, data: '*'})})",
    "fetch with a query": "fetch(address)",
    "keepalive while the page is left": "addEventListener('pagehide', () => fetch(address, {keepalive: true})); location = '/next'",
    "request for later": "fetchLater(address, {method: 'POST', activateAfter: 0})",
    "XMLHttpRequest": "const x = new XMLHttpRequest(); x.open('POST', '/cgi'); x.send(`action=${action}`)",
    "beacon": "navigator.sendBeacon('/cgi', new Blob([`action=${action}`], {type: 'application/x-www-form-urlencoded'}))",
    "event source": "new EventSource(address)",
    "form": "put('form', {method: 'POST', action: address}).submit()",
    "link": "put('a', {href: address}).click()",
    "ping of a link": "put('a', {href: '#', ping: address}).click()",
    "link that downloads": "put('a', downloading).click()",
    "link that downloads, outside of the page": "made('a', downloading).dispatchEvent(new MouseEvent('click'))",
    "link that downloads, in a shadow tree": "const link = made('a', downloading);"
    "put('div', {}).attachShadow({mode: 'closed'}).append(link); link.click()",
    "link that downloads, of a frame that goes": "for (let time = 0; time < 300; time += 5) setTimeout(() => {"
    "const frame = put('iframe', {}), link = frame.contentDocument.createElement('a'); frame.contentDocument.body.append(link);"
    "Object.assign(link, downloading).click(); setTimeout(() => frame.remove()) }, time)",
    "link that downloads something else when it is clicked": "const link = put('a', {...downloading, href: '/cgi?action=downloadFile'});"
    "link.addEventListener('click', () => { link.href = address }); link.click()",
    "image": "new Image().src = address",
    "style": "document.body.style.backgroundImage = `url('${address}')`",
    "frame": "put('iframe', {src: address})",
    "new window": "window.open(address)",
    "worker": "new Worker(code())",
    "shared worker": "new SharedWorker(code())",
    "worker of another frame": "new (put('iframe', {}).contentWindow.Worker)(code())",
    "service worker": "navigator.serviceWorker.register(`/worker/${action}`)",
    "rules to fetch ahead": "document.head.append(rules())",
    "rules to fetch ahead in a shadow tree": "put('div', {}).attachShadow({mode: 'closed'}).append(rules())",
    "rules to fetch ahead in a new window": "open('').document.head.append(rules())",
    "rules to fetch ahead in a window of another": "open('').open('').document.head.append(rules())",
    "rules to fetch ahead in a window by the document": "document.open('', 'another', '').document.head.append(rules())",
    "rules to fetch ahead in a picture's window": "documentPictureInPicture.requestWindow().then(w => w.document.head.append(rules()))",
    "identity provider": "const provider = {configURL: location.origin + address, clientId: 'x', nonce: 'y'};"
    "navigator.credentials.get({identity: {providers: [provider]}})",
    "WebSocket": "speak(WebSocket, command)",
    "WebSocket with bytes": "speak(WebSocket, new Blob([command]))",
    "WebSocket with an address": "new WebSocket(`ws://${location.host}${address}`)",
    "WebSocket of another frame": "speak(put('iframe', {}).contentWindow.WebSocket, command)",
    "WebSocket of a new window": "speak(open('').WebSocket, command)",
    "WebSocket of a sandboxed frame": "put('iframe', {sandbox: 'allow-scripts', srcdoc: `<script>${speaking}</` + 'script>'})",
    "WebSocket of a worker": "new Worker(URL.createObjectURL(new Blob([speaking])))",
    "WebSocket as a stream": "new WebSocketStream(`ws://${location.host}/socket`).opened.then(o => o.writable.getWriter().write(command))",
    "body in parts": "const form = new FormData(); form.append('action', 'listFile'); form.append('action', new Blob([action]));"
    "fetch('/cgi', {method: 'POST', body: form})",
}

#: What not every Chromium does, or not without a window.
NOT_EVERYWHERE = {"request for later", "identity provider", "WebSocket as a stream", "rules to fetch ahead in a picture's window"}

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
    """A page under every path, but for downloads, redirects, workers and sockets; what would have removed something is kept."""

    arrived: list[str]

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.path + " " + self.rfile.read(length).decode()
        if self.path.startswith("/worker/"):
            self.send(200, "Content-Type", "text/javascript", f"fetch('/cgi?action={self.path[8:]}')".encode())
            return
        if "removeFile" in text:
            self.arrived.append(text)
        if self.headers.get("Upgrade") == "websocket":
            self.listen()
            return
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

    def listen(self):
        """One frame of a WebSocket, shorter than 126 bytes (RFC 6455)."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        upgrade = (
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accepted}\r\n\r\n"
        )
        self.wfile.write(upgrade.encode())
        if len(head := self.rfile.read(6)) == 6:
            said = bytes(byte ^ head[2 + index % 4] for index, byte in enumerate(self.rfile.read(head[1] & 127)))
            self.arrived.append(said.decode("latin-1"))

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    """(address, what arrived to remove something) of a small server."""
    handler = type("Handler", (Handler,), {"arrived": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", handler.arrived
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def server():
    with serving() as found:
        yield found


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


def heard_of(arrived):
    """The senders of what arrived."""
    names = list(SENDERS)
    return {names[int(number)] for text in tuple(arrived) for number in re.findall(r"removeFile_(\d+)_", text)}


async def click_all(url, arrived, downloads, guard):
    """Every sender, each on a page of its own: a button that is really clicked. In the product's browser, or one without a guard."""
    async with launched(LaunchOptions(downloads, host="127.0.0.1"), None) as browser:
        context = await browser.new_context(service_workers="block" if guard else "allow")
        if guard:
            await guard.attach(context)
        for number, script in enumerate(SENDERS.values()):
            page = await context.new_page()
            await page.goto(url)
            await page.evaluate(
                f"""action => {{ {TOOLS}
                const button = put('button', {{style: 'position: fixed; inset: 0', onclick: async () => {{ {script} }}}});
                addEventListener('unhandledrejection', event => event.preventDefault()); }}""",
                f"removeFile_{number}_",
            )
            await page.mouse.click(100, 100)
        deadline = time.monotonic() + (2.0 if guard else 30.0)  # under the guard nothing can be waited for: nothing may happen
        while len(heard_of(arrived)) < len(SENDERS) and time.monotonic() < deadline:  # noqa: ASYNC110 -- a thread tells no event
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def clicked(tmp_path_factory):
    """``clicked(guarded)``: the senders that the server heard of, when all of them are clicked; once each way."""
    heard = {}

    def click(guarded):
        if guarded not in heard:
            with serving() as (url, arrived):
                asyncio.run(click_all(url, arrived, tmp_path_factory.mktemp("downloads"), Guard(Judge(url)) if guarded else None))
            heard[guarded] = heard_of(arrived)
        return heard[guarded]

    return click


@pytest.mark.fault("web", "a page asks for a deletion by {id}", "it never leaves the browser", promise="reading")
@pytest.mark.parametrize("sender", SENDERS)
def test_destructive_request_never_arrives(clicked, sender):
    assert sender not in clicked(guarded=True)


@pytest.mark.parametrize("sender", SENDERS)
def test_without_the_guard_it_would_arrive(clicked, sender):
    heard = clicked(guarded=False)
    if sender in NOT_EVERYWHERE - heard:
        pytest.skip("this browser knows no such thing")
    assert sender in heard


def test_delete_all_that_is_really_clicked_deletes_nothing(visit):
    async def story(place):
        page = await place.ui.recordings()
        refused = page.guard.next_destruction()
        await page.page.get_by_text("Delete All", exact=True).click()
        return await asyncio.wait_for(refused, 10.0), len(place.names())

    assert visit(story) == ("removeFile", 12)


@pytest.mark.fault("web", "the PBX redirects a request to a deletion", "it never arrives", promise="reading")
@pytest.mark.parametrize("sender", REDIRECTED)
def test_request_that_the_pbx_redirects_to_a_destructive_action_never_arrives(server, tmp_path, sender):
    url, arrived = server
    guard = Guard(Judge(url))
    asyncio.run(visit(url, REDIRECTED[sender], tmp_path, guard))
    assert arrived == []
    assert [verdict.destructive for verdict in guard.refused] == [True]


@pytest.mark.parametrize("sender", ["fetch", "new window without opener", "form (307)"])
def test_without_the_guard_a_redirected_request_would_arrive(server, tmp_path, sender):
    url, arrived = server
    asyncio.run(visit(url, REDIRECTED[sender], tmp_path, None))
    assert any("removeFile" in text for text in arrived)


def test_download_under_the_guard_arrives_whole(server, tmp_path):
    url, _ = server

    async def download():
        async with opened(url, tmp_path, Guard(Judge(url))) as page:
            async with page.expect_download() as waiting:
                await page.evaluate("() => { location = '/cgi?action=downloadFile&data=x.tgz' }")
            return (await (await waiting.value).path()).read_bytes()

    assert asyncio.run(download()) == b"an archive"


@pytest.mark.parametrize(
    ("link", "name", "content"),
    [
        ("{href: '/cgi?action=downloadFile&type=voice&data=auto-1%2B2.wav', download: 'a.wav'}", "x.tgz", b"an archive"),
        ("{href: '/cgi?action=downloadFile&request=%7B%22a%22%3A1%7D;b', download: 'a.wav'}", "x.tgz", b"an archive"),
        ("{href: '/sounds/auto-1.wav', download: 'a.wav'}", "a.wav", b"<html><head></head><body>page</body></html>"),
        ("{href: URL.createObjectURL(new Blob(['sound'])), download: 'a.wav'}", "a.wav", b"sound"),
    ],
    ids=["reading", "odd", "file", "blob"],
)
def test_link_that_downloads_does_so_under_the_guard(server, tmp_path, link, name, content):
    url, _ = server

    async def download():
        async with opened(url, tmp_path, Guard(Judge(url))) as page:
            async with page.expect_download() as waiting:
                await page.evaluate(f"() => document.body.appendChild(Object.assign(document.createElement('a'), {link})).click()")
            found = await waiting.value
            return found.suggested_filename, (await found.path()).read_bytes()

    assert asyncio.run(download()) == (name, content)


def test_link_whose_click_the_page_takes_over_downloads_nothing(server, tmp_path):
    url, _ = server

    async def click():
        async with opened(url, tmp_path, Guard(Judge(url))) as page:
            begun = []
            page.on("download", lambda download: begun.append(download))
            await page.evaluate(
                """() => { const link = Object.assign(document.createElement('a'), {href: '/cgi?action=downloadFile', download: 'x'});
                link.onclick = event => event.preventDefault(); document.body.append(link); link.click() }"""
            )
            await page.wait_for_timeout(500)
            return begun

    assert asyncio.run(click()) == []


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
