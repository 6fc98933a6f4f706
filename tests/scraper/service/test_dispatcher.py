"""Who has tasks done in their turn: order, limits, stops, overstaying, and what is told meanwhile. The work itself is a stand-in."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import until

from scraper.models import Trigger, Window
from scraper.service.dispatcher import Dispatcher
from scraper.service.task import Kind, Stage, Task
from scraper.settings.serving import Limits


class FakeWork:
    """Tells what a test puts in; ends when told to stop, unless it is ``stubborn``."""

    def __init__(self, stubborn=False):
        self.lines = asyncio.Queue()
        self.commands = []
        self.ended = False
        self.stubborn = stubborn

    async def next(self):
        return await self.lines.get()

    def tell(self, command):
        self.commands.append(command)
        if command == {"command": "stop"} and not self.stubborn:
            self.result(3)
        return True

    async def end(self):
        self.ended = True

    def says(self, event, **data):
        self.lines.put_nowait({"event": event, **data})

    def result(self, code, **result):
        self.says("result", exit_code=code, run_id="run", result=result or {"schema": 1})
        self.dies()

    def dies(self):
        self.lines.put_nowait(None)


class House:
    """A dispatcher; ``works``: what it began, by UCM, in that order."""

    def __init__(self, stubborn=False, **limits):
        self.works, self.begun, self.over, self.stubborn = {}, [], [], stubborn
        self.free = True
        self.dispatch = Dispatcher(
            self.begin, Limits(**limits), lambda: datetime.now(UTC), lambda ucm: self.free, lambda state: self.over.append(state)
        )

    async def begin(self, task):
        self.begun.append((task.ucm, task.kind))
        self.works[task.ucm] = FakeWork(self.stubborn)
        return self.works[task.ucm]

    def ask(self, ucm="a", kind=Kind.RUN, trigger=Trigger.MANUAL, **more):
        return self.dispatch.ask(Task(kind, ucm, trigger, **more))


async def settled():
    """Whatever can happen now has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


def in_loop(test):
    """Run an async test that takes no fixtures."""

    def run():
        asyncio.run(asyncio.wait_for(test(), 60))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@in_loop
async def test_one_task_a_ucm_and_so_many_ucms():
    house = House(jobs=2)
    for ucm in ("a", "a", "b", "c"):
        house.ask(ucm, window=Window(date(2026, 1, 1 + len(house.dispatch.states()))))
    await settled()
    assert [ucm for ucm, _ in house.begun] == ["a", "b"]
    house.works["b"].result(0)
    await settled()
    assert [ucm for ucm, _ in house.begun] == ["a", "b", "c"]
    house.works["a"].result(0)
    await settled()
    assert [ucm for ucm, _ in house.begun] == ["a", "b", "c", "a"]


@in_loop
async def test_the_more_urgent_goes_first_whoever_asked_first():
    house = House(jobs=1)
    house.ask("a")
    for ucm, kind in (("b", Kind.BACKFILL), ("c", Kind.RUN), ("d", Kind.FETCH), ("e", Kind.RUN)):
        house.ask(ucm, kind)
    for ucm in ("a", "d", "c", "e", "b"):
        await settled()
        house.works[ucm].result(0)
    await settled()
    assert [ucm for ucm, _ in house.begun] == ["a", "d", "c", "e", "b"]


@in_loop
async def test_backfills_leave_a_place_for_what_is_due():
    house = House(jobs=2)
    house.ask("a", Kind.BACKFILL, backfill="1")
    house.ask("b", Kind.BACKFILL, backfill="2")
    house.ask("c")
    await settled()
    assert [ucm for ucm, _ in house.begun] == ["a", "c"]


@in_loop
async def test_person_and_doctor_do_not_wait_for_other_ucms_nor_a_sessions_read_for_its_own():
    house = House(jobs=1)
    house.ask("a")
    house.ask("b", Kind.LOGIN)
    house.ask("a", Kind.DOCTOR)
    house.ask("a", Kind.KEEP_ALIVE)
    house.ask("a", Kind.LOGIN)
    await settled()
    assert house.begun == [("a", Kind.RUN), ("b", Kind.LOGIN), ("a", Kind.DOCTOR), ("a", Kind.KEEP_ALIVE)]


