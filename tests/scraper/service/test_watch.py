"""The watch beside a dispatcher: what it does as tasks begin and end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from waiting import until

from scraper.models import Trigger, Window
from scraper.service.alarms import FAILING
from scraper.service.notify import Message
from scraper.service.ping import Pinger
from scraper.service.task import Event, Kind, Stage, Task, TaskState
from scraper.service.watch import FIRST_REST, Watch

HOUR = timedelta(hours=1)


class Dispatch:
    """Tells what it is told to tell."""

    def __init__(self) -> None:
        self.known: dict[str, TaskState] = {}
        self.told: asyncio.Queue[Event] = asyncio.Queue()

    def state(self, task_id: str) -> TaskState | None:
        return self.known.get(task_id)

    async def events(self, task_id: str | None = None) -> AsyncIterator[Event]:
        while True:
            yield await self.told.get()


class Post:
    """A watch over one UCM; what it pinged and told."""

    def __init__(self, ward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ward = ward
        self.pings: list[str] = []
        self.titles: list[str] = []
        monkeypatch.setattr(Pinger, "_send", lambda _, suffix: self.pings.append(suffix))
        ward.dispatch = self.dispatch = Dispatch()
        self.seconds = 0.0
        self.watch = Watch(ward, lambda: self.seconds)
        self.watch._notifier = self  # type: ignore[assignment]
        self.is_configured = self.arrives = True
        self.closed = threading.Event()

    def tell(self, message: Message) -> bool:
        self.titles.append(message.title)
        return self.arrives

    def close(self) -> None:
        self.closed.set()

    async def stage(self, task: Task, stage: Stage, exit_code: int | None = None, run_id: str | None = None) -> None:
        state = self.dispatch.known.setdefault(task.id, TaskState(task, self.ward.now, started_at=self.ward.now))
        state.stage, state.exit_code, state.run_id = stage, exit_code, run_id
        await self.dispatch.told.put(Event(task.id, task.ucm, "stage", {"stage": stage.value}))


@pytest.fixture
def post(ward: Any, monkeypatch: pytest.MonkeyPatch) -> Post:
    return Post(ward, monkeypatch)


def keep(post: Post, story: Any) -> None:
    async def play() -> None:
        keeping = asyncio.ensure_future(post.watch.keep())
        await asyncio.sleep(0)
        try:
            await story()
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    asyncio.run(play())


def run() -> Task:
    return Task(Kind.RUN, "office", Trigger.SCHEDULE)


def test_a_good_run_is_pinged_and_counted(post: Post) -> None:
    async def story() -> None:
        task = run()
        await post.stage(task, Stage.RUNNING)
        report = post.ward.ran(HOUR)
        await post.stage(task, Stage.ENDED, 0, report.run_id)
        await until(lambda: len(post.pings) == 2)

    keep(post, story)
    assert post.pings == ["/start", ""]
    assert post.watch.tally.registry.get_sample_value("ucm_scraper_runs_total", {"ucm": "office", "exit_code": "0"}) == 1


def test_failed_runs_are_pinged_and_told_though_the_catalog_never_heard_of_them(post: Post) -> None:
    async def story() -> None:
        for _ in range(3):
            await post.stage(run(), Stage.ENDED, 8)
        await until(lambda: bool(post.titles))

    keep(post, story)
    assert post.pings == ["/fail"] * 3
    assert post.titles == ["office: 3 runs failed in a row"]


def test_after_a_job_only_its_ucm_is_looked_at(post: Post) -> None:
    looked: list[list[str] | None] = []
    look = post.watch.look
    post.watch.look = lambda ucms=None: (looked.append(ucms and sorted(ucms)), look(ucms))  # type: ignore[method-assign,assignment]

    async def story() -> None:
        await until(lambda: bool(looked))
        await post.stage(run(), Stage.ENDED, 0, post.ward.ran(HOUR).run_id)
        await until(lambda: len(looked) == 2)

    keep(post, story)
    assert looked == [None, ["office"]]


def test_what_reached_nobody_is_told_again_after_a_rest(post: Post) -> None:
    post.arrives = False
    for number in range(3):
        post.ward.failed((4 - number) * HOUR)
    for post.seconds in (0, FIRST_REST / 2, FIRST_REST, 2 * FIRST_REST):
        post.watch.look()
    assert len(post.titles) == 2
    assert [one.told_at for one in post.ward.catalog.open_notices("office", FAILING)] == [None]
    post.arrives = True
    post.seconds = 3 * FIRST_REST
    for _ in range(2):
        post.watch.look()
    assert len(post.titles) == 3
    assert None not in [one.told_at for one in post.ward.catalog.open_notices("office", FAILING)]


def test_stop_waits_for_no_message(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(message: Message) -> bool:
        post.titles.append(message.title)
        return not post.closed.wait(30)

    monkeypatch.setattr(post, "tell", hang)
    for number in range(3):
        post.ward.failed((4 - number) * HOUR)

    async def story() -> None:
        await until(lambda: bool(post.titles))

    keep(post, story)
    assert post.closed.is_set()
    assert [one.told_at for one in post.ward.catalog.open_notices("office", FAILING)] == [None]


def test_what_is_no_whole_run_is_not_pinged(post: Post) -> None:
    async def story() -> None:
        window = Window(date(2026, 2, 1), date(2026, 3, 1))
        for task in (Task(Kind.FETCH, "office", Trigger.PUSH), Task(Kind.RECONCILE, "office", Trigger.MANUAL, window)):
            await post.stage(task, Stage.RUNNING)
            await post.stage(task, Stage.ENDED, 6)
        await post.stage(run(), Stage.ENDED, 9)  # another program works on it: it is tried again
        await post.stage(run(), Stage.ENDED, 8)
        await until(lambda: bool(post.pings))

    keep(post, story)
    assert post.pings == ["/fail"]


def test_a_browser_that_was_ended_is_counted(post: Post) -> None:
    async def story() -> None:
        await post.dispatch.told.put(Event("1", "office", "log", {"action": "browser-silent"}))
        await until(post.dispatch.told.empty)

    keep(post, story)
    assert post.watch.tally.registry.get_sample_value("ucm_scraper_browser_restarts_total", {"ucm": "office"}) == 1


def test_the_watch_outlives_a_catalog_that_breaks(post: Post) -> None:
    async def story() -> None:
        with post.ward.catalog.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE runs RENAME TO away")
        await post.stage(run(), Stage.ENDED, 8)
        await until(post.dispatch.told.empty)
        with post.ward.catalog.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO runs")
        for _ in range(2):
            await post.stage(run(), Stage.ENDED, 8)
        await until(lambda: bool(post.titles))

    keep(post, story)
    assert post.titles == ["office: 3 runs failed in a row"]
