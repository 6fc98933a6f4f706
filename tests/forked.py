"""Commands as processes that start within milliseconds, each forked off a process that has imported everything; and that are killed."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from typing import Any

DEADLINE = 120.0
KILLED = -signal.SIGKILL
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["__main__", "scraper.cli.app", "scraper.job.story", "scraper.job.api_way", "scraper.store.bucket",
    "scraper.catalog.postgresql", "scraper.catalog.migrations", "scraper.calibration.reconvert", "scraper.keeping.retention",
    "scraper.keeping.erase", "scraper.proof.chain", "converters.compress"])  # fmt: skip
#: What changes the file system, or makes a change last.
_CHANGES = ("fsync", "fdatasync", "link", "unlink", "rename", "replace", "mkdir")


@dataclass(frozen=True)
class Moment:
    """When a command is killed: so many ``seconds`` after its start, or before its so many-th ``step``."""

    seconds: float | None = None
    step: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or -9; and after how many steps: changes of files, commits, requests to a bucket."""

    code: int
    steps: int


def command(words: list[str], log: Path, kill: Moment | None = None) -> Ended:
    """Run the command line, and kill it at that moment unless it has ended by then. What it says is added to ``log``."""
    steps = _processes.Value("i", 0)
    process = _processes.Process(target=_command, args=(words, log, steps, kill and kill.step))
    process.start()
    process.join(DEADLINE if kill is None or kill.seconds is None else kill.seconds)
    if process.is_alive():
        process.kill()
        process.join()
        assert kill is not None and kill.seconds is not None, f"{words} hangs"
    assert process.exitcode is not None
    return Ended(process.exitcode, steps.value)


def _command(words: list[str], log: Path, steps: Any, last: int | None) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["ucm-scraper", *words]
    numbers = itertools.count(1)

    def step(*_: object) -> None:
        steps.get_obj().value = number = next(numbers)
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    _count(step)
    from scraper.__main__ import main

    main()


def _count(step: Callable[..., None]) -> None:
    """Have ``step`` called before each change of files, commit and request to a bucket."""
    from sqlalchemy import Engine, event

    from scraper.store.s3 import Bucket

    for owner, names in ((os, _CHANGES), (Bucket, ("call",))):
        for name in names:
            setattr(owner, name, _after(step, getattr(owner, name)))
    event.listen(Engine, "commit", step)


def _after(step: Callable[..., None], call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def stepping(*words: Any, **named: Any) -> Any:
        step()
        return call(*words, **named)

    return stepping
