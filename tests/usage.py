"""What a command takes. Run as a script it is the small process that starts the command: see :func:`measured`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Took:
    """Seconds on the clock and on the processors, and the peak memory of any one process in MB; ``out``: what it printed."""

    seconds: float
    cpu: float
    memory: float
    out: str = ""


def measured(command: list[str], **options: Any) -> Took:
    """What a command takes that ends well; ``options`` are those of :class:`subprocess.Popen`.

    A process of its own starts it: the system counts as a process's memory that of the one that it was forked from, too, and the tests' has
    hundreds of megabytes.
    """
    os.sync()  # what earlier rounds left to be written must not disturb this one
    told, telling = os.pipe()
    small = [sys.executable, "-S", __file__, str(telling), *command]
    with subprocess.Popen(small, stdout=subprocess.PIPE, text=True, pass_fds=(telling,), **options) as process, os.fdopen(told) as answer:
        os.close(telling)
        assert process.stdout is not None
        out = process.stdout.read()
        code, seconds, cpu, memory = json.loads(answer.read())
    assert code == 0, command
    return Took(seconds, cpu, memory, out)


def as_installed(bytecode: Path) -> dict[str, str]:
    """The environment in which our modules are compiled once, as pip compiles them, whatever the machine's environment says."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": str(bytecode)}


def _start() -> None:
    started = time.monotonic()
    code = subprocess.run(sys.argv[2:], check=False).returncode
    seconds, usage = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    with os.fdopen(int(sys.argv[1]), "w") as telling:
        json.dump([code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024], telling)


if __name__ == "__main__":
    _start()
