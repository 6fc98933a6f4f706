"""Many UCMs on one machine: what their jobs share, and that none holds up another."""

from __future__ import annotations

import json
import signal

import psutil
import pytest
import yaml
from waiting import wait_until

from scraper.job import job
from scraper.lock import browser_lock
from scraper.settings import Limits
from scraper.simulator import API_PASSWORD, API_USER


def without_a_place(place, hours=0.2 / 3600):
    """The report of a job while another's browser has the only place."""
    order = place.order()
    order.settings = order.settings.model_copy(update={"limits": Limits(browsers=1, job_hours=hours)})
    with browser_lock(place.folder / "data", 0):
        return job.run(order)


def test_job_that_gets_no_place_for_a_browser_says_so(office):
    report = without_a_place(office())
    assert (report.exit_code, report.error["kind"]) == (7, "BrowserFailed")


def test_job_that_gets_no_place_for_a_browser_works_over_the_api(branch):
    place = branch(recordings=3)
    assert without_a_place(place).recordings.archived == 3
    assert place.all_is_exact()


@pytest.mark.browser
def test_place_is_free_for_the_next_job(office):
    place = office(recordings=3)
    assert place.run().exit_code == 0
    with browser_lock(place.folder / "data", 0), browser_lock(place.folder / "data", 1):
        pass


@pytest.fixture
def three(branch):
    """An office whose configuration has three UCMs with an API alone, each another simulator; the first is the slowest."""
    made = [branch(recordings=3, latency_seconds=seconds) for seconds in (0.3, 0.1, 0.0)]
    ucms = {
        name: {
            "url": one.ucm.url,
            "timezone": one.ucm.config.timezone,
            "tls": {"pin": one.ucm.pin},
            "api": {"username": API_USER, "password": API_PASSWORD},
        }
        for name, one in zip(("slow", "quick", "quickest"), made, strict=True)
    }
    first = made[0]

    def configure(**changes):
        whole = {"data_dir": "./data", "store": {"min_free_mb": 1}, "limits": {"jobs": 3}, "ucms": ucms | changes}
        first.config.write_text(yaml.safe_dump(whole, sort_keys=False))

    configure()
    first.configure = configure
    return first


def lines_of(place, *words):
    """(exit code, the JSON lines on stdout, stderr) of a command."""
    process = place.command(*words)
    out, err = process.communicate(timeout=120)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def test_run_works_on_several_ucms_side_by_side_and_reports_them_in_their_order(three):
    three.configure(off={"url": "http://127.0.0.1:9", "api": {"username": "nobody", "password": "x"}})
    code, reports, err = lines_of(three, "run", "--json")
    assert [(report["ucm"], report["exit_code"]) for report in reports] == [("slow", 0), ("quick", 0), ("quickest", 0), ("off", 6)], err
    assert code == 6
    assert [report["recordings"]["archived"] for report in reports] == [3, 3, 3, 0]
    assert reports[3]["error"]["kind"] == "NetworkError"
    assert max(report["started_at"] for report in reports[:3]) < reports[0]["finished_at"]
    assert not list((three.folder / "data" / "work").iterdir())


def test_dry_run_of_several_ucms_says_what_each_would_fetch(three):
    process = three.command("run", "--dry-run")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert [line.split(":")[0] for line in out.splitlines() if not line.startswith(" ")] == ["slow", "quick", "quickest"]
    assert out.count("would fetch 3 monitor recordings") == 3


def test_signal_stops_all_in_order_and_each_has_its_report(three):
    three.configure(**{f"waits{number}": {"url": "http://127.0.0.1:9", "api": {"username": "n", "password": "x"}} for number in range(3)})
    process = three.command("run", "--json")
    wait_until((three.folder / "data" / "work" / "slow").exists, alive=process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    reports = [json.loads(line) for line in out.splitlines()]
    assert process.returncode in (3, 6), err
    assert len(reports) == 6
    assert {report["status"] for report in reports} >= {"stopped"}
    assert "Stopping in order" in err


def test_second_signal_ends_all_at_once_with_all_that_they_started(three):
    three.configure(slow={"url": three.ucm.url, "tls": {"pin": three.ucm.pin}, "api": {"username": API_USER, "password": API_PASSWORD}})
    three.ucm.state.faults.set("hang", "api")
    process = three.command("run", "--json")
    wait_until((three.folder / "data" / "work" / "slow").exists, alive=process)
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    assert any("Stopping" in line for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert children and not any(child.is_running() for child in children)
