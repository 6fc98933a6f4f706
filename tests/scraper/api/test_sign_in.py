"""Signing in to either API: one budget with the web UI, no password sent twice, and the reasons told apart."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from scraper.errors import ApiOff, BudgetExhausted, LockedOut, PasswordRefused, Throttled
from scraper.models import GapReason
from scraper.simulator import WEB_PASSWORD, WEB_USER

BOTH = pytest.mark.parametrize("kind", ["https", "legacy"])


@BOTH
@pytest.mark.parametrize("user", [{"password": "wrong"}, {"username": WEB_USER, "password": WEB_PASSWORD}])
def test_refused_password_is_sent_once_and_both_explanations_are_given(start, kind, user):
    bench = start(kind, user=user)
    for _ in range(3):
        with pytest.raises(PasswordRefused) as caught:
            bench.api()
        assert "password" in caught.value.remedy
        assert "web user" in caught.value.remedy
        assert caught.value.reason is GapReason.SIGN_IN
    assert [entry.ok for entry in bench.state.sign_ins] == [False]


@pytest.mark.fault(
    "sign-in",
    "the PBX says how many attempts are left, elsewhere or nowhere",
    "the last is not risked where it says so",
    promise="ban",
    simulated="remain_fields",
)
@pytest.mark.parametrize(("where", "minded"), [("inside", True), ("top", True), ("missing", False)])
def test_attempts_that_the_pbx_leaves_are_minded_wherever_it_says_so(start, where, minded):
    bench = start("https", user={"password": "wrong"}, lockout_limit=2)
    if where != "inside":
        bench.state.faults.set("remain_fields", where)
    with pytest.raises(PasswordRefused):
        bench.api()
    expected = pytest.raises(BudgetExhausted, match="only 1") if minded else nullcontext()
    with expected, bench.surroundings.budget.attempt("web", "backup", "not tried yet"):
        pass


@pytest.mark.fault("sign-in", "the API says that this address is banned", "it knocks no more", promise="ban", simulated="lockout=ban")
def test_banned_address_knocks_no_more(start):
    bench = start("https")
    bench.state.faults.set("lockout", "ban")
    for _ in range(3):
        with pytest.raises(LockedOut):
            bench.api()
    assert len(bench.state.sign_ins) == 1


@pytest.mark.fault("sign-in", "sign-ins failed at the web UI", "they count for the API too", promise="ban")
@BOTH
def test_failed_web_sign_ins_count_for_the_api_too(start, kind):
    bench = start(kind)
    for number in range(3):
        with bench.surroundings.budget.attempt("web", "backup", f"wrong {number}") as attempt:
            attempt.refused(None)
    with pytest.raises(BudgetExhausted):
        bench.api()
    assert bench.state.sign_ins == []


def test_password_refused_by_one_family_may_be_right_for_the_other(start):
    bench = start("legacy", api_new=True)
    with bench.surroundings.budget.attempt("api", bench.ucm.api.username, bench.ucm.api.secret) as attempt:
        attempt.refused(4)
    assert bench.api().kind == "legacy"


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_older_api_is_told_the_password_in_the_way_it_asks_for(start, scheme):
    bench = start("legacy", api_old_auth=scheme)
    assert bench.groups(bench.api())
    assert [entry.ok for entry in bench.state.sign_ins] == [True]


def test_sign_ins_that_succeed_never_exhaust_the_budget(start):
    bench = start("legacy")
    for _ in range(5):
        bench.api()


def test_older_api_whose_password_changes_in_the_middle_is_asked_once_more_only(start):
    bench = start("legacy", api_old_auth="basic")
    api = bench.api()
    bench.state.config = replace(bench.state.config, api_password="changed")
    with pytest.raises(PasswordRefused):
        bench.groups(api)
    with pytest.raises(PasswordRefused):
        bench.groups(api)
    assert [entry.ok for entry in bench.state.sign_ins].count(False) <= 2


def test_busy_challenge_is_repeated_and_costs_no_attempt(scripted):
    pbx, api, clock = scripted
    api.family.forget()
    refusals = iter([b'{"status":"-45","response":{}}'] * 2)
    plain, pbx_reply = pbx.reply, pbx.reply
    pbx.reply = lambda request: (next(refusals, None) or plain(request)[0], {}) if request["action"] == "challenge" else pbx_reply(request)
    pbx.says({"cdr_root": [{"AcctId": "1"}]})
    assert next(api.cdr_pages(None, None)) == [{"AcctId": "1"}]
    assert sum(clock.slept) >= 30


@pytest.mark.parametrize("body", [b"<html>Not an API</html>", b"", b"{", b'{"status":0}', b'{"status":-1,"response":{}}'])
def test_challenge_that_is_none_means_that_the_api_is_not_there(scripted, body):
    pbx, api, _ = scripted
    api.family.forget()
    pbx.reply = lambda request: (body, {})
    with pytest.raises(ApiOff):
        list(api.cdr_pages(None, None))


def test_busy_login_is_not_repeated_by_itself(scripted):
    pbx, api, _ = scripted
    api.family.forget()
    logins, plain = [], pbx.reply

    def reply(request):
        if request["action"] != "login":
            return plain(request)
        logins.append(request)
        return b'{"status":-45,"response":{}}', {}

    pbx.reply = reply
    with pytest.raises(Throttled):
        list(api.cdr_pages(None, None))
    assert len(logins) == 1
