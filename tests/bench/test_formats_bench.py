"""FLAC and Opus beside WAV: what storing and verifying take, and how much is stored."""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from usage import measured

MEGABYTES = int(os.environ.get("UCM_BENCH_MB", "200"))
#: Of WAV's size; speech under a headset is smaller than the studio's prompts that this is measured with.
MAX_FLAC, MAX_OPUS = 0.75, 0.2

CONFIG = """
data_dir: {folder}/data
store: {{url: {folder}/recordings, format: {kind}}}
ucms:
  office: {{url: "https://pbx.example.com:8089", timezone: UTC, web: {{username: backup, password: unused}}}}
"""


@dataclass(frozen=True)
class Stored:
    """Seconds to take an archive in, on the clock and on the processors, seconds to verify it, bytes stored, and memory in MB."""

    seconds: float
    cpu: float
    verifying: float
    size: int
    memory: float


def stored(archive: Path, folder: Path, kind: str) -> Stored:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, kind=kind))
    program = [sys.executable, "-m", "scraper", "--config", str(folder / "config.yaml")]
    storing = measured([*program, "ingest", str(archive), "--ucm", "office", "--json"], stderr=subprocess.DEVNULL)
    verifying = measured([*program, "verify", "--json"], stderr=subprocess.DEVNULL)
    verified = json.loads(verifying.out)
    assert verified["holds"] and verified["checked"] > 0
    size = sum(path.stat().st_size for path in (folder / "recordings").rglob(f"*.{kind}"))
    return Stored(storing.seconds, storing.cpu, verifying.seconds, size, storing.memory)


def compare(tmp_path: Path, megabytes: int) -> None:
    archive = tmp_path / "all.tgz"
    made = [sys.executable, str(Path(__file__).with_name("make_archive.py")), str(archive), str(megabytes), "riff"]
    subprocess.run(made, check=True)
    found = {kind: stored(archive, tmp_path / kind, kind) for kind in ("wav", "flac", "opus")}
    whole = found["wav"]
    for kind, one in found.items():
        times = f"stored in {one.seconds:.2f} s (× {one.seconds / whole.seconds:.1f}; cpu {one.cpu:.2f} s, {one.memory:.0f} MB)"
        verified = f"verified in {one.verifying:.2f} s (× {one.verifying / whole.verifying:.1f})"
        print(f"\n{kind}: {times}, {verified}, {one.size / whole.size:.0%} of WAV's size", end="")
    print()
    assert found["flac"].size < MAX_FLAC * whole.size
    assert found["opus"].size < MAX_OPUS * whole.size
    assert max(one.memory for one in found.values()) < 250


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_flac_and_opus_beside_wav(tmp_path: Path) -> None:
    compare(tmp_path, MEGABYTES)


@pytest.mark.long
def test_a_hundredth_of_it(tmp_path: Path) -> None:
    compare(tmp_path, 2)
