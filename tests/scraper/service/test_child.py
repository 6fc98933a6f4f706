"""A task's process, run as the service runs it: what it tells, what it heeds, and how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from scraper.backfill import Backfills
from scraper.catalog import Catalog, Direction
from scraper.models import Trigger
from scraper.service.task import Kind, Task
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator


@pytest.fixture
def pbx():
    with Simulator(recordings=5, api_new=True, today=None, seconds=(0.2, 0.4)) as simulator:
        yield simulator


class Child:
    """One `_task` on one UCM that has an API; a web account too where ``web`` is given."""

    def __init__(self, folder, pbx, task, **changes):
        self.task = task
        section = {"url": pbx.url, "timezone": pbx.config.timezone, "tls": {"pin": pbx.pin}}
        section |= {"api": {"username": API_USER, "password": API_PASSWORD}, **changes.pop("section", {})}
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump({"data_dir": "./data", "store": {"min_free_mb": 1}, "ucms": {"office": section}, **changes}))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scraper", "--config", str(config), "_task"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.say(task.as_json())

    def say(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def next(self, event):
        return next(found for line in self.process.stdout if (found := json.loads(line))["event"] == event)

    def ends(self):
        """(exit code, all that it told since)."""
        told = [json.loads(line) for line in self.process.stdout]
        return self.process.wait(60), told


@pytest.fixture
def child(tmp_path, pbx):
    made = []

    def make(kind, ucm="office", names=(), backfill=None, **changes):
        made.append(Child(tmp_path, pbx, Task(kind, ucm, Trigger.SCHEDULE, names=names, backfill=backfill), **changes))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            pipe.close()


def test_run_tells_its_id_phases_log_and_report(child):
    code, told = child(Kind.RUN).ends()
    result = told[-1]
    assert (code, result["event"], result["exit_code"]) == (0, "result", 0)
    assert result["result"]["recordings"]["new"] == 5
    assert result["result"]["trigger"] == "schedule"
    assert result["run_id"] == next(line["run_id"] for line in told if line["event"] == "run")
    assert {"phase", "recording", "log"} <= {line["event"] for line in told}
    assert [line["recordings"] for line in told if line["event"] == "recording"][-1] == 5


def test_plan_fetches_nothing(child, pbx):
    code, told = child(Kind.PLAN).ends()
    assert (code, sum(line["recordings"] for line in told[-1]["result"]["plan"])) == (3, 5)
    assert not [action for action in pbx.state.actions if action.name == "recapi" and action.params.get("filename")]


def test_fetch_fetches_what_is_named(child, pbx):
    name = pbx.state.all_recordings[0].path
    code, told = child(Kind.FETCH, names=(name,)).ends()
    assert (code, told[-1]["result"]["recordings"]["new"]) == (0, 1)


def test_slice_of_a_backfill_is_a_run_of_the_tasks_own_id(child, tmp_path):
    (tmp_path / "data").mkdir()
    with Catalog.open(f"sqlite:///{tmp_path / 'data' / 'catalog.db'}") as catalog:
        today = datetime.now(UTC).date()
        backfill = Backfills(catalog).start("office", today - timedelta(days=1), today, Direction.NEWEST_FIRST, "a test", today)
        job = child(Kind.BACKFILL, backfill=backfill)
        _, told = job.ends()
        assert [line["run_id"] for line in told if line["event"] in ("run", "result")] == [job.task.id] * 2
        assert [run.id for run in catalog.last_runs()] == [job.task.id]


def test_ucm_that_nobody_knows_is_a_result_as_well(child):
    code, told = child(Kind.RUN, ucm="branch").ends()
    assert (code, told[-1]["event"], told[-1]["exit_code"], told[-1]["result"]["error"]["kind"]) == (2, "result", 2, "ConfigError")


@pytest.mark.parametrize("how", ["command", "end of stdin"])
def test_job_stops_in_order_when_told_and_when_the_service_dies(child, pbx, how):
    pbx.state.faults.set("api_busy", -57)  # a minute's patience is asked for
    job = child(Kind.RUN)
    job.next("phase")
    if how == "command":
        job.say({"command": "odd"})
        job.say({"command": "stop"})
    else:
        job.process.stdin.close()
    began = time.monotonic()
    code, told = job.ends()
    assert (code, told[-1]["result"]["status"]) == (3, "stopped")
    assert time.monotonic() - began < 30


def test_job_that_hangs_ends_some_time_after_its_service(child):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # its handshake is not broken off
        job = child(Kind.RUN, section={"url": f"https://127.0.0.1:{silent.getsockname()[1]}"}, limits={"stop_seconds": 1.0})
        job.next("phase")
        job.process.stdin.close()
        began = time.monotonic()
        assert job.process.wait(30) == 1
        assert time.monotonic() - began < 20


def test_keep_alive_tells_how_the_session_is(child):
    code, told = child(Kind.KEEP_ALIVE, section={"web": {"username": WEB_USER, "password": WEB_PASSWORD}}).ends()
    assert (code, told[-1]["result"]) == (0, {"session": "none"})


def test_report_of_many_gaps_is_told_short(child, pbx, monkeypatch):
    pbx.state.add(150)
    pbx.state.faults.set("recapi_forbidden")
    code, told = child(Kind.RUN).ends()
    result = told[-1]["result"]
    assert (code, result["gaps_in_all"], len(result["gaps"])) == (3, 155, 100)


def test_configuration_that_has_become_wrong_is_2_and_says_so(child):
    code, told = child(Kind.RUN, nonsense=True).ends()
    assert code == 2
    (result,) = [one for one in told if one["event"] == "result"]
    assert result["exit_code"] == 2 and "nonsense" in result["result"]["error"]["message"]
