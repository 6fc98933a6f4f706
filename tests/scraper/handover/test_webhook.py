"""Webhooks: what is sent, how it is signed, and which answers count."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from scraper.handover.lane import Until
from scraper.models import Trigger, Window


def hook(server: Any, kit: Any, **changes: Any) -> dict[str, Any]:
    return {"webhook": {"url": f"{server.url}/hook", "secret": kit.SECRET, **changes.pop("webhook", {})}, "timeout_seconds": 5, **changes}


def test_webhook_carries_the_recording_and_its_call(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.named_by_call()
    office.archive(kit.NAME)
    office.hand_over()
    asked = server.asked[0]
    found = asked.json
    assert (found["event"], found["attempt"], found["sink"]) == ("archived", 1, "crm")
    one = found["recording"]
    assert (one["path"], one["stored"], one["seconds"]) == (f"2026-02/{kit.NAME}", f"office/2026-02/{kit.NAME}", 12.0)
    assert one["location"] == str(office.store.root / one["stored"])
    call = found["calls"][0]
    assert (call["src"], call["dst"], call["start"], call["session"]) == ("1000", "5555550100", "2026-02-06 12:26:40", "s-1")
    assert office.states() == [("crm", "archived", "delivered")]


def test_webhook_is_signed_over_time_stamp_and_body(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    office.hand_over()
    headers, body = server.asked[0].headers, server.asked[0].body
    signed = headers["x-ucm-timestamp"].encode() + b"." + body
    assert headers["x-ucm-signature"] == "v1=" + hmac.new(kit.SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-ucm-delivery"] == json.loads(body)["delivery"]


def test_retried_webhook_has_the_same_id_and_the_next_attempt(make_office, server, kit):
    office = make_office(crm=hook(server, kit, retry_seconds=0.01))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(500 if len(server.asked) == 1 else 200)
    office.hand_over(Until.NOTHING_OWED)
    first, second = server.asked
    assert first.headers["x-ucm-delivery"] == second.headers["x-ucm-delivery"]
    assert [asked.json["attempt"] for asked in server.asked] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 500}, "It answered 500."),
        ({"status": 404}, "It answered 404."),
        ({"status": 302, "headers": {"Location": "/x"}}, "It answered 302: redirects are not followed; set the address they lead to."),
        ({"body": b"<!DOCTYPE html><p>Sorry"}, "It answered 200, but with a web page."),
        ({"body": b"", "headers": {"Content-Type": "text/html; charset=utf-8"}}, "It answered 200, but with a web page."),
        ({"body": b"\n <html><body>maintenance", "headers": {"Content-Type": "application/json"}}, "It answered 200, but with a web page."),
    ],
)  # fmt: skip
def test_answer_that_is_no_success_is_tried_again(make_office, server, kit, answer, why):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(**answer)
    office.hand_over()
    assert office.states() == [("crm", "archived", "waiting")]
    assert office.details() == [why]


@pytest.mark.parametrize(
    ("expect", "body", "state"),
    [
        ({"pointer": "/status"}, b'{"status": "queued"}', "delivered"),
        ({"pointer": "/status"}, b'{"status": false}', "waiting"),
        ({"pointer": "/status"}, b'{"error": 1}', "waiting"),
        ({"pointer": "/status"}, b"fine", "waiting"),
        ({"pointer": "/a/0/b~1c", "value": 7}, b'{"a": [{"b/c": 7}]}', "delivered"),
        ({"pointer": "/a/0/b~1c", "value": 7}, b'{"a": [{"b/c": true}]}', "waiting"),
        ({"content_type": "application/xml"}, b"{}", "waiting"),
    ],
)
def test_answer_must_say_what_is_expected(make_office, server, kit, expect, body, state):
    office = make_office(crm=hook(server, kit, webhook={"expect": expect}))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(body=body)
    office.hand_over()
    assert office.states() == [("crm", "archived", state)]


@pytest.mark.fault("handover", "a sink never answers", "the delivery ends with its time limit and is tried again", promise="hang")
def test_answer_that_never_comes_ends_with_the_time_limit(make_office, server, kit):
    office = make_office(crm=hook(server, kit, timeout_seconds=0.3))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(hang=True)
    office.hand_over()
    assert office.details()[0] in ("It took longer than 0.3 s.", "It did not answer in time.")


def test_server_that_asks_for_patience_gets_it(make_office, server, kit):
    office = make_office(crm=hook(server, kit, parallel=1))
    office.archive(kit.NAME, "auto-1770400060-1000-5555550101.wav")
    server.answer = lambda asked: kit.Answer(429, headers={"Retry-After": "120"})
    office.hand_over()
    assert len(server.asked) == 1  # the other one is not even tried meanwhile
    first, second = reversed(office.catalog.deliveries())
    assert first.at > second.at and (first.attempts, second.attempts) == (1, 0)


def test_unreachable_server_is_no_error_of_ours(make_office, server, kit):
    office = make_office(crm=hook(server, kit, webhook={"url": "http://127.0.0.1:9/hook"}))
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details() == ["It can't be reached."]


@pytest.mark.fault("handover", "a sink fails again and again", "the delivery is parked until somebody retries", promise="silence")
def test_too_many_failures_park_it_until_somebody_retries(make_office, server, kit):
    office = make_office(crm=hook(server, kit, attempts=2, retry_seconds=0.01))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(500)
    office.hand_over(Until.NOTHING_OWED)
    assert (office.states(), len(server.asked)) == ([("crm", "archived", "parked")], 2)
    server.answer = lambda asked: kit.Answer()
    assert office.catalog.retry_deliveries() == 1
    office.hand_over()
    assert office.states() == [("crm", "archived", "delivered")]


def test_call_records_are_waited_for_while_the_run_is_at_work(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.catalog.start_run("run-1", "office", Trigger.MANUAL, Window(), datetime.now(UTC))
    office.archive(kit.NAME)
    office.hand_over()
    assert (server.asked, office.states()) == ([], [("crm", "archived", "waiting")])
    assert office.catalog.deliveries()[0].attempts == 0
    office.catalog.give_up_runs("office")
    office.catalog.retry_deliveries()
    with office.catalog.transaction() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET at = '2026-01-01T00:00:00Z'")
    office.hand_over()
    assert office.states() == [("crm", "archived", "delivered")]


@pytest.mark.fault("handover", "a sink's certificate is not proved", "nothing is sent", promise="tls")
def test_certificate_that_nobody_vouches_for_is_refused(make_office, kit, https_server):
    office = make_office(crm=hook(https_server, kit))
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details()[0].startswith("Its certificate is not trusted") and https_server.asked == []
