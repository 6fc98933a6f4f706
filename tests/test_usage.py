"""What a command is said to take is its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from usage import measured

QUIET = [sys.executable, "-S", "-c", "print(1)"]


def test_memory_of_a_command_is_not_that_of_the_process_that_wants_to_know():
    ballast = b"1" * 300_000_000
    took = measured(QUIET)
    assert (took.out, len(ballast)) == ("1\n", 300_000_000)
    assert 0 < took.memory < 100 and 0 < took.cpu < took.seconds + 1


def test_command_that_fails_is_told():
    with pytest.raises(AssertionError, match="exit"):
        measured([sys.executable, "-S", "-c", "exit(3)"], stderr=subprocess.DEVNULL)
