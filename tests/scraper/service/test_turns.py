"""Whose turn it is: fair between UCMs, whatever one of them does. Time is the test's."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.models import Trigger
from scraper.progress import OPENING_BROWSER, WAITING_FOR_BROWSER
from scraper.service.task import PRIORITY, Kind, Task, TaskState
from scraper.service.turns import AGEING, Turns
from scraper.settings.serving import Limits

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Town:
    """Turns over a clock of its own; a job lasts as long as ``lasts`` says (seconds, by UCM), else until it is ended."""

    def __init__(self, lasts=None, needs_browser=lambda ucm: False, **limits):
        self.now, self.lasts = NOON, lasts or {}
        self.turns = Turns(Limits(**limits), lambda: self.now, needs_browser)
        self.waiting, self.running, self.past = [], [], []
        self.names = itertools.count()

    def ask(self, ucm, kind=Kind.RUN, trigger=Trigger.SCHEDULE):
        task = Task(kind, ucm, trigger, names=(str(next(self.names)),) if kind is Kind.FETCH else ())
        self.waiting.append(TaskState(task, self.now))
        self.start()
        return self.waiting[-1] if self.waiting and self.waiting[-1].task is task else self.running[-1]

    def start(self):
        while state := self.turns.next(self.waiting, self.running):
            self.waiting.remove(state)
            state.started_at = self.now
            self.running.append(state)
            self.turns.started(state)

    def end(self, *ucms):
        for state in [state for state in self.running if state.task.ucm in ucms]:
            self.running.remove(state)
            state.ended_at = self.now
            self.turns.ended(state)
            self.past.append(state)
        self.start()

    def enters(self, ucm, phase):
        for state in self.running:
            if state.task.ucm == ucm:
                state.phase = phase
                self.turns.moved_on(state)
        self.start()

    def due(self, state):
        return state.started_at + timedelta(seconds=self.lasts[state.task.ucm, state.task.kind])

    def tick(self, seconds):
        """So much time passes; what is over by then has ended at its time."""
        until = self.now + timedelta(seconds=seconds)
        while self.running and self.due(first := min(self.running, key=self.due)) <= until:
            self.now = self.due(first)
            self.end(first.task.ucm)
        self.now = until
        self.start()

    @property
    def at_work(self):
        return sorted(state.task.ucm for state in self.running)


def test_ucm_that_asks_for_much_waits_for_all_others_each_time():
    town = Town(jobs=1)
    for _ in range(5):
        town.ask("flood", Kind.FETCH)
    for ucm in "abc":
        town.ask(ucm, Kind.FETCH)
    begun = []
    while town.running:
        begun += town.at_work
        town.end(*town.at_work)
    assert begun == ["flood", "a", "b", "c", "flood", "flood", "flood", "flood"]


def test_backfill_has_its_turn_however_much_is_due():
    town = Town({(ucm, kind): 60 for ucm in "abcd" for kind in Kind}, jobs=1)
    for ucm in "abc":
        town.ask(ucm)
    backfill = town.ask("d", Kind.BACKFILL)
    while backfill.started_at is None:
        town.tick(60)
        for ucm in "abc":
            if all(state.task.ucm != ucm for state in town.waiting):
                town.ask(ucm)
        assert town.now < NOON + timedelta(hours=2)
    assert town.now - NOON >= 4 * AGEING


def test_jobs_that_take_long_leave_one_more_place_to_those_that_do_not():
    town = Town(jobs=2)
    for ucm in ("slow", "slower", "quick", "also-quick"):
        town.ask(ucm)
    town.now += timedelta(minutes=2)
    town.start()
    assert town.at_work == ["quick", "slow", "slower"]
    town.end("quick")
    assert town.at_work == ["also-quick", "slow", "slower"]
    town.end("slow", "also-quick")
    town.ask("other")
    town.now += timedelta(minutes=2)
    town.ask("slow")
    assert town.at_work == ["other", "slower"]


def test_job_that_waits_for_a_browser_takes_no_place_and_no_other_comes_to_wait():
    town = Town(needs_browser={"a", "b", "c"}.__contains__, jobs=2, browsers=1)
    for ucm in ("a", "b", "c", "over-the-api"):
        town.ask(ucm)
    town.enters("a", OPENING_BROWSER)
    town.enters("b", WAITING_FOR_BROWSER)
    assert town.at_work == ["a", "b", "over-the-api"]
    town.end("a")
    town.enters("b", OPENING_BROWSER)
    town.end("over-the-api")
    assert town.at_work == ["b", "c"]


def test_who_opened_a_browser_and_who_did_not_is_remembered():
    town = Town(needs_browser={"a"}.__contains__, jobs=10, browsers=1)
    for ucm in ("a", "b"):
        town.ask(ucm)
    town.enters("b", OPENING_BROWSER)
    town.end("a", "b")
    town.ask("c")
    town.enters("c", WAITING_FOR_BROWSER)
    for ucm in ("a", "b"):
        town.ask(ucm)
    town.ask("b", Kind.FETCH, Trigger.PUSH)
    assert [state.task.kind for state in town.running] == [Kind.RUN, Kind.RUN, Kind.FETCH]
    assert town.at_work == ["a", "b", "c"]


UCMS = "abcdef"
KINDS = [Kind.FETCH, Kind.PLAN, Kind.RUN, Kind.RECONCILE, Kind.BACKFILL]
LOADS = st.fixed_dictionaries({(ucm, kind): st.sampled_from([5, 30, 90, 600]) for ucm in UCMS for kind in KINDS})
ASKED = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UCMS), st.sampled_from(KINDS)), min_size=40, max_size=120)


@settings(max_examples=20, deadline=None)
@given(LOADS, ASKED, st.integers(1, 3))
def test_whoever_waits_starts_within_a_bound_whatever_the_load(lasts, asked, jobs):
    """Once a task has aged, each other UCM has at most one turn before it, and before each task of its own UCM that came earlier."""
    town = Town(lasts, jobs=jobs)
    earlier = {}
    for pause, ucm, kind in asked:
        town.tick(pause)
        before = sum(state.task.ucm == ucm for state in (*town.waiting, *town.running))
        state = town.ask(ucm, kind)
        earlier[state.task.id] = before
        alone = [other.task.ucm for other in town.running]
        assert len(alone) == len(set(alone)) <= jobs + 1
    while town.running:
        town.tick(600)
    assert not town.waiting
    for state in town.past:
        aged = PRIORITY[state.task.kind] * AGEING
        rounds = (earlier[state.task.id] + 1) * len(UCMS) + 1
        assert state.started_at - state.asked_at <= aged + rounds * timedelta(seconds=600)


def test_all_have_their_turn_while_one_floods():
    names = [f"office{number}" for number in range(60)]
    town = Town({(ucm, kind): 30 for ucm in [*names, "flood"] for kind in Kind}, jobs=1)
    states = [town.ask(ucm) for ucm in names]
    for _ in range(PRIORITY[Kind.RUN] * 20 + 62):
        town.ask("flood", Kind.FETCH)
        town.tick(30)
    assert all(state.started_at for state in states)
