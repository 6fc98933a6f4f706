"""Signing in to the web UI: challenge and token, the count of failures, the ban, CAPTCHA, the extra step, the session's end."""

from __future__ import annotations

import time

import pytest

from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER

from .conftest import md5


def test_sign_in_gives_a_session_cookie_and_is_counted(start):
    pbx = start()
    assert pbx.cgi("getUserInfo")["status"] == -6
    assert pbx.sign_in()["status"] == 0
    assert pbx.http.cookies["session-identify"].startswith("sid")
    assert pbx.cgi("getUserInfo")["status"] == 0
    assert [(entry.way, entry.ok) for entry in pbx.state.sign_ins] == [("web", True)]


def test_a_challenge_serves_once(start):
    pbx = start()
    challenge = pbx.cgi("challenge", user=WEB_USER)["response"]["challenge"]
    token = md5(challenge + WEB_PASSWORD)
    assert pbx.cgi("login", user=WEB_USER, token=token)["status"] == 0
    assert pbx.cgi("login", user=WEB_USER, token=token)["status"] == -37


def test_wrong_passwords_count_down_then_ban_the_address_even_for_the_right_one(start):
    pbx = start()
    assert [pbx.sign_in(password="wrong")["response"]["remain_num"] for _ in range(4)] == [4, 3, 2, 1]
    fifth = pbx.sign_in(password="wrong")
    assert (fifth["status"], fifth["response"]["remain_time"]) == (-68, 300)
    right = pbx.sign_in()
    assert right["status"] == -70
    assert 0 < right["response"]["remain_time"] <= 300


def test_a_good_sign_in_forgives_earlier_failures(start):
    pbx = start()
    pbx.sign_in(password="wrong")
    pbx.sign_in()
    assert pbx.sign_in(password="wrong")["response"]["remain_num"] == 4


def test_a_ban_ends(start):
    pbx = start(lockout_limit=1, lockout_seconds=1)
    assert pbx.sign_in(password="wrong")["status"] == -68
    deadline = time.monotonic() + 5
    while pbx.sign_in()["status"] != 0:
        assert time.monotonic() < deadline


def test_the_api_and_the_web_ui_count_failures_of_one_address_together(start):
    pbx = start(api_new=True)
    pbx.sign_in(password="wrong")
    pbx.api("challenge", user=API_USER)
    assert pbx.api("login", user=API_USER, token="0").json()["response"]["remain_num"] == 3


@pytest.mark.parametrize(("where", "top", "inner"), [("top", 4, None), ("missing", None, None)])
def test_remain_num_stands_elsewhere_by_fault(start, where, top, inner):
    pbx = start(faults={"remain_fields": where})
    answer = pbx.sign_in(password="wrong")
    assert (answer["status"], answer.get("remain_num"), answer["response"].get("remain_num")) == (-37, top, inner)


def test_an_api_user_cannot_sign_in_to_the_web_ui(start):
    assert start().sign_in(API_USER, API_PASSWORD)["status"] == -37


def test_an_unknown_user_gets_71_by_fault(start):
    pbx = start()
    assert pbx.sign_in("nobody")["status"] == -37
    pbx.state.faults.set("unknown_user")
    assert pbx.sign_in("nobody")["status"] == -71


@pytest.mark.parametrize(("kind", "status", "remain"), [("ban", -68, 300), ("forever", -70, None)])
def test_lockout_by_fault(start, kind, status, remain):
    answer = start(faults={"lockout": kind}).sign_in()
    assert (answer["status"], answer["response"].get("remain_time")) == (status, remain)


def test_captcha_refuses_every_sign_in_without_a_token_and_costs_no_attempt(start):
    pbx = start(faults={"captcha": "always"})
    assert pbx.sign_in()["status"] == -75
    assert pbx.sign_in(captcha="invented")["status"] == -75
    assert pbx.state.failures == {}
    token = pbx.http.get("/recaptcha/api2/userverify").json()["token"]
    assert pbx.sign_in(captcha=token)["status"] == 0


def test_late_captcha_refuses_the_right_password_without_a_token_and_counts_it(start):
    pbx = start(faults={"captcha_late": "1.5"})
    assert pbx.sign_in()["status"] == -37
    assert [attempt.status for attempt in pbx.state.sign_ins] == [-37]
    token = pbx.http.get("/recaptcha/api2/userverify").json()["token"]
    assert pbx.sign_in(captcha=token)["status"] == 0


def test_captcha_of_pictures_gives_its_token_for_the_right_ones_only(start):
    pbx = start(faults={"captcha": "", "captcha_pictures": ""})

    def token(tiles):
        return pbx.http.get("/recaptcha/api2/userverify", params={"tiles": ",".join(map(str, tiles))}).json()["token"]

    assert token(()) is None
    pbx.http.get("/recaptcha/api2/bframe")
    right = pbx.state.captcha_answer
    assert token(number for number in range(9) if number not in right) is None
    assert pbx.sign_in(captcha=token(right))["status"] == 0


def test_captcha_with_a_slider_gives_its_token_to_who_drags_it_to_the_mark(start):
    pbx = start(faults={"captcha": "", "captcha_slider": ""})
    pbx.http.get("/recaptcha/api2/bframe")
    (mark,) = pbx.state.captcha_answer

    def token(offset, steps):
        return pbx.http.get("/recaptcha/api2/userverify", params={"offset": offset, "steps": steps}).json()["token"]

    assert token(mark - 40, 9) is None
    assert token(mark, 1) is None  # no hand gets there in one leap
    assert pbx.sign_in(captcha=token(mark, 9))["status"] == 0


@pytest.mark.parametrize(("kind", "given"), [("otp", {"code": "123456"}), ("change_password", {"password": "another"})])
def test_an_extra_step_keeps_the_session_shut_until_it_is_done(start, kind, given):
    pbx = start(faults={"login_extra": kind})
    assert pbx.sign_in()["response"]["extra"] == kind
    assert pbx.cgi("getUserInfo")["status"] == -6
    assert pbx.cgi("listFile", type="voice_recording")["status"] == -6
    assert pbx.cgi("loginExtra", code="000000")["status"] == -37
    assert pbx.cgi("loginExtra", **given)["status"] == 0
    assert pbx.listed()


def test_an_idle_session_ends(start):
    pbx = start(session_seconds=0.05)
    pbx.sign_in()
    time.sleep(0.1)
    assert pbx.cgi("listFile", type="voice_recording")["status"] == -6


def test_logout_ends_the_session(pbx):
    pbx.cgi("logout")
    assert pbx.cgi("getUserInfo")["status"] == -6


def test_an_ended_session_answers_5_by_fault(pbx):
    pbx.state.faults.set("session_status", -5)
    pbx.state.end_sessions()
    assert pbx.cgi("listFile", type="voice_recording")["status"] == -5
    assert pbx.cgi("getUserInfo")["status"] == -5


def test_a_session_ends_after_so_many_actions_and_a_new_one_begins_anew(pbx):
    pbx.state.faults.set("session_ends_after", 2)
    statuses = [pbx.cgi("listFile", type="voice_recording")["status"] for _ in range(3)]
    pbx.sign_in()
    assert [*statuses, pbx.cgi("listFile", type="voice_recording")["status"]] == [0, 0, -6, 0]


def test_no_secret_is_kept_among_the_actions(pbx):
    assert all("token" not in action.params for action in pbx.state.actions)
