"""The queue: what waits once, in which order it is taken, and what becomes of the jobs of workers that died."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from procrastinate.jobs import Status
from waiting import until

from scraper.errors import CatalogUnreachable, StoreUnwritable
from scraper.fleet.queue import BACKFILL, JOB, JOBS, Queue, conninfo
from scraper.models import Trigger
from scraper.service.task import Kind, Task

PATIENCE = 60.0


def run(kind: Kind = Kind.RUN, ucm: str = "one", trigger: Trigger = Trigger.SCHEDULE, **more: Any) -> Task:
    return Task(kind, ucm, trigger, **more)


@pytest.fixture
def on(database: str) -> Callable[[Callable[[Queue], Awaitable[Any]]], Any]:
    """``on(story)`` tells a story with an open queue."""

    def tell(story: Callable[[Queue], Awaitable[Any]]) -> Any:
        async def told() -> Any:
            queue = Queue(database)

            @queue.app.task(name=JOB)
            async def job(task: dict[str, Any]) -> None: ...

            async with queue.opened():
                return await asyncio.wait_for(story(queue), PATIENCE)

        return asyncio.run(told())

    return tell


async def taken(queue: Queue, worker: int, *queues: str) -> Task | None:
    job = await queue.app.job_manager.fetch_job(queues=[*(queues or (JOBS, BACKFILL))], worker_id=worker)
    return Task.from_json(job.task_kwargs["task"]) if job else None


async def joined(queue: Queue) -> int:
    return await queue.app.job_manager.register_worker()


def test_what_waits_is_not_queued_twice_and_what_runs_may_be_asked_for_again(on: Any) -> None:
    async def story(queue: Queue) -> None:
        first, same, more = run(), run(), run(Kind.FETCH, names=("a.wav",), trigger=Trigger.PUSH)
        assert await queue.ask(first) == first.id
        assert await queue.ask(same) == first.id
        assert await queue.ask(more) == more.id
        assert await queue.ask(run(Kind.FETCH, names=("a.wav", "b.wav"), trigger=Trigger.PUSH)) != more.id
        worker = await joined(queue)
        while (task := await taken(queue, worker)) and task.id != first.id:
            await queue.app.job_manager.finish_job_by_id_async(
                next(one.number for one in await queue.all() if one.task.id == task.id), Status.SUCCEEDED, delete_job=True
            )
        assert await queue.ask(same) == same.id
        assert [(one.task.id, one.running) for one in await queue.all()] == [(same.id, False), (first.id, True)]

    on(story)


def test_many_that_ask_for_the_same_at_once_get_one(on: Any) -> None:
    async def story(queue: Queue) -> None:
        tasks = [run() for _ in range(6)]
        assert len(set(await asyncio.gather(*map(queue.ask, tasks)))) == 1 == len(await queue.all())

    on(story)


def test_push_goes_before_schedule_before_backfill_and_one_ucm_has_one_job(on: Any) -> None:
    async def story(queue: Queue) -> None:
        backfill = run(Kind.BACKFILL, "two", Trigger.BACKFILL, backfill="x")
        scheduled, pushed = run(), run(Kind.FETCH, "three", Trigger.PUSH, names=("a.wav",))
        own = run(Kind.FETCH, "one", Trigger.PUSH, names=("b.wav",))
        for task in (backfill, scheduled, pushed, own):
            await queue.ask(task)
        worker = await joined(queue)
        got = [await taken(queue, worker) for _ in range(4)]
        assert got == [pushed, own, backfill, None]  # `one` is held by its push
        assert await taken(queue, worker, JOBS) is None

    on(story)


def test_a_task_keeps_all_that_it_says(on: Any) -> None:
    async def story(queue: Queue) -> None:
        task = run(Kind.FETCH, trigger=Trigger.PUSH, names=("2026-02/auto-1000000000-1000-+15555550101.wav", "é \\ ' \"%s{}.wav"))
        await queue.ask(task)
        (one,) = await queue.all()
        assert one.task == task and one.asked_at.tzinfo and not one.running and one.started_at is None

    on(story)


def test_one_that_waits_is_dropped_and_one_that_runs_is_asked_to_stop(on: Any) -> None:
    async def story(queue: Queue) -> None:
        running, waiting = run(), run(ucm="two")
        await queue.ask(running)
        assert await taken(queue, await joined(queue)) == running
        await queue.ask(waiting)
        for task in (running, waiting, run(ucm="three")):
            await queue.stop(task.id)
        assert [(one.task.id, one.stopping) for one in await queue.all()] == [(running.id, True)]

    on(story)


def test_jobs_of_a_worker_that_died_are_put_back_and_no_others(on: Any, database: str) -> None:
    async def story(queue: Queue) -> None:
        await queue.ask(run())
        await queue.ask(run(ucm="two"))
        dead, alive = await joined(queue), await joined(queue)
        first, second = await taken(queue, dead), await taken(queue, alive)
        with psycopg.connect(conninfo(database)) as connection:
            connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '4 s' WHERE id = %s", [dead])
        await asyncio.gather(*(queue.put_back(3.0, set()) for _ in range(3)))
        assert {(one.task.ucm, one.running) for one in await queue.all()} == {(first.ucm, False), (second.ucm, True)}
        assert await queue.numbers_of(alive) == {one.number for one in await queue.all() if one.running}
        assert await taken(queue, alive) == first

    on(story)


def test_a_job_that_its_own_worker_never_got_is_put_back(on: Any) -> None:
    async def story(queue: Queue) -> None:
        await queue.ask(run())
        worker = await joined(queue)
        await taken(queue, worker)
        await queue.put_back(300.0, await queue.numbers_of(worker))
        assert [one.running for one in await queue.all()] == [False]

    on(story)


def test_what_workers_tell_arrives_whole_but_for_what_is_too_long(on: Any) -> None:
    async def story(queue: Queue) -> None:
        heard: list[Any] = []
        ready = asyncio.Event()
        hearing = asyncio.ensure_future(queue.hear(heard.append, ready.set))
        await ready.wait()
        events = [{"task": str(number), "data": {"message": "ü" * 200}} for number in range(100)]
        await queue.tell([*events, {"message": "x" * 8000}, {"event": "last"}])
        await until(lambda: heard[-1:] == [{"event": "last"}])
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        assert heard == [*events, {"event": "last"}]

    on(story)


def test_a_database_that_is_not_there_is_told_as_such(tmp_path: Any) -> None:
    async def story() -> None:
        queue = Queue(f"postgresql+psycopg://nobody@/none?host={tmp_path}&connect_timeout=1")
        async with queue.opened():
            raise AssertionError

    with pytest.raises(CatalogUnreachable):
        asyncio.run(story())


@pytest.mark.fault("fleet", "the database of the queue is read-only", "it is told as such", exit_code=8, promise="silence")
def test_a_database_that_is_read_only_is_told_as_such(database: str) -> None:
    async def story() -> None:
        queue = Queue(f"{database}&options=-cdefault_transaction_read_only%3Don")
        async with queue.opened():
            assert await queue.all() == []
            await queue.ask(run())

    with pytest.raises(StoreUnwritable, match="read-only") as caught:
        asyncio.run(story())
    assert caught.value.exit_code == 8


def test_this_machines_clock_is_compared(on: Any) -> None:
    assert abs(on(lambda queue: queue.seconds_behind())) < timedelta(minutes=1).total_seconds()
