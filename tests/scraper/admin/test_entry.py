"""Signing in with the token, and out again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import time_machine


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def test_sign_in_leads_to_the_page_that_was_asked_for(admin):
    asked = admin.outsider.get("/runs?ucm=office")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/runs%3Fucm%3Doffice")
    form = admin.outsider.get(asked.headers["location"])
    fields = {"csrf": hidden(form.text, "csrf"), "next": hidden(form.text, "next"), "token": f" {admin.token}\n"}
    signed_in = admin.outsider.post("/sign-in", data=fields)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/runs?ucm=office")
    assert admin.outsider.get("/runs?ucm=office").status_code == 200
    assert admin.outsider.get("/sign-in?next=/runs").headers["location"] == "/runs"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", "javascript:alert(1)", "", "/\x00"]
)
def test_sign_in_leads_nowhere_else(admin, elsewhere):
    assert admin.sign_in(admin.outsider, next=elsewhere).headers["location"] == "/"


def test_session_cookie_is_for_this_server_and_no_script(make_admin):
    plain, over_tls = make_admin(), make_admin(base_url="https://localhost")
    cookies = [one.sign_in(one.client).headers.get_list("set-cookie")[0] for one in (plain, over_tls)]
    for cookie in cookies:
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert cookies[0].startswith("ucm_session=")
    assert "Secure" not in cookies[0]
    assert cookies[1].startswith("__Host-ucm_session=")
    assert "Secure" in cookies[1].split("; ")


@pytest.mark.parametrize("token", ["", "wrong", "x" * 1000])
def test_wrong_token_is_told_and_noted(admin, token):
    answer = admin.sign_in(admin.outsider, token)
    assert answer.status_code == 401
    assert "This is not the token." in answer.text
    assert admin.outsider.get("/").status_code == 303
    assert admin.catalog.audit_entries()[0].action == "sign-in-refused"
    assert token == "" or token not in repr(admin.catalog.audit_entries())


def test_sign_in_needs_its_own_form(admin):
    token = {"token": admin.token}
    assert admin.outsider.post("/sign-in", data=token).status_code == 403
    form = hidden(admin.outsider.get("/sign-in").text, "csrf")
    admin.outsider.cookies.clear()
    assert admin.outsider.post("/sign-in", data={**token, "csrf": form}).status_code == 403
    assert admin.outsider.get("/").status_code == 303


def test_thousand_wrong_tokens_do_not_end_a_session_nor_a_bearer_elsewhere(make_admin):
    admin = make_admin()
    admin.sign_in(admin.client)
    fields = {"csrf": hidden(admin.outsider.get("/sign-in").text, "csrf"), "token": "wrong"}
    codes = {admin.outsider.post("/sign-in", data=fields).status_code for _ in range(1000)}
    assert codes == {401, 429}
    refused = admin.sign_in(admin.outsider)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert admin.client.get("/").status_code == 200
    refusals = [one for one in admin.catalog.audit_entries(100) if one.action == "sign-in-refused"]
    assert len(refusals) <= 2  # an hour may have passed meanwhile
    assert refusals[-1].detail.endswith(" times")


def test_refused_sign_ins_take_one_row_an_hour_and_address(admin):
    before = len(admin.catalog.audit_entries(100))
    for hour in (9, 10):
        for minute in range(3):
            with time_machine.travel(datetime(2026, 6, 1, hour, minute, tzinfo=UTC), tick=False):
                admin.catalog.note_refusal("192.0.2.1 (page)", "sign-in-refused")
                admin.catalog.note_audit("192.0.2.1 (page)", "signed-in")
    admin.catalog.note_refusal("192.0.2.2 (page)", "sign-in-refused")
    noted = admin.catalog.audit_entries(100)[: -before or None]
    assert sorted((one.who, one.detail) for one in noted if one.action == "sign-in-refused") == [
        ("192.0.2.1 (page)", "3 times"),
        ("192.0.2.1 (page)", "3 times"),
        ("192.0.2.2 (page)", ""),
    ]
    assert sum(one.action == "signed-in" for one in noted) >= 6


def test_wrong_bearer_waits_as_well(admin):
    codes = [admin.outsider.get("/api/v1/runs", headers={"Authorization": "Bearer wrong"}).status_code for _ in range(8)]
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    assert admin.client.get("/api/v1/runs").status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Basic YWRtaW46YWRtaW4=", "bearer wrong", "Bearer \x00", ""])
def test_odd_authorization_is_not_let_in(admin, header):
    answer = admin.outsider.get("/api/v1/runs", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_bearer_needs_no_csrf_token(admin):
    assert admin.outsider.post("/api/v1/tasks", json={"ucm": "office"}, headers=admin.bearer).status_code == 202


def test_signing_out_ends_the_session_on_the_server(admin):
    cookie = dict(admin.client.cookies)
    assert admin.post("/sign-out").headers["location"] == "/sign-in"
    admin.client.cookies.update(cookie)
    assert admin.client.get("/").status_code == 303
    assert admin.catalog.audit_entries()[0].action == "signed-out"


def test_unknown_page_tells_nothing_of_the_inside(admin):
    assert admin.outsider.get("/nothing-here").status_code == 404
    assert "Runs" not in admin.outsider.get("/nothing-here").text
