"""Nothing but reading: whole jobs in a real browser on web UIs that play tricks, and random requests before the guard.

`UCM_BENCH_SESSIONS` jobs (500) from `UCM_BENCH_SEED` on, `UCM_BENCH_REQUESTS` requests (50,000), one in a hundred through a browser.

`pytest tests/bench/test_ui_fuzz_bench.py -m bench -s`
"""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import guard_requests
import mischief
import pytest
from guard_requests import Truth

from scraper.simulator import Simulator
from scraper.webui.guard import Guard, Judge

pytestmark = [pytest.mark.bench, pytest.mark.browser]

SESSIONS = int(os.environ.get("UCM_BENCH_SESSIONS", "500"))
REQUESTS = int(os.environ.get("UCM_BENCH_REQUESTS", "50000"))
FIRST = int(os.environ.get("UCM_BENCH_SEED", "1000"))


@pytest.mark.timeout(6 * 3600)
def test_no_trick_of_any_page_changes_the_pbx(tmp_path):
    with mischief.mischievous() as ucms:
        tally = mischief.play(ucms, iter(range(FIRST, FIRST + SESSIONS)), tmp_path)
        writes = sum(len(ucm.state.deletes) for ucm in ucms)
    codes = ", ".join(f"{code}: {times}" for code, times in sorted(tally.codes.items()))
    print(f"\n{SESSIONS} sessions, {tally.seconds / SESSIONS:.1f} s each; exit codes {codes}")
    print(f"writes that the guard refused: {tally.refused}; that arrived: {writes}")
    assert (tally.codes.total(), writes) == (SESSIONS, 0)
    assert tally.refused > SESSIONS / 10


@pytest.mark.timeout(3600)
def test_the_judge_lets_no_write_through_and_no_read_down():
    origin, begun = "https://pbx.example.com:8089", time.monotonic()
    made = list(guard_requests.requests(FIRST, REQUESTS, origin))
    wrong = guard_requests.misjudged(Judge(origin), made, origin)
    truths = Counter(asked.truth.value for asked in made)
    print(f"\n{REQUESTS} requests ({', '.join(f'{count} {truth}' for truth, count in truths.items())}) in {time.monotonic() - begun:.0f} s")
    print(f"misjudged: {len(wrong)}")
    assert wrong == []


@pytest.mark.timeout(3600)
def test_of_what_a_page_sends_only_reads_arrive(tmp_path):
    count = REQUESTS // 100
    with Simulator(tls=False, recordings=1) as ucm:
        made, guard = list(guard_requests.requests(FIRST, count, ucm.url)), Guard(Judge(ucm.url))
        answered = asyncio.run(guard_requests.sent(made, ucm.url, guard, tmp_path))
        writes = list(ucm.state.deletes)
    lost = [asked for asked, arrived in zip(made, answered, strict=True) if asked.truth is Truth.READS and not arrived]
    print(
        f"\n{count} requests of a page: {sum(answered)} answered, {len(guard.refused)} refused; writes that reached the PBX: {len(writes)}"
    )
    assert (writes, lost) == ([], [])
