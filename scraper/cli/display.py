"""What a person sees of several jobs at once: a line for each that is under way on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Protocol, Self

from scraper.cli.output import emit
from scraper.log import logger
from scraper.progress import PlainProgress, megabytes
from scraper.service.task import Stage, TaskState


class Display(Protocol):
    """Told how far each job is, while it is entered."""

    #: Where the jobs' processes write their log; None: where this one does.
    stderr: int | None

    def told(self, state: TaskState, name: str) -> None:
        """A job told something, and this is its state now."""

    def say(self, text: str) -> None:
        """Write a report to stdout."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Quiet:
    """Shows nothing."""

    stderr: int | None = None

    def told(self, state: TaskState, name: str) -> None: ...

    def say(self, text: str) -> None:
        emit(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Lines(Quiet):
    """Lines in the log, each with its UCM."""

    def __init__(self) -> None:
        self._jobs: dict[str, PlainProgress] = {}

    def told(self, state: TaskState, name: str) -> None:
        ucm = state.task.ucm
        if ucm not in self._jobs:
            self._jobs[ucm] = PlainProgress(logger.bind(action="progress", ucm=ucm).info)
        job = self._jobs[ucm]
        if name == "phase":
            job.phase(state.phase)
        elif name == "downloaded":
            job.downloaded(state.received, state.total)
        elif name == "recording":
            job.recordings(state.recordings)
        elif state.stage is Stage.ENDED:
            job.done()


class Table:
    """A live table on a terminal: what is under way, and how many have ended. The jobs' log goes through it, so that it stands above."""

    def __init__(self, jobs: int) -> None:
        from rich import progress
        from rich.console import Console

        self._is_shared = sys.stdout.isatty()
        self._display = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.TextColumn("{task.fields[phase]}", markup=False),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.fields[amount]}", markup=False),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=self._is_shared,
        )
        self._all = self._display.add_task("all UCMs", total=jobs, phase="", amount=f"0 of {jobs:,}")
        self._jobs = jobs
        self._rows: dict[str, progress.TaskID] = {}
        self._ended = 0
        self._closing = ExitStack()
        self.stderr: int | None = None

    def __enter__(self) -> Self:
        self._display.start()
        reading, self.stderr = os.pipe()
        copying = threading.Thread(target=_copy, args=(reading,), daemon=True)
        copying.start()
        self._closing.callback(self._display.stop)
        self._closing.callback(copying.join, 5)
        self._closing.callback(os.close, self.stderr)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def say(self, text: str) -> None:
        if self._is_shared:
            sys.stdout.write(f"{text}\n")  # the display's stand-in, which puts it above
        else:
            emit(text)

    def told(self, state: TaskState, name: str) -> None:
        ucm = state.task.ucm
        if state.stage is Stage.ENDED:
            if name == "stage":
                self._ended += 1
                self._display.update(self._all, completed=self._ended, amount=f"{self._ended:,} of {self._jobs:,}")
            if ucm in self._rows:
                self._display.remove_task(self._rows.pop(ucm))
        elif state.stage is not Stage.WAITING:
            if ucm not in self._rows:
                self._rows[ucm] = self._display.add_task(ucm, total=None, phase="", amount="")
            amount = [megabytes(state.received)] if state.received else []
            amount += [f"{state.recordings:,} recording{'s' * (state.recordings > 1)}"] if state.recordings else []
            row = self._rows[ucm]
            self._display.update(row, total=state.total, completed=state.received, phase=state.phase, amount=" · ".join(amount))


def _copy(reading: int) -> None:
    """What the jobs' processes write, line by line, to whatever stderr is now: the display stands in for it."""
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(line)
