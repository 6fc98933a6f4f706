"""The scheduler's side: what is asked gets into the queue, and what becomes of it there shows here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from procrastinate.jobs import Status as Ends
from waiting import until

from scraper.catalog import Catalog
from scraper.errors import CatalogUnreachable, ExitCode, StoreUnwritable
from scraper.fleet import dispatch as dispatch_module
from scraper.fleet.dispatch import FleetDispatch
from scraper.fleet.queue import BACKFILL, JOB, JOBS, Queue
from scraper.models import Report, Status, Trigger
from scraper.service.dispatcher import Dispatcher
from scraper.service.task import Kind, Stage, Task, TaskState
from scraper.settings import Settings

PATIENCE = 60.0


def run(kind: Kind = Kind.RUN, ucm: str = "one", **more: Any) -> Task:
    return Task(kind, ucm, Trigger.MANUAL, **more)


class House:
    """A scheduler's dispatch, a queue beside it, and a worker played by the test."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.ended: list[TaskState] = []
        self.catalog = catalog
        here = Dispatcher(self._never, settings.limits, lambda: datetime.now(UTC), ended=self.ended.append)
        self.dispatch = FleetDispatch(settings, catalog, here)
        self.queue = Queue(settings.catalog.url)

        @self.queue.app.task(name=JOB)
        async def job(task: dict[str, Any]) -> None: ...

    async def _never(self, task: Task) -> Any:
        raise AssertionError

    async def queued(self, task: Task) -> None:
        while task.id not in {one.task.id for one in await self.queue.all()}:  # noqa: ASYNC110 -- here and below: another's doing
            await asyncio.sleep(0.01)

    async def take(self) -> tuple[int, Task]:
        """As a worker does."""
        worker = await self.queue.app.job_manager.register_worker()
        while not (job := await self.queue.app.job_manager.fetch_job(queues=[JOBS, BACKFILL], worker_id=worker)):  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.01)
        return job.id or 0, Task.from_json(job.task_kwargs["task"])

    async def tell(self, task: Task, event: str, **data: Any) -> None:
        await self.queue.tell([{"task": task.id, "ucm": task.ucm, "event": event, "data": data}])

    async def end(self, number: int) -> None:
        await self.queue.app.job_manager.finish_job_by_id_async(number, Ends.SUCCEEDED, delete_job=True)


@pytest.fixture
def serve(settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[House], Awaitable[None]]], None]:
    monkeypatch.setattr(dispatch_module, "_LOOK_SECONDS", 0.2)

    def tell(story: Callable[[House], Awaitable[None]]) -> None:
        async def told() -> None:
            house = House(settings, catalog)
            keeping = asyncio.ensure_future(house.dispatch.keep())
            try:
                async with house.queue.opened():
                    await asyncio.wait_for(story(house), PATIENCE)
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

        asyncio.run(told())

    return tell


def test_a_job_shows_from_its_asking_to_its_report(serve: Any, catalog: Catalog) -> None:
    async def story(house: House) -> None:
        state = house.dispatch.ask(run())
        assert house.dispatch.ask(run()) is state and state.stage is Stage.WAITING
        heard: list[str] = []

        async def listen() -> None:
            async for event in house.dispatch.events(state.task.id):
                heard.append(event.name)

        listening = asyncio.ensure_future(listen())
        number, task = await house.take()
        assert task == state.task
        await until(lambda: state.stage is Stage.RUNNING)
        assert state.started_at and not house.dispatch.is_free("one") and house.dispatch.is_free("two")
        report = Report(task.id, "one", Trigger.MANUAL, datetime.now(UTC), finished_at=datetime.now(UTC), status=Status.COMPLETE)
        catalog.start_run(task.id, "one", Trigger.MANUAL, report.window, report.started_at)
        while state.phase != "fetching":  # until somebody listens
            await house.tell(task, "phase", name="fetching")
            await asyncio.sleep(0.05)
        await house.tell(task, "result", exit_code=0, run_id=task.id, result=None)
        catalog.finish_run(report)
        await house.end(number)
        await until(lambda: house.ended)
        assert (state.stage, state.exit_code, state.run_id) == (Stage.ENDED, report.exit_code, task.id)
        assert state.result and state.result["schema"] == 1
        await listening
        assert {"stage", "phase", "result"} <= set(heard)
        assert house.dispatch.states() == [state] == house.ended

    serve(story)


def test_what_a_worker_gave_back_waits_again(serve: Any) -> None:
    async def story(house: House) -> None:
        state = house.dispatch.ask(run())
        number, _ = await house.take()
        await until(lambda: state.stage is Stage.RUNNING)
        await house.queue.app.job_manager.retry_job_by_id_async(number, retry_at=datetime.now(UTC))
        await until(lambda: state.stage is Stage.WAITING)
        again, _ = await house.take()
        await until(lambda: state.stage is Stage.RUNNING)
        await house.end(again)
        await until(lambda: house.ended)
        assert state.exit_code == ExitCode.INTERNAL  # nobody said how it ended

    serve(story)


def test_what_waits_is_dropped_and_what_runs_is_asked_to_stop(serve: Any) -> None:
    async def story(house: House) -> None:
        dispatch = house.dispatch
        running = dispatch.ask(run())
        number, _ = await house.take()
        waiting, at_once = dispatch.ask(run(ucm="two")), dispatch.ask(run(Kind.RECONCILE, "two"))
        assert dispatch.stop(at_once.task.id) and at_once.exit_code == ExitCode.GAPS
        await house.queued(waiting.task)
        assert dispatch.stop(waiting.task.id)
        await until(lambda: running.stage is Stage.RUNNING and waiting.stage is Stage.ENDED)
        assert waiting.exit_code == ExitCode.GAPS and dispatch.stop(running.task.id) and running.stage is Stage.STOPPING
        while not any(one.stopping for one in await house.queue.all()):  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.01)
        await house.end(number)
        await until(lambda: running.stage is Stage.ENDED)
        assert running.exit_code == ExitCode.GAPS and not dispatch.stop(running.task.id)
        assert await house.queue.all() == []

    serve(story)


def test_another_schedulers_tasks_show_as_well(serve: Any) -> None:
    async def story(house: House) -> None:
        task = run()
        await house.queue.ask(task)
        await until(lambda: house.dispatch.state(task.id))
        assert house.dispatch.ask(run()).task == task

    serve(story)


def test_jobs_of_a_ucm_that_is_configured_no_more_are_dropped_by_the_one_who_leads(serve: Any) -> None:
    async def story(house: House) -> None:
        old, other = run(ucm="removed"), run()
        await house.queue.ask(old)
        await house.queue.ask(other)
        await until(lambda: house.dispatch.state(old.id))
        assert house.dispatch.state(old.id).stage is Stage.WAITING
        house.dispatch.leads = True
        await until(lambda: house.ended)
        assert [one.task.id for one in await house.queue.all()] == [other.id]

    serve(story)


@pytest.mark.parametrize("error", [CatalogUnreachable, StoreUnwritable])
def test_nothing_is_lost_that_is_asked_for_while_the_database_refuses(
    serve: Any, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(house: House) -> None:
        queue, asked = house.dispatch._queue, house.dispatch._queue.ask

        async def gone(task: Task) -> str:
            raise error

        monkeypatch.setattr(queue, "ask", gone)
        state = house.dispatch.ask(run())
        await asyncio.sleep(0.3)
        assert state.stage is Stage.WAITING
        monkeypatch.setattr(queue, "ask", asked)
        await house.queued(state.task)

    serve(story)
