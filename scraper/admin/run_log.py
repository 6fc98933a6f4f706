"""What jobs' processes logged, kept beside the catalog: the newest lines of the newest jobs."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from scraper.coroutines import end
from scraper.disk import make_folder, write_private
from scraper.service.task import Dispatch, Kind
from scraper.threads import in_thread

#: The last lines of a job, and the last jobs, that are kept.
LINES = 1000
KEPT = 300
#: The longest line, in characters.
_LONGEST = 2000
#: What comes so often that it would push out the rest.
_UNKEPT = frozenset({Kind.KEEP_ALIVE})
#: How long a line may wait to be written, in seconds.
_WRITE_SECONDS = 1.0


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


@dataclass(slots=True)
class _Log:
    """A job's last lines, and those of them that are not written yet; ``written``: how many its file holds."""

    last: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES))
    new: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES))
    written: int = 0
    has_ended: bool = False


class RunLogs:
    """The logs by task id, which is the run's id too; in memory while a job runs, and as files in ``folder`` (mode 0600) as they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, _Log] = {}

    async def keep(self, service: _Asked) -> None:
        """Listen until cancelled."""
        listening = asyncio.ensure_future(self._listen(service.dispatch))
        try:
            while not listening.done():
                await asyncio.wait({listening}, timeout=_WRITE_SECONDS)
                await self._write_all()
            listening.result()
        finally:
            await end(listening)
            await self._write_all()

    def lines(self, run_id: str) -> Sequence[LogLine]:
        """A job's last lines; none where it is too old, or logged nothing. ``run_id``: 32 hex digits."""
        if run_id in self._running:
            return list(self._running[run_id].last)
        return list(deque(_read(self._folder / f"{run_id}.jsonl"), LINES))

    async def _listen(self, dispatch: Dispatch) -> None:
        async for event in dispatch.events():
            if event.name == "log":
                log = self._running.setdefault(event.task_id, _Log())
                line, state = _line(event.data), dispatch.state(event.task_id)
                log.last.append(line)
                if not (state and state.task.kind in _UNKEPT):
                    log.new.append(line)
            elif event.name == "stage" and event.data.get("stage") == "ended" and event.task_id in self._running:
                self._running[event.task_id].has_ended = True

    async def _write_all(self) -> None:
        """Write what came, and forget the jobs that have ended."""
        for run_id, log in tuple(self._running.items()):
            if log.new:
                anew = log.written + len(log.new) > 2 * LINES
                lines = tuple(log.last if anew else log.new)
                log.new.clear()
                await in_thread(self._write, run_id, lines, anew=anew, first=not log.written)
                log.written = len(lines) if anew else log.written + len(lines)
            if log.has_ended and not log.new:
                del self._running[run_id]

    def _write(self, run_id: str, lines: Sequence[LogLine], *, anew: bool, first: bool) -> None:
        text = "".join(f"{json.dumps(asdict(line), ensure_ascii=False)}\n" for line in lines).encode("utf-8", "replace")
        path = self._folder / f"{run_id}.jsonl"
        try:
            make_folder(self._folder)
            if anew:
                write_private(path, text)
            else:
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "wb") as file:
                    file.write(text)
            if first:
                for old in sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                    old.unlink(missing_ok=True)
        except OSError as error:
            logger.bind(action="run-log-lost").warning("A job's log can't be kept ({})", error.strerror)


def _read(path: Path) -> Iterator[LogLine]:
    """The lines of a file; one that a crash tore is left out."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.split("\n"):
        with suppress(ValueError, TypeError):
            yield LogLine(**json.loads(line))


def _line(data: dict[str, Any]) -> LogLine:
    return LogLine(*(str(data.get(name) or "")[:_LONGEST] for name in ("time", "level", "message")))
