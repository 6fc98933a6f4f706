"""What Prometheus reads, and that its labels stay few."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from scraper.catalog.notices import PERSON_NEEDED
from scraper.models import GapReason, Trigger
from scraper.service.metrics import Tally, exposition
from scraper.service.task import Kind, Stage, Task, TaskState

HOUR = timedelta(hours=1)


def scrape(ward: Any, tally: Tally | None = None, *tasks: TaskState) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values, in the order of the labels' names."""
    text = exposition(ward, tally or Tally(), tasks).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(one.name.removeprefix("ucm_scraper_"), *(one.labels[key] for key in sorted(one.labels))): one.value for one in samples}


def test_how_each_ucm_is_doing_is_told(ward: Any) -> None:
    ward.ran(3 * HOUR)
    ward.with_gaps(2 * HOUR, GapReason.CORRUPT)
    ward.failed(HOUR)
    ward.catalog.begin_notice(PERSON_NEEDED, "office", ward.now)
    found = scrape(ward)
    good = (ward.now - 2 * HOUR + timedelta(minutes=1)).timestamp()
    expected = {
        ("last_success_timestamp_seconds", "office"): good,
        ("last_success_age_seconds", "office"): ward.now.timestamp() - good,
        ("last_run_exit_code", "office"): 6,
        ("last_run_duration_seconds", "office"): 60,
        ("failed_runs_in_a_row", "office"): 1,
        ("stale", "office"): 0,
        ("state", "needs-person", "office"): 1,
        ("state", "healthy", "office"): 0,
        ("gaps", "corrupt", "office"): 1,
        ("recordings", "expected", "office"): 1,
        ("coverage_ratio", "office"): 0,
        ("sign_in_budget_left", "office"): 3,
        ("notice_open", "person-needed", "office"): 1,
        ("catalog_up",): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert any(key[0] == "build_info" for key in found)


def test_what_is_not_known_is_left_out(ward: Any) -> None:
    found = scrape(ward)
    assert not [key for key in found if key[0] in {"last_success_age_seconds", "coverage_ratio", "last_run_exit_code"}]
    assert ("recordings", "archived", "office") in found and ("recordings", "expected", "office") not in found


def test_what_was_counted_is_told(ward: Any) -> None:
    tally = Tally()
    tally.run_ended("office", 3, 42.0, 1000)
    tally.run_ended("office", 0, -5.0, 500)  # the clock jumped back
    tally.browser_ended("office")
    tally.message(delivered=False)
    found = scrape(ward, tally)
    assert found["downloaded_bytes_total", "office"] == 1500
    assert (found["run_duration_seconds_count", "office"], found["run_duration_seconds_sum", "office"]) == (2, 42)
    assert (found["runs_total", "3", "office"], found["browser_restarts_total", "office"]) == (1, 1)
    assert found["notifications_total", "failed"] == 1


def test_tasks_and_pushes_are_counted(ward: Any) -> None:
    ward.pushes = SimpleNamespace(counts=SimpleNamespace(requests=7, fetched=2))
    tasks = [
        TaskState(Task(Kind.RUN, "office", Trigger.SCHEDULE), ward.now, stage) for stage in (Stage.RUNNING, Stage.WAITING, Stage.WAITING)
    ]
    found = scrape(ward, None, *tasks)
    assert (found["tasks", "running"], found["tasks", "waiting"], found["tasks", "stopping"]) == (1, 2, 0)
    assert (found["pushes", "requests"], found["pushes", "fetched"], found["pushes", "left"]) == (7, 2, 0)


def test_another_scrape_has_no_more_series_however_many_recordings_there_are(ward: Any) -> None:
    tally = Tally()
    before = len(scrape(ward, tally))
    for number in range(50):
        ward.gap(GapReason.CORRUPT, f"auto-{number}-5555550100.wav")
    assert len(scrape(ward, tally)) == before
