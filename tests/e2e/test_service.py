"""The service as a process: signals, kills, two at once, a full disk; and that nothing of a job outlives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from mounts import mounted
from waiting import wait_until

from scraper.backfill import Backfills
from scraper.catalog import BackfillState, Catalog, Direction, SliceState
from scraper.service.process import MARK, clean_up, home_of

pytestmark = pytest.mark.browser


class Serving:
    """``ucm-scraper serve`` on an office, its log in a file."""

    def __init__(self, place, **changes):
        self.place = place
        self.config(**{"schedule": {"every": "1d"}, "limits": {"stop_seconds": 20}, **changes})
        (place.folder / "data").mkdir(mode=0o700, exist_ok=True)
        self.log = place.folder / "serve.log"
        self.process = self.start()

    def config(self, **changes):
        whole = yaml.safe_load(self.place.config.read_text())
        whole |= {"admin": {"listen": "127.0.0.1:0", "token": "a-token-for-the-tests"}, "log": {"format": "json"}, **changes}
        self.place.config.write_text(yaml.safe_dump(whole))

    def start(self):
        command = [sys.executable, "-m", "scraper", "--config", str(self.place.config), "serve"]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def lines(self, action):
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("action") == action]

    def home(self):
        return home_of(self.place.folder / "data")

    def processes(self):
        """Those of its tasks, however detached."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK, "").startswith(self.home()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def leftovers(self):
        return list(Path(tempfile.gettempdir()).glob(f"ucm-{self.home()}-*"))

    def runs(self):
        with closing(sqlite3.connect(self.place.folder / "data" / "catalog.db")) as catalog:
            try:
                return catalog.execute("SELECT status, exit_code FROM runs WHERE trigger = 'schedule' ORDER BY started_at").fetchall()
            except sqlite3.OperationalError:  # it has just been made
                return []

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def serve(office):
    made = []

    def make(place=None, **changes):
        made.append(Serving(place or office(), **changes))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        clean_up(one.home())


def is_downloading(place):
    return any(action.name == "downloadFile" for action in place.ucm.state.actions)


def slow_office(office):
    return office(recordings=60, seconds=(2.0, 4.0), faults={"archive_slow": "200000"})


def test_first_run_starts_by_itself_and_leaves_no_process_and_no_file(serve):
    service = serve()
    wait_until(lambda: service.runs() == [("complete", 0)])
    wait_until(lambda: not service.processes() and not service.leftovers())
    assert service.place.all_is_exact()
    url = service.lines("listening")[0]["message"].rpartition(" ")[2]
    assert httpx.get(f"{url}/sign-in").status_code == 200
    assert service.stop() == 0


@pytest.mark.fault(
    "service",
    "SIGTERM to the service while a job works",
    "the recording in hand is finished; the next start makes up for the run",
    exit_code=0,
    promise="loss",
)
def test_sigterm_finishes_the_recording_in_hand_and_ends_in_0_and_the_next_start_makes_up_for_it(serve, office):
    service = serve(slow_office(office))
    wait_until(lambda: any(service.place.store.rglob("*.wav")))
    assert service.stop() == 0
    assert (service.runs(), service.processes(), service.leftovers()) == ([("stopped", 3)], [], [])
    archived = len(service.place.archived())
    assert 0 < archived < 60
    service.place.ucm.state.faults.clear()
    service.process = service.start()
    wait_until(lambda: service.runs() == [("stopped", 3), ("complete", 0)])
    assert service.place.all_is_exact()
    assert service.lines("run-missed")


@pytest.mark.fault("service", "a second signal", "all ends at once", promise="hang")
def test_second_signal_ends_all_at_once(serve, office):
    service = serve(office(pack_seconds=60.0), limits={"stop_seconds": 300})
    wait_until(lambda: service.place.ucm.state.count("packFile"))
    job = next(process for process in service.processes() if "_task" in process.cmdline())
    job.suspend()  # it can't stop in order
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: service.lines("service-stopping"))
    began = time.monotonic()
    assert service.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 10
    assert (service.processes(), service.leftovers()) == ([], [])


@pytest.mark.fault("service", "SIGKILL to the service", "its jobs end with it, and the next start cleans up", promise="apart")
def test_killed_service_takes_its_jobs_along_and_the_next_one_cleans_up(serve, office):
    service = serve(slow_office(office))
    wait_until(lambda: is_downloading(service.place))
    job = next(process for process in service.processes() if "_task" in process.cmdline())
    job.suspend()  # what is stopped can't notice
    service.process.kill()
    service.process.wait()
    assert service.processes()
    service.place.ucm.state.faults.clear()
    service.process = service.start()
    wait_until(lambda: not job.is_running() or job.status() == psutil.STATUS_ZOMBIE)
    wait_until(lambda: service.runs() == [("failed", 1), ("complete", 0)])
    assert service.place.all_is_exact()
    wait_until(lambda: not service.processes() and not service.leftovers())


