"""The judge: what may leave the browser."""

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.webui.guard import DESTRUCTIVE, READING, Judge

URL = "https://pbx.example.com:8089"
CGI = URL + "/cgi"
JUDGE = Judge(URL, allow_actions=["subscribe", "deleteCDRDB"])


def post(body: str | bytes | None, url: str = CGI):
    return JUDGE.request("POST", url, body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize(
    "action", ["challenge", "login", "logout", "listFile", "checkFile", "packFile", "getUserInfo", "reloadCDRRecordFile", "CreateCdrRecord"]
)
def test_judge_lets_reading_action_through(action):
    assert post(f"action={action}&user=x").allowed


@pytest.mark.parametrize(
    "action",
    [
        "removeFile",
        "deleteCDRDB",
        "resetAll",
        "rebootSystem",
        "updateUser",
        "addUser",
        "RemoveFile",
        "checkAndDelete",
        "CreateCdrRecords",
        "xlistFile",
        "downloadFirmware",
        "loadFirmwareUpgrade",
        "",
        "?",
    ],
)
def test_judge_refuses_any_other_action(action):
    assert not post(f"action={action}&data=*").allowed


@pytest.mark.parametrize(
    "body",
    [
        "action=listFile&action=removeFile",
        "action=removeFile&action=listFile",
        "Action=removeFile&action=listFile",
        "action=listFile;action=removeFile",
        "%61ction=removeFile&action=listFile",
        "action=%72emoveFile",
        '{"action":"removeFile"}',
        '{"request":{"action":"removeFile"}}',
        '[{"action":"listFile"},{"action":"deleteCDRDB"}]',
        '{"action":"listFile","action":"removeFile"}',
        '{"action":["removeFile"]}',
        "action=listFile&%2561ction=removeFile",
        "action=listFile&action[]=removeFile",
        "action=listFile&action%00=removeFile",
        'action=listFile&request={"action":"removeFile"}',
        "action=listFile&request=action%3DremoveFile",
        '{"action":"listFile","data":"{\\"action\\":\\"removeFile\\"}"}',
        "<action>removeFile</action>&action=listFile",
        "action=listFile&" + "%25" * 20 + "61ction=removeFile",
        '--x\r\nContent-Disposition: form-data; name="action"\r\n\r\nremoveFile\r\n--x--',
        b"\xff\xfeaction=removeFile",
        "nothing=here",
        "",
        None,
    ],
)
def test_judge_refuses_body_that_hides_a_write(body):
    assert not post(body).allowed


@pytest.mark.parametrize(
    "url",
    [
        CGI + "?action=removeFile&data=*",
        CGI + "?action=downloadFile&action=removeFile",
        URL + "//cgi?action=removeFile",
        URL + "/%63gi?action=removeFile",
        URL + "/%2563gi?action=removeFile",
        URL + "/static/../cgi?action=removeFile",
        URL + "/CGI?action=removeFile",
        URL + "/other?action=removeFile",
        CGI + ";action=removeFile?action=getX",
        URL + "/api",
        URL + "/recapi?filename=x",
        CGI,
        "https://pbx.example.com:8443/",
        "http://pbx.example.com:8089/",
        "https://elsewhere.example.com/",
        "https://pbx.example.com.evil.example:8089/",
        "https://pbx.example.com:8089@evil.example/",
        "https://www.google.com/search",
        "https://[::1",
    ],
)
def test_judge_refuses_url(url):
    assert not JUDGE.request("GET", url, None).allowed


@pytest.mark.parametrize(
    "url",
    [
        URL + "/",
        URL + "/static/js/app.js?v=3",
        URL + "/cdr/recordingFile",
        CGI + "?action=downloadFile&type=cdr_pack&data=allCdrRecordFiles.tgz",
        CGI + "?action=downloadFile&type=voice_recording&data=" + quote("2026-02/auto-1700000000#1000-1-2.wav"),
        "https://www.google.com/recaptcha/api2/anchor?k=x",
        "https://www.gstatic.com/recaptcha/releases/x/recaptcha__en.js",
        "data:image/png;base64,AAAA",
        "blob:https://pbx.example.com:8089/1",
    ],
)
def test_judge_lets_page_resource_and_download_through(url):
    assert JUDGE.request("GET", url, None).allowed


def test_judge_lets_a_listing_with_its_filter_and_odd_names_through():
    pairs = {"action": "listFile", "filter": '{"list_dir":0,"action_type":"a & b; 100%","suffix":["wav"]}', "data": "50%25+1#2;a=b.wav"}
    assert post(urlencode(pairs)).allowed


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
def test_judge_refuses_writing_method_on_a_page(method):
    assert not JUDGE.request(method, URL + "/cdr/recordingFile", b"x=1").allowed


def test_configuration_adds_an_action_but_never_a_destructive_one():
    assert post("action=subscribe").allowed
    assert not post("action=deleteCDRDB").allowed


def test_verdict_on_a_delete_is_destructive_and_on_a_listing_is_not():
    assert post("action=removeFile&data=*").destructive
    assert not post("action=listFile").destructive
    assert not post("action=updateUser").destructive


@pytest.mark.parametrize(
    ("frame", "allowed"),
    [('{"action":"listFile"}', True), ("ping", True), ('{"type":"x","message":{"action":"removeFile"}}', False), (b"\xff", False)],
)
def test_judge_frame(frame, allowed):
    assert JUDGE.frame(frame).allowed is allowed


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(
        st.tuples(st.sampled_from(["action", "data", "Action", " action"]) | words, words | st.sampled_from([*READING, "removeFile"])),
        max_size=5,
    ),
    st.booleans(),
)
def test_whatever_is_let_through_carries_only_reading_actions(pairs, as_json):
    body = json.dumps(dict(pairs)) if as_json else urlencode(pairs)
    verdict = post(body)
    if verdict.allowed:
        assert verdict.actions
        assert all(action.startswith(READING) or action == "subscribe" for action in verdict.actions)
        sent = [value for key, value in (dict(pairs).items() if as_json else pairs) if key.strip().lower() == "action"]
        assert all(value.startswith(READING) or not DESTRUCTIVE.match(value) for value in sent)


@given(st.binary(max_size=200), st.text(max_size=60))
def test_judge_never_fails_on_any_bytes(body, path):
    assert JUDGE.request("POST", URL + "/" + path, body).allowed in (True, False)
