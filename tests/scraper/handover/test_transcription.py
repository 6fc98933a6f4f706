"""Transcription: what is sent, what is kept, what it may cost, and which answers are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from scraper.catalog.keeping import Doomed
from scraper.catalog.tombstones import key_of
from scraper.keeping.erase import Erasing
from scraper.store import LocalStore

OTHER = "auto-1770400060-1000-5555550101.wav"


def speech(server: Any, **changes: Any) -> dict[str, Any]:
    section = {"url": f"{server.url}/v1", "api_key": "key-0123456789", "min_seconds": 5, **changes}
    return {"transcription": section, "timeout_seconds": 5, "parallel": 1}


def says(kit: Any, text: Any = "Good morning.", **more: Any) -> Any:
    """Answers a transcription and a summary."""

    def answer(asked: Any) -> Any:
        if asked.path.endswith("/chat/completions"):
            return kit.Answer(body=json.dumps({"choices": [{"message": {"content": "They greeted."}}]}).encode())
        return kit.Answer(body=json.dumps({"text": text, **more}).encode())

    return answer


def kept(office: Any, name: str) -> dict[str, str]:
    """What lies beside the recording, by extension."""
    folder = office.store.root / "office/2026-02"
    return {path.name.removeprefix(name): path.read_text() for path in folder.iterdir() if path.name != name and path.name.startswith(name)}


def test_text_and_answer_are_kept_beside_the_recording(make_office, server, kit):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    server.answer = says(kit, language="en")
    office.hand_over()
    found = kept(office, kit.NAME)
    assert found[".transcript.txt"] == "Good morning."
    assert json.loads(found[".transcript.json"]) == {"text": "Good morning.", "language": "en"}
    made = office.catalog.transcripts_of(1)
    assert {one.kind for one in made} == {"text", "json"}
    assert all(office.store.digest(one.path) == one.sha256 for one in made)


def test_service_gets_the_sound_and_no_number(make_office, server, kit):
    office = make_office(text=speech(server, language="de"))
    office.named_by_call()
    office.archive(kit.NAME)
    server.answer = says(kit)
    office.hand_over()
    asked = server.asked[0]
    assert asked.path == "/v1/audio/transcriptions" and asked.headers["authorization"] == "Bearer key-0123456789"
    assert b"RIFF" in asked.body and b'filename="recording.wav"' in asked.body and b"whisper-1" in asked.body
    whole = asked.body.replace(b"RIFF" + kit.NAME.encode(), b"") + str(asked.headers).encode()
    assert b"5555550100" not in whole


def test_summary_is_kept_and_the_webhook_after_it_carries_both(make_office, server, kit):
    hook = {"webhook": {"url": f"{server.url}/hook", "secret": kit.SECRET}}
    office = make_office(text=speech(server, summary={"model": "small"}), crm=hook)
    office.archive(kit.NAME)
    server.answer = says(kit)
    office.hand_over()
    assert [asked.path for asked in server.asked] == ["/v1/audio/transcriptions", "/v1/chat/completions", "/hook"]
    assert json.loads(server.asked[1].body)["messages"][1]["content"] == "Good morning."
    told = {one["kind"]: one.get("text") for one in server.asked[2].json["transcripts"]}
    assert told == {"text": "Good morning.", "json": None, "summary": "They greeted."}
    assert kept(office, kit.NAME)[".summary.txt"] == "They greeted."


def test_summary_that_failed_does_not_pay_for_the_text_again(make_office, server, kit):
    office = make_office(text=speech(server, summary={"model": "small"}))
    office.archive(kit.NAME)
    good = says(kit)
    server.answer = lambda asked: kit.Answer(500) if asked.path.endswith("completions") else good(asked)
    office.hand_over()
    server.answer = good
    # As if its time had come, with its attempt counted.
    with office.catalog.transaction() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET at = '2026-01-01T00:00:00Z'")
    office.hand_over()
    assert [asked.path[-15:] for asked in server.asked].count("/transcriptions") == 1
    assert office.states() == [("text", "archived", "delivered")]


def test_no_words_are_an_answer_too(make_office, server, kit):
    office = make_office(text=speech(server, summary={"model": "small"}))
    office.archive(kit.NAME)
    server.answer = says(kit, text="")
    office.hand_over()
    assert kept(office, kit.NAME)[".transcript.txt"] == "" and len(server.asked) == 1
    assert (office.states(), office.details()) == ([("text", "archived", "delivered")], ["It heard no words."])


@pytest.mark.parametrize(
    ("answer", "why", "costs"),
    [
        ({"body": b"<html>Bad gateway"}, "It answered 200, but with a web page.", True),
        ({"body": b"nonsense"}, "It answered with something that is no JSON.", True),
        ({"body": b'["text"]'}, "It answered with JSON that is no object.", True),
        ({"body": b'{"text": null}'}, "It answered with JSON that holds no text.", True),
        ({"body": b'{"error": {"message": "quota"}}'}, "It answered with JSON that holds no text.", True),
        ({"status": 429, "headers": {"Retry-After": "30"}}, "It answered 429.", False),
        ({"status": 500}, "It answered 500.", False),
        ({"status": 401}, "It answered 401.", False),
    ],
)
def test_answer_that_is_no_transcript_is_tried_again(make_office, server, kit, answer, why, costs):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(**answer)
    office.hand_over()
    assert (office.states(), office.details()) == ([("text", "archived", "waiting")], [why])
    assert kept(office, kit.NAME) == {} and office.catalog.transcripts_of(1) == []
    assert office.catalog.usage_of("text", datetime.now(UTC).date())[0] == costs


def test_recording_that_is_too_large_for_it_is_parked_at_once(make_office, server, kit):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(413)
    office.hand_over()
    assert office.states() == [("text", "archived", "parked")]


def test_short_recording_is_left_out(make_office, server, kit):
    office = make_office(text=speech(server, min_seconds=13))
    office.archive(kit.NAME)
    office.hand_over()
    assert (office.states(), server.asked) == ([("text", "archived", "delivered")], [])


def test_over_the_daily_limit_it_waits_until_tomorrow_and_is_not_parked(make_office, server, kit):
    office = make_office(text=speech(server, daily_minutes=0.3))
    office.archive(kit.NAME, OTHER)
    server.answer = says(kit)
    office.hand_over()
    assert [state for _, _, state in office.states()] == ["delivered", "waiting"]
    assert "until tomorrow" in office.details()[1] and office.catalog.deliveries()[0].attempts == 0
    assert office.catalog.seconds_to_next("text") > 0
    office.hand_over()
    assert len(server.asked) == 1


def test_recording_longer_than_a_whole_day_allows_is_parked(make_office, server, kit):
    office = make_office(text=speech(server, daily_minutes=0.1))
    office.archive(kit.NAME)
    office.hand_over()
    assert (office.states(), server.asked) == ([("text", "archived", "parked")], [])


def test_recording_erased_meanwhile_leaves_no_text(make_office, server, kit):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    good = says(kit)

    def answer(asked: Any) -> Any:
        office.catalog.forget(office.catalog.find_recordings(kit.recording().identity)[0])
        return good(asked)

    server.answer = answer
    office.hand_over()
    assert kept(office, kit.NAME) == {} and office.states() == []


@pytest.mark.fault("keeping", "an erasure {how} while a transcript is {step}", "no text outlives its recording", promise="kept")
@pytest.mark.parametrize("how", ["begins", "is done"])
@pytest.mark.parametrize("step", ["received", "entered", "placed"])
def test_no_transcript_outlives_its_recording(make_office, server, kit, monkeypatch, tmp_path, step, how):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    server.answer = says(kit)
    method = {"received": "receive", "entered": "place", "placed": "sync"}[step]
    works, first = getattr(LocalStore, method), iter([True])
    erasing = Erasing(office.catalog, office.store, tmp_path, "office")

    def erased_before(store: Any, *words: Any) -> Any:
        if next(first, False):
            office.catalog.begin_erasure("office", Doomed(frozenset({key_of("2026-02", kit.NAME)})), "erased", "somebody")
            if how == "is done":
                erasing.finish()
        return works(store, *words)

    monkeypatch.setattr(LocalStore, method, erased_before)
    office.hand_over()
    monkeypatch.undo()
    assert set(kept(office, kit.NAME)) == set()
    erasing.finish()
    assert not [path for path in office.store.root.rglob("*") if kit.NAME in path.name]
    assert office.states() == []


def test_lost_file_is_told_and_tried_again(make_office, server, kit):
    office = make_office(text=speech(server))
    office.archive(kit.NAME)
    (office.store.root / "office/2026-02" / kit.NAME).unlink()
    office.hand_over()
    assert office.details() == ["A recording's file in the store can't be read."]
    assert office.catalog.usage_of("text", datetime.now(UTC).date())[0] == 0
