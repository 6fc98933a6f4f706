"""What is pushed, in every form and in none: read, or refused with a reason, and quickly."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scraper.cdr import parse_groups
from scraper.hooks.body import Unreadable, is_empty, read_calls
from scraper.simulator import SimulatorConfig
from scraper.simulator.cdrs import CallRecord, Leg, group
from scraper.simulator.push import Pusher

ZONE = ZoneInfo("America/Chicago")
LEG = {
    "AcctId": "7", "session": "1770416496-555", "uniqueid": "1770416496.7", "src": "5555550100", "dst": "1000",
    "start": "2026-02-06 16:21:36", "billsec": "9", "disposition": "ANSWERED",
    "recordfiles": "2026-02/auto-1770416500-5555550100-1000.wav@",
}  # fmt: skip


def writer(form: Any) -> Pusher:
    return Pusher(None, "http://localhost", ("", ""), form)


def record(shape: str) -> dict[str, Any]:
    start = datetime(2026, 2, 6, 16, 21, 36, tzinfo=ZONE)
    legs = (
        Leg(
            start,
            9,
            "5555550100",
            "1000",
            files=("2026-02/auto-1770416500-5555550100-1000.wav",),
            desc=("duration=9,size=144044B",),
            acct_id=1,
        ),
        Leg(start, 4, "1000", "1001", files=("2026-02/auto-1770416520-1000-1001.wav",), desc=("duration=4,size=64044B",), acct_id=2),
    )
    return group(CallRecord("1770416496000-0100", start, legs, shape, "month"), SimulatorConfig())


@pytest.mark.parametrize("shape", ["flat", "hollow", "array", "deep"])
@pytest.mark.parametrize("form", ["json", "list", "cdr_root", "xml"])
def test_each_shape_of_a_record_is_read_alike_in_each_form(form: Any, shape: str) -> None:
    told = record(shape)
    found = read_calls(writer(form).body([told]), ZONE)
    assert found.calls == parse_groups([told], ZONE).calls
    assert {file.name for call in found.calls for file in call.files} == {
        "auto-1770416500-5555550100-1000.wav",
        "auto-1770416520-1000-1001.wav",
    }


@pytest.mark.parametrize("form", ["list", "cdr_root", "xml"])
def test_several_records_in_one_body_are_as_many_calls(form: Any) -> None:
    others = [LEG | {"AcctId": str(number), "session": f"17704164{number}-555"} for number in range(10, 15)]
    found = read_calls(writer(form).body(others), ZONE)
    assert sorted(call.acct_id for call in found.calls) == ["10", "11", "12", "13", "14"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\r\n \t", b"\xef\xbb\xbf\r\n"])
def test_what_stands_before_the_first_byte_does_not_matter(mark: bytes) -> None:
    assert len(read_calls(mark + json.dumps(LEG).encode(), ZONE).calls) == 1
    assert len(read_calls(mark + writer("xml").body([LEG]).split(b"?>", 1)[1], ZONE).calls) == 1


def test_names_that_are_not_utf8_are_read_as_in_the_apis_answers() -> None:
    body = json.dumps(LEG).encode().replace(b"5555550100-1000.wav", b"5555550100-J\xfcrgen.wav")
    assert read_calls(body, ZONE).calls[0].files[0].name == "auto-1770416500-5555550100-J%FCrgen.wav"


def test_a_recordings_path_in_caller_name_is_the_calls_recording() -> None:
    told = LEG | {"recordfiles": "", "caller_name": LEG["recordfiles"].rstrip("@")}
    assert [file.name for file in read_calls(json.dumps(told).encode(), ZONE).calls[0].files] == ["auto-1770416500-5555550100-1000.wav"]


def test_xml_may_have_attributes_and_namespaces() -> None:
    body = b'<r xmlns="urn:x"><cdr AcctId="3"><start>2026-02-06 16:21:36</start><src>5555550100</src></cdr></r>'
    (call,) = read_calls(body, ZONE).calls
    assert (call.acct_id, call.src, call.start and call.start.text) == ("3", "5555550100", "2026-02-06 16:21:36")


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf", b"\0\0"])
def test_what_says_nothing_is_no_call(body: bytes) -> None:
    assert is_empty(body) and read_calls(body, ZONE).calls == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b"[[[]]]", b"<a/>", b'{"hello": 1}', b"<html><body>Hello</body></html>"])
def test_what_holds_no_call_is_none(body: bytes) -> None:
    assert read_calls(body, ZONE).calls == []


LAUGHS = b"".join([
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">',
    *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)),
    b"]><r><src>&a9;</src></r>",
])  # fmt: skip


@pytest.mark.fault("push", "XML bombs, entities, rubbish", "refused at once", promise="hang")
@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b'<!DOCTYPE r [<!ENTITY a "' + b"x" * 100_000 + b'">]><r><src>' + b"&a;" * 10_000 + b"</src></r>",
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><src>&x;</src></r>',
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://192.0.2.1/x.dtd"> %x;]><r/>',
        b'<!DOCTYPE r SYSTEM "http://192.0.2.1/x.dtd"><r/>',
        b"<r><src>&undefined;</src></r>",
        b"<r><unclosed></r>",
        b"<",
        b'<?xml version="1.0" encoding="no-such-code"?><r/>',
        b'{"start": ',
        b"hello",
        b"GET / HTTP/1.1",
        b'"a text"',
        b"1" * 100_000,
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[" + b"1," * 400_000 + b"1]",
        b'[{"start":"2026-02-01 10:00:00","recordfiles":"' + b"a@" * 400_000 + b'"}]',
        b"<r>" + b"<a/>" * 200_000 + b"</r>",
        b"<r>" + b"<a b=''/>" * 100_000 + b"</r>",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_bombs_entities_and_rubbish_are_refused_at_once(body: bytes) -> None:
    began = time.thread_time()
    with pytest.raises(Unreadable) as refused:
        read_calls(body, ZONE)
    assert time.thread_time() - began < 1
    assert "passwd" not in str(refused.value)


@pytest.mark.parametrize("piece", [b"<a>", b"<a b='1'>"])
def test_xml_deeper_than_the_stack_is_no_harm(piece: bytes) -> None:
    assert read_calls(piece * 9_000 + b"</a>" * 9_000, ZONE).calls == []


def test_one_name_in_every_month_over_and_over_takes_no_time() -> None:
    paths = "@".join([f"{year}-{month:02d}/a.wav" for year in range(1900, 2100) for month in range(1, 13)] * 20)
    began = time.thread_time()
    calls = read_calls(json.dumps([{"start": "2026-02-01 10:00:00", "recordfiles": paths + "@a.wav"}]).encode(), ZONE).calls
    assert time.thread_time() - began < 3
    assert len(calls[0].files) == 2_400


_texts = st.text() | st.sampled_from([*LEG.values(), "9" * 400, "2026-02-30 25:61:61", "@@@", "../../etc/passwd@", "\ud800", "NaN", "-1"])
_fields = st.sampled_from(
    [*LEG, "main_cdr", "sub_cdr_1", "cdr", "cdr_root", "recordfiles_desc", "caller_name", "answer", "end", "duration"]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_fields | st.text(max_size=5), inner, max_size=8),
    max_leaves=30,
)


@given(
    st.binary(max_size=300)
    | _json.map(lambda shape: json.dumps(shape).encode("utf-8", "surrogatepass"))
    | _json.map(lambda s: str(s).encode("utf-8", "replace"))
)
@example(b'{"start": 1e999, "src": -0.0, "duration": 123456789012345678901234567890}')
@example(b'<r><recordfiles><f>a.wav</f></recordfiles><start/><src a="1">x</src></r>')
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        read_calls(body, ZONE)
    except Unreadable as refused:
        assert refused.args[0]
