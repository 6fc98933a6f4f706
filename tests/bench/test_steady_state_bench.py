"""A PBX whose 10,000 recordings are archived: what twelve new ones cost, and what nothing new costs, beside *Download All* each time.

`pytest tests/bench/test_steady_state_bench.py -m bench -s`
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator

pytestmark = [pytest.mark.bench, pytest.mark.browser]

RECORDINGS = int(os.environ.get("UCM_BENCH_RECORDINGS", "10000"))
NEW, NEW_SECONDS = 12, 60.0
MORE_BYTES, NOTHING_NEW_SECONDS = 1.1, 10.0


@dataclass
class Cost:
    """One run: what it took, and what of recordings the PBX sent, archives and tables of calls apart."""

    seconds: float
    sent: int
    tables: int
    report: dict


def run(command, ucm):
    """Run the command, which must end complete."""
    before, started = len(ucm.state.downloads), time.monotonic()
    done = subprocess.run([*command, "-q", "run", "--json"], stdout=subprocess.PIPE, text=True, check=True)
    took = time.monotonic() - started
    sent = [(download.kind, download.sent) for download in ucm.state.downloads[before:]]
    tables = sum(size for kind, size in sent if kind == "cdr_recording")
    return Cost(took, sum(size for _, size in sent) - tables, tables, json.loads(done.stdout))


def configured(folder: Path, ucm, *, api: bool):
    folder.mkdir(parents=True, exist_ok=True)
    section = {
        "url": ucm.url,
        "timezone": ucm.config.timezone,
        "tls": {"pin": ucm.pin},
        "web": {"username": WEB_USER, "password": WEB_PASSWORD},
    }
    if api:
        section["api"] = {"username": API_USER, "password": API_PASSWORD}
    whole = {"data_dir": str(folder / "data"), "store": {"min_free_mb": 1}, "ucms": {"office": section}}
    (folder / "config.yaml").write_text(yaml.safe_dump(whole))
    return [sys.executable, "-m", "scraper", "--config", str(folder / "config.yaml")]


def calls_come_in(ucm):
    """New recordings of a minute each; returns their bytes on the PBX."""
    old = ucm.state.all_recordings
    new = [replace(recording, seconds=NEW_SECONDS) for recording in ucm.state.add(NEW)]
    ucm.state.all_recordings = [*old, *new]
    return sum(recording.size for recording in new)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("api", [True, False], ids=["api", "web-only"])
def test_new_ones_cost_their_own_bytes_and_nothing_new_costs_nothing(tmp_path, api):
    with Simulator(recordings=RECORDINGS, seconds=(0.1, 0.3), today=None, pack_seconds=0.0, api_new=api) as ucm:
        command = configured(tmp_path, ucm, api=api)
        everything = run(command, ucm)
        assert everything.report["recordings"]["archived"] == RECORDINGS
        size = calls_come_in(ucm)
        few = run(command, ucm)
        assert few.report["recordings"]["new"] == NEW
        nothing = min((run(command, ucm) for _ in range(3)), key=lambda cost: cost.seconds)
    print(f"\n{RECORDINGS} recordings archived, {'API and web UI' if api else 'web UI only'}: what the PBX sends, and seconds")
    print(f"{'':24}{'recordings':>14}{'call records':>14}{'seconds':>9}")
    for name, cost in (("Download All (first run)", everything), (f"{NEW} new ({size / 1e6:.1f} MB)", few), ("nothing new", nothing)):
        print(f"{name:24}{cost.sent / 1e6:11.2f} MB{cost.tables / 1e6:11.2f} MB{cost.seconds:9.1f}")
    assert few.sent <= MORE_BYTES * size
    assert (nothing.sent, nothing.report["recordings"]["new"]) == (0, 0)
    assert nothing.seconds <= NOTHING_NEW_SECONDS
