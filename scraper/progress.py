"""What a person sees of a job while it runs. Observers are passive: they are told, they never raise into the job."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

#: What a display may fail with: a stream that is closed or full, a terminal that is odd, a second display on the same one.
_DISPLAY_ERRORS = (OSError, ValueError, RuntimeError, AttributeError)

#: The phase in which a job opens its browser.
OPENING_BROWSER = "opening the web UI"
#: The phase in which a job does nothing but wait until other jobs' browsers have ended.
WAITING_FOR_BROWSER = "waiting for a browser's turn"


class Progress(Protocol):
    """Told what a job does. Called from any thread; sizes in bytes. No method raises."""

    def phase(self, name: str) -> None:
        """The job entered a phase, such as "signing in", "packing", "downloading"."""

    def downloaded(self, received: int, total: int | None) -> None:
        """So much of the download is here; ``total`` is None where the PBX doesn't say."""

    def recording(self, size: int) -> None:
        """One more recording is done."""

    def done(self) -> None:
        """The job is over; take the display away. May be called twice."""


class NullProgress:
    """Shows nothing."""

    def phase(self, name: str) -> None: ...

    def downloaded(self, received: int, total: int | None) -> None: ...

    def recording(self, size: int) -> None: ...

    def done(self) -> None: ...


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class PlainProgress:
    """A line at each change of phase, and in between at most every ``every`` seconds: for logs and pipes."""

    def __init__(self, emit: Callable[[str], None] = _to_stderr, every: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit, self._every, self._clock = emit, every, clock
        self._lock = threading.Lock()
        self._phase = ""
        self._told = self._began = clock()
        self._received = self._total = self._recordings = 0
        self._rate = 0.0

    def phase(self, name: str) -> None:
        with self._lock:
            if name != self._phase:
                self._phase, self._began = name, self._clock()
                self._tell(name)

    def downloaded(self, received: int, total: int | None) -> None:
        with self._lock:
            self._received, self._total = received, total or 0
            self._rate = received / max(self._clock() - self._began, 1e-3)
            self._tell_sometimes()

    def recording(self, size: int) -> None:
        with self._lock:
            self._recordings += 1
            self._tell_sometimes()

    def recordings(self, count: int) -> None:
        """So many recordings are done."""
        with self._lock:
            self._recordings = count
            self._tell_sometimes()

    def done(self) -> None:
        with self._lock:  # how the job ended is for its report to say
            if self._phase:
                self._phase = ""
                if state := self._state():
                    self._tell(f"in all{state}")

    def _tell_sometimes(self) -> None:
        if self._clock() - self._told >= self._every:
            self._tell(f"{self._phase or 'working'}{self._state()}")

    def _state(self) -> str:
        parts = []
        if self._received:
            of = f" of {megabytes(self._total)} ({self._received / self._total:.0%})" if self._total else ""
            parts.append(f"{megabytes(self._received)}{of}, {megabytes(int(self._rate))}/s")
        if self._recordings:
            parts.append(_recordings(self._recordings))
        return f": {', '.join(parts)}" if parts else ""

    def _tell(self, line: str) -> None:
        self._told = self._clock()
        with suppress(*_DISPLAY_ERRORS):
            self._emit(line)


def megabytes(size: int) -> str:
    """``1,012.3 MB``: grouped, so that the log doesn't take it for a phone number."""
    return f"{size / 1e6:,.1f} MB"


def _recordings(count: int) -> str:
    return f"{count:,} recording{'' if count == 1 else 's'}"


class RichProgress:
    """A live display on a terminal: a spinner while the PBX packs, the download with rate and time left, the recordings done."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._display = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=30),
            progress.TextColumn("{task.fields[amount]}", markup=False),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._lock = threading.Lock()
        self._phase: progress.TaskID | None = None
        self._began = time.monotonic()
        self._recordings = 0
        self._download = ""

    def phase(self, name: str) -> None:
        with self._lock, suppress(*_DISPLAY_ERRORS):
            if self._phase is None:
                self._display.start()
            else:
                self._display.remove_task(self._phase)
            self._began, self._download = time.monotonic(), ""
            self._phase = self._display.add_task(name, total=None, amount=self._amount())

    def downloaded(self, received: int, total: int | None) -> None:
        with self._lock, suppress(*_DISPLAY_ERRORS):
            if self._phase is None:
                return
            rate = received / max(time.monotonic() - self._began, 1e-3)
            self._download = f"{megabytes(received)}{f' of {megabytes(total)}' if total else ''}, {megabytes(int(rate))}/s"
            self._display.update(self._phase, completed=received, total=total, amount=self._amount())

    def recording(self, size: int) -> None:
        with self._lock, suppress(*_DISPLAY_ERRORS):
            self._recordings += 1
            if self._phase is not None:
                self._display.update(self._phase, amount=self._amount())

    def done(self) -> None:
        with self._lock, suppress(*_DISPLAY_ERRORS):
            if self._phase is not None:
                self._phase = None
                self._display.stop()

    def _amount(self) -> str:
        return " · ".join(filter(None, (self._download, _recordings(self._recordings) if self._recordings else "")))


def for_stderr(emit: Callable[[str], None] | None = None) -> Progress:
    """The live display where stderr is a terminal, else plain lines, given to ``emit`` (such as the log) where there is one."""
    if sys.stderr is not None and sys.stderr.isatty():
        return RichProgress()
    return PlainProgress(emit or _to_stderr)
