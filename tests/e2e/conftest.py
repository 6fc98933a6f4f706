"""An office with a simulated UCM and the configuration that fits it; jobs run on it as the command line runs them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper import job
from scraper.desk import Order
from scraper.models import Report, Trigger
from scraper.progress import NullProgress
from scraper.settings import load
from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator


@dataclass
class Office:
    """One configured UCM and its archive."""

    folder: Path
    ucm: Simulator
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
        whole = {"data_dir": "./data", "store": {"min_free_mb": 1}, "browser": {"timeout_seconds": 8}, "ucms": {"office": section}}
        self.config.write_text(yaml.safe_dump(whole))

    def run(self) -> Report:
        """One job in this process."""
        return job.run(Order(load(self.config, {}), "office", Trigger.MANUAL, NullProgress()))

    def command(self, *words: str) -> subprocess.Popen[str]:
        """The command line in a process of its own."""
        call = [sys.executable, "-m", "scraper", "--config", str(self.config), *words]
        return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, dict[str, Any] | None, str]:
        """(exit code, the report, stderr) of a command that ends within two minutes."""
        out, err = process.communicate(timeout=120)
        return process.returncode, json.loads(out) if out.strip() else None, err

    def archived(self) -> dict[str, str]:
        """``YYYY-MM/NAME`` of every stored WAV with the SHA-256 of its samples."""
        return {f"{path.parent.name}/{path.name}": samples_sha256(path) for path in self.store.rglob("*.wav")}

    def held_by_pbx(self) -> dict[str, str]:
        """The same of every recording that the simulated UCM holds."""
        return {recording.path: hashlib.sha256(recording.samples().tobytes()).hexdigest() for recording in self.ucm.state.all_recordings}

    def all_is_exact(self) -> bool:
        """Whether the archive is what the PBX holds, sample for sample, and nothing else."""
        return self.archived() == self.held_by_pbx()


def samples_sha256(path: Path) -> str:
    with wave.open(str(path)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (8000, 1, 2)
        return hashlib.sha256(audio.readframes(audio.getnframes())).hexdigest()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes an office whose simulated UCM is as told; deleting anything on it fails the test."""
    made: list[Office] = []

    def make(**ucm: Any) -> Office:
        simulator = Simulator(**{"recordings": 12, "pack_seconds": 0.2, "seconds": (0.5, 2.0), **ucm})
        simulator.__enter__()
        made.append(Office(tmp_path / f"office{len(made)}", simulator))
        made[-1].folder.mkdir()
        made[-1].configure()
        return made[-1]

    yield make
    for one in made:
        one.ucm.__exit__(None, None, None)
    assert [one.ucm.state.deletes for one in made] == [[] for _ in made]