@in_loop
async def test_waiting_duplicates_are_one():
    house = House()
    first, second, third = house.ask(), house.ask(), house.ask()
    assert first.task is not second.task
    assert second is third
    fetch = house.ask(kind=Kind.FETCH, names=("x", "y"))
    assert house.ask(kind=Kind.FETCH, names=("y",)) is fetch
    assert house.ask(kind=Kind.FETCH, names=("z",)) is not fetch


@in_loop
async def test_what_a_task_tells_is_its_state_and_is_handed_on_until_it_ends():
    house = House()
    everything = house.dispatch.events()
    state = house.ask()
    events = house.dispatch.events(state.task.id)
    await settled()
    work = house.works["a"]
    for event, data in (("phase", {"name": "packing"}), ("downloaded", {"received": 5, "total": 9}), ("recording", {"recordings": 2})):
        work.says(event, **data)
    work.says("odd")
    work.result(3, schema=1, gaps=[])
    names = [event.name async for event in events]
    assert names == ["phase", "downloaded", "recording", "odd", "result", "stage"]
    assert (state.phase, state.received, state.total, state.recordings, state.exit_code) == ("packing", 5, 9, 2, 3)
    assert (state.stage, state.result, state.run_id) == (Stage.ENDED, {"schema": 1, "gaps": []}, "run")
    assert house.over == [state]
    assert work.ended
    assert [(await anext(everything)).data.get("stage") for _ in range(3)] == ["waiting", "running", None]
    assert [event async for event in house.dispatch.events(state.task.id)] == []


@in_loop
async def test_listener_that_nobody_reads_costs_nothing_and_is_forgotten():
    house = House()
    events = house.dispatch.events()
    state = house.ask()
    await settled()
    for number in range(3000):
        house.works["a"].says("downloaded", received=number)
    await until(lambda: state.received == 2999)
    assert (await anext(events)).data["received"] == 2000
    del events
    assert not house.dispatch._listeners


@in_loop
async def test_task_that_waits_is_dropped_and_one_that_runs_is_asked_to_stop():
    house = House(jobs=1)
    running, waiting = house.ask("a"), house.ask("b")
    await settled()
    assert house.dispatch.stop(waiting.task.id)
    assert (waiting.stage, waiting.exit_code) == (Stage.ENDED, 3)
    assert house.dispatch.stop(running.task.id)
    assert running.stage is Stage.STOPPING
    await settled()
    assert (running.stage, running.exit_code) == (Stage.ENDED, 3)
    assert not house.dispatch.stop(running.task.id)


@pytest.mark.fault("service", "a job doesn't stop when it is asked to", "it is ended", promise="hang")
@in_loop
async def test_task_that_does_not_stop_is_ended():
    house = House(stubborn=True, stop_seconds=0.1)
    state = house.ask()
    await settled()
    house.dispatch.stop(state.task.id)
    await until(lambda: state.stage is Stage.ENDED)
    assert (state.exit_code, house.works["a"].ended) == (3, True)


@in_loop
async def test_task_that_overstays_is_asked_to_stop_then_ended():
    house = House(stubborn=True, job_hours=0.1 / 3600, stop_seconds=0.1)
    state = house.ask()
    await until(lambda: state.stage is Stage.ENDED)
    assert house.works["a"].commands == [{"command": "stop"}]
    assert house.works["a"].ended


@in_loop
async def test_process_that_dies_is_a_failure_and_the_next_one_starts():
    house = House()
    first, _ = house.ask(), house.ask(window=Window(date(2026, 1, 1)))
    await settled()
    house.works["a"].dies()
    await settled()
    assert (first.exit_code, first.result["error"]["kind"]) == (1, "InternalError")
    assert len(house.begun) == 2


@in_loop
async def test_process_that_cannot_be_started_is_a_failure_and_nothing_else():
    house = House()

    async def refuse(task):
        raise OSError(12, "no memory")

    house.dispatch.begin = refuse
    state = house.ask()
    await settled()
    assert (state.stage, state.exit_code) == (Stage.ENDED, 1)
    assert house.dispatch.states("a") == [state]


