"""The worst cases of one target, each in a process of its own: ``python tests/fuzz/limits.py TARGET`` prints a line of JSON for each."""

# ruff: noqa: T201 (its figures are printed)

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

#: What ends a case that runs away: seconds of processor time, bytes beyond those that the process has.
_ENOUGH_SECONDS, _ENOUGH_BYTES = 20, 2 << 30


def measured(target: Callable[[bytes], None], data: bytes) -> dict[str, float | str]:
    """Processor ``seconds`` and ``megabytes`` that an input takes beside what was there before, and the ``error`` that it ended in."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, json.dumps(_take(target, data)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    return json.loads(told) if told else {"seconds": float(_ENOUGH_SECONDS), "megabytes": 0.0, "error": f"died ({status})"}


def _take(target: Callable[[bytes], None], data: bytes) -> dict[str, float | str]:
    resource.setrlimit(resource.RLIMIT_CPU, (_ENOUGH_SECONDS, _ENOUGH_SECONDS))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ENOUGH_BYTES, used + _ENOUGH_BYTES))
    before, began, error = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), ""
    try:
        target(data)
    except Exception as caught:  # noqa: BLE001 -- whatever it is, it is told
        error = repr(caught)
    seconds, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": round(seconds, 2), "megabytes": (after - before) >> 10, "error": error}


def main() -> None:
    """The command line."""
    from fuzz.worst_cases import CASES

    module = importlib.import_module(f"fuzz.targets.{sys.argv[1]}")
    for seed in module.seeds():  # what is imported when first needed is imported now
        module.target(seed)
    for name, make in CASES[sys.argv[1]].items():
        print(json.dumps({"case": name, **measured(module.target, make())}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
