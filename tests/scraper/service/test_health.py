"""How a UCM is doing, by what its jobs left in the catalog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.catalog.notices import PERSON_NEEDED
from scraper.lock import job_lock
from scraper.models import GapReason, Status, Trigger, Window
from scraper.service.health import Health, State, Verdict, verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # as in conftest.py
HOUR = timedelta(hours=1)


def test_before_any_run_nothing_is_known_and_nothing_is_wrong(ward: Any) -> None:
    found = ward.health.of("office")
    assert (found.state, found.stale, found.age, found.expected, found.coverage) == (State.NEVER_RAN, False, None, None, None)
    assert "ucm-scraper run --ucm office" in found.what_now


def test_the_first_job_is_seen_while_it_runs(ward: Any, tmp_path: Path) -> None:
    with job_lock(tmp_path, "office"):
        assert (ward.state, ward.health.of("office").running) == (State.RUNNING, True)


def test_a_complete_run_is_healthy_until_it_is_stale(ward: Any) -> None:
    ward.ran(25 * HOUR)
    assert (ward.state, ward.health.of("office").age) == (State.HEALTHY, 25 * HOUR - timedelta(minutes=1))
    ward.now += 2 * HOUR
    assert (ward.state, ward.health.of("office").stale) == (State.STALE, True)


def test_a_service_whose_jobs_never_start_is_stale_in_time(ward: Any) -> None:
    ward.now += 27 * HOUR
    assert (ward.state, ward.health.of("office").stale) == (State.STALE, True)
    assert "log" in ward.health.of("office").what_now


def test_a_restart_of_the_service_does_not_hide_that_no_run_was_ever_good(ward: Any) -> None:
    ward.failed(30 * HOUR)
    assert Health(ward.catalog, ward.settings, lambda: NOW).of("office").stale


def test_failed_runs_are_counted_since_the_last_that_worked(ward: Any) -> None:
    ward.failed(9 * HOUR)
    ward.ran(8 * HOUR)
    for hours in (3, 2, 1):
        ward.failed(hours * HOUR)
    found = ward.health.of("office")
    assert (found.state, found.failed_in_a_row, found.exit_code) == (State.FAILING, 3, 6)
    assert found.last_success == NOW - 8 * HOUR + timedelta(minutes=1)
    assert found.what_now == "It is down. Look at the cable."


def test_a_run_that_was_killed_has_failed(ward: Any) -> None:
    ward.ran(2 * HOUR)
    ward.catalog.start_run("killed", "office", Trigger.SCHEDULE, Window(), NOW - HOUR)
    ward.catalog.start_run("next", "office", Trigger.SCHEDULE, Window(), NOW)
    assert (ward.state, ward.health.of("office").failed_in_a_row) == (State.FAILING, 1)
    assert "killed" in ward.health.of("office").what_now


def test_a_run_that_was_stopped_says_nothing(ward: Any) -> None:
    ward.ran(2 * HOUR)
    ward.ran(HOUR, status=Status.STOPPED, exit_code=3)
    assert ward.state is State.HEALTHY


@pytest.mark.parametrize("exit_code", [4, 6, 10])
def test_what_ended_the_last_run_shows(ward: Any, exit_code: int) -> None:
    ward.failed(HOUR, exit_code)
    assert (ward.state, ward.health.of("office").exit_code) == (State.FAILING, exit_code)


def test_a_person_is_needed_for_as_long_as_the_episode_lasts(ward: Any) -> None:
    ward.ran(2 * HOUR)
    ward.failed(HOUR, 5)
    ward.catalog.begin_notice(PERSON_NEEDED, "office", NOW - HOUR)
    assert ward.state is State.NEEDS_PERSON
    assert "ucm-scraper login --ucm office" in ward.health.of("office").what_now
    ward.catalog.end_notice(PERSON_NEEDED, "office", NOW)
    found = ward.health.of("office")
    assert (found.state, found.what_now) == (State.GAPS, "Somebody has signed in since the last run: the next one goes on.")


def test_gaps_that_explain_themselves_are_no_reason_to_call_a_ucm_stale(ward: Any) -> None:
    ward.ran(60 * HOUR)
    ward.with_gaps(HOUR, GapReason.UNDECODABLE)
    found = ward.health.of("office")
    assert (found.state, found.stale, found.age) == (State.GAPS, False, HOUR - timedelta(minutes=1))
    assert found.what_now == "Why. Remedy of undecodable."
    assert (found.expected, found.coverage) == (1, 0)


def test_gaps_that_somebody_could_close_make_it_stale_in_time(ward: Any) -> None:
    ward.ran(60 * HOUR)
    ward.gap(GapReason.CORRUPT)
    ward.with_gaps(HOUR, GapReason.NO_PERMISSION)
    found = ward.health.of("office")
    assert (found.state, found.stale) == (State.STALE, True)
    assert found.what_now == "Why. Remedy of no-permission."


@pytest.mark.parametrize(
    "changes",
    [
        {"trigger": Trigger.PUSH},
        {"trigger": Trigger.INGEST},
        {"trigger": Trigger.BACKFILL, "window": Window(NOW.date(), None)},
        {"partial": True},
        {"plan": []},
    ],
    ids=["push", "ingest", "window", "fetch", "dry-run"],
)
def test_a_job_that_did_not_ask_for_all_makes_nothing_good(ward: Any, changes: dict[str, Any]) -> None:
    ward.failed(2 * HOUR)
    ward.ran(HOUR, **changes)
    assert (ward.state, ward.health.of("office").last_success) == (State.FAILING, None)


def test_a_run_that_could_not_tell_what_should_exist_is_not_good(ward: Any) -> None:
    report = ward.ran(HOUR, status=Status.GAPS, exit_code=3)
    report.recordings.expected = None
    assert verdict(report.as_json()) is Verdict.OPEN


def test_a_clock_that_jumps_back_makes_no_age_negative_and_hides_no_silence(ward: Any) -> None:
    ward.ran(timedelta(minutes=-4))
    assert ward.health.of("office").age == timedelta()
    ward.ran(-1000 * HOUR)  # dated by a clock that was six weeks ahead
    ward.now += 30 * HOUR
    assert ward.health.of("office").stale


def test_many_runs_that_failed_are_looked_through_for_the_last_good_one(ward: Any) -> None:
    ward.ran(300 * HOUR)
    for half_hours in range(250, 0, -1):
        ward.failed(half_hours * HOUR / 2)
    assert ward.health.of("office").failed_in_a_row == 250
    assert ward.health.of("office").last_success == NOW - 300 * HOUR + timedelta(minutes=1)


def test_all_tells_of_every_configured_ucm(ward: Any) -> None:
    assert [found.as_json()["ucm"] for found in ward.health.all()] == ["office"]


def test_all_remembers_what_no_job_has_changed_and_sees_at_once_what_one_did(ward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    of = Health.of
    monkeypatch.setattr(Health, "of", lambda self, ucm: looked.append(ucm) or of(self, ucm))

    def seen() -> tuple[State, int]:
        before = len(looked)
        (found,) = ward.health.all()
        return found.state, len(looked) - before

    assert seen() == (State.NEVER_RAN, 1)
    assert seen() == (State.NEVER_RAN, 0)
    ward.catalog.start_run("first", "office", Trigger.SCHEDULE, Window(), ward.now)
    assert seen()[1] == 1
    ward.now += 2 * HOUR
    assert seen()[1] == 1  # it goes on, however long
    ward.ran(timedelta(minutes=-119))
    assert seen() == (State.HEALTHY, 1)
    ward.catalog.begin_notice(PERSON_NEEDED, "office", ward.now)
    assert seen() == (State.NEEDS_PERSON, 1)
    ward.catalog.end_notice(PERSON_NEEDED, "office", ward.now)
    assert seen()[0] is State.HEALTHY
    ward.now += 20 * HOUR
    (found,) = ward.health.all()
    assert found.age == 20 * HOUR - timedelta(minutes=0)
    ward.now += 20 * HOUR
    assert seen()[0] is State.STALE
    assert ward.health.stale() == ["office"]
