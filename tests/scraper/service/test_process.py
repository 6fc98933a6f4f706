"""A task's process: what it says and hears, and that nothing it starts outlives it, however far it gets away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from scraper.service.process import MARK, ChildProcess, clean_up, end_marked, home_of

#: Starts a grandchild in a session of its own that hides its environment from view and ignores being asked to end.
RUNAWAY = """
    import os, signal, subprocess, sys, tempfile
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    far = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    far.stdout.readline()
    hidden = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={})
    hidden.stdout.readline()
    open(os.path.join(tempfile.gettempdir(), "profile"), "w").close()
    print('{"event": "pids", "pids": [%d, %d]}' % (far.pid, hidden.pid), flush=True)
"""


@pytest.fixture
def home(tmp_path):
    return home_of(tmp_path)


def start(code, home, first=None):
    return ChildProcess.start([sys.executable, "-c", textwrap.dedent(code)], first or {}, home)


def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def folders(home):
    return list(Path(tempfile.gettempdir()).glob(f"ucm-{home}-*"))


def test_lines_go_to_and_fro_and_what_is_no_event_is_passed_over(home):
    code = """
        import sys
        print("warning: something"); print("[1]"); print('{"event": "first", "heard": ' + sys.stdin.readline().strip() + "}")
        print('{"event": "second", "heard": ' + sys.stdin.readline().strip() + "}", flush=True)
        sys.stdin.read()
    """

    async def talk():
        child = await start(code, home, {"id": "1"})
        assert child.tell({"command": "x"})
        heard = [await child.next(), await child.next()]
        await child.end()
        assert not child.tell({"command": "y"})
        return heard

    assert asyncio.run(talk()) == [{"event": "first", "heard": {"id": "1"}}, {"event": "second", "heard": {"command": "x"}}]


def test_line_of_megabytes_is_one_line(home):
    async def read():
        child = await start("print('{\"frame\": \"' + 'x' * 5_000_000 + '\"}')", home)
        frame, end = await child.next(), await child.next()
        await child.end()
        return frame, end

    frame, end = asyncio.run(read())
    assert (len(frame["frame"]), end) == (5_000_000, None)


def test_waiting_for_a_line_can_be_given_up_and_taken_up_again(home):
    async def read():
        child = await start("import sys; sys.stdin.readline(); sys.stdin.readline(); print('{}')", home)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await child.next()
        child.tell({})
        found = await child.next()
        await child.end()
        return found

    assert asyncio.run(read()) == {}


@pytest.mark.fault("service", "what a job started got away from it", "it ends with the job", promise="hang")
def test_end_takes_along_what_got_away_and_the_temporary_files(home):
    async def run():
        child = await start(RUNAWAY + "\n    sys.stdin.read(); signal.pause()", home)
        pids = (await child.next())["pids"]
        assert [list(folder.iterdir()) for folder in folders(home)] != [[]]
        began = time.monotonic()
        await child.end()
        return [child.pid, *pids], time.monotonic() - began

    pids, seconds = asyncio.run(run())
    assert not [pid for pid in pids if lives(pid)]
    assert (folders(home), seconds < 10) == ([], True)


def test_process_that_ended_by_itself_leaves_its_runaways_no_longer_than_its_end(home):
    async def run():
        child = await start(RUNAWAY, home)
        far, _ = (await child.next())["pids"]
        assert await child.next() is None
        await child.end()
        return far

    far = asyncio.run(run())
    assert not lives(far)


def test_clean_up_ends_what_an_earlier_service_left_and_nobody_elses(home, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    theirs, ours = (
        subprocess.Popen(sleep, env={**os.environ, MARK: f"{home_of(place)}:12345678"}, start_new_session=True)
        for place in (other, tmp_path)
    )
    left = Path(tempfile.mkdtemp(prefix=f"ucm-{home}-12345678-"))
    try:
        clean_up(home)
        assert ours.wait(5) < 0
        assert theirs.poll() is None
        assert not left.exists()
    finally:
        theirs.kill()
        theirs.wait()
        ours.kill()


def test_clean_up_removes_what_any_service_left_that_died_and_nothing_that_is_used(home, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    long_ago = time.time() - 100_000

    def folder(number):
        found = Path(tempfile.mkdtemp(prefix=f"ucm-{home_of(other)}-{number:08x}-"))
        (found / "profile").touch()
        os.utime(found, (long_ago, long_ago))
        return found

    async def run():
        child = await start("import sys; sys.stdin.read()", home_of(other))
        used = folders(home_of(other))
        os.utime(used[0], (long_ago, long_ago))
        deserted, young = folder(1), folder(2)
        os.utime(young)
        clean_up(home)
        found = (used[0].exists(), deserted.exists(), young.exists())
        await child.end()
        young.joinpath("profile").unlink()
        young.rmdir()
        return found, used[0].exists()

    assert asyncio.run(run()) == ((True, False, True), False)


def test_nothing_is_marked_in_vain(home):
    began = time.monotonic()
    assert end_marked(f"{home}:") == 0
    assert time.monotonic() - began < 2


def test_home_is_the_same_however_it_is_called(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    assert home_of(tmp_path / "link") == home_of(tmp_path / "data") != home_of(tmp_path)
