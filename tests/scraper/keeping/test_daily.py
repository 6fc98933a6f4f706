"""Retention as the service does it: only where it is switched on, announced first, and once a day."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from scraper.catalog import Hold
from scraper.errors import SafetyStop
from scraper.keeping import retention
from scraper.keeping.daily import keep_daily
from scraper.service.retention import keep_retention
from scraper.service.task import Kind
from scraper.settings import Settings, load

from .conftest import ANN, UCM, Archive, file_name

NOW = datetime.now(UTC)


def configured(folder: Path, **rule: Any) -> Settings:
    """A configuration with this rule."""
    section = {"url": "https://192.0.2.1:8089", "timezone": "America/Chicago", "web": {"username": "backup"}}
    whole = {"data_dir": str(folder), "store": {"min_free_mb": 1}, "ucms": {UCM: section}, "retention": rule}
    (folder / "config.yaml").write_text(yaml.safe_dump(whole))
    return load(folder / "config.yaml", {}, secrets=False)


def daily(archive: Archive, settings: Settings, now: datetime) -> dict[str, Any]:
    return keep_daily(settings, archive.catalog, UCM, now, threading.Event())


def test_what_is_due_is_announced_and_goes_a_day_later_and_a_new_rule_is_announced_anew(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    settings = configured(archive.folder, keep_days=1, apply=True)
    assert daily(archive, settings, NOW) == {"retention": "announced", "recordings": 1, "call_records": 1}
    (entry,) = archive.catalog.audit_entries()
    assert (entry.action, entry.detail.startswith("1 recordings of calls from 2026-02-01 to 2026-02-01")) == ("retention-announced", True)
    assert daily(archive, settings, NOW + timedelta(hours=1)) == {"retention": "announced"}
    shorter = configured(archive.folder, keep_days=2, apply=True)
    assert daily(archive, shorter, NOW + timedelta(days=1))["retention"] == "announced"
    assert len(archive.paths()) == 1
    assert daily(archive, shorter, NOW + timedelta(days=2)) == {"retention": "applied", "recordings": 1, "call_records": 1}
    assert archive.paths() == []
    assert daily(archive, shorter, NOW + timedelta(days=3)) == {"retention": "applied", "recordings": 0, "call_records": 0}


def test_without_apply_nothing_is_done_nor_announced(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    assert daily(archive, configured(archive.folder, keep_days=1), NOW) == {"retention": "off"}
    assert daily(archive, configured(archive.folder, apply=True), NOW) == {"retention": "off"}
    assert archive.catalog.audit_entries() == []


def test_what_is_put_on_hold_after_the_announcement_stays(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    settings = configured(archive.folder, keep_days=1, apply=True)
    daily(archive, settings, NOW)
    archive.catalog.add_hold(Hold(ucm=UCM, number=ANN, reason="case 12", by_whom="somebody"))
    assert daily(archive, settings, NOW + timedelta(days=1))["recordings"] == 0
    assert len(archive.paths()) == 1


def test_too_large_a_share_is_said_in_the_audit_log_and_never_applied(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_FEW", 1)
    for number in range(3):
        archive.keep(file_name(number, ANN))
    settings = configured(archive.folder, keep_days=1, apply=True)
    with pytest.raises(SafetyStop):
        daily(archive, settings, NOW)
    assert [entry.action for entry in archive.catalog.audit_entries()] == ["retention-stopped", "retention-announced"]
    with pytest.raises(SafetyStop):
        daily(archive, settings, NOW + timedelta(days=1))
    assert len(archive.paths()) == 3


def test_the_service_asks_once_a_day_from_the_small_hours_on(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    hours = iter([0, 2, 3, 9, 26, 27])

    def now() -> datetime:
        try:
            return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(hours=next(hours))
        except StopIteration:
            raise asyncio.CancelledError from None

    service: Any = SimpleNamespace(
        settings=configured(archive.folder, keep_days=1, apply=True),
        catalog=archive.catalog,
        dispatch=SimpleNamespace(ask=asked.append),
        clock=now,
    )
    monkeypatch.setattr("scraper.service.retention._LOOK_SECONDS", 0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_retention(service))
    assert [(task.kind, task.ucm) for task in asked] == [(Kind.RETENTION, UCM)] * 2
