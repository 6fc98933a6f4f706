"""Years of service in minutes: half-hourly runs under a clock of the test's own, and runs in real browsers one after the other.

The whole of it: `pytest tests/bench/test_soak.py -m bench -s`; what carries no mark is the part that CI runs.
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import os
import random
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
import yaml

from scraper.api.pace import Pace
from scraper.job import api_way, job
from scraper.job.desk import Order
from scraper.models import Trigger
from scraper.progress import NullProgress
from scraper.service.dispatcher import Dispatcher
from scraper.service.schedule import Schedule
from scraper.settings import Settings
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator

HALF_HOUR, MINUTE = timedelta(minutes=30), timedelta(minutes=1)
#: Recordings of the year before.
HELD = 3
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Memory(dict):
    """A catalog's meta table."""

    get_meta = dict.get
    set_meta = dict.__setitem__


@dataclass
class Attended:
    """One job: when it started, and when it was over; ``broken_off``: by a stop of the service."""

    start: datetime
    end: datetime | None = None
    broken_off: bool = False


class World:
    """A clock that jumps from one thing to the next, and a service that lives by it. ``attend`` is the job: blocking work at one moment."""

    def __init__(self, settings, attend, clock):
        self.settings, self.attend, self.clock = settings, attend, clock
        self.chance = random.Random(1)
        self.jobs, self.boots, self.memory = [], [], Memory()
        self._stopping = False
        self._later, self._numbers, self._working = [], itertools.count(), set()

    def start(self):
        """The service starts, for the first time or again."""
        self.boots.append(self.now)
        self.dispatch = Dispatcher(self._begin, self.settings.limits, lambda: self.now, ended=self._ended)
        self.schedule = Schedule(self.settings, self.memory, self.dispatch.ask)
        self.schedule.recall()
        self.keeping = asyncio.ensure_future(self.schedule.keep())

    async def stop(self):
        """The service stops; a job that is under way is broken off."""
        self._stopping = True
        self.keeping.cancel()
        await self.dispatch.close()
        self._stopping = False
        self._later.clear()

    @property
    def now(self):
        return datetime.now(UTC)

    async def until(self, end):
        """Let time pass; everything happens at its time."""
        while True:
            self.schedule.look()
            await self._settle()
            following = min([self.schedule.next_run("office"), *(when for when, _, _ in self._later[:1])])
            if following >= end:
                self.clock.move_to(end)
                return
            self.clock.move_to(max(self.now, following))
            while self._later and self._later[0][0] <= self.now:
                heapq.heappop(self._later)[2].set_result(None)
            await self._settle()

    async def pass_for(self, duration):
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._later, (self.now + duration, next(self._numbers), future))
        await future

    async def work(self):
        """One job's work, in a thread: the clock stands still meanwhile."""
        return await self._do(self.attend(self))

    def _do(self, work):
        working = asyncio.ensure_future(work)
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        return working

    async def _settle(self):
        """What can happen at this moment has happened."""
        for _ in range(10):
            await asyncio.sleep(0)
        while self._working:
            await asyncio.wait(self._working)
            for _ in range(10):
                await asyncio.sleep(0)

    async def _begin(self, task):
        return Job(self)

    def _ended(self, state):
        if not self._stopping:
            self._do(self.schedule.done(state.task.ucm))


class Job:
    """A task under way in the world's time: mostly minutes, now and then more than the half hour to the next."""

    def __init__(self, world):
        assert all(job.end for job in world.jobs), "two jobs at once"
        self.world, self.lines = world, asyncio.Queue()
        self.seen = Attended(world.now)
        world.jobs.append(self.seen)
        self.doing = asyncio.ensure_future(self._do())

    async def _do(self):
        code = await self.world.work()
        chance = self.world.chance
        await self.world.pass_for(chance.randint(1, 25) * MINUTE if chance.random() < 0.9 else chance.randint(26, 80) * MINUTE)
        self.lines.put_nowait({"event": "result", "exit_code": code, "result": {"schema": 1}})
        self.lines.put_nowait(None)

    async def next(self):
        return await self.lines.get()

    def tell(self, command):
        self.seen.broken_off = True
        self.lines.put_nowait(None)
        return True

    async def end(self):
        self.doing.cancel()
        self.seen.end = self.world.now


def live(settings, attend, runs):
    """So many half hours of a service's life; its world, and the times that it was down."""
    with time_machine.travel(NEW_YEAR, tick=False) as clock:
        world = World(settings, attend, clock)
        return world, asyncio.run(_live(world, runs))


