"""A compressed month of `serve`: everything archived once, nothing left behind, nothing that grows.

The whole of it: `pytest tests/bench/test_month.py -m bench -s` (``UCM_MONTH_CSV``: a file for what was measured; ``UCM_MONTH_DAYS``).
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import pytest
from soak.month import HALF_A_DAY, Life, month_of

from scraper.catalog import BackfillState

pytestmark = pytest.mark.browser


def is_whole(month):
    """Every recording is archived once, sample for sample; the PBXs were only read; nothing of a job is left."""
    for name, ucm in month.ucms.items():
        held = month.held(name)
        assert month.archived(name) == held
        assert month.catalogued(name) == dict.fromkeys(held, 1)
        assert ucm.state.deletes == []
    assert month.backfilled() == [BackfillState.DONE] * 2
    assert month.service.left() == []
    assert {sample.processes for sample in month.figures.samples} == {1}


def middle(samples, name):
    """A figure's median; samples without it don't count."""
    return median(value for sample in samples if (value := getattr(sample, name)) is not None)


def thirds(samples):
    return samples[: len(samples) // 3], samples[-len(samples) // 3 :]


def is_flat(month):
    """Nothing grows: over the whole month, and, for what a restart frees, over its second half, which has none."""
    samples = month.figures.samples
    settled = [sample for sample in samples if sample.day > month.life.days / 2 + 0.5]
    for name, factor, slack in (("memory_mb", 1.05, 2), ("handles", 1.0, 2), ("threads", 1.0, 2)):
        first, last = (middle(third, name) for third in thirds(settled))
        print(f"{name}: {first:.1f} in the first third of the second half, {last:.1f} in the last")
        assert last <= factor * first + slack, name
    for name in ("most_mb", "most_processes", "head_s", "branch_s", "push_s", "page_ms"):
        first, last = (middle(third, name) for third in thirds(samples))
        print(f"{name}: {first:.1f} in the month's first third, {last:.1f} in its last")
        assert last <= 1.5 * first, name
    print(f"disk beyond the recordings: {samples[-1].disk_mb} MB")
    assert samples[-1].disk_mb < 30


@pytest.mark.timeout(300)
def test_half_a_day_with_faults_a_kill_and_backfills_archives_everything_once(tmp_path):
    with month_of(tmp_path, HALF_A_DAY) as month:
        month.live()
        is_whole(month)
    assert month.figures.samples and min(month.counts[what] for what in ("calls", "faults", "SIGKILL", "backfill")) > 0


@pytest.mark.bench
@pytest.mark.timeout(3 * 3600)
def test_month_archives_everything_once_and_nothing_grows(tmp_path):
    file = Path(os.environ.get("UCM_MONTH_CSV", tmp_path / "month.csv"))
    with month_of(tmp_path, Life(days=float(os.environ.get("UCM_MONTH_DAYS", "30"))), file) as month:
        month.live()
        print(f"\n{dict(month.counts)}, {month.figures.samples[-1].recordings} recordings, runs: {month.figures.ends}")
        is_whole(month)
        is_flat(month)
