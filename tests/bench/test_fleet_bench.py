"""A fleet over hundreds of simulated PBXs: what more workers bring, and that the death of one loses nothing and doubles nothing.

The PBXs are simulated on the protocol's level, and each answer takes as long as a far one's; a few are worked on in a real browser. What
a worker does is mostly to wait for them, and that is what is measured; what this machine's processors bound is told apart.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import psutil
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from fleets import Fleet, Program
from postgres_server import PostgresServer

from scraper.fleet.queue import Queue
from scraper.models import Trigger
from scraper.service.task import Kind, Task
from scraper.simulator import WEB_PASSWORD, WEB_USER
from scraper.simulator.town import Town

UCMS = int(os.environ.get("BENCH_UCMS", "200"))
LATENCY = float(os.environ.get("BENCH_LATENCY", "2.5"))
#: Jobs at once of each worker.
JOBS = 4
#: UCMs that have a web UI only.
IN_BROWSER = 4
LEAST_GAIN = 3.3
_DEADLINE = 2400.0


@contextmanager
def a_fleet(folder: Path, ucms: int, latency: float, in_browser: int = 0, lease: float = 15.0) -> Iterator[Fleet]:
    """A fleet whose last UCMs have a web UI only."""
    server = PostgresServer()
    server.start()
    try:
        with ExitStack() as stack:
            town = stack.enter_context(Town(ucms, recordings=3, seconds=(0.2, 0.5), api_new=True, today=None, latency_seconds=latency))
            fleet = Fleet(folder, server.fresh(), stack, {f"pbx{number:03}": ucm for number, ucm in enumerate(town.ucms)})
            whole = yaml.safe_load(fleet.config.read_text())
            whole["fleet"]["lease_seconds"] = lease
            for name in list(fleet.ucms)[ucms - in_browser :]:
                del whole["ucms"][name]["api"]
                whole["ucms"][name]["web"] = {"username": WEB_USER, "password": WEB_PASSWORD}
                whole["browser"] = {"timeout_seconds": 120}
            fleet.config.write_text(yaml.safe_dump(whole))
            yield fleet
            assert not [ucm.state.deletes for ucm in town.ucms if ucm.state.deletes]
    finally:
        server.remove()


def ask(fleet: Fleet, names: Sequence[str]) -> set[str]:
    """Put a job of each into the queue; their ids."""

    async def put() -> set[str]:
        queue = Queue(fleet.url)
        async with queue.opened():
            return {await queue.ask(Task(Kind.RUN, name, Trigger.SCHEDULE)) for name in names}

    return asyncio.run(put())


def ended(fleet: Fleet, ids: set[str]) -> dict[str, datetime]:
    """Which of these jobs are complete, and since when."""
    with fleet.catalog() as catalog:
        lines = [run for run in catalog.last_runs(limit=10_000) if run.id in ids and run.status == "complete"]
    return {run.id: datetime.fromisoformat(run.finished_at) for run in lines if run.finished_at}


def wait_for(fleet: Fleet, ids: set[str], part: float = 1.0) -> dict[str, datetime]:
    deadline = time.monotonic() + _DEADLINE
    while len(done := ended(fleet, ids)) < part * len(ids):
        assert time.monotonic() < deadline, f"{len(done)} of {len(ids)} jobs have ended"
        time.sleep(0.5)
    return done


def check(fleet: Fleet, names: Sequence[str]) -> None:
    """Nothing is lost, nothing doubled; and no UCM had two jobs: the requests of one session never come between another's."""
    for name in names:
        assert fleet.is_exact(name), name
        sessions = [session for session, _ in groupby(action.session for action in fleet.ucms[name].state.actions if action.session)]
        assert len(sessions) == len(set(sessions)), name


@dataclass(frozen=True)
class Phase:
    """Jobs a second while all workers had work, and seconds of processors that a job took, its share of its worker included."""

    rate: float
    cpu: float


def measured(fleet: Fleet, names: Sequence[str], workers: Sequence[Program]) -> Phase:
    def cpu() -> float:
        return sum(sum(psutil.Process(worker.process.pid).cpu_times()[:4]) for worker in workers)

    before = cpu()
    times = sorted(wait_for(fleet, ask(fleet, names)).values())
    first, last = len(times) * 15 // 100, len(times) * 85 // 100  # neither the start nor the end, when places are empty
    return Phase((last - first) / (times[last] - times[first]).total_seconds(), (cpu() - before) / len(times))


@pytest.mark.bench
@pytest.mark.browser
@pytest.mark.timeout(3600)
def test_four_workers_do_more_than_three_times_the_work_of_one_and_survive_a_death(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with a_fleet(tmp_path, UCMS, LATENCY, IN_BROWSER) as fleet:
        names = list(fleet.ucms)
        alone, together, dying = names[: UCMS // 5], names[UCMS // 5 : UCMS * 3 // 4], names[UCMS * 3 // 4 :]
        workers = [fleet.worker(JOBS)]
        one = measured(fleet, alone, workers)
        workers += [fleet.worker(JOBS) for _ in range(3)]
        four = measured(fleet, together, workers)
        ids = ask(fleet, dying)
        wait_for(fleet, ids, 0.2)
        workers.pop().dies()
        workers.append(fleet.worker(JOBS))
        wait_for(fleet, ids)
        check(fleet, names)
        for worker in workers:
            worker.leaves()
    load = os.getloadavg()[1]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{UCMS} UCMs, {LATENCY:g} s an answer, {JOBS} jobs a worker (load average of the machine: {load:.1f})\n"
            f"  1 worker:  {one.rate * 60:.1f} jobs a minute, {one.cpu:.2f} s of processors a job\n"
            f"  4 workers: {four.rate * 60:.1f} jobs a minute, {four.cpu:.2f} s of processors a job\n"
            f"  gain {four.rate / one.rate:.2f}; {os.cpu_count()} processors bound {os.cpu_count() / four.cpu * 60:.0f} jobs a minute\n"
        )
    assert four.rate / one.rate >= LEAST_GAIN


@pytest.mark.long
def test_a_small_fleet_survives_the_death_of_a_worker(tmp_path: Path) -> None:
    with a_fleet(tmp_path, 6, 0.2, lease=4) as fleet:
        workers = [fleet.worker(2), fleet.worker(2)]
        ids = ask(fleet, list(fleet.ucms))
        wait_for(fleet, ids, 0.2)
        workers.pop().dies()
        wait_for(fleet, ids)
        check(fleet, list(fleet.ucms))
        workers[0].leaves()
