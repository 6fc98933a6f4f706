"""What the catalog keeps of runs, for years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scraper.catalog import Catalog
from scraper.catalog.runs import EXAMPLES, WHOLE_REPORTS
from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Trigger

NOW = datetime(2026, 2, 6, 12, tzinfo=UTC)


def test_older_reports_keep_some_gaps_of_each_reason_and_say_how_many_there_were(catalog: Catalog) -> None:
    def gap(number: int, reason: GapReason) -> Gap:
        return Gap(Identity("office", RecordingClass.MONITOR, "2026-02", f"auto-{number}.wav"), reason, "Why.", "What now.")

    gaps = [gap(number, GapReason.NO_PERMISSION) for number in range(3 * EXAMPLES)] + [gap(-1, GapReason.CORRUPT)]
    for number in range(WHOLE_REPORTS + 3):
        report = Report(f"{number:032x}", "office", Trigger.SCHEDULE, NOW + timedelta(minutes=number), gaps=gaps)
        catalog.start_run(report.run_id, "office", report.trigger, report.window, report.started_at)
        catalog.finish_run(report)
    kept = [run.report or {} for run in catalog.last_runs(limit=WHOLE_REPORTS + 3)]
    assert [len(report["gaps"]) for report in kept] == [len(gaps)] * WHOLE_REPORTS + [EXAMPLES + 1] * 3
    assert [report.get("gaps_in_all") for report in kept] == [None] * WHOLE_REPORTS + [len(gaps)] * 3
    assert kept[-1]["gaps"][-1]["reason"] == "corrupt"
