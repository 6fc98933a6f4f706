"""How often Python looks for garbage: as good as never in a command, which soon ends; as usual in what runs for years."""

from __future__ import annotations

import atexit
import gc

_USUAL = gc.get_threshold()


def for_a_command() -> None:
    """What is imported stays: looking through it again and again, and once more at the end, costs each command 100 ms."""
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)


def for_years() -> None:
    """Look for garbage from now on, but not in what is there: what a command may leave lying adds up to 50 MB in a service."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
