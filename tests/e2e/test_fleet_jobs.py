"""Backfills and pushed call records in a fleet: the scheduler asks for them, and workers carry them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fleets import TOKEN, Fleet, fleet_of, until

from scraper.catalog import BackfillSlice, BackfillState, SliceState
from scraper.models import Trigger
from scraper.simulator.push import Pusher
from scraper.simulator.recordings import Recording

USER = ("pbx", "a-password-for-pushes")


@pytest.fixture
def fleet(tmp_path: Path, postgres: str) -> Iterator[Fleet]:
    """One UCM with some months of recordings, whose answers take a moment."""
    with fleet_of(tmp_path, postgres, ("one",), recordings=12, months=2, seconds=(0.1, 0.2)) as made:
        yield made


def window(fleet: Fleet) -> tuple[date, date]:
    """From the second of the days that hold recordings to the day after the last, which is exclusive."""
    days = sorted({recording.start.date() for recording in fleet.ucms["one"].state.all_recordings})
    return days[1], days[-1] + timedelta(days=1)


def is_whole(fleet: Fleet, since: date, until: date) -> bool:
    """Whether the archive holds each recording of these days once, and no other."""

    def inside(recording: Recording) -> bool:
        return since <= recording.start.date() < until

    return fleet.is_exact("one", inside)


def slices(fleet: Fleet) -> list[BackfillSlice]:
    with fleet.catalog() as catalog:
        return [one for found in catalog.find_backfills() for one in catalog.backfill_slices(found.id)]


def is_done(fleet: Fleet) -> bool:
    with fleet.catalog() as catalog:
        return [one.state for one in catalog.find_backfills()] == [BackfillState.DONE]


def some_are_done_and_one_hangs(fleet: Fleet) -> dict[tuple[date, date], str | None]:
    """Slices of a backfill are done, which are returned with their runs; the job at another waits for an answer that doesn't come."""
    until(lambda: any(one.state is SliceState.DONE for one in slices(fleet)), lambda: f"no slice was done: {slices(fleet)}")
    fleet.ucms["one"].state.faults.set("hang", "api")
    until(lambda: any(one.state is SliceState.RUNNING for one in slices(fleet)), lambda: f"no slice runs: {slices(fleet)}")
    return {(one.since, one.until): one.run_id for one in slices(fleet) if one.state is SliceState.DONE}


def asked_for(fleet: Fleet, paths: set[str]) -> Counter[str]:
    """How often the PBX was asked for each of these recordings."""
    return Counter(path for action in fleet.ucms["one"].state.actions if (path := action.params.get("filename")) in paths)


@pytest.mark.fault(
    "fleet",
    "a worker is killed in the middle of a backfill",
    "another goes on where it was; no slice is done twice",
    promise="loss",
    simulated="hang=api",
)
def test_a_backfill_of_the_api_is_done_by_workers_and_goes_on_elsewhere_where_one_is_killed(fleet: Fleet) -> None:
    scheduler, address = fleet.scheduler()
    since, end = window(fleet)
    with httpx.Client(base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        asked = client.post("/backfills", json={"ucm": "one", "since": f"{since}", "until": f"{end}"})
        assert asked.status_code == 201, asked.text
        first = fleet.worker(1)
        done = some_are_done_and_one_hangs(fleet)
        first.dies()
        fleet.ucms["one"].state.faults.clear()
        second = fleet.worker(1)
        until(lambda: is_done(fleet), lambda: f"the backfill is not done: {slices(fleet)}")
        shown = client.get(f"/backfills/{asked.json()['id']}").json()
    assert (shown["state"], shown["complete"], shown["days_done"]) == ("done", True, (end - since).days)
    assert second.waits_for("goes back into the queue")
    assert is_whole(fleet, since, end)
    assert {(one.since, one.until): one.run_id for one in slices(fleet)}.items() >= done.items()
    before = {one.path for one in fleet.ucms["one"].state.all_recordings if any(a <= one.start.date() < b for a, b in done)}
    assert before and asked_for(fleet, before) == Counter(before)
    for program in (second, scheduler):
        program.leaves()


def test_a_backfill_that_a_command_line_began_goes_on_in_the_workers_once_it_is_killed(fleet: Fleet) -> None:
    since, end = window(fleet)
    command = fleet.start("backfill", "backfill", "--ucm", "one", "--since", f"{since}", "--until", f"{end}")
    done = some_are_done_and_one_hangs(fleet)
    command.dies()
    fleet.ucms["one"].state.faults.clear()
    scheduler, _ = fleet.scheduler()
    worker = fleet.worker(1)
    until(lambda: is_done(fleet), lambda: f"the backfill is not done: {slices(fleet)}")
    assert is_whole(fleet, since, end)
    assert {(one.since, one.until): one.run_id for one in slices(fleet)}.items() >= done.items()
    for program in (worker, scheduler):
        program.leaves()


def test_pushed_calls_wait_in_the_queue_for_a_worker_which_fetches_their_recordings(tmp_path: Path, postgres: str) -> None:
    with fleet_of(tmp_path, postgres, ("one",), recordings=0, unanswered_calls=0) as fleet:
        fleet.configure(hooks={"listen": "127.0.0.1:0", "username": USER[0], "password": USER[1]})
        scheduler, address = fleet.scheduler()
        url = scheduler.waits_for(r"hooks: listening on (http://[^\s/]+)")[1]
        with Pusher(fleet.ucms["one"].state, f"{url}/hooks/cdr/one", USER) as pbx:
            pbx.hang_up(3)
            assert pbx.statuses == [200] * 3
        with httpx.Client(base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:

            def tasks() -> list[dict[str, Any]]:
                return list(client.get("/tasks").json()["items"])

            (waiting,) = until(tasks, "nothing was asked for")
            assert (waiting["kind"], waiting["trigger"], waiting["stage"]) == ("fetch", "push", "waiting")
            assert not fleet.is_exact("one")
            worker = fleet.worker(1)
            until(lambda: fleet.is_exact("one"), "the pushed recordings were not fetched")
            until(lambda: all(one["stage"] == "ended" and one["exit_code"] == 0 for one in tasks()), lambda: str(tasks()))
        with fleet.catalog() as catalog:
            assert {run.trigger for run in catalog.last_runs()} == {Trigger.PUSH}
        for program in (worker, scheduler):
            program.leaves()
