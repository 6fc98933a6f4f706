"""Every route of the app, whoever added it: nobody gets in without signing in, and no page changes anything without its CSRF token."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import iter_route_contexts

#: What anybody may ask.
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/healthz")}


def routes(admin):
    """(method, path) of every route that is not open, its parameters filled in."""
    for route in iter_route_contexts(admin.app.routes):
        if route.methods:
            path = re.sub(r"{[^}]*}", "1" * 32, route.path)
            yield from ((method, path) for method in sorted(route.methods) if (method, route.path) not in OPEN)


@pytest.mark.fault("admin", "somebody without the token asks for any page", "sign-in or 401", promise="outsider")
def test_every_page_and_api_asks_for_a_sign_in(admin):
    found = list(routes(admin))
    assert found
    for method, path in found:
        answer = admin.outsider.request(method, path)
        redirected = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
        assert redirected or answer.status_code == 401, f"{method} {path}: {answer.status_code}"
        if path.startswith(("/api/", "/metrics")):
            assert answer.status_code == 401, f"{method} {path}"


@pytest.mark.fault("admin", "another site posts in an admin's name", "403", promise="outsider")
def test_no_session_changes_anything_without_its_csrf_token(admin):
    changing = [(method, path) for method, path in routes(admin) if method not in {"GET", "HEAD"}]
    assert changing
    for method, path in changing:
        for headers, data in (({}, {}), ({"X-CSRF-Token": "wrong"}, {"csrf": "wrong"}), ({}, {"csrf": ""})):
            answer = admin.client.request(method, path, headers=headers, data=data)
            assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"


def test_wrong_bearer_is_not_let_in(admin):
    for method, path in routes(admin):
        if path.startswith("/api/"):
            answer = admin.outsider.request(method, path, headers={"Authorization": "Bearer wrong"})
            assert answer.status_code in (401, 429), f"{method} {path}: {answer.status_code}"


@pytest.mark.fault("admin", "hostile parameters", "lead nowhere", promise="outsider")
@pytest.mark.parametrize(
    "hostile", ["..", "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "..%5c..%5cx", "%00", "a%0d%0aX: 1"]
)
def test_no_parameter_leads_elsewhere(admin, hostile):
    for route in iter_route_contexts(admin.app.routes):
        if "GET" not in (route.methods or ()):
            continue
        paths = [re.sub(r"{[^}]*}", hostile, route.path)] if "{" in route.path else []
        paths += [f"{re.sub(r'{[^}]*}', '1' * 32, route.path)}?{one.alias}={hostile}" for one in route.dependant.query_params]
        for path in paths:
            answer = admin.client.get(path)
            assert answer.status_code < 500, path
            assert "root:" not in answer.text, path
            assert "x" not in answer.headers, path
