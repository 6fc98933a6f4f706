"""A fleet as its processes: schedulers and workers on machines of their own, over one PostgreSQL and one store."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fleets import PATIENCE, TOKEN, Fleet, fleet_of, until
from postgres_server import PostgresServer

from scraper.fleet.queue import Queue
from scraper.models import Trigger
from scraper.sealed import Sealed
from scraper.service.task import Kind, Task
from scraper.simulator import WEB_PASSWORD, WEB_USER


@pytest.fixture
def fleet(tmp_path: Path, postgres: str) -> Iterator[Fleet]:
    with fleet_of(tmp_path, postgres) as made:
        yield made


def ask(fleet: Fleet, *ucms: str) -> list[Task]:
    """Put a job of each into the queue, as a scheduler does."""
    tasks = [Task(Kind.RUN, ucm, Trigger.MANUAL) for ucm in ucms]

    async def put() -> None:
        queue = Queue(fleet.url)
        async with queue.opened():
            for task in tasks:
                assert await queue.ask(task) == task.id

    asyncio.run(put())
    return tasks


def waiting(fleet: Fleet) -> list[str]:
    """The UCMs whose jobs are in the queue."""

    async def look() -> list[str]:
        queue = Queue(fleet.url)
        async with queue.opened():
            return [one.task.ucm for one in await queue.all()]

    return asyncio.run(look())


def runs(fleet: Fleet) -> dict[str, tuple[str, str]]:
    with fleet.catalog() as catalog:
        return {run.id: (run.ucm, run.status) for run in catalog.last_runs()}


def all_end(fleet: Fleet, *tasks: Task) -> None:
    until(lambda: all(runs(fleet).get(task.id) == (task.ucm, "complete") for task in tasks), lambda: str(runs(fleet)))


def hangs_after_some(fleet: Fleet, ucm: str) -> None:
    """A job of the UCM has stored something, and waits for an answer that doesn't come."""
    until(lambda: any((fleet.folder / "store" / ucm).rglob("*.wav")), "nothing was stored")
    fleet.ucms[ucm].state.faults.set("hang", "api")


def test_a_scheduler_shows_what_workers_do_and_nothing_stays_on_their_machines(fleet: Fleet) -> None:
    scheduler, address = fleet.scheduler()
    workers = [fleet.worker(1), fleet.worker(1)]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        asked = [client.post("/api/v1/tasks", json={"ucm": ucm}).json()["id"] for ucm in ("one", "two", "one")]
        assert asked[0] == asked[2]
        told: list[str] = []
        with client.stream("GET", f"/api/v1/tasks/{asked[0]}/events", timeout=PATIENCE) as stream:
            told += [line.removeprefix("event: ") for line in stream.iter_lines() if line.startswith("event: ")]
        assert {"state", "run", "phase", "log", "end"} <= set(told)
        ended = until(
            lambda: [one for one in (client.get(f"/api/v1/tasks/{id}").json() for id in asked[:2]) if one["ended_at"]][1:], "no end"
        )
        assert ended[0]["exit_code"] == 0 and ended[0]["result"]["recordings"]["archived"] == 4
        assert client.get("/api/v1/tasks").json()["items"]
    assert fleet.is_exact("one") and fleet.is_exact("two")
    for program in (*workers, scheduler):
        program.leaves()
    assert not [path for number in (2, 3) for path in (fleet.folder / f"machine{number}").rglob("*") if path.is_file()]


@pytest.mark.fault(
    "fleet",
    "a worker is killed in the middle of a job",
    "another takes the job; nothing lost, nothing doubled",
    promise="loss",
    simulated="hang=api",
)
def test_a_worker_that_dies_in_the_middle_loses_nothing_and_doubles_nothing(fleet: Fleet) -> None:
    first = fleet.worker()
    (task,) = ask(fleet, "one")
    hangs_after_some(fleet, "one")
    first.dies()
    fleet.ucms["one"].state.faults.clear()
    second = fleet.worker()
    all_end(fleet, task)
    second.waits_for("goes back into the queue")
    assert fleet.is_exact("one") and list(runs(fleet)) == [task.id]
    second.leaves()


@pytest.mark.fault("fleet", "a worker is asked to leave", "it gives back what it has not done", promise="loss")
def test_a_worker_that_leaves_gives_back_what_it_has_not_done(fleet: Fleet) -> None:
    first = fleet.worker(1)
    stopped, waiting = ask(fleet, "one", "two")
    hangs_after_some(fleet, "one")
    first.leaves()
    fleet.ucms["one"].state.faults.clear()
    second = fleet.worker(1)
    all_end(fleet, stopped, waiting)
    assert fleet.is_exact("one") and fleet.is_exact("two")
    second.leaves()


def test_a_second_signal_ends_a_workers_jobs_at_once_and_another_goes_on(fleet: Fleet) -> None:
    fleet.configure(limits={"stop_seconds": 300})
    first = fleet.worker(1)
    (task,) = ask(fleet, "one")
    until(lambda: runs(fleet), "no run began")
    fleet.ucms["one"].state.faults.set("hang", "api")
    first.signal(signal.SIGTERM)
    first.waits_for("Leaving")
    first.leaves()
    fleet.ucms["one"].state.faults.clear()
    second = fleet.worker(1)
    all_end(fleet, task)
    assert fleet.is_exact("one")
    second.leaves()


