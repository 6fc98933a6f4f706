"""Commands killed at 500 random moments, over SQLite and PostgreSQL, a folder and a bucket; one in twenty in a real browser.

The whole of it: `KILLS=500 pytest tests/bench/test_kills_bench.py -m bench -s`; tests/e2e/test_kills.py is the part that CI runs.
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import os
import random
import time
from functools import partial

import pytest
from archives import PLACES, Places
from kills import kill_in_rounds, run, works_from_the_archive_on

from scraper.simulator import Simulator

KILLS = int(os.environ.get("KILLS", "500"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1 << 30)
#: Of all kills these parts are of jobs that ask a PBX: in a browser, and over its API.
IN_A_BROWSER, OVER_THE_API = 20, 20

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]


def share(kills: int) -> dict[tuple[str, str], int]:
    """So many kills shared out over the places."""
    return {place: kills // len(PLACES) + (number < kills % len(PLACES)) for number, place in enumerate(PLACES)}


@pytest.mark.parametrize(("catalog", "store"), PLACES)
def test_kills_from_the_archive_on(places: Places, catalog: str, store: str) -> None:
    kills = share(KILLS - KILLS // IN_A_BROWSER - KILLS // OVER_THE_API)[catalog, store]
    began = time.monotonic()
    done = kill_in_rounds(partial(places.make, catalog, store), works_from_the_archive_on(40), kills, SEED)
    took = time.monotonic() - began
    print(f"\n{catalog}, {store}: {done.total()} kills in {took:.0f} s, nothing lost or doubled (seed {SEED}): {dict(done)}")


@pytest.mark.browser
@pytest.mark.parametrize("web", [True, False], ids=["browser", "api"])
def test_kills_of_whole_jobs(places: Places, web: bool) -> None:
    kills = share(KILLS // (IN_A_BROWSER if web else OVER_THE_API))
    began = time.monotonic()
    kind = {"pack_seconds": 0.2, "faults": {"archive_slow": "400000"}} if web else {"today": None, "api_new": True}
    for (catalog, store), some in kills.items():
        with Simulator(recordings=20, seconds=(1.0, 3.0), **kind) as simulator:
            kill_in_rounds(partial(places.make, catalog, store), [run(simulator, web=web)], some, SEED)
            assert simulator.state.deletes == []
    what = "in a browser" if web else "over the API"
    print(f"\njobs {what}: {sum(kills.values())} kills in {time.monotonic() - began:.0f} s, nothing lost or doubled (seed {SEED})")
