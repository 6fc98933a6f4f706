"""What a service takes of its machine, and how long things last, over the time that it serves."""

from __future__ import annotations

import csv
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

import psutil

from soak.service import PATIENCE, Service, comes


@dataclass(frozen=True)
class Sample:
    """One moment between two jobs, ``day`` days after the beginning.

    ``memory_mb`` (USS), ``handles``, ``threads``: of the service. ``most_mb`` (PSS), ``most_processes``: the most of it, its jobs and their
    browsers since the last sample. ``disk_mb``: all beyond the recordings. ``…_s``: medians since the last sample, None where nothing was.
    """

    day: float
    memory_mb: float
    most_mb: float
    handles: int
    threads: int
    processes: int
    most_processes: int
    disk_mb: float
    recordings: int
    head_s: float | None
    branch_s: float | None
    push_s: float | None
    page_ms: float
    faults: str
    event: str


class Peaks:
    """Looks at a service and its descendants all the time, in a thread: the most memory (PSS, MB), and the most processes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._over = threading.Event()
        self._most = (0.0, 0)
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Peaks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def take(self) -> tuple[float, int]:
        """The most since the last time."""
        most, self._most = self._most, (0.0, 0)
        return most

    def _look(self) -> None:
        while not self._over.wait(0.4):
            if (popen := self._service.process) is not None:
                with suppress(psutil.Error):
                    service = psutil.Process(popen.pid)
                    sizes = list(filter(None, map(_pss_mb, [service, *service.children(recursive=True)])))
                    self._most = max(self._most[0], sum(sizes)), max(self._most[1], len(sizes))


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss / 1e6)
    except (psutil.Error, OSError):
        return 0.0


def _between_jobs(process: psutil.Process) -> tuple[int, int, int]:
    """Processes with its descendants, handles, threads. A pushed recording that did not come is asked for again now and then."""

    def counted() -> tuple[int, int, int]:
        return 1 + len(process.children(recursive=True)), process.num_fds(), process.num_threads()

    alone: tuple[int, int, int] | None = comes(lambda: found if (found := counted())[0] == 1 else None, PATIENCE)
    return alone or counted()


class Figures:
    """The samples of one service, and what the next one will tell. ``file`` has them as CSV, whatever happens."""

    def __init__(self, service: Service, peaks: Peaks, file: Path) -> None:
        self._service, self._peaks, self._file = service, peaks, file
        self.samples: list[Sample] = []
        #: How whole runs ended: how often with this trigger and status.
        self.ends: dict[str, int] = {}
        self._seen: set[str] = set()
        self._pushed: list[float] = []
        self._events: list[str] = []

    def pushed(self, seconds: float) -> None:
        """So long after its call was pushed a recording was archived."""
        self._pushed.append(seconds)

    def note(self, event: str) -> None:
        """Something happened that interrupts."""
        self._events.append(event)

    def sample(self, day: float, faults: str) -> None:
        """Measure now, where no job is under way."""
        assert self._service.process is not None
        page_ms = median(self._service.page_ms() for _ in range(3))
        process = psutil.Process(self._service.process.pid)
        processes, handles, threads = _between_jobs(process)
        most_mb, most_processes = self._peaks.take()
        seconds = self._job_seconds()
        found = Sample(
            day=round(day, 3),
            memory_mb=round(process.memory_full_info().uss / 1e6, 1),
            most_mb=round(most_mb, 1),
            handles=handles,
            threads=threads,
            processes=processes,
            most_processes=most_processes,
            disk_mb=round(self._disk() / 1e6, 2),
            recordings=sum(1 for _ in (self._service.folder / "data" / "recordings").rglob("*.wav")),
            head_s=_median(seconds.get("head", ())),
            branch_s=_median(seconds.get("branch", ())),
            push_s=_median(self._pushed),
            page_ms=round(page_ms, 1),
            faults=faults,
            event=" ".join(self._events),
        )
        self.samples.append(found)
        self._pushed, self._events = [], []
        self._write()

    def _job_seconds(self) -> Mapping[str, list[float]]:
        """What scheduled runs took that ended complete since the last sample, by UCM."""
        took: dict[str, list[float]] = {}
        for run in self._service.ask("/runs?limit=50")["items"]:
            if run["finished_at"] and run["id"] not in self._seen:
                self._seen.add(run["id"])
                how = f"{run['trigger']} {run['status']}"
                self.ends[how] = self.ends.get(how, 0) + 1
                if how == "schedule complete":
                    took.setdefault(run["ucm"], []).append(self._service.ask(f"/runs/{run['id']}")["report"]["seconds"]["total"])
        return took

    def _disk(self) -> int:
        """Bytes of catalog, logs, what failures left, working and temporary files."""
        data, found = self._service.folder / "data", 0
        for path in [*data.rglob("*"), *self._service.work.rglob("*")]:
            with suppress(OSError):
                if path.is_file() and not path.is_relative_to(data / "recordings"):
                    found += path.stat().st_size
        return found

    def _write(self) -> None:
        with self._file.open("w", newline="") as opened:
            rows = csv.DictWriter(opened, [field.name for field in fields(Sample)], lineterminator="\n")
            rows.writeheader()
            rows.writerows(map(asdict, self.samples))


def _median(seconds: Sequence[float]) -> float | None:
    return round(median(seconds), 2) if seconds else None
