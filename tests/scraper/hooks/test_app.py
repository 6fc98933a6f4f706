"""Who may push, and what is answered: in process, over a real catalog."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger

from scraper.catalog import Catalog
from scraper.errors import CatalogLocked
from scraper.hooks import inbox

from .conftest import USER, Listener

NUMBER = "5555550100"


def record(number: int = 1, **changes: str) -> dict[str, str]:
    return {
        "AcctId": str(number), "session": f"17704164{number:04d}-555", "uniqueid": f"1770416496.{number}", "src": NUMBER, "dst": "1000",
        "start": "2026-02-06 16:21:36", "billsec": "9", "disposition": "ANSWERED",
        "recordfiles": f"2026-02/auto-177041{number:04d}-{NUMBER}-1000.wav@", **changes,
    }  # fmt: skip


def body(*numbers: int) -> bytes:
    return json.dumps([record(number) for number in numbers]).encode()


def stored(catalog: Catalog) -> list[str]:
    return sorted(call.acct_id for call in catalog.calls("office"))


def test_what_was_answered_200_is_in_the_catalog_and_told(listener: Listener) -> None:
    assert listener.post(body(1, 2)).status_code == 200
    assert stored(listener.catalog) == ["1", "2"]
    assert {call.source for call in listener.catalog.calls("office")} == {"push"}
    assert [(ucm, len(calls)) for ucm, calls in listener.told] == [("office", 2)]
    assert (listener.counts.requests, listener.counts.records, listener.counts.duplicates) == (1, 2, 0)


def test_the_same_again_is_harmless(listener: Listener) -> None:
    for _ in range(3):
        assert listener.post(body(1, 1, 2)).status_code == 200
    assert stored(listener.catalog) == ["1", "2"]
    assert sum(len(calls) for _, calls in listener.told) == 2
    assert listener.counts.records - listener.counts.duplicates == 2


def test_a_record_that_says_more_than_before_is_no_repetition(listener: Listener) -> None:
    listener.post(json.dumps(record(1, recordfiles="")).encode())
    listener.post(body(1))
    assert [len(call.files) for call in listener.catalog.calls("office")] == [1]
    assert len(listener.told) == 2


@pytest.mark.parametrize("signed_in", [True, False])
def test_probes_are_answered_200_and_note_nothing(listener: Listener, signed_in: bool) -> None:
    async def probe(http: httpx.AsyncClient) -> list[httpx.Response]:
        path = "/hooks/cdr/office"
        return [await http.post(path), await http.post(path, content=b""), await http.get(path), await http.head(path)]

    answers = listener.ask(probe, **({} if signed_in else {"auth": None}))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert stored(listener.catalog) == [] and not listener.counts.refused


def test_a_body_of_white_space_is_a_probe_of_who_signed_in_only(listener: Listener) -> None:
    assert listener.post(b"\r\n").status_code == 200
    assert listener.post(b"\r\n", auth=None).status_code == 401


@pytest.mark.fault("push", "somebody pushes without the password", "nothing is told or noted", promise="outsider")
@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Basic ", "Basic !!!", "Basic cGJ4", "Basic Og==", "Bearer a-password-for-pushes", "Basic cGJ4OndyYW5n",
        "Basic " + "QUFB" * 2000, "Digest username=pbx", "basic\tcGJ4",
    ],
)  # fmt: skip
def test_who_does_not_sign_in_is_told_nothing(listener: Listener, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    known = listener.post(body(1), auth=None, headers=headers)
    other = listener.post(body(1), ucm="another", auth=None, headers=headers)
    assert known.status_code == other.status_code == 401
    assert (known.content, known.headers) == (other.content, other.headers)
    assert known.headers["www-authenticate"].startswith("Basic ")
    assert stored(listener.catalog) == []


def test_a_ucm_that_is_not_configured_is_404(listener: Listener) -> None:
    for ucm in ("another", "OFFICE", "%2e%2e", "office%00", "%FF", "x" * 5000):
        assert listener.post(body(1), ucm=ucm).status_code == 404
    assert listener.post(body(1), ucm="office/more").status_code == 404
    assert stored(listener.catalog) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405(listener: Listener, method: str) -> None:
    assert listener.ask(lambda http: http.request(method, "/hooks/cdr/office", content=body(1))).status_code == 405


def test_a_wrong_password_a_thousand_times_is_not_looked_at_a_thousand_times(listener: Listener) -> None:
    async def try_often(http: httpx.AsyncClient) -> list[int]:
        return [
            (await http.post("/hooks/cdr/office", content=b"{}", auth=("pbx", f"guess-{number}"))).status_code for number in range(1000)
        ]

    statuses = listener.ask(try_often, address="198.51.100.9")
    assert set(statuses) == {401, 429} and statuses.count(401) < 20
    assert listener.post(body(1), address="198.51.100.9").status_code == 429  # nor is the right one, so that guessing tells nothing
    assert listener.post(body(1), address="192.0.2.1").status_code == 200  # the PBX goes on
    assert listener.counts.refused == 1001


def test_too_big_a_body_is_413(listener: Listener) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield b"[" * 50_000

    assert listener.post(b" " * 1_100_000).status_code == 413
    assert listener.ask(lambda http: http.post("/hooks/cdr/office", content=pieces())).status_code == 413
    assert listener.counts.refused == 2


@pytest.mark.parametrize(
    "bad",
    [b"hello", b'{"start":', b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>', b'<!DOCTYPE r [<!ENTITY a "b">]><r/>'],
)
def test_what_cannot_be_read_is_400_and_says_why(listener: Listener, bad: bytes) -> None:
    answer = listener.post(bad)
    assert answer.status_code == 400 and "root:" not in answer.text
    assert listener.counts.refused == 1


def test_one_bad_body_spoils_no_other(listener: Listener) -> None:
    async def together(http: httpx.AsyncClient) -> list[int]:
        bodies = [b"rubbish" if number % 3 == 0 else body(number) for number in range(30)]
        answers = await asyncio.gather(*(http.post("/hooks/cdr/office", content=each) for each in bodies))
        return [answer.status_code for answer in answers]

    assert listener.ask(together) == [400 if number % 3 == 0 else 200 for number in range(30)]
    assert len(stored(listener.catalog)) == 20


def test_a_flood_is_noted_or_asked_to_come_again(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_WAITING", 50)

    async def flood(http: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(*(http.post("/hooks/cdr/office", content=body(number)) for number in range(300)))

    answers = listener.ask(flood)
    taken = sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} == {200, 503} and taken >= 50
    assert len(stored(listener.catalog)) == taken
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)
    assert listener.counts.busy == 300 - taken


@pytest.mark.fault("push", "the catalog is locked when a push comes", "503, so that the PBX comes again", promise="loss")
def test_a_catalog_that_is_locked_is_503_and_the_same_push_works_later(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> int:
        raise CatalogLocked

    with monkeypatch.context() as while_locked:
        while_locked.setattr(listener.catalog, "upsert_calls", locked)
        assert listener.post(body(1)).status_code == 503
    assert listener.post(body(1)).status_code == 200
    assert stored(listener.catalog) == ["1"]


def test_no_number_and_no_password_is_logged(listener: Listener) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level=0, format="{message} {extra}")
    try:
        listener.post(body(1))
        listener.post(b"rubbish " + NUMBER.encode())
        listener.post(json.dumps({NUMBER: NUMBER}).encode())
        listener.post(body(1), auth=("pbx", "a-wrong-password"))
    finally:
        logger.remove(sink)
    assert any("push" in line for line in lines)
    assert not any(word in line for line in lines for word in (NUMBER, USER[1], "a-wrong-password"))


@pytest.mark.fault("push", "anything at all is posted", "answered soon, never 500", promise="hang")
@given(st.binary(max_size=200) | st.sampled_from([b"<a>", b"{", b"[[", b"<?xml", b"\0", b"\xff\xfe<\0"]).map(lambda piece: piece * 50))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_posted_is_answered_soon_and_never_500(listener: Listener, what: bytes) -> None:
    began = time.monotonic()
    assert listener.post(what).status_code in (200, 400)
    assert time.monotonic() - began < 1
