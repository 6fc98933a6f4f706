"""The fuzzing process itself: one target under atheris, until libFuzzer ends it. Started by ``run.py``."""

from __future__ import annotations

import importlib
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import atheris

#: What one input may take: seconds of processor time, and megabytes beside what the process took before.
SECONDS, MEGABYTES = 1.0, 256

#: The rooms whose coverage guides: what else they import would only take time to instrument.
_READERS = [
    *("converters", "scraper.cdr", "scraper.hooks.body", "scraper.ingest", "scraper.settings"),
    *("scraper.api.answers", "scraper.api.reply", "scraper.models", "scraper.names"),
]


def bounded(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """``target`` that also fails where it takes longer than it may; by processor time, so that a busy machine is no finding."""

    def one_input(data: bytes) -> None:
        began = time.process_time()
        target(data)
        spent = time.process_time() - began
        if spent > SECONDS:
            raise TimeoutError(f"{spent:.1f} s of processor time for {len(data)} bytes")

    return one_input


def main() -> None:
    """``guided.py TARGET FLAG…``: the flags are libFuzzer's."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with atheris.instrument_imports(include=_READERS):
        module = importlib.import_module(f"fuzz.targets.{sys.argv[1]}")
        for seed in module.seeds():  # what is imported when first needed is imported now
            module.target(seed)
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    atheris.Setup([sys.argv[0], f"-rss_limit_mb={now + MEGABYTES}", *sys.argv[2:]], bounded(module.target))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