@pytest.mark.fault("fleet", "the database goes away and comes back", "workers wait for it and go on", promise="loss")
def test_workers_outlive_their_database(tmp_path: Path) -> None:
    server = PostgresServer()
    server.start()
    try:
        with fleet_of(tmp_path, server.fresh(), ("one",), recordings=30) as fleet:
            worker = fleet.worker(1)
            (before,) = ask(fleet, "one")
            until(lambda: any((fleet.folder / "store" / "one").rglob("*.wav")), "nothing was stored")
            server.stop()
            time.sleep(1)  # it is gone while the job works
            server.start()
            all_end(fleet, before)
            (after,) = ask(fleet, "one")
            all_end(fleet, after)
            assert fleet.is_exact("one")
            worker.leaves()
    finally:
        server.remove()


@pytest.mark.fault("fleet", "two schedulers", "one leads; the other takes over once it is gone", promise="silence")
def test_of_two_schedulers_one_leads_until_it_is_gone(fleet: Fleet) -> None:
    first, _ = fleet.scheduler()
    first.waits_for("Leading")
    second, address = fleet.scheduler()
    second.waits_for("standing by")
    assert httpx.get(f"{address}/sign-in").status_code == 200
    first.dies()
    second.waits_for("Leading")
    second.leaves()


@pytest.mark.fault("fleet", "a worker can't join (“{words}”)", "it ends and says why", exit_code="code")
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"fleet": {"name": "south"}}, 2, "belongs to the fleet 'north'"),
        ({"fleet": {}}, 2, "has no fleet"),
        ({"encryption": {}}, 2, "needs encryption.key"),
        ({"catalog": {"url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}}, 8, "PostgreSQL"),
    ],
)
def test_a_worker_that_can_not_join_says_why(fleet: Fleet, changes: dict[str, Any], code: int, words: str) -> None:
    with fleet.catalog() as catalog:
        catalog.join_fleet("north")
    fleet.configure(**changes)
    call = [sys.executable, "-m", "scraper", "--config", str(fleet.config), "worker"]
    ended = subprocess.run(call, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == code and words in ended.stderr, ended.stderr


@pytest.mark.fault("fleet", "a job of a UCM that is configured no more", "it is refused for good; others go on")
def test_a_job_of_a_ucm_that_is_configured_no_more_is_refused_for_good(fleet: Fleet) -> None:
    worker = fleet.worker(1)
    _, after = ask(fleet, "removed", "one")
    all_end(fleet, after)
    worker.waits_for("no UCM called 'removed'")
    until(lambda: waiting(fleet) == [], lambda: f"it waits on: {waiting(fleet)}")
    assert list(runs(fleet)) == [after.id]
    worker.leaves()


@pytest.mark.browser
def test_workers_share_a_sealed_web_session(fleet: Fleet) -> None:
    pbx = fleet.ucms["one"]
    web = {"username": WEB_USER, "password": WEB_PASSWORD, "stall_timeout_seconds": 10}
    fleet.configure(ucms={"one": {"url": pbx.url, "timezone": pbx.config.timezone, "tls": {"pin": pbx.pin}, "web": web}})
    for _ in range(2):
        worker = fleet.worker(1)
        all_end(fleet, *ask(fleet, "one"))
        worker.leaves()
    assert fleet.is_exact("one")
    assert sum(attempt.way == "web" for attempt in pbx.state.sign_ins) == 1
    with fleet.catalog() as catalog:
        sealed = catalog.kept_session("one")
    assert sealed and b"cookies" not in sealed and b"cookies" in (Sealed([fleet.key]).open(sealed) or b"")


@pytest.mark.browser
def test_the_picture_of_a_workers_failure_is_shown_by_the_scheduler_and_leaves_with_no_worker(fleet: Fleet) -> None:
    pbx = fleet.ucms["one"]
    pbx.state.faults.set("captcha", "")
    web = {"username": WEB_USER, "password": WEB_PASSWORD}
    fleet.configure(ucms={"one": {"url": pbx.url, "timezone": pbx.config.timezone, "tls": {"pin": pbx.pin}, "web": web}})
    worker = fleet.worker(1)
    (task,) = ask(fleet, "one")
    until(lambda: runs(fleet).get(task.id) == ("one", "failed"), lambda: str(runs(fleet)))
    worker.leaves()
    scheduler, address = fleet.scheduler()
    with httpx.Client(base_url=address, timeout=30) as client:
        form = re.search(r'name="csrf" value="([^"]*)"', client.get("/sign-in").text)
        assert form and client.post("/sign-in", data={"csrf": form[1], "token": TOKEN}).status_code == 303
        shown = client.get(f"/runs/{task.id}/screenshot")
    assert (shown.status_code, shown.content[:4]) == (200, b"\x89PNG"), shown.text
    assert not (fleet.folder / "machine1" / "workers" / "1").exists()
    scheduler.leaves()
