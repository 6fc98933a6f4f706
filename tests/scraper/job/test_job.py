"""A job's boundary: whatever fails, its report says so, and the catalog says the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml

from scraper.catalog import Catalog
from scraper.job import job
from scraper.job.desk import Desk, Order
from scraper.lock import job_lock
from scraper.models import Report, Trigger
from scraper.progress import NullProgress
from scraper.settings import load

UCM = {"url": "https://pbx.example.com", "web": {"username": "backup", "password": "x"}}


@pytest.fixture
def ingest(tmp_path: Path, make: Any) -> Callable[[], Report]:
    """Takes in an archive of three recordings, one of them no sound, as a job of its own."""
    noise = make.member("2026-02/auto-1770009999-1000-5555550100.wav", b"<html>")
    (tmp_path / "all.tgz").write_bytes(make.tgz([*make.recordings(2), noise]))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data_dir": "data", "store": {"min_free_mb": 0}, "ucms": {"office": UCM}}))
    order = Order(load(tmp_path / "config.yaml", {}), "office", Trigger.INGEST, NullProgress())
    return lambda: job.ingest(order, tmp_path / "all.tgz")


def runs_of(folder: Path) -> list[Any]:
    with Catalog.open(f"sqlite:///{folder}/data/catalog.db") as catalog:
        return [run.report for run in catalog.last_runs("office")]


def test_an_error_nobody_foresaw_stands_in_the_report_and_in_the_catalog_alike(
    ingest: Callable[[], Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_in(*_: Any) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr(Desk, "take_in", take_in)
    report = ingest().as_json()
    assert (report["status"], report["exit_code"], report["error"]["kind"]) == ("failed", 1, "InternalError")
    assert "hunter2" not in str(report)
    (kept,) = runs_of(tmp_path)
    assert kept | {"seconds": None} == report | {"seconds": None}


def test_a_clock_that_is_set_meanwhile_does_not_change_how_long_a_job_took(
    ingest: Callable[[], Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in = Desk.take_in
    with time_machine.travel(datetime(2026, 2, 6, tzinfo=UTC), tick=True) as clock:
        monkeypatch.setattr(Desk, "take_in", lambda *given, **named: (clock.shift(3600), take_in(*given, **named))[1])
        ingest()
    (kept,) = runs_of(tmp_path)
    assert kept["seconds"]["total"] < 600


def counts_and_gaps(report: Report) -> tuple[int | None, int, int, int, int, int]:
    counts = report.recordings
    return counts.expected, counts.archived, counts.new, counts.already, counts.quarantined, len(report.gaps)


def test_a_job_that_never_got_the_lock_counts_what_the_catalog_knows(ingest: Callable[[], Report], tmp_path: Path) -> None:
    assert counts_and_gaps(ingest()) == (3, 2, 2, 0, 1, 1)
    with job_lock(tmp_path / "data", "office"):
        report = ingest()
    assert report.exit_code == 9 and counts_and_gaps(report) == (None, 2, 0, 2, 1, 1)


def test_a_job_whose_store_vanished_counts_what_the_catalog_knows(ingest: Callable[[], Report], tmp_path: Path) -> None:
    ingest()
    (tmp_path / "data" / "recordings").rename(tmp_path / "elsewhere")
    report = ingest()
    assert report.exit_code == 8 and counts_and_gaps(report) == (None, 2, 0, 2, 1, 1)


def test_a_job_that_failed_before_there_was_a_catalog_makes_none(ingest: Callable[[], Report], tmp_path: Path) -> None:
    with job_lock(tmp_path / "data", "office"):
        report = ingest()
    assert report.exit_code == 9 and counts_and_gaps(report) == (None, 0, 0, 0, 0, 0)
    assert not (tmp_path / "data" / "catalog.db").exists()


def test_a_damaged_catalog_is_an_error_and_not_two(ingest: Callable[[], Report], tmp_path: Path) -> None:
    ingest()
    (tmp_path / "data" / "catalog.db").write_bytes(b"no database" * 1000)
    report = ingest()
    assert report.exit_code == 8 and report.error is not None and report.error["kind"] == "CatalogCorrupt"
