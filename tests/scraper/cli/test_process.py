"""The command as a process of its own: start-up time, signals, pipes, and what a real exit code is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "scraper"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment without this machine's own settings; the folder is empty."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("UCM_")}
    return kept | {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}


def run(folder: Path, environ: dict[str, str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True} | options
    return subprocess.run([*COMMAND, *arguments], cwd=folder, env=environ, text=True, timeout=60, check=False, **options)


def test_help_needs_no_heavy_import(tmp_path: Path, environ: dict[str, str]) -> None:
    script = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); sys.argv[1:] = ['--help']\n"
    script += "from scraper.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    heavy = {"playwright", "sqlalchemy", "alembic", "numpy", "soundfile", "pydantic", "yaml", "rich", "starlette", "uvicorn", "asyncio"}
    assert not heavy & set(done.stderr.split())


def test_a_job_imports_playwright_only_to_open_a_browser(tmp_path: Path, environ: dict[str, str]) -> None:
    script = "import scraper.job.story, scraper.cli.run, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "scraper.job.web_fetch" in done.stdout and "playwright" not in done.stdout.split()


def test_version_and_wrong_calls_end_as_documented(tmp_path: Path, environ: dict[str, str]) -> None:
    assert run(tmp_path, environ, "--version").returncode == 0
    assert run(tmp_path, environ, "bogus").returncode == 2
    refused = run(tmp_path, environ, "run")
    assert refused.returncode == 2 and "UCM_IP" in refused.stderr and "Traceback" not in refused.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "config.yaml").write_text("ucms: {one: {url: 'https://a', web: {username: u}}}")
    reading, writing = os.pipe()
    os.close(reading)
    done = run(tmp_path, environ, "config", "show", capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_under_stdout_is_a_storage_error(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "config.yaml").write_text("ucms: {one: {url: 'https://a', web: {username: u}}}")
    with Path("/dev/full").open("w") as full:
        done = run(tmp_path, environ, "config", "show", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 8 and "can't be written" in done.stderr and "Traceback" not in done.stderr


def test_simulate_prints_a_configuration_that_fits_it_and_ends_with_sigterm(tmp_path: Path, environ: dict[str, str]) -> None:
    simulated = subprocess.Popen(
        [*COMMAND, "simulate", "--port", "0", "--recordings", "3"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        assert simulated.stdout is not None
        lines = [simulated.stdout.readline() for _ in range(8)]
        (tmp_path / "config.yaml").write_text("".join(lines))
        checked = run(tmp_path, environ, "config", "check")
        assert (checked.returncode, checked.stderr) == (0, "") and "simulated" in checked.stdout
    finally:
        simulated.send_signal(signal.SIGTERM)
        assert simulated.wait(20) == 0


SLOW_JOB = """
import sys, time
from datetime import UTC, datetime
from scraper.job import job
from scraper.models import Report, Status
def run(order):
    print("started", file=sys.stderr, flush=True)
    stopped = order.stop.wait(30) if {patient} else time.sleep(30)
    return Report("r", order.ucm, order.trigger, datetime.now(UTC), status=Status.STOPPED, exit_code=3)
job.run = run
sys.argv[1:] = ["-q", "run", "--json"]
from scraper.__main__ import main
main()
"""


def slow_job(tmp_path: Path, environ: dict[str, str], *, patient: bool) -> subprocess.Popen[str]:
    (tmp_path / "config.yaml").write_text(
        "{limits: {jobs: 1}, ucms: {one: {url: 'https://a', web: {username: u}}, two: {url: 'https://a', web: {username: u}}}}"
    )
    script = SLOW_JOB.format(patient=patient)
    job = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert job.stderr is not None and job.stderr.readline() == "started\n"
    return job


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_the_job_end_in_order(tmp_path: Path, environ: dict[str, str], number: int) -> None:
    job = slow_job(tmp_path, environ, patient=True)
    job.send_signal(number)
    out, err = job.communicate(timeout=20)
    assert job.returncode == 3 and "once more ends it" in err
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["stopped", "stopped"]


def test_the_second_signal_ends_at_once(tmp_path: Path, environ: dict[str, str]) -> None:
    job = slow_job(tmp_path, environ, patient=False)
    job.send_signal(signal.SIGTERM)
    assert job.stderr is not None and "once more" in job.stderr.readline()
    began = time.monotonic()
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=20)
    assert job.returncode == -signal.SIGTERM and time.monotonic() - began < 5
