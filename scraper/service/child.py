"""What a task's process does: the job, told to the service line by line, and the service's commands heeded meanwhile.

stdin brings JSON lines: first the task, then commands (``{"command": "stop"}``, a person's clicks); at its end the service has died, and
the job stops in order. stdout takes JSON lines: what :class:`scraper.service.task.Event` describes.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from io import FileIO
from typing import TYPE_CHECKING, Any

from scraper.errors import ExitCode, ScraperError
from scraper.job.desk import Order
from scraper.log import as_ours, logger
from scraper.models import Report, Window
from scraper.service.task import Kind, Task

if TYPE_CHECKING:
    from loguru import Message

    from scraper.settings import Settings

#: How many gaps of a report the service is told; the catalog has them all.
_GAPS = 100
#: Seconds between two lines that tell how far a download is.
_PACE = 0.25

Command = Mapping[str, Any]


class Service:
    """The service as a task's process sees it: who is told, and who commands. ``stop`` is set when the job should stop."""

    def __init__(self, commands: FileIO, stop: threading.Event, *, whole: bool = False) -> None:
        self.stop = stop
        self.whole = whole
        self._commands = commands
        self._lock = threading.Lock()
        self._heed: Callable[[Command], None] | None = None
        self._unheeded: list[Command] = []
        # What else is written to stdout, by whomever, is no event: it goes where the log goes.
        self._out = os.dup(1)
        os.dup2(2, 1)

    def task(self) -> Task:
        """The task, from the first line."""
        return Task.from_json(json.loads(self._commands.readline()))

    def listen(self, patience: float) -> None:
        """Heed commands from now on; ``patience``: how many seconds the job may take to stop once the service has died."""
        threading.Thread(target=self._listen, args=(patience,), name="commands", daemon=True).start()

    def heed(self, take: Callable[[Command], None]) -> None:
        """Give ``take`` every command but ``stop``, those that came before included; it is called in another thread."""
        with self._lock:
            self._heed, missed = take, self._unheeded
        for command in missed:
            take(command)

    def tell(self, event: str, **data: Any) -> None:
        """Tell the service something. From any thread; a service that has died is told nothing."""
        line = memoryview(json.dumps({"event": event, **data}, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:
                self.stop.set()

    def _listen(self, patience: float) -> None:
        for line in self._commands:
            try:
                command = json.loads(line)
            except ValueError:
                continue
            if command.get("command") == "stop":
                self.stop.set()
                continue
            with self._lock:
                if self._heed is None:
                    self._unheeded.append(command)
            if self._heed is not None:
                self._heed(command)
        self.stop.set()
        time.sleep(patience)
        os._exit(int(ExitCode.INTERNAL))  # nobody else is left who could end a job that hangs


class Told:
    """A job's progress, told to the service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._recordings = 0
        self._told = 0.0
        self._lock = threading.Lock()

    def phase(self, name: str) -> None:
        self._service.tell("phase", name=name)

    def downloaded(self, received: int, total: int | None) -> None:
        if received == total or self._is_due():
            self._service.tell("downloaded", received=received, total=total)

    def recording(self, size: int) -> None:
        with self._lock:
            self._recordings += 1
        if self._is_due():
            self._service.tell("recording", recordings=self._recordings)

    def done(self) -> None:
        if self._recordings:
            self._service.tell("recording", recordings=self._recordings)

    def _is_due(self) -> bool:
        with self._lock:
            due = time.monotonic() - self._told >= _PACE
            if due:
                self._told = time.monotonic()
            return due


def work(configured: Callable[[], Settings], stop: threading.Event, *, whole: bool = False) -> int:
    """Do the task that stdin names, and return its exit code. The process is this task's alone.

    ``configured`` reads the configuration: somebody may have changed it since the service began. ``whole``: see :func:`outcome_of`.
    """
    service = Service(FileIO(0, closefd=False), stop, whole=whole)  # unbuffered: at the end a thread may still wait in it
    task = service.task()
    try:
        settings = configured()
    except ScraperError as error:
        return _failed(service, task, error)
    service.listen(settings.limits.stop_seconds)
    logger.add(_log_to(service), level=settings.log.level.upper(), format="{message}", backtrace=False, diagnose=False)
    try:
        code, run_id, result = _WORK[task.kind](task, settings, service)
    except Exception as error:  # noqa: BLE001 -- a task's own boundary
        return _failed(service, task, as_ours(error))
    service.tell("result", exit_code=code, run_id=run_id, result=result)
    return code


def _failed(service: Service, task: Task, error: ScraperError) -> int:
    logger.bind(action="task-failed", ucm=task.ucm, kind=task.kind.value).error("{} {}", error.message, error.remedy)
    service.tell("result", exit_code=int(error.exit_code), run_id=None, result={"error": error.as_report(task.ucm)})
    return int(error.exit_code)


#: Exit code, the run's id where there was one, and what is told at the end.
Outcome = tuple[int, str | None, dict[str, Any]]


def _job(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.job import job

    order = Order(settings, task.ucm, task.trigger, Told(service), service.stop, task.window, task.id)
    service.tell("run", run_id=order.run_id)
    match task.kind:
        case Kind.FETCH:
            report = job.fetch(order, task.names)
        case Kind.PLAN:
            report = job.plan(order, everything=task.window != Window())
        case _:
            report = job.run(order, everything=task.kind is Kind.RECONCILE)
    return outcome_of(report, whole=service.whole)


def outcome_of(report: Report, *, whole: bool = False) -> Outcome:
    """What the service is told of a report: all but the most of its gaps. ``whole``: those as well, and how it reads (``text``)."""
    found = report.as_json()
    if whole:
        from scraper.job.report import as_text

        return int(report.exit_code), report.run_id, {**found, "text": as_text(report)}
    return int(report.exit_code), report.run_id, {**found, "gaps": found["gaps"][:_GAPS], "gaps_in_all": len(found["gaps"])}


def _backfill(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.backfill.conduct import Errand, step

    service.tell("run", run_id=task.id)  # the run's page is the task's as well: live, with its log
    report = step(Errand(settings, Told(service), service.stop), task.backfill or "", task.id)
    return outcome_of(report) if report else (int(ExitCode.COMPLETE), None, {})


def _doctor(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.doctor import examine

    found = examine(settings, task.ucm, Told(service))
    return found.exit_code, None, found.as_json()


def _login(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.webui.live_view import Inbox
    from scraper.webui.login import with_viewer

    inbox = Inbox()

    def hand_on_stop() -> None:
        service.stop.wait()
        inbox.put({"command": "stop"})

    service.heed(inbox.put)
    threading.Thread(target=hand_on_stop, name="stop", daemon=True).start()
    service.tell("phase", name="showing the sign-in page")
    outcome = with_viewer(settings, task.ucm, inbox, lambda picture: service.tell("frame", **picture))
    return int(outcome.exit_code), None, {"outcome": outcome.value, "message": outcome.message}


def _keep_alive(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.service.keep_alive import keep_alive

    return int(ExitCode.COMPLETE), None, {"session": keep_alive(settings, task.ucm).value}


def _retention(task: Task, settings: Settings, service: Service) -> Outcome:
    from scraper.catalog import Catalog
    from scraper.clock import utcnow
    from scraper.keeping.daily import keep_daily

    service.tell("phase", name="looking for what is too old")
    with Catalog.open(settings.catalog.url) as catalog:
        return int(ExitCode.COMPLETE), None, keep_daily(settings, catalog, task.ucm, utcnow(), service.stop)


_WORK: dict[Kind, Callable[[Task, Settings, Service], Outcome]] = {
    Kind.RUN: _job,
    Kind.PLAN: _job,
    Kind.RECONCILE: _job,
    Kind.FETCH: _job,
    Kind.BACKFILL: _backfill,
    Kind.DOCTOR: _doctor,
    Kind.LOGIN: _login,
    Kind.KEEP_ALIVE: _keep_alive,
    Kind.RETENTION: _retention,
}


def _log_to(service: Service) -> Callable[[Message], None]:
    def tell(message: Message) -> None:
        record = message.record
        service.tell(
            "log",
            time=record["time"].isoformat(timespec="milliseconds"),
            level=record["level"].name.lower(),
            message=record["message"],
            action=record["extra"].get("action"),
        )

    return tell
