"""Health checks and metrics over HTTP: who may ask, and what is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scraper.models import Gap, GapReason, Identity, RecordingClass, Trigger, Window

OPEN = ["/livez", "/readyz", "/healthz"]


@pytest.fixture
def long_silent(admin: Any) -> None:
    """The UCM ``office`` had its first run two days ago, and none was good."""
    admin.catalog.start_run("1" * 32, "office", Trigger.SCHEDULE, Window(), datetime.now(UTC) - timedelta(days=2))
    admin.catalog.start_run("2" * 32, "office", Trigger.SCHEDULE, Window(), datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize("path", OPEN)
def test_health_is_open_and_tells_no_names(admin: Any, path: str) -> None:
    answer = admin.outsider.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("long_silent")
def test_a_stale_ucm_is_unhealthy_while_the_service_lives_and_is_ready(admin: Any) -> None:
    answer = admin.outsider.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unhealthy", "stale": 1})
    assert [admin.outsider.get(path).status_code for path in OPEN] == [200, 200, 503]


@pytest.mark.fault("admin", "the catalog can't be read", "unhealthy, and not ready", promise="silence")
def test_a_catalog_that_can_not_be_read_is_unhealthy_and_not_ready(admin: Any) -> None:
    with admin.catalog.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE notices")
        connection.exec_driver_sql("DROP TABLE runs")
    assert [admin.outsider.get(path).status_code for path in OPEN] == [200, 503, 503]
    text = admin.client.get("/metrics", headers=admin.bearer).text
    assert "ucm_scraper_catalog_up 0.0" in text
    assert "ucm_scraper_tasks" in text


def test_metrics_need_a_bearer(admin: Any) -> None:
    assert admin.outsider.get("/metrics").status_code == 401
    answer = admin.outsider.get("/metrics", headers=admin.bearer)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert {family.name for family in text_string_to_metric_families(answer.text)} >= {"ucm_scraper_state", "ucm_scraper_gaps"}


def test_no_phone_number_is_in_metrics_or_health(admin: Any) -> None:
    identity = Identity("office", RecordingClass.MONITOR, "2026-02", "auto-1770000000-1000-5555550100.wav")
    admin.catalog.record_gap(Gap(identity, GapReason.NO_PERMISSION, "Why.", "Tick it."))
    texts = [admin.outsider.get("/metrics", headers=admin.bearer).text, *(admin.outsider.get(path).text for path in OPEN)]
    assert 'ucm_scraper_gaps{reason="no-permission",ucm="office"} 1.0' in texts[0]
    assert not [text for text in texts if "5555550100" in text]


@pytest.mark.usefixtures("long_silent")
def test_the_api_tells_of_every_ucm(admin: Any) -> None:
    found = admin.client.get("/api/v1/health", headers=admin.bearer).json()
    assert [(one["ucm"], one["state"], one["stale"]) for one in found] == [("branch", "never-ran", False), ("office", "failing", True)]
    assert admin.client.get("/api/v1/health/office", headers=admin.bearer).json() == found[1]
    assert admin.client.get("/api/v1/health/nobody", headers=admin.bearer).status_code == 404
