"""What every answer carries and every request must be: security headers, the Host check, who may ask directly, how big a body may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scraper.settings.checks import is_loopback
from scraper.settings.serving import Listener

#: The biggest request body, in bytes: forms and small JSON.
LARGEST_BODY = 1_000_000

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def protect(headers: MutableHeaders, scheme: str) -> None:
    """Set what an answer does not say otherwise itself."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if scheme == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


class Fence:
    """The outermost layer.

    A listener on loopback that no proxy stands before is asked for by a loopback name only (DNS rebinding). One that others can reach
    without TLS is meant for its proxy: who comes directly, other than from this machine, is refused.
    """

    def __init__(self, app: ASGIApp, listener: Listener) -> None:
        self._app = app
        self._private = bool(listener.listen) and is_loopback(listener.listen or "") and not listener.trusted_proxy
        self._through_proxy = bool(listener.trusted_proxy) and not listener.tls.is_set
        self._proxies = [ip_network(one) for one in listener.trusted_proxy]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message), scope["scheme"])
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal:
            await refusal(scope, receive, send_protected)
        else:
            await self._app(scope, _bounded(receive, headers), send_protected)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        needs_none = scope.get("http_version") == "1.0" and not self._private  # a PBX that pushes may be that old
        if not (needs_none and not hosts) and not self._is_ours(hosts):
            return _refused(scope, 421, "This is not the name that this service listens to.")
        peer = (scope.get("state") or {}).get("peer")
        if self._through_proxy and peer and not _is_in(peer, self._proxies):
            return _refused(scope, 403, "This service is reached through its proxy only.")
        return None

    def _is_ours(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None and (not self._private or _names_loopback(hosts[0]))


def _refused(scope: Scope, status: int, sentence: str) -> Response:
    """As the API documents it; elsewhere plain text, for no page of ours is shown to a stranger."""
    if scope["path"].startswith("/api/"):
        return JSONResponse({"message": sentence, "remedy": None, "fields": {}}, status)
    return PlainTextResponse(f"{sentence}\n", status)


class Peer:
    """Notes who is at the other end of the connection, before a trusted proxy's headers say who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            scope.setdefault("state", {})["peer"] = scope["client"][0]
        await self._app(scope, receive, send)


def _names_loopback(host: str) -> bool:
    name = re.sub(r":[0-9]+$", "", host).strip("[]").rstrip(".").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _is_in(peer: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or any(address in network for network in networks)


def _bounded(receive: Receive, headers: Headers) -> Receive:
    """``receive`` that answers 413 to a body beyond :data:`LARGEST_BODY`."""
    received = 0
    announced = headers.get("content-length", "0")
    too_long = announced.isdigit() and int(announced[:12]) > LARGEST_BODY

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if too_long or received > LARGEST_BODY:
            raise HTTPException(413, "The request is too big.")
        return message

    return receive_some