async def _live(world, runs):
    """So many half hours, with a restart every fortnight or so; ends when the last job is over. The times the service was down."""
    downs, end = [], NEW_YEAR + runs * HALF_HOUR
    world.start()
    while (fortnight := world.now + world.chance.randint(3, 25) * timedelta(days=1) + world.chance.randint(0, 1439) * MINUTE) < end:
        await world.until(fortnight)
        await world.stop()
        world.clock.shift(world.chance.choice([1, 2, 600]) * MINUTE)
        downs.append((fortnight, world.now))
        world.start()
    await world.until(end)
    await world.stop()
    return downs


def check_starts(world, downs, end):
    """On every half hour a run starts: at once, or when the one before is over; and never otherwise, but to make up for what was missed."""
    starts = {job.start for job in world.jobs}
    assert len(starts) == len(world.jobs)
    marks = [NEW_YEAR + number * HALF_HOUR for number in range(1, int((end - NEW_YEAR) / HALF_HOUR))]
    jobs, up = iter(world.jobs), [mark for mark in marks if not any(begin <= mark <= back for begin, back in downs)]
    current = next(jobs)
    for mark in up:
        while current.end <= mark and current.start != mark:
            current = next(jobs)
        if current.start < mark:
            assert current.end in starts or current.broken_off, f"nothing followed the run that was late at {mark}"
        else:
            assert current.start == mark, f"the run of {mark} started at {current.start}"
    assert starts <= {*marks, *(job.end for job in world.jobs), *world.boots}
    return len(up)


def made_settings(folder, **ucm):
    section = {"url": "http://127.0.0.1:1", "web": {"username": WEB_USER, "password": WEB_PASSWORD}} | ucm
    schedule = {"cron": "*/30 * * * *", "timezone": "America/Chicago"}
    return Settings.model_validate(
        {"data_dir": str(folder), "store": {"min_free_mb": 1}, "schedule": schedule, "ucms": {"office": section}}
    )


def calls_of(runs, chance):
    """When recordings appear: anything from minutes to hours apart."""
    when, end = NEW_YEAR, NEW_YEAR + runs * HALF_HOUR
    while (when := when + chance.randint(2, 400) * MINUTE) < end:
        yield when


