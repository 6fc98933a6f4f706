"""A fleet for tests: simulated UCMs whose API is open, one PostgreSQL, one store, and as many workers and schedulers as are started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from scraper.catalog import Catalog
from scraper.sealed import new_key
from scraper.simulator import API_PASSWORD, API_USER, Simulator
from scraper.simulator.recordings import Recording

TOKEN = "a-token-for-tests-0123456789"
#: Generous: nine people's machine.
PATIENCE = 90.0


class Program:
    """A command under way, its log in a file."""

    def __init__(self, folder: Path, config: Path, name: str, words: tuple[str, ...], environ: dict[str, str]) -> None:
        self.log_file = folder / f"{name}.log"
        with self.log_file.open("w") as lines:
            call = [sys.executable, "-m", "scraper", "--config", str(config), *words]
            self.process = subprocess.Popen(call, stdout=lines, stderr=lines, env={**os.environ, **environ})

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def waits_for(self, words: str) -> re.Match[str]:
        """The first match of ``words`` in its log, once it is there."""
        found = until(lambda: re.search(words, self.log), lambda: f"{words!r} in {self.log}", alive=self)
        assert isinstance(found, re.Match)
        return found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ends(self) -> int:
        return self.process.wait(PATIENCE)

    def dies(self) -> None:
        """As on a machine that loses its power: the program, and all that it started."""
        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            process.kill()
        self.ends()

    def leaves(self) -> None:
        """It leaves in order."""
        self.signal(signal.SIGTERM)
        assert self.ends() == 0, self.log


def until(found: Callable[[], Any], what: Callable[[], str] | str, alive: Program | None = None) -> Any:
    """What ``found`` returns once it is something; fails after a long time."""
    deadline = time.monotonic() + PATIENCE
    while not (it := found()):
        told = what if isinstance(what, str) else what()
        assert time.monotonic() < deadline, told
        assert alive is None or alive.process.poll() is None, told
        time.sleep(0.05)
    return it


class Fleet:
    """One fleet; :meth:`worker` and :meth:`scheduler` start processes of it, which end with it."""

    def __init__(self, folder: Path, url: str, stack: ExitStack, ucms: dict[str, Simulator], **changes: Any) -> None:
        self.folder, self.url, self.ucms, self._stack = folder, url, ucms, stack
        self.key = new_key()
        self.count = 0
        self._catalog: Catalog | None = None
        self.configure(**changes)

    def configure(self, **changes: Any) -> None:
        """Write the configuration that all share; ``changes`` are whole sections of it."""
        api = {"username": API_USER, "password": API_PASSWORD, "kind": "https"}
        sections = {
            name: {"url": ucm.url, "timezone": ucm.config.timezone, "tls": {"pin": ucm.pin}, "api": api} for name, ucm in self.ucms.items()
        }
        whole = {
            "store": {"url": str(self.folder / "store"), "min_free_mb": 1},
            "catalog": {"url": self.url},
            "encryption": {"key": self.key},
            "fleet": {"name": "north", "lease_seconds": 3},
            "schedule": {"cron": "0 0 1 1 *"},
            "limits": {"stop_seconds": 3},
            "ucms": sections,
        }
        self.config.write_text(yaml.safe_dump({**whole, **changes}))

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def start(self, name: str, *words: str, **environ: str) -> Program:
        """A command on a machine of its own: with a data_dir of its own."""
        self.count += 1
        environ = {"UCM_SCRAPER__DATA_DIR": str(self.folder / f"machine{self.count}"), **environ}
        program = Program(self.folder, self.config, f"{name}{self.count}", words, environ)
        self._stack.callback(program.process.wait)
        self._stack.callback(program.process.kill)
        return program

    def worker(self, jobs: int = 2, **environ: str) -> Program:
        program = self.start("worker", "worker", "--jobs", str(jobs), **environ)
        program.waits_for("Taking jobs")
        return program

    def scheduler(self) -> tuple[Program, str]:
        """``serve``, and the address of its admin pages."""
        program = self.start("serve", "serve", UCM_SCRAPER__ADMIN__LISTEN="127.0.0.1:0", UCM_SCRAPER__ADMIN__TOKEN=TOKEN)
        return program, program.waits_for(r"admin: listening on (http://[^\s/]+)")[1]

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Opened once, for it is looked at often."""
        self._catalog = self._catalog or self._stack.enter_context(Catalog.open(self.url))
        yield self._catalog

    def is_exact(self, ucm: str, inside: Callable[[Recording], bool] = lambda _: True) -> bool:
        """Whether the archive holds each recording of a UCM (that is ``inside``) once, in store and catalog, and nothing else."""
        held = Counter(recording.path for recording in self.ucms[ucm].state.all_recordings if inside(recording))
        place = self.folder / "store" / ucm
        stored = Counter(str(path.relative_to(place)) for path in place.rglob("*.*"))
        with self.catalog() as catalog:
            return held == stored == Counter(one.identity.path for one in catalog.recordings(ucm))


@contextmanager
def fleet_of(folder: Path, url: str, names: tuple[str, ...] = ("one", "two"), **ucm: Any) -> Iterator[Fleet]:
    """A fleet with these UCMs, which nobody works on yet."""
    with ExitStack() as stack:
        options = {"api_new": True, "recordings": 4, "seconds": (0.2, 0.5), "today": None, **ucm}
        ucms = {name: stack.enter_context(Simulator(**options)) for name in names}
        yield Fleet(folder, url, stack, ucms)
        assert [one.state.deletes for one in ucms.values()] == [[] for _ in ucms]
