"""What sinks are told of recordings that were erased: once they are gone, after all else, and no name."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from scraper.catalog.keeping import Doomed
from scraper.catalog.schema import deliveries, metadata
from scraper.catalog.tombstones import key_of
from scraper.errors import ConfigError
from scraper.handover.lane import Until
from scraper.keeping.erase import Erasing
from scraper.settings.sinks import Sql

OTHER = "auto-1770400060-1000-5555550101.wav"


def hook(server: Any, kit: Any, **changes: Any) -> dict[str, Any]:
    return {"webhook": {"url": f"{server.url}/hook", "secret": kit.SECRET, "tell_erased": True}, "retry_seconds": 0.01, **changes}


def begin(office: Any, *names: str, why: Any = "erased") -> Erasing:
    """Put up the tombstones; what goes on with it."""
    doomed = Doomed(frozenset(key_of("2026-02", name) for name in names))
    office.catalog.begin_erasure("office", doomed, why, "somebody")
    return Erasing(office.catalog, office.store, office.settings.data_dir, "office")


def erase(office: Any, *names: str) -> None:
    begin(office, *names).finish()


def test_webhook_is_told_by_number_and_hash_and_by_no_name(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.named_by_call()
    office.archive(kit.NAME, OTHER)
    office.hand_over()
    erase(office, kit.NAME)
    office.hand_over()
    assert len(server.asked) == 3
    told = next(one.json for one in server.asked[:2] if one.json["recording"]["name"] == kit.NAME)  # both went at once
    asked = server.asked[2]
    found = asked.json
    assert found["recording"] == {name: told["recording"][name] for name in ("id", "ucm", "sha256")}
    assert (found["event"], found["why"], found["sink"], found["attempt"]) == ("erased", "erased", "crm", 1)
    assert found["erased_at"].endswith("Z") and found["delivery"] == asked.headers["x-ucm-delivery"] != told["delivery"]
    assert asked.headers["x-ucm-event"] == "erased"
    assert b"5555550100" not in asked.body and b".wav" not in asked.body
    assert office.states() == [("crm", "archived", "delivered"), ("crm", "erased", "delivered")]


def test_nothing_personal_is_kept_for_it(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    erase(office, kit.NAME)
    assert office.states() == [("crm", "erased", "waiting")]
    with office.catalog.reading() as connection:
        everything = "\n".join(str(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table)))
    assert "555555" not in everything and kit.NAME not in everything


def test_who_did_not_ask_for_it_is_not_told_and_a_sink_of_another_ucm_neither(make_office, server, kit):
    plain = {"webhook": {"url": f"{server.url}/plain", "secret": kit.SECRET}}
    office = make_office(plain=plain, other=hook(server, kit, ucms=["branch"]), crm=hook(server, kit))
    office.archive(kit.NAME)
    erase(office, kit.NAME)
    assert office.states() == [("crm", "erased", "waiting")]


def test_what_retention_let_go_of_says_so(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    begin(office, kit.NAME, why="retention").finish()
    office.hand_over()
    assert [asked.json["why"] for asked in server.asked] == ["retention"]


@pytest.mark.fault(
    "handover", "a receiver fails when it is told that a recording was erased", "it is told again until it takes it", promise="kept"
)
def test_it_is_told_until_it_arrives(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    office.hand_over()
    erase(office, kit.NAME)
    server.answer = lambda asked: kit.Answer(500 if len(server.asked) < 4 else 200)
    office.hand_over(Until.NOTHING_OWED)
    assert [asked.json["event"] for asked in server.asked] == ["archived", "erased", "erased", "erased"]
    assert len({asked.headers["x-ucm-delivery"] for asked in server.asked[1:]}) == 1


def test_it_is_not_told_before_the_recording_is_gone(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    office.hand_over()
    erasing = begin(office, kit.NAME)
    office.hand_over()
    assert office.states() == [("crm", "archived", "delivered"), ("crm", "erased", "held")]
    erasing.finish()
    office.hand_over()
    assert [asked.json["event"] for asked in server.asked] == ["archived", "erased"]


@pytest.mark.fault(
    "handover", "a recording is erased while it is being delivered", "that it was erased is told after that, never before", promise="kept"
)
def test_it_comes_after_what_is_just_being_delivered(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    [in_hand] = office.catalog.claim("crm", 1, 3600)
    erase(office, kit.NAME)
    assert office.catalog.claim("crm", 1, 60) == []
    assert 3500 < office.catalog.seconds_to_next("crm") <= 3602
    office.catalog.delivered(in_hand)  # which is of no recording any more
    assert office.states() == [("crm", "erased", "waiting")]


def test_another_version_is_not_told_of(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    office.catalog.announce([kit.recording(suffix="1a2b3c4d", path="office/2026-02/b.wav", sha256="c" * 64)])
    office.catalog.promote("office")
    erase(office, kit.NAME)
    with office.catalog.reading() as connection:
        assert connection.execute(select(deliveries.c.event, deliveries.c.recording_id)).all() == [("erased", None)]


def test_number_of_an_erased_recording_is_never_given_again(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME, OTHER)
    erase(office, kit.NAME, OTHER)
    new = ["auto-1770400120-1000-5555550102.wav", "auto-1770400180-1000-5555550103.wav"]
    office.archive(*new)
    office.hand_over()
    told = [(asked.json["event"], asked.json["recording"]["id"]) for asked in server.asked]
    assert sorted(told) == [("archived", 3), ("archived", 4), ("erased", 1), ("erased", 2)]


def test_what_was_archived_earlier_is_replayed_and_what_was_erased_is_not(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME, OTHER)
    erase(office, kit.NAME)
    office.hand_over()
    assert office.catalog.replay("crm", date(2000, 1, 1)) == 1
    assert [state for state in office.states() if state[2] != "delivered"] == [("crm", "archived", "waiting")]


def test_statement_of_its_own_runs_on_the_users_database(make_office, kit, postgres):
    url = make_url(postgres)
    theirs = f"postgresql://postgres@/{url.database}?host={url.query['host']}"
    with psycopg.connect(theirs) as connection:
        connection.execute("CREATE TABLE held (recording_id bigint, sha256 text, gone text)")
    statement = "INSERT INTO held VALUES (:recording_id, :sha256)"
    told = "UPDATE held SET gone = :why || ' ' || :ucm || ' ' || :event WHERE recording_id = :recording_id"
    office = make_office(db={"sql": {"url": theirs, "statement": statement, "erased_statement": told}, "timeout_seconds": 20})
    office.archive(kit.NAME, OTHER)
    office.hand_over()
    erase(office, kit.NAME)
    office.hand_over()
    with psycopg.connect(theirs) as connection:
        found = connection.execute("SELECT recording_id, gone FROM held ORDER BY 1").fetchall()
    assert found == [(1, "erased office erased"), (2, None)]


def test_statement_that_concerns_no_row_is_well(make_office, kit, postgres):
    url = make_url(postgres)
    theirs = f"postgresql://postgres@/{url.database}?host={url.query['host']}"
    told = {"statement": "SELECT 1", "erased_statement": "SELECT 1 WHERE :recording_id < 0"}
    office = make_office(db={"sql": {"url": theirs, **told}, "timeout_seconds": 20})
    office.archive(kit.NAME)
    erase(office, kit.NAME)
    office.hand_over()
    assert office.states() == [("db", "erased", "delivered")]


def test_statement_with_a_parameter_that_is_told_of_no_erased_recording_is_refused(make_office):
    section = {"url": "postgresql://u:p@db.example.com/cdr", "statement": "SELECT 1", "erased_statement": "SELECT :remote_path"}
    with pytest.raises(ConfigError, match="remote_path"):
        make_office(db={"sql": section})
    assert Sql.model_fields["erased_statement"].default is None


@pytest.mark.parametrize("words", [["{path}"], []])
def test_command_gets_the_description_and_no_path(make_office, kit, tmp_path, words):
    code = (
        f"import sys, json; open({str(tmp_path / 'out')!r}, 'a').write(json.dumps([sys.argv[1:], json.load(sys.stdin)['event']]) + '\\n')"
    )
    office = make_office(script={"command": {"argv": [sys.executable, "-c", code, *words], "tell_erased": True}, "timeout_seconds": 20})
    office.archive(kit.NAME)
    office.hand_over()
    erase(office, kit.NAME)
    office.hand_over()
    archived, erased = map(json.loads, (tmp_path / "out").read_text().splitlines())
    assert archived == [[str(office.store.root / "office/2026-02" / kit.NAME)], "archived"]
    assert erased == [[""] if words else [], "erased"]
