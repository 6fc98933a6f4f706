"""A UCM's history in a real catalog, and a clock to turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.catalog import Catalog
from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Status, Trigger
from scraper.service.health import Health, State
from scraper.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Ward:
    """A catalog with runs as they are needed, and a clock to turn; what the watch needs of a service."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.catalog = catalog
        web = {"username": "u", "password": "p"}
        ucm = {"url": "https://pbx.example.com:8089", "timezone": "America/Chicago", "web": web}
        self.settings = Settings(data_dir=folder, ucms={"office": ucm})
        self.started_at = NOW
        self.now = NOW
        self.health = Health(catalog, self.settings, self.clock)
        self.count = 0

    def ran(self, before: timedelta, **changes: Any) -> Report:
        """A run that began so long before NOW and took a minute; ``changes`` are the report's."""
        self.count += 1
        report = Report(f"run-{self.count}", "office", Trigger.SCHEDULE, NOW - before, finished_at=NOW - before + timedelta(minutes=1))
        report.status, report.exit_code, report.recordings.expected = Status.COMPLETE, 0, 0
        for name, value in changes.items():
            setattr(report, name, value)
        self.catalog.start_run(report.run_id, "office", report.trigger, report.window, report.started_at)
        self.catalog.finish_run(report)
        return report

    def failed(self, before: timedelta, exit_code: int = 6, **changes: Any) -> Report:
        error = {"kind": "NetworkError", "message": "It is down.", "remedy": "Look at the cable."}
        return self.ran(before, status=Status.FAILED, exit_code=exit_code, error=error, **changes)

    def with_gaps(self, before: timedelta, reason: GapReason) -> Report:
        gap = self.gap(reason)
        return self.ran(before, status=Status.GAPS, exit_code=3, gaps=[gap])

    def gap(self, reason: GapReason, name: str | None = None) -> Gap:
        identity = Identity("office", RecordingClass.MONITOR, "2026-02", name or f"auto-{reason}.wav")
        gap = Gap(identity, reason, "Why.", f"Remedy of {reason}.")
        self.catalog.record_gap(gap)
        return gap

    def clock(self) -> datetime:
        return self.now

    @property
    def state(self) -> State:
        return self.health.of("office").state


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        yield Ward(tmp_path, catalog)
