"""SIGINT and SIGTERM: the first asks the job to stop, the second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that the first signal sets, while the block runs; whoever works looks at it and ends in order. Main thread only."""
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()
        tell_stopping()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell_stopping() -> None:
    """Say to a person that the signal was heard. A handler may interrupt a write to sys.stderr, so it doesn't go through that."""
    os.write(2, b"Stopping in order; once more ends it at once.\n")
