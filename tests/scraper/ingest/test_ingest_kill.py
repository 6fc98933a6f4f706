"""SIGKILL at random moments: nothing lost, nothing doubled, no half file, the next run completes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scraper.catalog import Catalog
from scraper.ingest.filing import recover
from scraper.lock import job_lock
from scraper.proof.verify import verify
from scraper.store import open_store

KILLS = int(os.environ.get("UCM_TEST_KILLS", "12"))
SEED = int(os.environ.get("UCM_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 30)

_JOB = """
import sys
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo
from scraper.catalog import Catalog
from scraper.ingest.filing import recover
from scraper.ingest.ingest import Ingest, IngestContext
from scraper.lock import job_lock
from scraper.models import Source
from scraper.ingest.quarantine import Quarantine
from scraper.store import open_store
folder = Path(sys.argv[1])
settings = SimpleNamespace(url=str(folder / "recordings"), template="{ucm}/{month}/{name}", originals=sys.argv[3],
    min_free_mb=0, shared=False)
print("ready", flush=True)
with job_lock(folder, "head-office"), Catalog.open(f"sqlite:///{folder}/catalog.db") as catalog:
    store = open_store(settings, catalog)
    recover(store, catalog, "head-office")
    context = IngestContext(
        ucm="head-office", zone=ZoneInfo("UTC"), run_id="r", source=Source.INGEST, catalog=catalog, store=store,
        quarantine=Quarantine(folder / "quarantine"), work_dir=folder / "work",
    )
    with Path(sys.argv[2]).open("rb") as stream:
        Ingest(context).run(stream)
print("done", flush=True)
"""


def start(folder: Path, archive: Path, originals: str) -> subprocess.Popen[bytes]:
    job = subprocess.Popen([sys.executable, "-c", _JOB, str(folder), str(archive), originals], stdout=subprocess.PIPE)
    assert job.stdout is not None
    assert job.stdout.readline() == b"ready\n"
    return job


@pytest.mark.fault(
    "process", "SIGKILL at random moments of taking in an archive", "nothing lost, nothing doubled, no half file", promise="loss"
)
@pytest.mark.parametrize("originals", ["auto", "always"])
def test_killed_at_random_moments_loses_nothing_and_doubles_nothing(tmp_path: Path, make: Any, originals: str) -> None:
    print(f"UCM_TEST_SEED={SEED}")  # noqa: T201 (pytest shows it where the test fails)
    chance = random.Random(SEED)
    members = [make.member(f"2026-02/{make.name(n)}", make.gsff(n, 4)) for n in range(60)]
    bad = [make.member(f"2026-02/bad-{n}.wav", b"<html>%d" % n) for n in range(5)]
    archive = tmp_path / "a.tgz"
    archive.write_bytes(make.tgz(members[:30] + bad + members[30:]))
    whole = start(tmp_path / "trial", archive, originals)
    started = time.monotonic()
    whole.communicate(timeout=60)
    assert whole.returncode == 0
    seconds = time.monotonic() - started
    for number in range(KILLS // 2):
        if number % 3 == 0:  # a fresh start, then twice on top of what a kill left
            folder = tmp_path / f"data-{number}"
        for attempt in range(10):
            job = start(folder, archive, originals)
            time.sleep(chance.uniform(0, seconds * 0.8**attempt))  # the moment is what is random here; nothing is waited for
            job.send_signal(signal.SIGKILL)
            job.communicate(timeout=10)
            check_consistent(folder, make)
            if job.returncode == -signal.SIGKILL:
                break
        else:
            pytest.fail("no kill came in time")
    last = start(folder, archive, originals)
    last.communicate(timeout=60)
    assert last.returncode == 0
    expected = {f"{make.UCM}/2026-02/{make.name(n)}": make.wav(n, 4) for n in range(60)}
    if originals == "always":
        expected |= {f"{make.UCM}/2026-02/{make.name(n)}.original": make.gsff(n, 4) for n in range(60)}
    there = {path.relative_to(folder / "recordings").as_posix(): path.read_bytes() for path in visible(folder)}
    assert there == expected
    with Catalog.open(f"sqlite:///{folder}/catalog.db") as catalog:
        assert catalog.totals(make.UCM).archived == 60
        assert len(catalog.open_gaps(make.UCM)) == 5
    assert sum(1 for path in (folder / "quarantine").rglob("*") if path.is_file() and not path.name.startswith(".")) == 10


def visible(folder: Path) -> list[Path]:
    return [path for path in (folder / "recordings").rglob("*") if path.is_file() and ".incoming" not in path.parts and path.name[0] != "."]


def check_consistent(folder: Path, make: Any) -> None:
    """After the kill the lock is free; after recovery, what the catalog says is in the store, and no file there is half."""
    whole = {hashlib.sha256(data).hexdigest() for n in range(60) for data in (make.wav(n, 4), make.gsff(n, 4))}
    with job_lock(folder, make.UCM), Catalog.open(f"sqlite:///{folder}/catalog.db") as catalog:
        store = open_store(make.store_settings(folder / "recordings"), catalog)
        recover(store, catalog, make.UCM)
        assert all(hashlib.sha256(path.read_bytes()).hexdigest() in whole for path in visible(folder))
        assert verify(catalog, store).holds
        assert list(catalog.recordings(state="storing")) == []
        rows = list(catalog.recordings(make.UCM))
        assert len({row.identity for row in rows}) == len(rows)
        assert [path for path in (store.root / ".incoming").rglob("*") if path.is_file()] == []