@pytest.mark.fault("service", "a second service on the same data folder", "it ends and names the first", exit_code=9, promise="apart")
def test_second_service_on_the_same_data_dir_ends_in_9_and_names_the_first(serve):
    service = serve()
    wait_until(lambda: service.lines("service-started"))
    command = [sys.executable, "-m", "scraper", "--config", str(service.place.config), "serve"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 9
    assert f"pid {service.process.pid}" in second.stderr


@pytest.mark.fault("service", "a scheduled run meets a job of the command line", "it waits", promise="apart")
def test_scheduled_run_waits_for_a_job_of_the_command_line(serve, office):
    place = office(pack_seconds=6.0)
    by_hand = place.command("run", "--json")
    wait_until(lambda: place.ucm.state.count("packFile"))
    service = serve(place)
    wait_until(lambda: service.lines("task-waits"))
    assert place.finish(by_hand)[0] == 0
    wait_until(lambda: service.runs() == [("complete", 0)])


@pytest.mark.fault("service", "the disk is full", "the run fails, the service lives on", promise="silence")
def test_full_disk_fails_the_run_and_the_service_lives_on(serve, office):
    place = office()
    place.config.write_text(place.config.read_text().replace("min_free_mb: 1", "min_free_mb: 100000000"))
    service = serve(place)
    wait_until(lambda: service.runs() == [("failed", 8)])
    assert service.process.poll() is None
    assert service.stop() == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system with 8 MiB of space, and what gives it more."""
    with mounted(tmp_path / "small-disk", "size=8m,mode=700") as folder:
        yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


@pytest.mark.fault("storage", "the disk fills under several UCMs at once", "their runs fail; all comes once there is room", promise="loss")
def test_disk_that_fills_under_several_ucms_fails_their_runs_only_and_all_comes_once_there_is_room(serve, branch, small_disk):
    (disk, grow), names = small_disk, ("office", "annex", "barn")
    places = {name: branch(recordings=4, seconds=(60.0, 80.0)) for name in names}
    for one in places.values():
        one.configure(web=None)
    place = places["office"]
    ucms = {name: yaml.safe_load(one.config.read_text())["ucms"]["office"] for name, one in places.items()}
    (place.folder / "data").symlink_to(disk)
    service = serve(place, ucms=ucms, store={"min_free_mb": 0}, limits={"jobs": 3, "stop_seconds": 20})
    url = wait_until(lambda: service.lines("listening"))[0]["message"].rpartition(" ")[2]

    with httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": "Bearer a-token-for-the-tests"}) as api:

        def ended(tasks):
            found = [api.get(f"/tasks/{task}").json() for task in tasks]
            return found if all(task["stage"] == "ended" for task in found) else None

        wait_until(lambda: len(api.get("/tasks").json()["items"]) == len(names))
        first = [task["id"] for task in api.get("/tasks").json()["items"]]
        assert 8 in [task["exit_code"] for task in wait_until(lambda: ended(first))]
        assert service.process.poll() is None
        assert httpx.get(f"{url}/healthz").status_code in (200, 503)
        grow()
        again = [api.post("/tasks", json={"ucm": name}).json()["id"] for name in names]
        assert [task["exit_code"] for task in wait_until(lambda: ended(again))] == [0, 0, 0]
    assert all(place.archived(name) == one.held_by_pbx() for name, one in places.items())
    assert service.stop() == 0


@pytest.mark.fault("service", "a browser outlives its killed job", "it is ended", promise="hang")
def test_browser_that_outlives_its_killed_job_is_ended(serve, office):
    service = serve(office(pack_seconds=60.0))
    wait_until(lambda: service.place.ucm.state.count("packFile"))
    for process in service.processes():
        if "chrom" in process.name():
            process.suspend()  # it notices nothing
    job = next(process for process in service.processes() if "_task" in process.cmdline())
    os.kill(job.pid, signal.SIGKILL)
    wait_until(lambda: service.lines("task-failed"))
    wait_until(lambda: not service.processes() and not service.leftovers())
    wait_until(lambda: service.runs() == [("failed", 1)])


def test_address_that_is_taken_and_cron_that_never_comes_end_in_2(office):
    place = office()
    command = [sys.executable, "-m", "scraper", "--config", str(place.config), "serve"]
    whole = yaml.safe_load(place.config.read_text())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for change, said in (({"admin": {"listen": address}}, address), ({"schedule": {"cron": "0 0 31 2 *"}}, "schedule.cron")):
            place.config.write_text(yaml.safe_dump(whole | change))
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_backfill_is_carried_on_slice_by_slice_beside_the_schedule(serve, branch):
    place = branch(recordings=20, months=2)
    (place.folder / "data").mkdir()
    with Catalog.open(f"sqlite:///{place.folder / 'data' / 'catalog.db'}") as catalog:
        first = place.ucm.config.first_day()
        days = (first, first + timedelta(days=21))
        backfill = Backfills(catalog).start("office", *days, Direction.NEWEST_FIRST, "", date.today())
        serve(place, schedule={"cron": "0 0 29 2 *"})
        wait_until(lambda: catalog.backfill(backfill).state is BackfillState.DONE)
        slices = catalog.backfill_slices(backfill)
    assert (len(slices) > 1, {one.state for one in slices}) == (True, {SliceState.DONE})
    inside = {one.path for one in place.ucm.state.all_recordings if days[0] <= one.start.date() < days[1]}
    assert set(place.archived()) == inside
