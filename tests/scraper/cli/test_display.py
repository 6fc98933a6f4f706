"""What a person sees of several jobs at once."""

from __future__ import annotations

import os
import pty
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest

from scraper import log
from scraper.cli.display import Lines, Table
from scraper.models import Trigger
from scraper.service.listeners import take
from scraper.service.task import Kind, Stage, Task, TaskState


class Screen:
    """stdout and stderr are a terminal in the block; ``shown``: what was written there."""

    def __enter__(self) -> Self:
        self._bytes = bytearray()
        self._ours, theirs = pty.openpty()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self._terminal = os.fdopen(theirs, "w", encoding="utf-8")
        self._before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self._terminal
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before
        self._terminal.close()
        self._reading.join(10)
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # the other end is closed
            while data := os.read(self._ours, 1 << 16):
                self._bytes += data

    @property
    def shown(self) -> str:
        return self._bytes.decode()


def a_job(ucm: str) -> TaskState:
    return TaskState(Task(Kind.RUN, ucm, Trigger.MANUAL), datetime.now(UTC), Stage.RUNNING)


def test_terminal_shows_a_line_for_each_job_and_the_log_and_reports_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    east, west = a_job("east"), a_job("west")
    with Screen() as screen, Table(2) as table:
        for state, name, data in ((east, "phase", {"name": "packing"}), (west, "recording", {"recordings": 1})):
            take(state, name, data)
            table.told(state, name)
        assert table.stderr is not None
        os.write(table.stderr, b"a line of the log\n")
        table.say("a report")
        east.stage = Stage.ENDED
        table.told(east, "stage")
    for text in ("east", "packing", "west", "1 recording", "a line of the log\r\n", "a report\r\n", "1 of 2"):
        assert text in screen.shown, text


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
