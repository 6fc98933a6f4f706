"""The job lock."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scraper.errors import Busy, StoreUnwritable
from scraper.lock import holder, is_free, job_lock, service_lock


@pytest.mark.fault("process", "two processes want one UCM", "the second is told who holds it", exit_code=9, promise="apart")
def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    with job_lock(tmp_path, "office"), pytest.raises(Busy, match=f"pid {os.getpid()}") as caught, job_lock(tmp_path, "office"):
        pytest.fail("both held it")
    assert caught.value.evidence["since"].endswith("Z")


def test_threads_of_one_process_are_kept_apart(tmp_path: Path) -> None:
    refused = threading.Event()

    def other() -> None:
        try:
            with job_lock(tmp_path, "office"):
                pass
        except Busy:
            refused.set()

    with job_lock(tmp_path, "office"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(5)
    assert refused.is_set()


def test_it_is_free_again_after_the_block_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), job_lock(tmp_path, "office"):
        raise KeyError
    with job_lock(tmp_path, "office"):
        pass


def test_two_ucms_do_not_disturb_each_other(tmp_path: Path) -> None:
    with job_lock(tmp_path, "one"), job_lock(tmp_path, "two"):
        pass


def test_full_disk_keeps_nobody_from_taking_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with job_lock(tmp_path, "office"), pytest.raises(Busy, match=r"Another job holds office"), job_lock(tmp_path, "office"):
        pytest.fail("both held it")
    with service_lock(tmp_path):
        assert is_free(tmp_path, "office")


_HOLD = """
import subprocess, sys
from pathlib import Path
from scraper.lock import job_lock
with job_lock(Path(sys.argv[1]), "office"):
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=sys.stdin)
    print("held", child.pid, flush=True)
    child.wait()
"""


@pytest.mark.fault("process", "a job is killed and its browser lives on", "the UCM's lock is free", promise="hang")
def test_a_killed_holder_frees_it_even_if_its_child_lives_on(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline().split()[1])
        with pytest.raises(Busy, match=f"pid {holder.pid}"), job_lock(tmp_path, "office"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(5)
        os.kill(child, 0)
        with job_lock(tmp_path, "office"):
            pass


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with job_lock(tmp_path / "data", "../../x"):
        assert [path.name for path in (tmp_path / "data" / "locks").iterdir()] == ["%2E.%2F..%2Fx.lock"]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable), job_lock(tmp_path / "file", "office"):
        pass


def test_who_works_is_told_without_the_lock(tmp_path: Path) -> None:
    assert holder(tmp_path, "office") is None
    with job_lock(tmp_path, "office"):
        said = holder(tmp_path, "office")
        assert said is not None and said.pid == os.getpid() and said.since.endswith("Z")
        assert holder(tmp_path, "other") is None
    assert holder(tmp_path, "office") is None


@pytest.mark.parametrize("left", ['{"pid": 4194305, "since": "then"}', '{"pid": 99999999999999999999, "since": "then"}', "{", "[]"])
def test_what_a_dead_holder_left_tells_of_nobody(tmp_path: Path, left: str) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "office.lock").write_text(left)
    assert holder(tmp_path, "office") is None
