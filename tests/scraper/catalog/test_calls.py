"""The catalog's call records and its memory of the PBX's lists."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from scraper.catalog import CallCounts, Catalog, NamedFile, Recording, migrations
from scraper.catalog.schema import HEAD
from scraper.cdr import Call, CallFile, parse_csv, parse_groups
from scraper.models import Identity, RecordingClass, Source
from scraper.simulator.cdrs import calls as simulated_calls
from scraper.simulator.cdrs import group, table
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.packs import csv_text
from scraper.simulator.state import State

ZONE = ZoneInfo("America/Chicago")
MONITOR, QUEUE = RecordingClass.MONITOR, RecordingClass.QUEUE


def calls_of(*legs: dict[str, Any]) -> list[Call]:
    return parse_groups(list(legs), ZONE).calls


def leg(**changes: Any) -> dict[str, Any]:
    fields = {
        "session": "s", "AcctId": "7", "src": "1000", "dst": "5555550100", "start": "2026-02-01 20:40:00", "answer": "2026-02-01 20:40:05",
        "end": "2026-02-01 20:41:05", "duration": "65", "billsec": "60", "disposition": "ANSWERED", "uniqueid": "1770000000.7",
        "recordfiles": "2026-02/a.wav@", "recordfiles_desc": "duration=60,size=960044B@",
    }  # fmt: skip
    return fields | changes


def names(catalog: Catalog, *window: Any) -> list[str]:
    return sorted(f"{file.month}/{file.name}" for file in catalog.call_files("office", *window))


def test_a_call_comes_back_as_it_went_in(catalog: Catalog) -> None:
    assert catalog.upsert_calls("office", calls_of(leg()), "api") == 1
    (stored,) = catalog.calls("office")
    assert (stored.session, stored.acct_id, stored.start, stored.source, stored.talk_seconds, stored.disposition) == (
        "s", "7", "2026-02-01 20:40:00", "api", 60, "ANSWERED",
    )  # fmt: skip
    assert (stored.start_utc, stored.answer_utc, stored.end_utc) == ("2026-02-02T02:40:00Z", "2026-02-02T02:40:05Z", "2026-02-02T02:41:05Z")
    assert stored.files == (CallFile("a.wav", "2026-02", MONITOR, 60, 960044),)
    start = datetime(2026, 2, 2, 2, 40, tzinfo=UTC)
    assert list(catalog.call_files("office")) == [
        NamedFile(MONITOR, "2026-02", "a.wav", 60, 960044, start, 60, start + timedelta(seconds=65))
    ]


def test_reading_calls_again_doubles_nothing_and_forgets_nothing(catalog: Catalog) -> None:
    full, poor = leg(caller_name="Sim"), leg(caller_name="", billsec=None, recordfiles="", recordfiles_desc="")
    for each in (full, poor):
        catalog.upsert_calls("office", calls_of(each), "api")
    (stored,) = catalog.calls("office")
    assert (stored.caller_name, stored.talk_seconds, len(stored.files), stored.files[0].size) == ("Sim", 60, 1, 960044)


@pytest.mark.parametrize(
    "other",
    [{"AcctId": "8"}, {"start": "2026-02-01 20:40:01"}, {"session": "t"}, {"dst": "6500"}, {"src": "1001"}],
)
def test_legs_that_differ_in_their_key_stay_apart(catalog: Catalog, other: Any) -> None:
    catalog.upsert_calls("office", calls_of(leg(), leg(**other)), "api")
    assert len(list(catalog.calls("office"))) == 2


def test_an_account_that_restarts_every_month_is_another_call(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(leg(session="1"), leg(session="2", start="2026-03-01 20:40:00")), "api")
    assert [stored.acct_id for stored in catalog.calls("office")] == ["7", "7"]


def test_legs_without_account_are_kept_apart_by_their_times_not_by_what_is_translated(catalog: Catalog) -> None:
    bare = leg(AcctId="", disposition="ANSWERED")
    catalog.upsert_calls("office", calls_of(bare, bare | {"billsec": "3"}, bare | {"disposition": "BEANTWORTET"}), "csv")
    assert sorted(stored.talk_seconds or 0 for stored in catalog.calls("office")) == [3, 60]


def test_the_same_leg_twice_in_one_batch_is_one_call_with_both_its_files(catalog: Catalog) -> None:
    assert catalog.upsert_calls("office", calls_of(leg(), leg(recordfiles="b.wav@c.wav@", recordfiles_desc="")), "api") == 1
    assert names(catalog) == ["2026-02/a.wav", "None/b.wav", "None/c.wav"]


def test_calls_without_start_are_kept_for_their_files_alone_and_stand_in_no_window(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(leg(start=""), leg(start="", recordfiles="", AcctId="8")), "api")
    assert [(stored.start, stored.start_utc) for stored in catalog.calls("office")] == [("", None)]
    assert names(catalog) == ["2026-02/a.wav"]
    assert names(catalog, None, date(2027, 1, 1)) == names(catalog, date(2020, 1, 1)) == []


def test_a_window_is_of_local_start_times_and_ends_before_its_end(catalog: Catalog) -> None:
    days = ("2026-01-31 23:59:59", "2026-02-01 00:00:00", "2026-02-02 23:59:59", "2026-02-03 00:00:00")
    catalog.upsert_calls("office", calls_of(*(leg(start=day, recordfiles=f"{day[:10]}.wav@") for day in days)), "api")
    catalog.upsert_calls("other", calls_of(leg()), "api")
    window = date(2026, 2, 1), date(2026, 2, 3)
    assert [stored.start for stored in catalog.calls("office", *window)] == list(days[1:3])
    assert [file.name for file in catalog.call_files("office", *window)] == ["2026-02-01.wav", "2026-02-02.wav"]
    assert len(list(catalog.calls("office", since=date(2026, 2, 1)))) == 3
    assert len(list(catalog.calls())) == 5


@pytest.mark.parametrize(
    ("of_table", "told"),
    [
        ({}, 1),
        ({"src": "+1000"}, 1),  # the same channel
        ({"uniqueid": ""}, 1),  # the same people
        ({"uniqueid": "", "src": "+1000"}, 2),
        ({"start": "2026-02-01 20:40:01"}, 2),
    ],
)
def test_a_call_of_the_table_is_not_told_again_once_the_api_tells_it(catalog: Catalog, of_table: Any, told: int) -> None:
    catalog.upsert_calls("office", calls_of(leg(session="", AcctId="", recordfiles="t.wav@") | of_table), "csv")
    assert [stored.source for stored in catalog.calls("office")] == ["csv"]
    for ucm in ("other", "office"):
        catalog.upsert_calls(ucm, calls_of(leg()), "api")
    assert sorted(stored.source for stored in catalog.calls("office")) == ["api", "csv"][:told]
    assert catalog.call_counts("office").calls == told
    assert names(catalog) == ["2026-02/a.wav", "None/t.wav"]


def test_a_pushed_call_is_not_told_again_once_the_api_tells_it(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(leg(session="as the push calls it")), "push")
    assert [call.source for call in catalog.calls("office")] == ["push"]
    catalog.upsert_calls("office", calls_of(leg()), "api")
    assert [(call.source, call.session) for call in catalog.calls("office")] == [("api", "s")]
    assert catalog.call_counts("office").calls == 1 and set(names(catalog)) == {"2026-02/a.wav"}


@pytest.mark.parametrize("order", [("api", "push"), ("push", "api"), ("api", "csv", "push"), ("csv", "api")])
def test_what_the_api_told_stays_told_by_the_api(catalog: Catalog, order: Any) -> None:
    for source in order:
        catalog.upsert_calls("office", calls_of(leg()), source)
    assert [call.source for call in catalog.calls("office")] == ["api"]
    assert catalog.newest_start("office", "api") == "2026-02-01 20:40:00"


def test_the_recordings_beside_one_are_those_of_its_calls(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(leg(recordfiles="2026-02/a.wav@2026-02/b.wav@"), leg(AcctId="8", recordfiles="c.wav@")), "api")
    catalog.upsert_calls("branch", calls_of(leg(recordfiles="2026-02/a.wav@2026-02/d.wav@")), "api")
    assert {file.name for file in catalog.files_beside("office", "a.wav")} == {"a.wav", "b.wav"}
    assert catalog.files_beside("office", "d.wav") == []


def test_answered_calls_that_name_no_recording_are_found(catalog: Catalog) -> None:
    legs = [
        leg(), leg(AcctId="8", recordfiles="", session="b"), leg(AcctId="9", recordfiles="", billsec="0", disposition="NO ANSWER"),
        leg(AcctId="10", recordfiles="", disposition="已接听", session="c"), leg(AcctId="11", recordfiles=""),
    ]  # fmt: skip
    catalog.upsert_calls("office", calls_of(*legs), "api")
    assert catalog.call_counts("office") == CallCounts(calls=5, answered=4, files=1)
    assert [stored.acct_id for stored in catalog.calls_without_files("office")] == ["8", "10"]  # of 11's call another leg names one


def test_a_call_that_was_asked_about_is_not_asked_about_again(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(leg(recordfiles=""), leg(AcctId="8", recordfiles="")), "api")
    first, second = catalog.calls_without_files("office")
    catalog.add_call_files(first.id, [CallFile("q6500-a.wav", "2026-02", QUEUE)])
    catalog.add_call_files(second.id, [])
    assert list(catalog.calls_without_files("office")) == []
    assert names(catalog) == ["2026-02/q6500-a.wav"]
    catalog.upsert_calls("office", calls_of(leg(recordfiles=""), leg(AcctId="8", recordfiles="")), "api")
    assert list(catalog.calls_without_files("office")) == []


def test_more_calls_than_a_page_in_one_second_are_told_once_each(catalog: Catalog) -> None:
    catalog.upsert_calls("office", calls_of(*(leg(AcctId=str(number), recordfiles=f"{number}.wav@") for number in range(2500))), "api")
    stored = list(catalog.calls("office"))
    assert len({each.acct_id for each in stored}) == len(stored) == 2500
    assert all(each.files[0].name == f"{each.acct_id}.wav" for each in stored)
    assert len(names(catalog)) == 2500


def test_newest_calls_are_told_first_once_each_over_pages_and_those_without_start_last(catalog: Catalog) -> None:
    starts = [f"2026-02-{day:02} 20:40:00" for day in range(1, 8)]
    legs = [leg(AcctId=f"{number}", start=starts[number % 7], recordfiles="", recordfiles_desc="") for number in range(2401)]
    catalog.upsert_calls("office", calls_of(*legs, leg(AcctId="x", start="")), "api")
    told = [(call.start, call.id) for call in catalog.newest_calls("office")]
    assert len(set(told)) == 2402
    assert told == sorted(told, reverse=True)
    assert told[-1][0] == ""
    assert {start for start, _ in told[:343]} == {starts[-1]}
    assert [call.start for call in catalog.newest_calls("office", date(2026, 2, 3), date(2026, 2, 4))] == [starts[2]] * 343


def test_archived_files_are_found_by_month_or_around_the_call_where_it_names_none(catalog: Catalog) -> None:
    files = {"1": "2026-02/a.wav@", "2": "b.wav@", "3": "c.wav@", "4": "2026-02/d.wav@"}
    legs = [leg(AcctId=number, recordfiles=named, recordfiles_desc="") for number, named in files.items()]
    catalog.upsert_calls("office", calls_of(*legs), "api")
    for month, name in (("2026-02", "a.wav"), ("2026-03", "b.wav"), ("2025-02", "c.wav"), ("2026-03", "d.wav")):
        catalog.announce([recording(month, name)])
    assert catalog.archived_files("office", list(catalog.calls("office"))) == set()
    catalog.promote("office")
    found = catalog.archived_files("office", list(catalog.calls("office")))
    assert {(month, name) for _, month, name in found} & {("2026-02", "a.wav"), ("2026-03", "b.wav"), ("2025-02", "c.wav")} == {
        ("2026-02", "a.wav"), ("2026-03", "b.wav"),
    }  # fmt: skip


def recording(month: str, name: str) -> Recording:
    return Recording(
        identity=Identity("office", MONITOR, month, name), path=f"office/{month}/{name}", size=1, sha256="x", source=Source.BULK,
        source_format="gsff", source_size=1, source_sha256="x", run_id="run",
    )  # fmt: skip


@pytest.mark.parametrize("style", ["month", "bare"])
def test_the_simulation_s_calls_over_api_and_table_name_every_recording(catalog: Catalog, tmp_path: Path, style: Any) -> None:
    config = SimulatorConfig(recordings=40, queue_recordings=5, recordfiles=style, csv_columns="recordfiles")
    state = State(config, tmp_path)
    made = simulated_calls(state)
    told = parse_groups([group(each, config) for each in made], config.zone).calls
    for _ in range(2):
        catalog.upsert_calls("office", told, "api")
        catalog.upsert_calls("office", parse_csv(csv_text(*table(made, config)).encode(), config.zone).calls, "csv")
    assert {each.source for each in catalog.calls("office")} == {"api"}
    assert len(list(catalog.calls("office"))) == len(told)
    expected = {(each.month if style == "month" else None, each.name) for each in state.all_recordings}
    assert {(file.month, file.name) for file in catalog.call_files("office")} == expected


_LEGS = st.fixed_dictionaries(
    {
        "session": st.sampled_from(["s", "t", ""]),
        "AcctId": st.sampled_from(["1", "2", ""]),
        "start": st.sampled_from(["2026-02-01 20:40:00", "2026-02-01 20:40:01", ""]),
        "src": st.sampled_from(["1000", "1001"]),
        "billsec": st.sampled_from(["0", "5", None]),
        "recordfiles": st.sampled_from(["", "a.wav@", "2026-02/a.wav@b.wav@", "\ud800\x00.wav@"]),
        "caller_name": st.sampled_from(["", "\udfff\x00é"]),
    }
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(_LEGS, max_size=8), max_size=4))
def test_whatever_is_read_in_whatever_order_every_file_is_held_once_a_call(histories: list[list[Any]]) -> None:
    with Catalog.open("sqlite://") as catalog:
        for legs in (*histories, *histories):
            catalog.upsert_calls("office", calls_of(*legs), "api")
        expected = {(file.month, file.name) for legs in histories for call in calls_of(*legs) for file in call.files}
        files = list(catalog.call_files("office"))
        assert {(file.month, file.name) for file in files} == expected
        assert len(files) == sum(len(each.files) for each in catalog.calls("office"))


# --- the PBX's own lists ---


def row(name: str, size: int | None = 960044, klass: RecordingClass = MONITOR, month: str | None = "2026-02") -> Any:
    return klass, month, name, size, "2026-02-06 16:21:36"


def test_a_list_is_remembered_with_the_run_that_saw_it_last(catalog: Catalog) -> None:
    assert catalog.upsert_listing("office", [row("a.wav"), row("b.wav", month=None)], "run-1") == 2
    catalog.upsert_listing("office", [row("a.wav", 5), row("c.wav", klass=QUEUE)], "run-2")
    found = {each.name: each for each in catalog.listing("office")}
    assert {name: (each.run_id, each.size, each.month) for name, each in found.items()} == {
        "a.wav": ("run-2", 5, "2026-02"), "b.wav": ("run-1", 960044, None), "c.wav": ("run-2", 960044, "2026-02"),
    }  # fmt: skip
    assert found["a.wav"].first_listed <= found["a.wav"].last_listed
    assert {each.name for each in catalog.listing("office", "run-2")} == {"a.wav", "c.wav"}
    assert catalog.listed_days("office", "run-2") == {date(2026, 2, 6): 2}
    assert list(catalog.listing("other")) == []


def test_a_size_that_a_later_list_lacks_is_not_forgotten(catalog: Catalog) -> None:
    for size in (960044, None):
        catalog.upsert_listing("office", [row("a.wav", size)], "run")
    assert [each.size for each in catalog.listing("office")] == [960044]


def test_what_a_reading_saw_before_some_time_is_carried_over_to_the_next(catalog: Catalog) -> None:
    catalog.upsert_listing("office", [row("old.wav"), (*row("new.wav")[:4], "2026-02-09 08:00:00")], "run-1")
    assert catalog.count_listed_before("office", "run-1", "2026-02-08 00:00:00") == 1
    catalog.carry_over("office", "run-1", "2026-02-08 00:00:00", "run-2")
    assert [each.name for each in catalog.listing("office", "run-2")] == ["old.wav"]


def test_the_last_complete_list_is_known_for_each_class(catalog: Catalog) -> None:
    assert catalog.last_listing("office", MONITOR) is None
    catalog.complete_listing("office", MONITOR, "run-1")
    catalog.complete_listing("office", MONITOR, "run-2")
    assert (catalog.last_listing("office", MONITOR), catalog.last_listing("office", QUEUE)) == ("run-2", None)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_catalog_of_the_first_schema_is_upgraded_with_all_it_holds(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/old.db" if kind == "sqlite" else request.getfixturevalue(kind)
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('kept', 'yes')")
    engine.dispose()
    with Catalog.open(url) as catalog:
        assert catalog.get_meta("kept") == "yes"
        catalog.upsert_calls("office", calls_of(leg()), "api")
    assert migrations.revisions()[0] == HEAD
