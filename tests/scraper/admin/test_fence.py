"""Headers of every answer, and requests that are turned away before any page sees them."""

from __future__ import annotations

import asyncio
import re

import pytest
from starlette.responses import PlainTextResponse

from scraper.admin.fence import Fence
from scraper.settings import Listener


def field_of(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


PATHS = ["/sign-in", "/", "/nothing-here", "/api/v1/runs", "/api/v1/nothing", "/static/admin.css"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(admin, path):
    headers = admin.outsider.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static/"))
    assert "strict-transport-security" not in headers
    assert "server" not in headers


def test_https_asks_to_stay(make_admin):
    answer = make_admin(base_url="https://localhost").outsider.get("/sign-in")
    assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_failure_that_nobody_foresaw_is_fenced_too_and_tells_nothing(admin, monkeypatch):
    def fail(*_args, **_more):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(admin.catalog, "run_summaries", fail)
    for path in ("/runs", "/api/v1/runs"):
        admin.client._transport.raise_server_exceptions = False
        answer = admin.client.get(path)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.0.2.1", "127.0.0.1@evil.example", "", "a b", "localhost/..", "[::1", "ö"]
)
def test_loopback_listener_answers_to_loopback_names_only(admin, host):
    assert admin.outsider.get("/sign-in", headers={"Host": host.encode()}).status_code in (400, 421)


def test_api_is_refused_as_it_documents(admin):
    answer = admin.outsider.get("/api/v1/runs", headers={**admin.bearer, "Host": "evil.example"})
    assert (answer.status_code, answer.json()["message"]) == (421, "This is not the name that this service listens to.")


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST", "admin.localhost"])
def test_loopback_names_are_answered(admin, host):
    assert admin.outsider.get("/sign-in", headers={"Host": host}).status_code == 200


PROXY = {"listen": "0.0.0.0:8080", "trusted_proxy": ["10.1.0.0/16"]}


def test_trusted_proxy_says_who_asks_and_over_what(make_admin):
    admin = make_admin("http://admin.example", ("10.1.2.3", 1), admin=PROXY)
    admin.client.headers.update({"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"})
    form = admin.client.get("/sign-in")
    assert "Secure" in form.headers["set-cookie"]
    fields = {"token": admin.token, "csrf": field_of(form.text, "csrf")}
    answer = admin.client.post("/sign-in", data=fields, headers={"Cookie": form.headers["set-cookie"].split(";")[0]})
    assert answer.headers["set-cookie"].startswith("__Host-ucm_session=")
    assert admin.catalog.audit_entries()[0].who == "198.51.100.7 (page)"


def test_nobody_else_is_believed_nor_answered_beside_the_proxy(make_admin):
    admin = make_admin("http://admin.example", ("203.0.113.9", 1), admin=PROXY)
    for headers in ({}, {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}):
        answer = admin.outsider.get("/sign-in", headers=headers)
        assert answer.status_code == 403
        assert "through its proxy" in answer.text


def test_forwarded_headers_are_nothing_without_a_declared_proxy(admin):
    admin.outsider.headers.update({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"})
    assert "Secure" not in admin.sign_in(admin.outsider).headers["set-cookie"]
    assert admin.catalog.audit_entries()[0].who == "127.0.0.1 (page)"


def test_body_that_is_too_big_is_refused(admin):
    for body in (b"x" * 1_000_001, iter([b"x" * 600_000] * 2)):
        answer = admin.outsider.post("/api/v1/tasks", content=body, headers={**admin.bearer, "Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/static/../gate.py", "/static/%2e%2e/gate.py", "/static/..%2fgate.py", "/static/%2fetc/passwd", "/static/"]
)
def test_static_files_are_the_only_files(admin, path):
    assert admin.outsider.get(path).status_code == 404


@pytest.mark.parametrize(
    ("listen", "version", "status"), [("0.0.0.0:0", "1.0", 200), ("0.0.0.0:0", "1.1", 421), ("127.0.0.1:0", "1.0", 421)]
)
def test_only_old_http_from_elsewhere_may_name_no_host(listen, version, status):
    async def app(scope, receive, send):
        await PlainTextResponse("well")(scope, receive, send)

    async def ask():
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "http_version": version, "scheme": "https", "path": "/", "headers": [], "client": ("192.0.2.7", 5060)}
        await Fence(app, Listener(listen=listen, tls={"self_made": True}))(scope, None, send)
        return sent[0]["status"]

    assert asyncio.run(ask()) == status
