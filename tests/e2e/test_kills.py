"""SIGKILL at random moments, on each kind of catalog and store: nothing lost, nothing doubled, no half file, and the next run completes.

A twentieth of tests/bench/test_kills_bench.py, by the same code.
"""

from __future__ import annotations

import random
from functools import partial

import pytest
from archives import Places
from kills import kill_in_rounds, run, works_from_the_archive_on

from scraper.simulator import Simulator

SEED = random.SystemRandom().randrange(1 << 30)
KILLS = 6

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each command has a deadline of its own


@pytest.mark.fault(
    "process",
    "SIGKILL at random moments of `{command}`, the catalog on {catalog}, the store a {store}",
    "nothing lost, nothing doubled, no half file, one delivery each; the next run completes",
    promise="loss",
)
@pytest.mark.parametrize(
    ("catalog", "store", "command"),
    [
        ("sqlite", "folder", "ingest as FLAC"),
        ("postgresql", "folder", "erase"),
        ("sqlite", "bucket", "reconvert"),
        ("postgresql", "bucket", "ingest"),
    ],
)
def test_killed_at_random_moments_loses_nothing_and_doubles_nothing(places: Places, catalog: str, store: str, command: str) -> None:
    works = [work for work in works_from_the_archive_on(18) if work.name == command]
    kill_in_rounds(partial(places.make, catalog, store), works[:1], KILLS, SEED)


@pytest.mark.browser
@pytest.mark.fault(
    "process",
    "SIGKILL at a random moment of a job",
    "nothing lost, nothing doubled, no browser left; the next run completes",
    promise="loss",
)
def test_a_job_in_a_browser_killed_at_a_random_moment_leaves_nothing_half(places: Places) -> None:
    with Simulator(recordings=20, seconds=(1.0, 3.0), pack_seconds=0.2, faults={"archive_slow": "400000"}) as simulator:
        work = run(simulator, web=True)
        work.seconds = 4.0  # what it takes, or a little less
        kill_in_rounds(partial(places.make, "sqlite", "folder"), [work], 1, SEED)
        assert simulator.state.deletes == []
