"""The page and the JSON API of deliveries, and of transcripts."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.catalog import Recording, Transcript
from scraper.handover.known import known_sinks
from scraper.models import Identity, RecordingClass, Source
from scraper.store import open_store

NAME = "auto-1770400000-1000-5555550100.wav"
HOOK = {"webhook": {"url": "https://crm.example.com/hook", "secret": "a-secret-for-tests-0123"}}


@pytest.fixture
def admin(make_admin: Any) -> Any:
    """An admin service with one sink, whose only delivery is parked."""
    found = make_admin(sinks={"crm": HOOK})
    found.sign_in(found.client)
    page = found.client.get("/")
    found.csrf = page.text.split('name="csrf-token" content="')[1].split('"')[0]
    catalog = found.catalog
    catalog.sync_sinks(known_sinks(found.service.settings))
    archive(catalog)
    catalog.failed(catalog.claim("crm", 1, 60)[0], "It answered 500.", None)
    return found


def archive(catalog: Any) -> None:
    identity = Identity("office", RecordingClass.MONITOR, "2026-02", NAME)
    one = Recording(
        identity=identity, path=f"office/2026-02/{NAME}", size=4, sha256="a" * 64, source=Source.BULK, source_format="gsff",
        source_size=4, source_sha256="b" * 64, run_id="r",
    )  # fmt: skip
    catalog.announce([one])
    catalog.promote("office")


def test_page_shows_what_is_parked_and_why(admin):
    page = admin.client.get("/deliveries").text
    assert "It answered 500." in page and "crm" in page and NAME not in page
    assert "It answered 500." not in admin.client.get("/deliveries?state=delivered").text
    assert "crm: archived" in admin.client.get("/recordings/1").text


def test_retry_lets_it_begin_anew_and_is_audited(admin):
    assert admin.post("/deliveries/1/retry").status_code == 303
    assert admin.catalog.delivery(1).state == "waiting"
    assert admin.catalog.audit_entries()[0].action == "deliveries-retried"
    assert admin.post("/deliveries/1/retry").status_code == 409


def test_retry_of_a_whole_sink(admin):
    assert admin.post("/deliveries/retry", sink="other").status_code == 409
    assert admin.post("/deliveries/retry", sink="crm").status_code == 303
    assert admin.catalog.delivery(1).attempts == 0


def test_json_tells_and_retries(admin):
    sinks = admin.outsider.get("/api/v1/deliveries/sinks", headers=admin.bearer).json()["items"]
    assert [(one["name"], one["parked"], one["configured"]) for one in sinks] == [("crm", 1, True)]
    found = admin.outsider.get("/api/v1/deliveries?state=parked&sink=crm", headers=admin.bearer).json()
    assert [(one["id"], one["detail"]) for one in found["items"]] == [(1, "It answered 500.")] and found["next"] is None
    assert admin.outsider.post("/api/v1/deliveries/retry", json={"sink": "crm"}, headers=admin.bearer).json() == {"count": 1}
    assert admin.outsider.post("/api/v1/deliveries/77/retry", headers=admin.bearer).status_code == 404


def test_metrics_count_what_is_owed(admin):
    text = admin.outsider.get("/metrics", headers=admin.bearer).text
    assert 'ucm_scraper_deliveries{sink="crm",state="parked"} 1.0' in text
    assert 'ucm_scraper_delivery_oldest_age_seconds{sink="crm"}' in text


def test_transcript_is_shown_and_its_reading_audited(admin):
    store = open_store(admin.service.settings.store, admin.catalog)
    path = f"office/2026-02/{NAME}.transcript.txt"
    file = store.receive("office")
    file.file.write(b"Good <b>morning</b>.")
    file.seal()
    store.place(file, path)
    admin.catalog.enter_transcripts([Transcript(1, "text", path, "c" * 64, 20)])
    assert "/recordings/1/transcript" in admin.client.get("/recordings/1").text
    page = admin.client.get("/recordings/1/transcript").text
    assert "Good &lt;b&gt;morning&lt;/b&gt;." in page
    assert [(one.action, one.ucm) for one in admin.catalog.audit_entries(1)] == [("transcript-read", "office")]
    found = admin.outsider.get("/api/v1/recordings/1/transcripts", headers=admin.bearer).json()["items"]
    assert [(one["kind"], one["text"]) for one in found] == [("text", "Good <b>morning</b>.")]
