"""What jobs' processes logged, kept beside the catalog: the newest lines of the newest jobs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from scraper.disk import make_folder, write_private
from scraper.service.task import Dispatch, Event, Kind
from scraper.threads import in_thread

#: The last lines of a job, and the last jobs, that are kept.
LINES = 1000
KEPT = 300
#: The longest line, in characters.
_LONGEST = 2000
#: What comes so often that it would push out the rest.
_UNKEPT = frozenset({Kind.KEEP_ALIVE})


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, scrubbed as the log is. ``time``: ISO text with its zone; ``level``: a loguru level in lower case."""

    time: str
    level: str
    message: str


class _Asked(Protocol):
    """The part of the service that is listened to."""

    @property
    def dispatch(self) -> Dispatch: ...


class RunLogs:
    """The logs by task id, which is the run's id too; in memory while a job runs, then as files in ``folder`` (mode 0600)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, deque[LogLine]] = {}

    async def keep(self, service: _Asked) -> None:
        """Listen until cancelled."""
        async for event in service.dispatch.events():
            if event.name == "log":
                self._running.setdefault(event.task_id, deque(maxlen=LINES)).append(_line(event.data))
            elif event.name == "stage" and event.data.get("stage") == "ended":
                await self._put_away(event, service.dispatch)

    def lines(self, run_id: str) -> Sequence[LogLine]:
        """A job's last lines; none where it is too old, or logged nothing. ``run_id``: 32 hex digits."""
        if run_id in self._running:
            return tuple(self._running[run_id])
        try:
            return [LogLine(**json.loads(line)) for line in (self._folder / f"{run_id}.jsonl").read_text("utf-8").splitlines()]
        except (OSError, ValueError, TypeError):
            return []

    async def _put_away(self, event: Event, dispatch: Dispatch) -> None:
        lines, state = self._running.get(event.task_id), dispatch.state(event.task_id)
        if lines and not (state and state.task.kind in _UNKEPT):
            await in_thread(self._write, event.task_id, tuple(lines))
        self._running.pop(event.task_id, None)

    def _write(self, run_id: str, lines: Sequence[LogLine]) -> None:
        text = "".join(f"{json.dumps(asdict(line), ensure_ascii=False)}\n" for line in lines)
        try:
            make_folder(self._folder)
            write_private(self._folder / f"{run_id}.jsonl", text.encode("utf-8", "replace"))
            for old in sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            logger.bind(action="run-log-lost").warning("A job's log can't be kept ({})", error.strerror)


def _line(data: dict[str, Any]) -> LogLine:
    return LogLine(*(str(data.get(name) or "")[:_LONGEST] for name in ("time", "level", "message")))
