"""What a person sees of several jobs at once."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scraper import log
from scraper.cli.display import Lines, Table
from scraper.models import Trigger
from scraper.service.listeners import take
from scraper.service.task import Kind, Stage, Task, TaskState


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """stdout and stderr are a terminal; what is on it can be read from the handle."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        yield ours
    os.close(ours)


def a_job(ucm: str) -> TaskState:
    return TaskState(Task(Kind.RUN, ucm, Trigger.MANUAL), datetime.now(UTC), Stage.RUNNING)


def test_terminal_shows_a_line_for_each_job_and_the_log_and_reports_above(screen: int) -> None:
    east, west = a_job("east"), a_job("west")
    with Table(2) as table:
        for state, name, data in ((east, "phase", {"name": "packing"}), (west, "recording", {"recordings": 1})):
            take(state, name, data)
            table.told(state, name)
        assert table.stderr is not None
        os.write(table.stderr, b"a line of the log\n")
        table.say("a report")
        east.stage = Stage.ENDED
        table.told(east, "stage")
    shown = os.read(screen, 1 << 20).decode()
    for text in ("east", "packing", "west", "1 recording", "a line of the log\r\n", "a report\r\n", "1 of 2"):
        assert text in shown, text


def test_elsewhere_the_log_has_lines_each_with_its_ucm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        log.setup("info")
        with Lines() as lines:
            for ucm, name, data in (("east", "phase", {"name": "packing"}), ("west", "phase", {"name": "signing in"})):
                state = a_job(ucm)
                take(state, name, data)
                lines.told(state, name)
        log.logger.remove()
    assert [line.partition("info")[2].strip() for line in file.read_text().splitlines()] == ["east: packing", "west: signing in"]
