"""SIGKILL at random moments, on each kind of catalog and store: nothing lost, nothing doubled, no half file, and the next run completes.

Each test is a twentieth of what tests/bench/test_kills_bench.py does over the same code.
"""

from __future__ import annotations

import random
from functools import partial

import pytest
from archives import PLACES, Places
from kills import kill_in_rounds, run, works_from_the_archive_on

from scraper.simulator import Simulator

SEED = random.SystemRandom().randrange(1 << 30)
KILLS, KILLS_OF_BROWSERS = 6, 1


@pytest.mark.fault(
    "process",
    "SIGKILL at random moments of taking in, converting again and letting go: {catalog}, {store}",
    "nothing lost, nothing doubled, no half file, one delivery each; the next run completes",
    promise="loss",
)
@pytest.mark.parametrize(("catalog", "store"), PLACES)
def test_killed_at_random_moments_loses_nothing_and_doubles_nothing(places: Places, catalog: str, store: str) -> None:
    first = 2 * PLACES.index((catalog, store))
    works = works_from_the_archive_on(20)
    kill_in_rounds(partial(places.make, catalog, store), [works[n % len(works)] for n in (first, first + 1)], KILLS, SEED)


@pytest.mark.browser
@pytest.mark.fault(
    "process",
    "SIGKILL at a random moment of a job",
    "nothing lost, nothing doubled, no browser left; the next run completes",
    exit_code=0,
    promise="loss",
)
@pytest.mark.parametrize(("catalog", "store"), [("sqlite", "folder"), ("postgresql", "bucket")])
def test_a_job_in_a_browser_killed_at_a_random_moment_leaves_nothing_half(places: Places, catalog: str, store: str) -> None:
    with Simulator(recordings=20, seconds=(1.0, 3.0), pack_seconds=0.2, faults={"archive_slow": "400000"}) as simulator:
        kill_in_rounds(partial(places.make, catalog, store), [run(simulator, web=True)], KILLS_OF_BROWSERS, SEED)
        assert simulator.state.deletes == []


@pytest.mark.fault(
    "process", "SIGKILL at a random moment of a job over the API", "nothing lost, nothing doubled; the next run completes", exit_code=0
)
def test_a_job_over_the_api_killed_at_a_random_moment_leaves_nothing_half(places: Places) -> None:
    with Simulator(recordings=12, seconds=(0.5, 2.0), today=None, api_new=True) as simulator:
        kill_in_rounds(partial(places.make, "sqlite", "folder"), [run(simulator, web=False)], 2, SEED)
