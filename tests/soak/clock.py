"""One clock for a test and the programs that it starts: it jumps when the test says so, and ticks as usual between two jumps.

A file that all have mapped says how far it is ahead of the machine's. Deadlines go by the clock that nobody sets, and stay as they are;
what the product waits before it looks or asks again is shortened in the programs, or a month would take one.
"""

from __future__ import annotations

import mmap
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import time_machine

_LOOK_SECONDS = 0.02
_SIZE = 8


class FastClock:
    """The test's hand on the clock; the test's own process goes by it as well while :meth:`ticking`."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self._folder, self._file, self._start = folder, folder / "clock", start
        self._file.write_bytes(bytes(_SIZE))
        self._shared = _mapped(self._file)

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """The clock begins at its start."""
        _write(self._shared, self._start.timestamp() - time.time())
        with time_machine.travel(self._start, tick=True) as self._traveller:
            yield

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def move_to(self, when: datetime) -> None:
        """Jump, never back."""
        step = (when - self.now).total_seconds()
        if step > 0:
            self._traveller.shift(step)
            _write(self._shared, _read(self._shared) + step)

    def python(self) -> Path:
        """What stands for Python with ``-m scraper …``: a program that goes by this clock, as do those that it starts."""
        script = self._folder / "python"
        ours = (
            f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\nfrom soak import clock\nclock.run({str(self._file)!r})\n"
        )
        script.write_text(f"#!{sys.executable}\n{ours}")
        script.chmod(0o755)
        return script


def run(file: str) -> None:
    """Be ``python -m scraper …`` by the shared clock."""
    _follow(_mapped(Path(file)))
    sys.executable = sys.argv.pop(0)
    assert sys.argv[:2] == ["-m", "scraper"]
    sys.argv[:2] = ["ucm-scraper"]
    _hurry_job() if sys.argv[-1] == "_task" else _hurry_service()
    from scraper.__main__ import main

    main()


def _mapped(file: Path) -> mmap.mmap:
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), _SIZE)


def _read(shared: mmap.mmap) -> float:
    return float(struct.unpack("d", shared[:])[0])


def _write(shared: mmap.mmap, seconds: float) -> None:
    shared[:] = struct.pack("d", seconds)


def _follow(shared: mmap.mmap) -> None:
    ahead = _read(shared)
    traveller = time_machine.travel(datetime.now(UTC) + timedelta(seconds=ahead), tick=True).start()

    def follow() -> None:
        known = ahead
        while True:
            time.sleep(_LOOK_SECONDS)
            if (told := _read(shared)) != known:
                traveller.shift(told - known)
                known = told

    threading.Thread(target=follow, name="clock", daemon=True).start()


def _hurry_service() -> None:
    from scraper.service import changes, manifests, push, schedule, service, watch

    schedule._LOOK_SECONDS, service._BACKFILL_SECONDS, changes._LOOK_SECONDS = 0.2, 1.0, 5.0
    manifests.EVERY_SECONDS, watch.EVERY_SECONDS = 2.0, 10.0
    push.Pace.__init__.__defaults__ = ((0.3, 0.5, 1, 2, 4, 8), 0.3, 5.0)


def _hurry_job() -> None:
    from scraper.api import answers, calls, pace, status, transport
    from scraper.job import api_way
    from scraper.webui import wire

    transport.Patience.__init__.__defaults__ = (5.0, 3.0, 10.0, 20.0)
    for code in status._WAITS:
        status._WAITS[code] = 0.5
    for code in wire.PATIENCE_SECONDS:
        wire.PATIENCE_SECONDS[code] = 0.5
    pace.SLOWEST, calls.HTML_SECONDS, calls._NETWORK_SECONDS, answers._SERVER_SECONDS = 0.5, 0.5, 0.2, 0.2
    api_way.Pace = partial(pace.Pace, fastest=0.0)
