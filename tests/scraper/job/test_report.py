"""The report as a line for programs and as text for people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scraper.catalog import Run
from scraper.errors import PersonNeeded
from scraper.job import report as reports
from scraper.models import Counts, Gap, GapReason, Identity, RecordingClass, Report, Source, Status, Trigger


def report(gaps: int = 0) -> Report:
    found = Report("r1", "head-office", Trigger.MANUAL, datetime(2026, 2, 6, 12, tzinfo=UTC), status=Status.GAPS, exit_code=3)
    found.recordings = Counts(expected=119 + gaps, archived=119, new=7, already=112)
    found.sources[Source.BULK] = 7
    names = [Identity("head-office", RecordingClass.MONITOR, "2026-02", f"auto-{number}-[x]-é.wav") for number in range(gaps)]
    found.gaps = [Gap(name, GapReason.CORRUPT, "cut short", "Run again.") for name in names]
    return found


def test_as_line_is_one_line_with_the_documented_keys() -> None:
    line = reports.as_line(report(2))
    found = json.loads(line)
    assert "\n" not in line and "é" in line
    assert list(found)[:5] == ["schema", "run_id", "ucm", "trigger", "window"]
    assert found["recordings"]["expected"] == 121 and len(found["gaps"]) == 2


def test_as_text_says_how_it_ended_and_what_to_do() -> None:
    text = reports.as_text(report(1))
    assert text.startswith("head-office: gaps (exit code 3")
    assert "expected 120, archived 119 (7 new, 112 already), gone 0" in text
    assert "corrupt (1): cut short" in text and "→ Run again." in text and "2026-02/auto-0-[x]-é.wav" in text


def test_a_remedy_names_the_ucm() -> None:
    found = report(1)
    found.gaps = [replace(found.gaps[0], remedy="Run `ucm-scraper login --ucm NAME`.")]
    found.error = PersonNeeded().as_report(found.ucm)
    assert "NAME" not in reports.as_text(found) + reports.as_line(found)
    assert reports.as_text(found).count("login --ucm head-office`") == 2


def test_as_text_groups_gaps_and_says_how_many_more_there_are() -> None:
    text = reports.as_text(report(50))
    assert text.count("cut short") == 1 and text.count(".wav") == 20 and "and 30 more" in text


def test_as_text_shows_the_error_and_an_unknown_expectation() -> None:
    failed = report()
    failed.recordings.expected = None
    failed.error = {"kind": "NetworkError", "message": "Nobody answers.", "remedy": "Check the address."}
    text = reports.as_text(failed)
    assert "Nobody answers." in text and "→ Check the address." in text and "expected not known" in text


def run(trigger: str = "manual", status: str = "gaps", error: str | None = None, expected: int | None = 3) -> Run:
    found = report()
    found.recordings.expected, found.notes = expected, ["The PBX lists nothing."]
    found.error = {"kind": "X", "message": error, "remedy": ""} if error else None
    return Run("r", "head-office", trigger, None, None, "2026-02-06T12:00:00Z", None, status, 3, found.as_json())


RUNNING = replace(run(), report=None, status="running")


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ([run()], None),
        ([run("ingest", expected=None), run()], None),
        ([run(), run(error="Nobody answers.")], None),
        ([], "none of its last jobs asked"),
        ([run("ingest"), replace(run(), since="2026-02-01")], "none of its last jobs asked"),
        ([run(error="Nobody answers."), run()], "failed: Nobody answers."),
        ([run("schedule", "stopped", expected=None)], "was stopped"),
        ([run(expected=None)], "could not tell what should exist. The PBX lists nothing."),
        ([RUNNING], "has not ended yet"),
        ([replace(RUNNING, status="failed")], "was killed"),
    ],
)
def test_doubt_is_about_the_last_run_that_asked_the_pbx(runs: list[Run], says: str | None) -> None:
    found = reports.doubt(runs)
    assert found is None if says is None else found is not None and says in found


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (423816, "423.8 kB"), (999_999, "1.0 MB"), (2**40, "1.1 TB")])
def test_size(count: int, text: str) -> None:
    assert reports.size(count) == text
