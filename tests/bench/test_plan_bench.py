"""The plan for 10⁴, 10⁵ and 10⁶ recordings: seconds and peak memory, each in a process of its own, and whether they grow linearly."""

# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import pytest
from usage import measured

SIZES = (10_000, 100_000, 1_000_000)
MAX_SECONDS, MAX_MEMORY_MB = 10, 600
#: Ten times as many may take so much longer than ten times, for caches and the collector.
MAX_GROWTH = 2.0

#: Prints seconds for the plan (and for making the rows alone, which stands for reading the catalog), and what was planned.
SCRIPT = """
import json, sys, time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from scraper.models import RecordingClass, Source
from scraper.reconcile import *

count, held_share, months_named = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "months"
MONITOR, FIRST, APART = RecordingClass.MONITOR, 1_600_000_000, 150
MONTHS = [time.strftime("%Y-%m", time.gmtime(FIRST + number * 86_400)) for number in range(count * APART // 86_400 + 1)]

def recordings(until):
    for number in range(until):
        moment = number * APART
        yield MONTHS[moment // 86_400], f"auto-{FIRST + moment}-{1000 + number % 50}-5550{number % 1000:03}.wav", FIRST + moment

def calls():
    for month, name, at in recordings(count):
        yield CalledFile(MONITOR, month if months_named else None, name, 30.0, 480_044, datetime.fromtimestamp(at, UTC), 30.0)

def listed():
    for month, name, _ in recordings(count):
        yield ListedFile(MONITOR, month, name, 480_044, month + "-05 10:00:00")

def held():
    for month, name, _ in recordings(int(count * held_share)):
        yield HeldFile(MONITOR, month, name, 480_044, False, Source.BULK)

started = time.perf_counter()
for rows in (calls(), listed(), held()):
    for _ in rows:
        pass
rows_alone = time.perf_counter() - started
ways = {way: WayState(frozenset(RecordingClass)) for way in Way}
situation = Situation("office", ZoneInfo("America/Chicago"), datetime.now(UTC), ways)
started = time.perf_counter()
plan = make_plan(Inventories(calls(), Listing(listed()), held()), situation)
seconds = time.perf_counter() - started
fetched = sum(line.count for line in render(plan))
print(json.dumps([seconds, rows_alone, plan.tally.archived, fetched, plan.tally.expected]))
"""


@dataclass(frozen=True)
class Planned:
    """Seconds of the plan, among them those for making its rows; peak memory of the whole process in MB."""

    seconds: float
    rows: float
    memory: float


def planned(count: int, held_share: float, months: str) -> Planned:
    command = [sys.executable, "-c", SCRIPT, str(count), str(held_share), months]
    whole = measured(command)
    seconds, rows, archived, fetched, expected = json.loads(whole.out)
    assert (archived, fetched, expected) == (int(count * held_share), count - int(count * held_share), count)
    return Planned(seconds, rows, whole.memory)


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("what", "held_share", "months"),
    [
        ("steady state, all archived", 1.0, "months"),
        ("first run, nothing archived", 0.0, "months"),
        ("half archived", 0.5, "months"),
        ("half archived, CDRs without months", 0.5, "bare"),
    ],
)
def test_a_plan_takes_seconds_and_grows_with_the_number_of_recordings(what: str, held_share: float, months: str) -> None:
    took = {count: planned(count, held_share, months) for count in SIZES}
    print(f"\n{what}:")
    for count, one in took.items():
        print(f"{count:>9,} recordings: {one.seconds:6.2f} s (of it {one.rows:5.2f} s making the rows), {one.memory:4.0f} MB")
    smaller, largest = took[SIZES[-2]], took[SIZES[-1]]
    assert largest.seconds <= MAX_SECONDS
    assert largest.memory <= MAX_MEMORY_MB
    assert largest.seconds <= MAX_GROWTH * (SIZES[-1] / SIZES[-2]) * smaller.seconds
