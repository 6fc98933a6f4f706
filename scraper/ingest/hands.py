"""A few threads that work behind the one that reads, within a bound of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

#: Work in hand at once, however little it weighs: what a stop still has to finish.
_MOST = 16


class Hands:
    """Threads that work on what they are given, as long as it weighs no more than ``capacity`` bytes; the first error ends it all.

    A context manager: leaving it waits for the work in hand, and raises the first error of any.
    """

    def __init__(self, threads: int, capacity: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ingest")
        self._capacity = capacity
        self._held = 0
        self._room = threading.Condition()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=self._error is not None)
        if self._error is not None:
            raise self._error

    def give(self, weight: int, work: Callable[[], None]) -> None:
        """Have ``work`` done; waits until there is room for its ``weight`` in bytes. Raises what earlier work raised."""
        weight = max(weight, self._capacity // _MOST)
        with self._room:
            self._room.wait_for(lambda: self._error or not self._held or self._held + weight <= self._capacity)
            if self._error is not None:
                raise self._error
            self._held += weight
        self._pool.submit(work).add_done_callback(lambda done: self._done(done, weight))

    def _done(self, done: Future[None], weight: int) -> None:
        error = None if done.cancelled() else done.exception()
        with self._room:
            self._held -= weight
            self._error = self._error or error
            self._room.notify_all()
