"""Call records as JSON: every shape, every recording, whatever else comes."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.cdr import Call, CallFile, parse_files, parse_groups
from scraper.models import RecordingClass
from scraper.simulator import Simulator
from scraper.simulator.cdrs import SHAPES, calls, group
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.state import State

ZONE = ZoneInfo("America/Chicago")
FILE = "2026-02/auto-1770000000-1000-5555550100.wav"
NAME = FILE.rpartition("/")[2]


def leg(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "AcctId": "7", "src": "1000", "dst": "5555550100", "start": "2026-02-01 20:40:00", "answer": "2026-02-01 20:40:05",
        "end": "2026-02-01 20:41:05", "duration": "65", "billsec": "60", "disposition": "ANSWERED", "uniqueid": "1770000000.7",
        "session": "1770000000123-1000", "recordfiles": f"{FILE}@", "lastapp": "Dial", "action_type": "DIAL", "caller_name": "Sim",
    }  # fmt: skip
    return fields | changes


SECOND = leg(AcctId="8", recordfiles="b.wav@")
HOLLOW = leg(AcctId="", disposition="", uniqueid="", recordfiles="", lastapp="")


def only(groups: Any) -> Call:
    (call,) = parse_groups(groups, ZONE).calls
    return call


def files(groups: Any) -> list[str]:
    return [f"{file.month}/{file.name}" for call in parse_groups(groups, ZONE).calls for file in call.files]


def test_a_flat_group_is_one_leg_with_its_times_in_both_clocks() -> None:
    call = only([{"cdr": ""} | leg()])
    assert call.key == ("1770000000123-1000", "7", "2026-02-01 20:40:00")
    assert call.start is not None
    assert call.start.utc.isoformat() == "2026-02-02T02:40:00+00:00"
    assert (call.talk_seconds, call.duration, call.src, call.dst, call.answered) == (60, 65, "1000", "5555550100", True)
    assert call.files == (CallFile(NAME, "2026-02", RecordingClass.MONITOR),)


@pytest.mark.parametrize(
    "shape",
    [
        {"cdr": "s", "main_cdr": HOLLOW, "sub_cdr_1": leg(), "sub_cdr_2": SECOND},
        {"cdr": "s", "main_cdr": HOLLOW, "sub_cdr_1": [leg(), SECOND]},
        {"cdr": "s", "main_cdr": HOLLOW, "sub_cdr_1": {"main_cdr": HOLLOW, "sub_cdr_1": leg(), "x": {"y": [SECOND]}}},
        {"cdr": "s", "main_cdr": [HOLLOW], "sub_cdr_1": {"1": leg(), "2": SECOND}},
    ],
    ids=["hollow", "array", "deep", "object"],
)
def test_each_leg_of_a_group_is_a_call_and_the_hollow_summary_none(shape: Any) -> None:
    parsed = parse_groups([shape], ZONE)
    assert [call.acct_id for call in parsed.calls] == ["7", "8"]
    assert files([shape]) == [FILE, "None/b.wav"]
    assert parsed.unknown == 0


def test_a_summary_without_legs_is_all_that_is_known_and_stays() -> None:
    assert only([{"cdr": "s", "main_cdr": HOLLOW}]).src == "1000"


def test_a_summary_with_an_account_is_a_leg() -> None:
    parsed = parse_groups([{"main_cdr": leg(AcctId="1", recordfiles=""), "sub_cdr_1": leg(AcctId="2")}], ZONE)
    assert [call.acct_id for call in parsed.calls] == ["1", "2"]


def test_a_file_named_by_summary_and_legs_stands_once_at_the_leg_that_talked_longest() -> None:
    summary = leg(AcctId="", recordfiles=f"{NAME}@")
    short, long = leg(AcctId="1", billsec="3", recordfiles_desc="duration=60,size=960044B@"), leg(AcctId="2", billsec="60")
    parsed = parse_groups([{"main_cdr": summary, "sub_cdr_1": short, "sub_cdr_2": long}], ZONE)
    assert [(call.acct_id, call.files) for call in parsed.calls] == [
        ("1", ()), ("2", (CallFile(NAME, "2026-02", RecordingClass.MONITOR, 60, 960044),)),
    ]  # fmt: skip


def test_one_name_in_two_months_is_two_recordings_even_in_one_group() -> None:
    assert files([leg(recordfiles="2026-01/a.wav@2026-02/a.wav@a.wav@")]) == ["2026-01/a.wav", "2026-02/a.wav"]


@pytest.mark.parametrize(
    ("changes", "group", "session"),
    [
        ({}, {"cdr": "outer"}, "1770000000123-1000"),
        ({"session": ""}, {"cdr": "outer"}, "outer"),
        ({"session": None}, {"cdr": "", "main_cdr": HOLLOW}, "1770000000123-1000"),
        ({"session": ""}, {"cdr": ""}, "1770000000.7"),
        ({"session": "", "uniqueid": ""}, {}, ""),
    ],
)
def test_the_session_falls_back_to_what_holds_the_legs_together(changes: Any, group: Any, session: str) -> None:
    assert parse_groups([group | {"sub_cdr_1": leg(**changes)}], ZONE).calls[-1].session == session


def test_numbers_stand_for_their_text_and_text_for_numbers() -> None:
    call = only([leg(AcctId=7, billsec=60, duration=65.0, src=1000, start=1770000000)])
    assert call == only([leg()])


@pytest.mark.parametrize("value", [None, "", [], {}, True, "0000-00-00 00:00:00", "2026-02-30 25:00:00", "yesterday", 1e300, float("nan")])
def test_a_leg_without_a_start_that_can_be_read_is_kept_and_counted(value: Any) -> None:
    parsed = parse_groups([leg(start=value)], ZONE)
    assert (parsed.unknown, parsed.calls[0].start, len(parsed.calls[0].files)) == (1, None, 1)


def test_null_and_missing_fields_are_empty() -> None:
    call = only([{"start": "2026-02-01 20:40:00"} | dict.fromkeys(("answer", "end", "billsec", "src", "recordfiles"), None)])
    assert (call.answer, call.end, call.talk_seconds, call.src, call.files, call.answered) == (None, None, None, "", (), False)


def test_unknown_groups_are_counted_and_described_by_their_keys_alone() -> None:
    parsed = parse_groups([leg(), 5, None, "text", [], {}, {"foo": "5555550100", "5555550101": 1}], ZONE)
    assert len(parsed.calls) == 1
    assert parsed.unknown == 6
    assert parsed.shapes == ("int", "NoneType", "str", "list", "{}", "{foo, …}")


def test_an_answer_that_is_no_list_is_taken_as_one_group() -> None:
    assert parse_groups({"cdr_root": [leg()]}, ZONE).calls == [only([leg()])]


def test_groups_deeper_than_the_stack_are_walked() -> None:
    nested: Any = leg()
    for _ in range(50_000):
        nested = {"sub_cdr_1": nested}
    assert files([nested]) == [FILE]


@pytest.mark.parametrize("value", [5, {"a": 1}, [5, None]])
def test_recordfiles_of_another_kind_are_counted(value: Any) -> None:
    parsed = parse_groups([leg(recordfiles=value)], ZONE)
    assert parsed.unknown == (2 if value == [5, None] else 1)
    assert parsed.calls[0].files == ()


def test_recordfiles_may_be_a_list_of_texts() -> None:
    assert files([leg(recordfiles=["2026-02/a.wav", "2026-02/b.wav@"])]) == ["2026-02/a.wav", "2026-02/b.wav"]


def test_a_recording_s_path_in_caller_name_is_a_file() -> None:
    call = only([leg(recordfiles="", caller_name=f"{FILE}@")])
    assert (call.files[0].name, call.caller_name) == (NAME, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("@", []),
        (f"{FILE}@", [FILE]),
        (FILE, [FILE]),
        ("2026-08/q6500-a.wav,2026-08/q6500-b.wav", ["2026-08/q6500-a.wav", "2026-08/q6500-b.wav"]),
        ("a.wav, b.wav", ["None/a.wav", "None/b.wav"]),
        ("a@b@", ["None/a", "None/b"]),
        ("auto-1-a@auto-2-b@x.wav@", ["None/auto-1-a", "None/auto-2-b@x.wav"]),
        ("auto-1770000000-alice@example.com-1000.wav@", ["None/auto-1770000000-alice@example.com-1000.wav"]),
        ("auto-1-Doe, John-1000.wav@auto-2-1000-2000.wav@", ["None/auto-1-Doe, John-1000.wav", "None/auto-2-1000-2000.wav"]),
        ("auto-1770000000#1000-+15555550100-6400.wav@", ["None/auto-1770000000#1000-+15555550100-6400.wav"]),
        ("2026-13/a b.wav@", ["None/a b.wav"]),
        ("monitor/2026-02/a.wav@", ["2026-02/a.wav"]),
        ("2026-01/2026-02/x/a.wav@", ["2026-02/a.wav"]),
        ("/var/2026-02/../../etc/passwd@", ["2026-02/passwd"]),
        ("2026-02/a\\..\\b.wav@", ["2026-02/a\\..\\b.wav"]),
        ("2026-02/a\nb.wav@", ["2026-02/a%0Ab.wav"]),
        ("x" * 300 + ".wav@", ["None/" + "x" * 300 + ".wav"]),
    ],
)
def test_recordfiles_are_split_into_bare_clean_names(text: str, expected: list[str]) -> None:
    found, unreadable = parse_files(text)
    assert [f"{file.month}/{file.name}" for file in found] == expected
    assert unreadable == 0


@pytest.mark.parametrize("path", ["..", "2026-02/..", "2026-02/.", "2026-02/ "])
def test_what_names_no_file_is_counted(path: str) -> None:
    found, unreadable = parse_files(f"{path}@2026-02/a.wav@")
    assert ([file.name for file in found], unreadable) == (["a.wav"], 1)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ("duration=420,size=6722764B,start-time=1661157852@duration=3,size=48044@", [(420, 6722764), (3, 48044)]),
        ("duration=420,size=6722764B@", [(None, None), (None, None)]),
        ("size=big,duration=@start-time=5@", [(None, None), (None, None)]),
        ("@@@", [(None, None), (None, None)]),
    ],
)
def test_a_description_is_believed_where_it_has_one_entry_a_file(described: str, expected: list[Any]) -> None:
    assert [(file.seconds, file.size) for file in parse_files("a.wav@b.wav@", described)[0]] == expected


def test_a_name_tells_its_class() -> None:
    text = f"{FILE}@q6500-5555550100-20260206-162136-1.1-1001.wav@meetme-conf-rec-6300-1770000000.1.wav@"
    assert [file.klass.value for file in parse_files(text)[0]] == ["monitor", "queue", "meetme"]


def test_a_file_name_that_no_database_takes_is_made_clean() -> None:
    parsed = parse_groups(
        json.loads('[{"AcctId": "\\ud800", "start": "2026-02-01 20:40:00", "recordfiles": "a\\ud800\\u0000.wav@"}]'), ZONE
    )
    json.dumps([parsed.calls[0].acct_id, parsed.calls[0].files[0].name]).encode()
    assert parsed.calls[0].files[0].name == "a%ED%A0%80%00.wav"
    parsed.calls[0].acct_id.encode()


# --- anything at all ---

_KEYS = ["AcctId", "start", "end", "recordfiles", "recordfiles_desc", "main_cdr", "sub_cdr_1", "session", "cdr", "uniqueid", "billsec"]
_ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
_TEXTS = _ANY_TEXT | st.sampled_from([FILE, "a.wav@", "@", "2026-03-08 02:30:00", "2026-11-01 01:30:00", "1:02:03", "1770000000.1"])
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | _ANY_TEXT, inner, max_size=6),
    max_leaves=25,
)


@given(_ANY_JSON)
def test_any_json_is_parsed_without_an_error_into_text_that_a_catalog_can_hold(value: Any) -> None:
    for call in parse_groups(value, ZONE).calls:
        for text in (*call.key, call.src, call.caller_name, *(file.name for file in call.files)):
            text.encode()
        assert all("/" not in file.name and file.name not in ("", ".", "..") for file in call.files)


_NAMES = st.from_regex(
    r"(auto-1[0-9]{9}(#[0-9]{4})?-\+?[0-9a-z @,'()]{1,12}-[0-9]{2,6}|q[0-9]{4}-[0-9 +#]{3,9}-x|meetme-conf-rec-63-1)\.(wav|mp3)",
    fullmatch=True,
).filter(lambda name: not re.search(r"[@,] ?(auto|q[0-9]+|meetme)-", name))  # a party named as a recording begins can't be told from one
_PATHS = st.lists(st.tuples(st.sampled_from(["2026-01", "2026-02"]), _NAMES), unique=True, max_size=6)


@st.composite
def _groups(draw: st.DrawFn) -> tuple[Any, Counter[tuple[str | None, str]]]:
    """One group in some shape, its files spread over its legs, some named twice; with or without months; and what is in it."""
    with_month = draw(st.booleans())
    paths = draw(_PATHS) if with_month else list({name: (None, name) for _, name in draw(_PATHS)}.values())
    spread: list[list[tuple[str | None, str]]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for path in paths:
        for index in draw(st.sets(st.sampled_from(range(len(spread))), min_size=1)):
            spread[index].append(path)
    ends = "".join if draw(st.booleans()) else None
    legs: list[Any] = []
    for number, own in enumerate(spread):
        texts = [f"{month}/{name}" if month else name for month, name in own]
        legs.append(leg(AcctId=str(number), recordfiles=ends(f"{text}@" for text in texts) if ends else ",".join(texts)))
    for _ in range(draw(st.integers(0, 3))):
        legs = draw(st.sampled_from([[{"main_cdr": HOLLOW, "sub_cdr_1": legs}], [{f"sub_cdr_{n}": each for n, each in enumerate(legs)}]]))
    return legs, Counter(paths)


@given(_groups())
def test_every_file_of_a_generated_group_comes_out_once(made: tuple[Any, Counter[tuple[str | None, str]]]) -> None:
    given_group, expected = made
    parsed = parse_groups([given_group], ZONE)
    assert Counter((file.month, file.name) for call in parsed.calls for file in call.files) == expected


# --- the simulated PBX ---


@pytest.mark.parametrize("shape", [*SHAPES, "mixed"])
@pytest.mark.parametrize("style", ["month", "bare"])
@pytest.mark.parametrize("described", [True, False])
def test_every_recording_of_the_simulation_comes_out_once_with_its_size(tmp_path: Path, shape: Any, style: Any, described: bool) -> None:
    config = SimulatorConfig(
        recordings=40, queue_recordings=7, meetme_recordings=3, cdr_shape=shape, recordfiles=style, recordfiles_desc=described
    )
    state = State(config, tmp_path)
    parsed = parse_groups([group(call, config) for call in calls(state)], config.zone)
    assert parsed.unknown == 0
    assert len({call.key for call in parsed.calls}) == len(parsed.calls)
    assert Counter((file.month, file.name, file.klass, file.size) for call in parsed.calls for file in call.files) == Counter(
        (each.month if style == "month" else None, each.name, each.klass, each.size if described else None) for each in state.all_recordings
    )


def test_what_the_simulated_api_answers_is_understood(tmp_path: Path) -> None:
    httpx = pytest.importorskip("httpx")
    with Simulator(api_new=True, recordings=12, calls_without_file=1, tls=False) as pbx:
        from hashlib import md5

        def ask(**request: str) -> Any:
            return httpx.post(f"{pbx.url}/api", json={"request": request}, trust_env=False).json()

        challenge = ask(action="challenge", user=pbx.config.api_user, version="1.0")["response"]["challenge"]
        token = md5((challenge + pbx.config.api_password).encode(), usedforsecurity=False).hexdigest()
        cookie = ask(action="login", user=pbx.config.api_user, token=token)["response"]["cookie"]
        parsed = parse_groups(ask(action="cdrapi", cookie=cookie, format="json")["cdr_root"], pbx.config.zone)
        held = {each.path for each in pbx.state.all_recordings}
    named = {f"{file.month}/{file.name}" for call in parsed.calls for file in call.files}
    assert parsed.unknown == 0
    assert held < named
    assert len(named - held) == 1
