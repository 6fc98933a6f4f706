"""Work that others may hang in: it is waited for only so long, and never keeps this process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from scraper.log import logger

_T = TypeVar("_T")


class Errand(Generic[_T]):
    """``work``, begun at once in a daemon thread. What it raises is an answer as well: ``otherwise``; the log has its kind only."""

    def __init__(self, work: Callable[[], _T], otherwise: _T) -> None:
        self._work = work
        self._answer = otherwise
        self._back = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="errand")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._work()
        except Exception as error:  # noqa: BLE001 -- the errand's own boundary: the text may hold the secret of a URL
            logger.bind(action="errand-failed").debug("It failed: {}", type(error).__name__)
        self._back.set()

    def answer(self, seconds: float) -> _T:
        """What ``work`` returned; ``otherwise`` where it has not come back ``seconds`` from now, or is not waited for any more."""
        self._back.wait(max(seconds, 0))
        return self._answer

    def leave(self) -> None:
        """Let nobody wait for it any more; from any thread."""
        self._back.set()

    @property
    def is_out(self) -> bool:
        """Whether it has not come back yet."""
        return self._thread.is_alive()