@pytest.mark.parametrize("runs", [17_520 // 10, pytest.param(17_520, marks=pytest.mark.bench)], ids=["tenth", "whole"])
def test_year_of_half_hours_has_no_overlap_no_drift_and_no_recording_missed(tmp_path, runs):
    """The PBX is a stand-in that forgets a recording after 12 hours; the job reads what is there."""
    calls = list(calls_of(runs, random.Random(2)))
    archived, following = {}, 0

    async def attend(world):
        nonlocal following
        while following < len(calls) and calls[following] <= world.now:
            if calls[following] > world.now - timedelta(hours=12):
                archived[calls[following]] = world.now
            following += 1
        return 0

    world, downs = live(made_settings(tmp_path), attend, runs)
    up = check_starts(world, downs, NEW_YEAR + runs * HALF_HOUR)
    print(f"\n{up:,} half hours up, {len(world.jobs):,} runs, {len(downs)} restarts, {len(calls):,} recordings")
    last = world.jobs[-1].start
    assert [call for call in calls if call <= last and call not in archived] == []
    assert up > 0.97 * runs


def year_over_the_api(folder, monkeypatch, runs):
    """The same with real jobs over the API of a simulated PBX, which take the world's time for the real one."""
    monkeypatch.setattr(api_way, "Pace", lambda **given: Pace(**given, fastest=0.0))
    monkeypatch.setattr(job, "_GLANCE_SECONDS", 0.01)
    calls = list(calls_of(runs, random.Random(3)))
    with Simulator(recordings=HELD, months=1, api_new=True, today=date(2025, 12, 31), tls=False, seconds=(0.1, 0.2)) as pbx:
        zone = ZoneInfo(pbx.config.timezone)
        settings = made_settings(
            folder, url=pbx.url, web=None, timezone=pbx.config.timezone, api={"username": API_USER, "password": API_PASSWORD}
        )
        codes, following = [], 0

        def run():
            order = Order(settings, "office", Trigger.SCHEDULE, NullProgress())
            report = job.run(order)
            codes.append((report.exit_code, report.recordings.archived, report.recordings.expected))
            return int(report.exit_code)

        async def attend(world):
            nonlocal following
            pbx.state.now = lambda: world.now.astimezone(zone)
            while following < len(calls) and calls[following] <= world.now:
                pbx.state.add(1, start=calls[following].astimezone(zone))
                following += 1
            return await asyncio.to_thread(run)

        world, downs = live(settings, attend, runs)
        check_starts(world, downs, NEW_YEAR + runs * HALF_HOUR)
        print(f"\n{len(world.jobs):,} real runs over the API, {following:,} recordings")
        assert {code for code, _, _ in codes} == {0}
        assert codes[-1] == (0, HELD + following, HELD + following)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_days_of_half_hours_over_the_api_miss_nothing(tmp_path, monkeypatch):
    year_over_the_api(tmp_path, monkeypatch, int(os.environ.get("UCM_SOAK_DAYS_RUNS", "48")))


@pytest.mark.bench
@pytest.mark.timeout(36_000)
def test_year_of_half_hours_over_the_api_misses_nothing(tmp_path, monkeypatch):
    year_over_the_api(tmp_path, monkeypatch, int(os.environ.get("UCM_SOAK_RUNS", "17520")))


#: A service that asks itself for one run after the other, and tells after each what memory it has and what is left of the run.
SERVICE = """
    import asyncio, glob, json, sys, tempfile
    from pathlib import Path
    import psutil
    from scraper.admin import create_app
    from scraper.catalog import Catalog
    from scraper.models import Trigger
    from scraper.service.listening import Door
    from scraper.service.process import MARK, home_of
    from scraper.service.service import Service
    from scraper.service.task import Kind, Task
    from scraper.settings import load

    config, runs = Path(sys.argv[1]), int(sys.argv[2])
    settings = load(config, {})
    settings.data_dir.mkdir()
    home, own = home_of(settings.data_dir), psutil.Process()

    def marked():
        found = 0
        for process in psutil.process_iter():
            try:
                found += process.environ().get(MARK, "").startswith(home)
            except psutil.Error:
                continue
        return found

    async def serve(catalog):
        service = Service(settings, catalog, [sys.executable, "-m", "scraper", "-q", "--config", str(config), "_task"])
        with Door("admin", settings.admin, settings.data_dir / "admin") as door:
            async with door.open(create_app(service)):
                serving = asyncio.ensure_future(service.serve())
                for _ in range(runs):
                    state = service.dispatch.ask(Task(Kind.RUN, "office", Trigger.MANUAL))
                    async for _ in service.dispatch.events(state.task.id):
                        pass
                    folders = glob.glob(tempfile.gettempdir() + f"/ucm-{home}-*")
                    memory = own.memory_full_info()
                    found = {"code": state.exit_code, "uss": memory.uss, "threads": own.num_threads(), "fds": own.num_fds()}
                    print(json.dumps({**found, "left": marked() + len(folders), "children": len(own.children())}), flush=True)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    with Catalog.open(settings.catalog.url) as catalog:
        asyncio.run(serve(catalog))
"""


def runs_in_browsers(folder, runs, settled):
    """So many runs through real processes and browsers; the service's memory after ``settled`` runs and at the end, in bytes."""
    with Simulator(recordings=3, seconds=(0.2, 0.4), pack_seconds=0.0) as pbx:
        section = {"url": pbx.url, "timezone": pbx.config.timezone, "tls": {"pin": pbx.pin}}
        section["web"] = {"username": WEB_USER, "password": WEB_PASSWORD}
        whole = {"data_dir": "./data", "store": {"min_free_mb": 1}, "schedule": {"cron": "0 0 29 2 *"}, "ucms": {"office": section}}
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump({**whole, "admin": {"listen": "127.0.0.1:0", "token": "a-token-for-the-tests"}}))
        command = [sys.executable, "-c", textwrap.dedent(SERVICE), str(config), str(runs)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
            told = [json.loads(line) for line in service.stdout]
        browsers = pbx.state.count("listFile")
    assert (service.returncode, [one["code"] for one in told]) == (0, [0] * runs)
    assert {(one["left"], one["children"]) for one in told} == {(0, 0)}
    assert browsers >= runs
    assert told[-1]["fds"] <= told[settled - 1]["fds"] + 2
    print(
        f"\n{runs} runs: memory {[round(one['uss'] / 1e6, 1) for one in told]} MB, threads {told[-1]['threads']}, files {told[-1]['fds']}"
    )
    return told[settled - 1]["uss"], told[-1]["uss"]


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_seven_runs_in_a_browser_leave_nothing_behind(tmp_path):
    settled, last = runs_in_browsers(tmp_path, 7, 4)
    assert last < 1.1 * settled  # too few runs to tell more


@pytest.mark.bench
@pytest.mark.browser
@pytest.mark.timeout(7200)
def test_two_hundred_runs_in_a_browser_leave_nothing_behind_and_memory_is_flat(tmp_path):
    settled, last = runs_in_browsers(tmp_path, int(os.environ.get("UCM_SOAK_BROWSER_RUNS", "200")), 20)
    assert last < 1.05 * settled
