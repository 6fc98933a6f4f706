"""The newer API, ``POST /api``: its path, sign-in, cookie, calls, recordings, permissions (field guide 2a)."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import datetime

import httpx
import pytest

from scraper.simulator import API_USER, WEB_PASSWORD, WEB_USER

from .conftest import md5

MONITOR = {"filedir": "monitor"}


@pytest.fixture
def api(start):
    """A simulation with the newer API switched on, and a cookie."""
    pbx = start(api_new=True)
    return pbx, pbx.api_cookie()


def recording(pbx):
    return pbx.state.all_recordings[0]


@pytest.mark.parametrize("path", ["/api/challenge", "/api/login", "/api/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_path_below_answers_invalid_parameters_with_200(start, path, method):
    reply = start(api_new=True).http.request(method, path)
    assert (reply.status_code, reply.json()) == (200, {"response": {"error_msg": "Invalid parameters!"}, "status": -1})


@pytest.mark.parametrize("body", [b"", b"{}", b'{"request": 3}', b'{"request": {"action": "nonsense"}}'])
def test_nonsense_answers_invalid_parameters(start, body):
    assert start(api_new=True).http.post("/api", content=body).json()["status"] == -1


def test_it_is_off_by_default(start):
    assert start().http.post("/api", json={}).status_code == 404


@pytest.mark.parametrize("changes", [{"api_off": "close"}, {"api_new": True, "faults": {"api_off": "close"}}])
def test_switched_off_it_may_close_the_connection(start, changes):
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        start(**changes).http.post("/api", json={})


def test_a_web_user_cannot_sign_in(start):
    pbx = start(api_new=True)
    challenge = pbx.api("challenge", user=WEB_USER).json()["response"]["challenge"]
    answer = pbx.api("login", user=WEB_USER, token=md5(challenge + WEB_PASSWORD)).json()
    assert (answer["status"], answer["response"]["remain_num"]) == (-37, 4)


@pytest.mark.parametrize("changes", [{"api_allowed": ("192.0.2.1",)}, {"api_allowed": ()}, {"faults": {"api_denied": ""}}])
def test_an_address_that_is_not_permitted_is_refused(start, changes):
    assert start(api_new=True, **changes).api("challenge", user=API_USER).status_code == 403


def test_calls_without_a_living_cookie_are_refused(api):
    pbx, cookie = api
    assert pbx.api("cdrapi").json()["status"] == -5
    assert pbx.api("cdrapi", cookie="sid1-1").json()["status"] == -6
    pbx.api("logout", cookie=cookie)
    assert pbx.api("cdrapi", cookie=cookie).json()["status"] == -6


def test_a_cookie_dies_of_age_however_often_it_is_used(start):
    pbx = start(api_new=True, api_cookie_seconds=0.2)
    began = time.monotonic()
    cookie = pbx.api_cookie()
    while pbx.api("cdrapi", cookie=cookie).json().get("status") != -6:
        assert time.monotonic() - began < 3
    assert time.monotonic() - began >= 0.2


def test_a_cookie_dies_every_so_many_calls_by_fault(api):
    pbx, cookie = api
    pbx.state.faults.set("cookie_dies_every", 2)
    assert [pbx.api("cdrapi", cookie=cookie).json().get("status") for _ in range(3)] == [None, None, -6]


@pytest.mark.parametrize("status", [-45, -46, -51, -57])
def test_a_busy_pbx_answers_so_for_its_occasions(api, status):
    pbx, cookie = api
    pbx.state.faults.set("api_busy", status, times=1)
    assert pbx.api("cdrapi", cookie=cookie).json()["status"] == status
    assert "cdr_root" in pbx.api("cdrapi", cookie=cookie).json()


@pytest.mark.parametrize("action", ["cdrapi", "recapi"])
def test_an_answer_may_be_html_with_200(api, action):
    pbx, cookie = api
    pbx.state.faults.set("api_html", times=1)
    reply = pbx.api(action, cookie=cookie, **MONITOR, filename=recording(pbx).path)
    assert (reply.status_code, reply.text[:9]) == (200, "<!DOCTYPE")


def test_success_of_cdrapi_is_bare(api):
    pbx, cookie = api
    assert set(pbx.api("cdrapi", cookie=cookie, format="json").json()) == {"cdr_root"}


def test_times_are_local_and_inclusive_and_a_bare_date_is_utc(api):
    pbx, cookie = api
    start = recording(pbx).start

    def count(since, until):
        return len(pbx.api("cdrapi", cookie=cookie, startTime=since, endTime=until).json()["cdr_root"])

    moment = start.strftime("%Y-%m-%dT%H:%M:%S")
    assert count(moment, moment) >= 1
    day = start.date().isoformat()
    assert count(f"{day}T00:00:00", f"{day}T23:59:59") >= 1
    pbx.state.add(start=datetime(2026, 1, 10, 19, tzinfo=pbx.state.config.zone))  # 01:00 of the next day in UTC
    assert count("2026-01-11", "2026-01-11T00:00:00") == 1


@pytest.mark.parametrize("params", [{"startTime": "soon"}, {"numRecords": "-3"}, {"offset": "x"}])
def test_a_parameter_without_sense_is_an_error(api, params):
    pbx, cookie = api
    assert pbx.api("cdrapi", cookie=cookie, **params).json()["status"] == -15


def test_offset_counts_groups_and_num_records_is_capped(start):
    pbx = start(api_new=True, api_max_records=4)
    cookie = pbx.api_cookie()
    pages = [pbx.api("cdrapi", cookie=cookie, numRecords="1000", offset=str(at)).json()["cdr_root"] for at in range(0, 40, 4)]
    groups = [json.dumps(group) for page in pages for group in page]
    assert max(len(page) for page in pages) == 4
    assert len(groups) == len(set(groups)) == 12


def test_pages_repeat_for_ever_by_fault(api):
    pbx, cookie = api
    pbx.state.faults.set("pages_repeat")
    first, later = (pbx.api("cdrapi", cookie=cookie, numRecords="3", offset=offset).json() for offset in ("0", "300"))
    assert first == later


def test_no_calls_at_all_by_fault_look_like_success(api):
    pbx, cookie = api
    pbx.state.faults.set("cdrapi_empty")
    assert pbx.api("cdrapi", cookie=cookie).json() == {"cdr_root": []}


def test_csv_breaks_on_commas(api):
    pbx, cookie = api
    lines = pbx.api("cdrapi", cookie=cookie, format="csv").text.split("\r\n")
    assert len(lines[1].split(",")) > len(lines[0].split(","))


@pytest.mark.parametrize("permission", ["cdrapi", "recapi"])
def test_a_permission_that_is_not_ticked_is_47(api, permission):
    pbx, cookie = api
    pbx.state.faults.set({"cdrapi": "cdrapi_forbidden", "recapi": "recapi_forbidden"}[permission])
    assert pbx.api(permission, cookie=cookie, **MONITOR, filename=recording(pbx).path).json()["status"] == -47


@pytest.mark.parametrize("rule", ["bare", "path", "filedir"])
def test_recapi_takes_the_month_in_one_way_only(start, rule):
    pbx = start(api_new=True, recapi_month=rule)
    cookie, wanted = pbx.api_cookie(), recording(pbx)
    ways = {
        "bare": {"filedir": "monitor", "filename": wanted.name},
        "path": {"filedir": "monitor", "filename": wanted.path},
        "filedir": {"filedir": wanted.month, "filename": wanted.name},
    }
    found = [way for way, params in ways.items() if pbx.api("recapi", cookie=cookie, **params).content.startswith(b"RIFF")]
    assert found == [rule]
    assert pbx.api("recapi", cookie=cookie, **ways[rule]).content == wanted.riff()


def test_a_queue_recording_lies_in_its_own_directory(start):
    pbx = start(api_new=True, recordings=0, queue_recordings=1)
    cookie, wanted = pbx.api_cookie(), recording(pbx)
    assert wanted.name.startswith("q65")
    assert pbx.api("recapi", cookie=cookie, filedir="monitor", filename=wanted.path).json()["status"] == -16
    assert pbx.api("recapi", cookie=cookie, filedir="queue", filename=wanted.path).content[:4] == b"RIFF"


@pytest.mark.parametrize("status", [-16, -25])
def test_a_recording_that_is_gone_has_a_status_of_its_own(start, status):
    pbx = start(api_new=True, gone_status=status)
    pbx.state.remove(recording(pbx).path)
    reply = pbx.api("recapi", cookie=pbx.api_cookie(), **MONITOR, filename=recording(pbx).path)
    assert (reply.status_code, reply.json()["status"]) == (200, status)


def test_several_names_come_as_a_tar(api):
    pbx, cookie = api
    wanted = pbx.state.all_recordings[:2]
    data = pbx.api("recapi", cookie=cookie, **MONITOR, filename="@".join(each.path for each in wanted)).content
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        assert tar.getnames() == [each.name for each in wanted]


def test_a_call_without_a_name_lists_only_where_it_may(start):
    without, listing = start(api_new=True), start(api_new=True, recapi_lists=True)
    assert without.api("recapi", cookie=without.api_cookie(), **MONITOR).json()["status"] == -15
    assert len(listing.api("recapi", cookie=listing.api_cookie(), **MONITOR).text.splitlines()) == 12


def test_the_recordings_of_a_call_are_known_even_where_recordfiles_is_empty(start):
    pbx = start(api_new=True, recordfiles="empty", cdr_shape="flat")
    cookie = pbx.api_cookie()
    groups = pbx.api("cdrapi", cookie=cookie).json()["cdr_root"]
    assert {group["recordfiles"] for group in groups} == {""}
    answers = [pbx.api("getRecordInfosByCall", cookie=cookie, id=group["session"]).json() for group in groups]
    named = {path for answer in answers for path in answer["response"]["recordfiles"].split(",") if path}
    assert named == {each.path for each in pbx.state.all_recordings}
    assert pbx.api("getRecordInfosByCall", cookie=cookie, id="none").json()["status"] == -16
