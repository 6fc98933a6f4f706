"""The common pace; seconds of a clock that only sleeping moves."""

from __future__ import annotations

import pytest

from scraper.api.pace import FASTEST, SLOWEST, Pace


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return Pace(clock, clock.sleep)


def calls(pace, clock, count):
    """Seconds that so many calls took."""
    began = clock.now
    for _ in range(count):
        pace.wait()
        pace.fine()
    return clock.now - began


def test_first_call_waits_for_nothing_and_the_next_for_the_interval(pace, clock):
    assert calls(pace, clock, 1) == 0
    assert calls(pace, clock, 10) == pytest.approx(10 * FASTEST)


def test_complaint_is_waited_for_and_slows_down_what_follows(pace, clock):
    pace.wait()
    pace.busy(15)
    assert calls(pace, clock, 1) == pytest.approx(15)
    assert calls(pace, clock, 1) > FASTEST


def test_pace_never_gets_slower_than_the_slowest_known_pbx_wants(pace):
    for _ in range(50):
        pace.busy(0)
    assert pace.interval == SLOWEST


def test_pace_recovers_slowly_and_not_beyond_its_fastest(pace, clock):
    for _ in range(4):
        pace.busy(0)
    slow = pace.interval
    calls(pace, clock, 1)
    assert slow * 0.8 < pace.interval < slow
    calls(pace, clock, 200)
    assert pace.interval == FASTEST


def test_failure_of_another_kind_delays_but_does_not_slow_down(pace, clock):
    pace.later(5)
    assert calls(pace, clock, 1) == pytest.approx(5)
    assert pace.interval == FASTEST
