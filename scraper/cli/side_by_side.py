"""Several UCMs at once, for a command: a process for each, as many as the limits allow, their reports in the order asked for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from scraper.cli.display import Display
from scraper.cli.jobs import not_started
from scraper.cli.stopping import SIGNALS, tell_stopping
from scraper.clock import utcnow
from scraper.coroutines import end
from scraper.disk import make_folder, writing
from scraper.job.desk import Order
from scraper.job.report import as_text
from scraper.models import Status
from scraper.progress import NullProgress
from scraper.service.dispatcher import Dispatcher, Work
from scraper.service.process import ChildProcess
from scraper.service.task import Event, Stage, Task, TaskState
from scraper.service.turns import web_only
from scraper.settings import Settings

#: Told what each job said at its end: the report as its JSON object, and how it is shown to people.
Tell = Callable[[Mapping[str, Any], str], None]
#: Nobody waits for a job of a command but who started it: he stops it when it takes too long.
_YEAR_HOURS = 24.0 * 365


def side_by_side(settings: Settings, tasks: Sequence[Task], options: Sequence[str], display: Display, tell: Tell) -> list[int]:
    """Have ``tasks`` done, of which each is another UCM's, and return their exit codes; ``options``: the words before the command.

    ``tell`` is told of each in the order of ``tasks``, as soon as those before it have ended. The first signal asks all to stop in order;
    the second ends all at once, and this process.
    """
    with writing("data_dir"):
        make_folder(settings.data_dir)
    crowd = _Crowd(settings, tasks, options)
    try:
        with display:
            return asyncio.run(crowd.work(display, tell))
    except asyncio.CancelledError:
        number = crowd.asked[-1]
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        raise


class _Crowd:
    """The jobs under way. ``asked``: the signals that came."""

    def __init__(self, settings: Settings, tasks: Sequence[Task], options: Sequence[str]) -> None:
        self.asked: list[int] = []
        self._settings, self._tasks = settings, tasks
        self._command = (sys.executable, "-m", "scraper", *options, "_task", "--whole")
        self._stderr: int | None = None

    async def work(self, display: Display, tell: Tell) -> list[int]:
        over = asyncio.Event()
        limits = self._settings.limits.model_copy(update={"job_hours": _YEAR_HOURS})
        dispatch = Dispatcher(self._begin, limits, utcnow, ended=lambda _: over.set(), waits=False, needs_browser=web_only(self._settings))
        self._stderr = display.stderr
        events = dispatch.events()
        states = [dispatch.ask(task) for task in self._tasks]
        showing = asyncio.ensure_future(_show(events, {state.task.id: state for state in states}, display))
        try:
            with self._stopping_on_signals(dispatch):
                for state in states:
                    while state.stage is not Stage.ENDED:
                        over.clear()
                        await over.wait()
                    tell(*_said(self._settings, state))
        except asyncio.CancelledError:
            await _close_at_once(dispatch)
            raise
        finally:
            await end(showing)
        return [int(state.exit_code or 0) for state in states]

    async def _begin(self, task: Task) -> Work:
        # a home of this command's own: a service that starts now must not take its processes for left over
        return await ChildProcess.start(self._command, task.as_json(), f"0.{os.getpid():x}", self._stderr)

    @contextmanager
    def _stopping_on_signals(self, dispatch: Dispatcher) -> Iterator[None]:
        loop, working = asyncio.get_running_loop(), asyncio.current_task()
        assert working is not None

        def stop(number: int) -> None:
            self.asked.append(number)
            if len(self.asked) == 1:
                tell_stopping()
                for task in self._tasks:
                    dispatch.stop(task.id)
            else:
                working.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


async def _show(events: AsyncIterator[Event], states: Mapping[str, TaskState], display: Display) -> None:
    async for event in events:
        display.told(states[event.task_id], event.name)


async def _close_at_once(dispatch: Dispatcher) -> None:
    closing = asyncio.ensure_future(dispatch.close())
    await asyncio.sleep(0)
    await end(closing)


def _said(settings: Settings, state: TaskState) -> tuple[Mapping[str, Any], str]:
    """The report of a task that ended, as JSON and as text; one of our own where its process never came to make one."""
    task, result = state.task, state.result or {}
    if "schema" in result:
        return {key: value for key, value in result.items() if key != "text"}, result["text"]
    order = Order(settings, task.ucm, task.trigger, NullProgress(), window=task.window, run_id=task.id)
    report = not_started(order)
    if state.started_at is not None:
        report.notes = ["It didn't stop in time, and was ended."]
    if error := result.get("error"):
        report.notes, report.error, report.status, report.exit_code = [], error, Status.FAILED, int(state.exit_code or 0)
    return report.as_json(), as_text(report)
