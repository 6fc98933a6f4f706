"""Bodies that are not what they should be, from a PBX that says what the test wants."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.api.client import _files
from scraper.api.recapi import _names
from scraper.api.reply import Reply
from scraper.errors import (
    AnswerNotAsExpected,
    ApiOff,
    DownloadFailed,
    GoneAtPbx,
    LockedOut,
    NotARecording,
    NotListed,
    PasswordRefused,
    PermissionMissing,
    ScraperError,
    ServerError,
    SessionEnded,
    Throttled,
)
from scraper.models import RecordingClass

NAME = "auto-1770000000-1000-5555550100.wav"
SOUND = b"RIFF" + (2036).to_bytes(4, "little") + b"WAVEfmt " + bytes(range(256)) * 8


def fetch(api, name=NAME, month="2026-02", klass=RecordingClass.MONITOR):
    sink = io.BytesIO()
    api.recording(name, month, klass, sink)
    return sink.getvalue()


def tar(*members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for path, data in members:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


# --- call records ---


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Login</body></html>",
        b"",
        b'{"cdr_root":[{"AcctId":"1"',
        b"[1, 2]",
        b'"text"',
        b"404 Not Found",
        b"\x00\xff\xfe" * 100,
        b'{"status":0,"response":{}}',
        b'{"cdr_root":"text"}',
        b'{"cdr_root":7}',
        b"[" * 200_000,
        b'{"cdr_root":' + b"[" * 200_000,
        b'{"cdr_root":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_list_of_calls_is_an_error(scripted, body):
    pbx, api, _ = scripted
    pbx.says(body)
    with pytest.raises((AnswerNotAsExpected, Throttled)):
        list(api.cdr_pages(None, None))


@pytest.mark.parametrize("body", [b"", b'{"cdr_root":[{"AcctId":"1"', b"<html></html>"])
def test_damage_that_passes_is_overcome(scripted, body):
    pbx, api, _ = scripted
    answers = iter([(body, {})])
    pbx.answer = lambda request: next(answers, (b'{"cdr_root":[{"AcctId":"1"}]}', {}))
    assert list(api.cdr_pages(None, None)) == [[{"AcctId": "1"}]]


@pytest.mark.parametrize(
    ("body", "groups"),
    [
        (b'{"cdr_root":[{"src":"caf\xe9"}]}', [{"src": "caf\udce9"}]),
        (b'{"cdr_root":[{"lastdata":"two\nlines"}]}', [{"lastdata": "two\nlines"}]),
        (b'\xef\xbb\xbf {"cdr_root":[{"AcctId":1}]}', [{"AcctId": 1}]),
        (b'{"cdr_root":[{"a":null},null,[1],"x"]}', [{"a": None}, {"unreadable": None}, {"unreadable": [1]}, {"unreadable": "x"}]),
        (b'{"cdr_root":{"AcctId":"1"}}', [{"AcctId": "1"}]),
        (b'{"status":"0","response":{"cdr_root":[{"AcctId":"1"}]}}', [{"AcctId": "1"}]),
        (b'{"cdr_root":[{"AcctId":"1"},{"AcctId":"1"},{"AcctId":"2"}],"status":0}', [{"AcctId": "1"}, {"AcctId": "2"}]),
    ],
)
def test_odd_lists_of_calls_are_read(scripted, body, groups):
    pbx, api, _ = scripted
    pbx.says(body)
    assert [group for page in api.cdr_pages(None, None) for group in page] == groups


@pytest.mark.parametrize("root", [[], None, ""])
def test_no_calls_in_whichever_form_are_cross_checked(scripted, root):
    pbx, api, _ = scripted
    pbx.says({"cdr_root": root})
    assert list(api.cdr_pages(None, None)) == []
    assert api.suspicious_zero
    assert len(pbx.asked) == 2
    assert "startTime" not in pbx.asked[0]
    assert all(value for request in pbx.asked for value in request.values())


def test_calls_that_only_a_date_finds_are_read_by_date(scripted):
    pbx, api, _ = scripted
    calls = [{"AcctId": "1", "start": "2026-02-26 10:00:00"}]

    def answer(request):
        good = len(request.get("startTime", "")) == len("2026-02-25") and request["offset"] == "0"
        return json.dumps({"cdr_root": calls if good else []}).encode(), {}

    pbx.answer = answer
    assert list(api.cdr_pages(datetime(2026, 2, 26), datetime(2026, 2, 27))) == [calls]
    assert api.suspicious_zero


@pytest.mark.fault("api", "an answer of a hundred megabytes", "it is left at its limit", promise="hang")
def test_hundred_megabytes_of_json_are_not_swallowed(scripted):
    pbx, api, _ = scripted
    pbx.says(b'{"cdr_root":[' + b'{"AcctId":"1"},' * 7_000_000 + b"{}]}")
    tracemalloc.start()
    try:
        with pytest.raises(AnswerNotAsExpected, match="larger than 16 MiB"):
            list(api.cdr_pages(None, None))
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
        assert [request["numRecords"] for request in pbx.asked] == ["1000", "100", "10"]
    finally:
        tracemalloc.stop()


@pytest.mark.fault("api", "an answer of a few megabytes that would take all memory", "refused at once", promise="hang")
@pytest.mark.parametrize("many", [b"{},", b"[],", b"1,"])
def test_json_that_would_take_all_memory_is_refused(scripted, many):
    pbx, api, _ = scripted
    pbx.says(b'{"cdr_root":[' + many * (3 << 20) + b"{}]}")
    with pytest.raises(AnswerNotAsExpected, match="more than call records"):
        list(api.cdr_pages(None, None))


@pytest.mark.fault("api", "a page of call records is larger than is read", "smaller pages are asked for", promise="gap")
def test_page_too_large_is_asked_for_in_smaller_ones(scripted):
    pbx, api, _ = scripted
    ringing = [{"AcctId": str(number), "start": "2026-02-06 16:21:36", "clid": "x" * 100_000} for number in range(300)]

    def answer(request):
        first = int(request["offset"])
        return json.dumps({"cdr_root": ringing[first : first + int(request["numRecords"])]}).encode(), {}

    pbx.answer = answer
    assert [group["AcctId"] for page in api.cdr_pages(None, None) for group in page] == [group["AcctId"] for group in ringing]
    assert [request["numRecords"] for request in pbx.asked] == ["1000", "100", "100", "100", "100"]


def test_time_with_a_zone_is_refused(scripted):
    with pytest.raises(ValueError, match="without a zone"):
        list(scripted[1].cdr_pages(datetime(2026, 2, 1, tzinfo=UTC), None))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (-1, AnswerNotAsExpected), (-5, SessionEnded), (-6, SessionEnded), (-7, ServerError), (-8, ServerError), (-9, ServerError),
        (-15, AnswerNotAsExpected), (-16, GoneAtPbx), (-19, AnswerNotAsExpected), (-24, AnswerNotAsExpected), (-25, GoneAtPbx),
        (-26, AnswerNotAsExpected), (-37, PasswordRefused), (-45, Throttled), (-46, Throttled), (-47, PermissionMissing),
        (-50, AnswerNotAsExpected), (-51, Throttled), (-57, Throttled), (-68, LockedOut), (-70, LockedOut), (-71, PasswordRefused),
        (-999, AnswerNotAsExpected), ("-47", PermissionMissing),
    ],
)  # fmt: skip
def test_each_status_means_the_same_for_calls_and_recordings(scripted, status, error):
    pbx, api, _ = scripted
    pbx.says({"status": status, "response": {"error_msg": "Failed"}})
    with pytest.raises(error):
        fetch(api)
    with pytest.raises(error):
        list(api.cdr_pages(None, None))


@pytest.mark.parametrize("status", ["302", "400", "401", "404", "405"])
def test_http_errors_say_that_the_api_is_not_there(scripted, status):
    pbx, api, _ = scripted
    pbx.says(b"no", status=status)
    with pytest.raises(ApiOff):
        list(api.cdr_pages(None, None))


def test_too_many_requests_are_waited_for_as_long_as_the_pbx_says(scripted):
    pbx, api, clock = scripted
    answers = iter([(b"", {"status": "429", "retry-after": "40"})])
    pbx.answer = lambda request: next(answers, (b'{"cdr_root":[{"AcctId":"1"}]}', {}))
    assert list(api.cdr_pages(None, None)) == [[{"AcctId": "1"}]]
    assert 40 <= sum(clock.slept) < 45


# --- recordings ---


def test_sound_comes_through_to_the_byte(scripted):
    pbx, api, _ = scripted
    for sound in (SOUND, b"GSFF" + bytes(5000), bytes(range(256)) * 400, b"OggS" + bytes(100)):
        pbx.says(sound)
        assert fetch(api) == sound


@pytest.mark.parametrize(
    "body",
    [
        b"", b"404 Not Found", b'{"status":0}', b'{"name":"caf\xe9"}', b'<?xml version="1.0"?><error/>', b"PK\x03\x04" + bytes(100),
        b"%PDF-1.4", b"name,size\r\na.wav,10\r\n",
    ],
)  # fmt: skip
def test_what_is_no_sound_is_no_recording(scripted, body):
    pbx, api, _ = scripted
    pbx.says(body)
    with pytest.raises(NotARecording):
        fetch(api)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_recording_in_an_archive_is_unpacked(scripted, mode):
    pbx, api, _ = scripted
    for path in (NAME, f"2026-02/{NAME}", f"./monitor/2026-02/{NAME}"):
        pbx.says(tar((path, SOUND), mode=mode))
        assert fetch(api) == SOUND


@pytest.mark.parametrize(
    "members",
    [
        [],
        [(NAME, SOUND), ("auto-1770000001-1000-5555550101.wav", SOUND)],
        [("auto-1770000001-1000-5555550101.wav", SOUND)],
        [(NAME, b"<html><body>no</body></html>")],
        [(NAME, b"")],
    ],
)
def test_archive_of_anything_else_is_refused(scripted, members):
    pbx, api, _ = scripted
    pbx.says(tar(*members, mode="w:gz"))
    with pytest.raises((NotARecording, DownloadFailed)):
        fetch(api)


def test_archive_that_is_cut_short_is_no_recording(scripted):
    pbx, api, _ = scripted
    pbx.says(tar((NAME, SOUND * 50))[:60_000])
    with pytest.raises(DownloadFailed):
        fetch(api)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_archive_whose_end_is_damaged_is_no_recording(scripted, mode):
    pbx, api, _ = scripted
    whole = tar((NAME, SOUND), mode=mode)
    pbx.says(whole[: 512 + 2560] if mode == "w" else whole[:-8] + b"\0" * 8)
    with pytest.raises(DownloadFailed, match="cut short"):
        fetch(api)


def test_half_a_file_is_no_recording(scripted):
    pbx, api, _ = scripted
    pbx.says(SOUND * 10, content_length=str(len(SOUND) * 20))
    with pytest.raises(DownloadFailed):
        fetch(api)
    assert len(pbx.asked) == 3


def test_another_recording_than_the_one_asked_for_is_refused(scripted):
    pbx, api, _ = scripted
    pbx.says(SOUND, content_disposition='attachment; filename="auto-1770000001-1000-5555550101.wav"')
    with pytest.raises(NotARecording, match="another"):
        fetch(api)


@pytest.mark.parametrize("said", [NAME, f"2026-02/{NAME}", "recording.wav", "auto-1770000000_1000_5555550100.wav", ""])
def test_recording_under_a_name_of_the_pbxs_own_making_is_taken(scripted, said):
    pbx, api, _ = scripted
    pbx.says(SOUND, content_disposition=f'attachment; filename="{said}"')
    assert fetch(api) == SOUND


@pytest.mark.parametrize("name", ["", "..", "../../etc/shadow", "a@b.wav", "2026-02/a.wav", "a\nb.wav", "a\udce9.wav", "a\\b.wav"])
def test_name_that_would_ask_for_something_else_is_not_sent(scripted, name):
    pbx, api, _ = scripted
    with pytest.raises(NotListed):
        fetch(api, name)
    assert pbx.asked == []


@pytest.mark.parametrize("name", ["auto-1#6400-1+2 x.wav", "ü" * 150 + ".wav", "q" * 300 + ".wav", "..wav"])
def test_odd_names_are_sent_as_they_are(scripted, name):
    pbx, api, _ = scripted
    pbx.says(SOUND)
    assert fetch(api, name) == SOUND
    assert pbx.asked[0]["filename"] == name


@pytest.mark.parametrize("month", ["2026-13", "undated", "", None, "2026-1"])
def test_month_that_is_none_is_not_sent(scripted, month):
    pbx, api, _ = scripted
    pbx.says({"status": -16, "response": {}})
    with pytest.raises(ScraperError):
        fetch(api, month=month)
    assert {(request["filedir"], request["filename"]) for request in pbx.asked} == {("monitor", NAME), ("queue", NAME)}


def test_form_that_a_pbx_does_not_understand_is_no_proof_that_a_recording_is_gone(scripted):
    pbx, api, _ = scripted
    pbx.says({"status": -15, "response": {}})
    with pytest.raises(AnswerNotAsExpected):
        fetch(api)


@pytest.mark.fault("api", "an answer that never ends", "it is left at its limit", promise="hang")
def test_answer_that_never_ends_is_left_at_its_limit():
    with pytest.raises(AnswerNotAsExpected, match="larger"):
        Reply(200, {}, itertools.repeat(b"x" * 100)).json(limit=1 << 20)


# --- lists ---


@pytest.mark.parametrize(
    ("answer", "files"),
    [
        ("2026-08/q6500-a.wav,2026-08/q6500-b.wav", ["2026-08/q6500-a.wav", "2026-08/q6500-b.wav"]),
        ("2026-08/a.wav@2026-08/b.wav@", ["2026-08/a.wav", "2026-08/b.wav"]),
        (["a.wav@", "b.wav"], ["a.wav", "b.wav"]),
        ("", []), (None, []), (7, []), ({}, []), ([None, 1], []), (" a.wav , ", ["a.wav"]),
    ],
)  # fmt: skip
def test_files_of_a_call_in_each_form(scripted, answer, files):
    pbx, api, _ = scripted
    pbx.says({"status": 0, "response": {"recordfiles": answer}})
    assert api.record_infos("901") == files


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_files_of_any_answer_are_clean_texts(answer):
    assert all(name and name == name.strip() and "," not in name and "@" not in name for name in _files(answer))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.wav,10,2026-02-26 10:00:00\r\nb.wav,20,x\r\n", ["a.wav", "b.wav"]),
        ('"File","Size"\n"2026-02/a b.wav","10"\n', ["2026-02/a b.wav"]),
        ("1;auto-1#2-+3-4.WAV;10\n", ["auto-1#2-+3-4.WAV"]),
        ("monitor\nqueue\n", []),
        ("", []),
    ],
)
def test_names_in_a_list_of_a_directory(text, names):
    assert list(_names(text)) == names


@given(st.text())
def test_any_text_can_be_looked_through_for_names(text):
    assert all("\n" not in name for name in _names(text))


def test_list_that_is_empty_or_html_is_no_list(scripted):
    pbx, api, _ = scripted
    for body in (b"", b'{"status":-15,"response":{}}', SOUND):
        pbx.says(body)
        assert api.list_directory("monitor") is None
    pbx.says(b"<html></html>")
    with pytest.raises(Throttled):
        api.list_directory("monitor")


@given(st.binary(max_size=3000), st.lists(st.integers(1, 500), max_size=5))
def test_any_body_is_judged_and_given_whole(body, cuts):
    def pieces():
        at = 0
        for cut in cuts:
            yield body[at : at + cut]
            at += cut
        yield body[at:]

    reply = Reply(200, {}, pieces())
    assert reply.kind
    assert b"".join(reply.pieces()) == body


@given(st.binary(max_size=300))
def test_any_body_is_json_or_an_error_of_ours(body):
    try:
        found = Reply(200, {}, iter([body])).json()
    except AnswerNotAsExpected:
        return
    assert isinstance(found, dict)


@given(st.text(st.characters(max_codepoint=255), max_size=60), st.sampled_from(["", "filename=", "filename*=", "filename*0*="]))
@example("utf-\0''a", "filename*=")
def test_any_content_disposition_gives_a_bare_name_or_none(value, key):
    name = Reply(200, {"content-disposition": f"attachment; {key}{value}".replace("\n", "").replace("\r", "")}, iter([])).file_name
    assert name is None or "/" not in name
