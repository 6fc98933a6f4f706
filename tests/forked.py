"""Commands as processes that start within milliseconds: each is forked off a process that has imported everything."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

DEADLINE = 120.0
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["__main__", "time_machine", "scraper.cli.app", "scraper.job.story", "scraper.job.api_way",
    "scraper.store.bucket", "scraper.catalog.postgresql", "scraper.catalog.migrations", "scraper.calibration.reconvert",
    "scraper.keeping.retention", "scraper.keeping.erase", "scraper.proof.chain", "converters.compress"])  # fmt: skip


def command(words: list[str], log: Path, *, kill_after: float | None = None, days: int = 0) -> int:
    """Run the command line; its exit code, -9 where it was killed. What it says is added to ``log``; its clock is ``days`` ahead.

    ``kill_after``: it is killed so many seconds after its start, unless it has ended by then.
    """
    process = _processes.Process(target=_command, args=(words, log, days))
    process.start()
    process.join(DEADLINE if kill_after is None else kill_after)
    if process.is_alive():
        process.kill()
        process.join()
        assert kill_after is not None, f"{words} hangs"
    assert process.exitcode is not None
    return process.exitcode


def _command(words: list[str], log: Path, days: int) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["ucm-scraper", *words]
    import time_machine

    from scraper.__main__ import main

    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)) if days else nullcontext():
        main()