@in_loop
async def test_ucm_that_another_program_holds_is_waited_for():
    house = House()
    state = house.ask(trigger=Trigger.SCHEDULE)
    await settled()
    house.free = False
    house.works["a"].result(9)
    await settled()
    assert (state.stage, state.exit_code, state.result) == (Stage.WAITING, None, None)
    assert house.ask(trigger=Trigger.SCHEDULE) is state
    house.dispatch._look_again()
    await settled()
    assert len(house.begun) == 1
    house.free = True
    house.dispatch._look_again()
    await settled()
    house.works["a"].result(0)
    await settled()
    assert (state.exit_code, len(house.begun), len(house.over)) == (0, 2, 1)


def test_loop_that_ends_with_tasks_running_and_waiting_leaves_none_behind():
    house = House(jobs=1)

    async def service():
        house.ask("a")
        house.ask("b")
        await settled()

    asyncio.run(service())
    assert [state.stage for state in house.dispatch.states()] == [Stage.WAITING, Stage.ENDED]


@in_loop
async def test_close_drops_stops_and_waits_and_takes_nothing_more():
    house = House(jobs=1)
    running, waiting = house.ask("a"), house.ask("b")
    await settled()
    await house.dispatch.close()
    assert [state.exit_code for state in (running, waiting, house.ask("c"))] == [3, 3, 3]
    assert len(house.begun) == 1


@in_loop
async def test_close_that_is_cancelled_ends_all_at_once():
    house = House(stubborn=True, stop_seconds=1000)
    house.ask()
    await settled()
    closing = asyncio.ensure_future(house.dispatch.close())
    await settled()
    assert not house.works["a"].ended
    closing.cancel()
    await settled()
    assert closing.cancelled()
    assert house.works["a"].ended


@in_loop
async def test_what_comes_all_the_time_pushes_out_nothing_that_somebody_looks_at():
    house = House()
    examined = house.ask(kind=Kind.DOCTOR)
    await settled()
    house.works["a"].result(0)
    for _ in range(60):
        house.ask(kind=Kind.KEEP_ALIVE)
        await settled()
        house.works["a"].result(0)
    await settled()
    assert house.dispatch.state(examined.task.id) is examined
    assert len(house.dispatch.states()) == 51


@in_loop
async def test_fifty_that_ended_are_remembered_the_newest_first():
    house = House()
    for number in range(60):
        house.dispatch.stop(house.ask("a", window=Window(date(2000 + number, 1, 1))).task.id)
        await settled()
    states = house.dispatch.states()
    assert [state.task.window.since.year for state in states] == list(range(2059, 2009, -1))
    assert house.dispatch.states("b") == []
    assert house.dispatch.state(states[0].task.id) is states[0]


KINDS = st.sampled_from([Kind.RUN, Kind.PLAN, Kind.FETCH, Kind.BACKFILL, Kind.LOGIN, Kind.DOCTOR])
STEPS = st.lists(
    st.one_of(st.tuples(st.just("ask"), KINDS, st.sampled_from("abcd")), st.tuples(st.just("end"), st.integers(0, 9))), max_size=40
)


@pytest.mark.fault("service", "jobs are asked for in any order", "no two share a UCM, and all are done", promise="apart")
@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 3))
def test_whatever_is_asked_no_two_jobs_share_a_ucm_and_all_are_done(steps, jobs):
    async def play():
        house, works = House(jobs=jobs), {}

        async def begin(task):
            works[task.id] = FakeWork()
            return works[task.id]

        house.dispatch.begin = begin

        async def check():
            await settled()
            running = [state.task for state in house.dispatch.states() if state.stage is Stage.RUNNING]
            exclusive = [task.ucm for task in running if task.kind is not Kind.DOCTOR]
            assert len(exclusive) == len(set(exclusive))
            assert sum(task.kind not in (Kind.DOCTOR, Kind.LOGIN) for task in running) <= jobs
            return running

        for step in steps:
            running = await check()
            if step[0] == "ask":
                house.ask(step[2], step[1])
            elif running:
                works[running[step[1] % len(running)].id].result(0)
        while running := await check():
            works[running[0].id].result(0)
        assert all(state.stage is Stage.ENDED for state in house.dispatch.states())

    asyncio.run(play())


@pytest.mark.parametrize("kind", list(Kind))
def test_task_comes_through_json_as_it_was(kind):
    task = Task(kind, "office", Trigger.PUSH, Window(date(2026, 1, 2), None), ("2026-01/auto-1770000000-1000-5550100.wav",), "b1")
    assert Task.from_json(task.as_json()) == task
