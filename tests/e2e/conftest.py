"""An office with a simulated UCM and the configuration that fits it; jobs run on it as the command line runs them."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from web_servers import TOKEN

from scraper.api import answers, calls, pace, status, transport
from scraper.job import api_way, job
from scraper.job.desk import Order
from scraper.models import Report, Trigger, Window
from scraper.progress import NullProgress
from scraper.settings import load
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator


@dataclass
class Office:
    """One configured UCM and its archive."""

    folder: Path
    ucm: Simulator
    page_seconds: int
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "data" / "recordings" / "office"

    def configure(self, **changes: Any) -> None:
        """Write the configuration; ``changes`` go into the UCM's section, mappings merged."""
        section: dict[str, Any] = {
            "url": self.ucm.url,
            "timezone": self.ucm.config.timezone,
            "tls": {"pin": self.ucm.pin} if self.ucm.config.tls else {},
            "web": {"username": WEB_USER, "password": WEB_PASSWORD, "pack_timeout_seconds": 30, "stall_timeout_seconds": 3},
        }
        self.changes |= changes
        for key, value in self.changes.items():
            section[key] = {**section.get(key, {}), **value} if isinstance(value, dict) else value
        whole = {
            "data_dir": "./data",
            "store": {"min_free_mb": 1},
            "browser": {"timeout_seconds": self.page_seconds},
            "ucms": {"office": section},
        }
        self.config.write_text(yaml.safe_dump(whole))

    def with_api(self, **changes: Any) -> Office:
        """The same office, its API configured; ``changes`` go into the section."""
        url = {"url": self.ucm.api_old_url} if self.ucm.api_old_url else {}
        self.configure(api={"username": API_USER, "password": API_PASSWORD, **url, **changes})
        return self

    def order(self, window: Window | None = None) -> Order:
        """What a job in this process is asked for."""
        return Order(load(self.config, {}), "office", Trigger.MANUAL, NullProgress(), window=window or Window())

    def run(self) -> Report:
        """One job in this process."""
        return job.run(self.order())

    def plan(self) -> Report:
        """What a job would do."""
        return job.plan(self.order())

    def reconcile(self, since: date | None = None, until: date | None = None) -> Report:
        """One job that re-reads all that the PBX knows, or a window of it."""
        return job.run(self.order(Window(since, until)), everything=True)

    def fetch(self, *names: str) -> Report:
        """One job for these recordings only."""
        return job.fetch(self.order(), names)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """The command line in a process of its own."""
        call = [sys.executable, "-m", "scraper", "--config", str(self.config), *words]
        return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, dict[str, Any] | None, str]:
        """(exit code, the report, stderr) of a command that ends within two minutes."""
        out, err = process.communicate(timeout=120)
        return process.returncode, json.loads(out) if out.strip() else None, err

    def archived(self, ucm: str = "office") -> dict[str, str]:
        """``YYYY-MM/NAME`` of every stored WAV of a UCM with the SHA-256 of its samples."""
        found = (self.store.parent / ucm).rglob("*.wav")
        return {f"{path.parent.name}/{path.name}": samples_sha256(path) for path in found}

    def held_by_pbx(self) -> dict[str, str]:
        """The same of every recording that the simulated UCM holds."""
        return {recording.path: hashlib.sha256(recording.samples().tobytes()).hexdigest() for recording in self.ucm.state.all_recordings}

    def moved_since(self, mark: int) -> list[str]:
        """What was asked of the PBX, since its so many first actions, in order to move recordings: recapi's name, an archive's, a row's."""
        found = []
        for action in self.ucm.state.actions[mark:]:
            if action.name == "recapi" and action.params.get("filename"):
                found.append(action.params["filename"])
            elif action.name in ("packFile", "downloadFile") and action.params.get("type") != "cdr_recording":
                found.append(action.params["data"])
        return found

    def sign_ins(self, way: str) -> int:
        """Attempts to sign in by this way: web, api or old-api."""
        return sum(attempt.way == way for attempt in self.ucm.state.sign_ins)

    @staticmethod
    def adds_up(report: Report) -> bool:
        """Whether the report's counts fit together, as documented."""
        counts = report.recordings
        expected = counts.archived + counts.gone + len(report.gaps)
        return counts.expected == expected and counts.new == sum(report.sources.values()) == counts.archived - counts.already

    def all_is_exact(self) -> bool:
        """Whether the archive is what the PBX holds, sample for sample, and nothing else."""
        return self.archived() == self.held_by_pbx()

    def let_hours_pass(self, hours: int = 3) -> None:
        """What the catalog says of its gaps was said so many hours earlier."""
        earlier = f"strftime('%Y-%m-%dT%H:%M:%SZ', {{}}, '-{hours} hours')"
        changes = ", ".join(f"{column} = {earlier.format(column)}" for column in ("first_seen", "last_seen", "gone_at"))
        self._in_catalog(f"UPDATE gaps SET {changes}")

    def let_lists_be_due(self) -> None:
        """The PBX's lists were read so long ago that a run reads them again."""
        self._in_catalog("DELETE FROM meta WHERE key = 'survey:office:lists-read'")

    def forget_sign_ins(self) -> None:
        """As if none had failed: what a person would lift on the PBX, or a day would."""
        self._in_catalog("DELETE FROM sign_ins")

    def _in_catalog(self, change: str) -> None:
        with closing(sqlite3.connect(self.folder / "data" / "catalog.db")) as catalog, catalog:
            catalog.execute(change)


def samples_sha256(path: Path) -> str:
    with wave.open(str(path)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (8000, 1, 2)
        return hashlib.sha256(audio.readframes(audio.getnframes())).hexdigest()


@contextmanager
def _offices(folder: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(page_seconds: int = 8, **ucm: Any) -> Office:
        simulator = Simulator(**{"recordings": 12, "pack_seconds": 0.2, "seconds": (0.5, 2.0), **ucm})
        simulator.__enter__()
        made.append(Office(folder / f"office{len(made)}", simulator, page_seconds))
        made[-1].folder.mkdir()
        made[-1].configure()
        return made[-1]

    yield make
    for one in made:
        one.ucm.__exit__(None, None, None)
    assert [one.ucm.state.deletes for one in made] == [[] for _ in made]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes an office whose simulated UCM is as told; deleting anything on it fails the test.

    ``page_seconds``: how long a page may take to show what it should, where a test waits for what doesn't come.
    """
    with _offices(tmp_path) as make:
        yield make


@dataclass(frozen=True)
class Ran:
    """An office after its first job; what that ended in, printed and logged."""

    office: Office
    code: int
    report: dict[str, Any]
    log: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """For tests that only look: one job as a command that logs all it can, on 24 recordings of up to 20 seconds."""
    with _offices(tmp_path_factory.mktemp("ran")) as make:
        place = make(recordings=24, seconds=(2.0, 20.0))
        code, report, log = place.finish(place.command("-v", "-v", "run", "--ucm", "office", "--json"))
        assert report is not None, log
        yield Ran(place, code, report, log)


@pytest.fixture
def branch(office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Office]:
    """Makes an office of today whose API is open and configured; its PBX asks for less patience than real ones.

    ``paced``: the API is asked as slowly as a real one; else at once.
    """
    for code in list(status._WAITS):
        monkeypatch.setitem(status._WAITS, code, 0.1)
    monkeypatch.setattr(pace, "FIRST_STEP", 0.05)
    monkeypatch.setattr(pace, "SLOWEST", 0.1)
    monkeypatch.setattr(calls, "HTML_SECONDS", 0.1)
    monkeypatch.setattr(calls, "_NETWORK_SECONDS", 0.1)

    def make(paced: bool = False, **ucm: Any) -> Office:
        if not paced:
            monkeypatch.setattr(api_way, "Pace", partial(pace.Pace, fastest=0.0))
        kind = {} if ucm.keys() & {"api_new", "api_old"} else {"api_new": True}
        return office(**{"today": None, **kind, **ucm}).with_api()

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's answers are waited for no longer than the simulation takes."""
    monkeypatch.setattr(transport.Patience.__init__, "__defaults__", (2.0, 1.0, 4.0, 10.0))
    monkeypatch.setattr(answers, "_SERVER_SECONDS", 0.2)


@contextmanager
def _serving(place: Office) -> Iterator[str]:
    whole = yaml.safe_load(place.config.read_text())
    whole |= {"admin": {"listen": "127.0.0.1:0", "token": TOKEN}, "schedule": {"cron": "0 0 1 1 *"}}
    place.config.write_text(yaml.safe_dump(whole))
    log = place.folder / "serve.log"
    with log.open("w") as lines:
        call = [sys.executable, "-m", "scraper", "--config", str(place.config), "serve"]
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=lines)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"listening on (http://[^\s/]+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def serving() -> Callable[[Office], AbstractContextManager[str]]:
    """``with serving(office) as address``: ``serve`` as a process; at the end it stops in order. Nothing is scheduled."""
    return _serving
