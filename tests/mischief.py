"""Jobs on web UIs that play tricks (the fault ``ui_mischief``): what holds of each, however it ends.

For tests/e2e/test_ui_fuzz.py and its long version under tests/bench.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import wave
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from loguru import logger

from scraper.job import job
from scraper.job.desk import Order
from scraper.models import Report, Trigger
from scraper.progress import NullProgress
from scraper.settings import load
from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator
from scraper.webui.ui import MOST_SIGN_INS

#: A job on such a page may go wrong in any documented way but these: an internal error, and a wrong command.
CODES = frozenset(range(11)) - {1, 2}
#: Within which each job has ended, on a machine that is busy, in seconds.
DEADLINE_SECONDS = 150.0
#: Builds of the web UI, one for each simulated UCM; sessions take turns.
BUILDS: tuple[dict[str, Any], ...] = (
    {},
    {"labels": "old", "modal": False, "tls": False},
    {"date_filter": True, "pack_mode": "poll", "queue_recordings": 1, "tls": False},
)


@dataclass
class Tally:
    """What came of many sessions: how often each exit code, and how many writes the guard refused."""

    codes: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    seconds: float = 0.0


@contextmanager
def mischievous() -> Iterator[list[Simulator]]:
    """Running UCMs, one of each build."""
    with ExitStack() as stack:
        small = {"recordings": 4, "seconds": (0.3, 0.6), "pack_seconds": 0.05, "unanswered_calls": 1}
        yield [stack.enter_context(Simulator(**small, **build)) for build in BUILDS]


def play(ucms: list[Simulator], seeds: Iterator[int], folder: Path) -> Tally:
    """One job after another, with these seeds; what must hold of each is asserted."""
    tally = Tally()

    def count(_: object) -> None:
        tally.refused += 1

    sink = logger.add(count, level="WARNING", filter=lambda record: record["extra"].get("action") == "guard-refused")
    try:
        for seed in seeds:
            begun = time.monotonic()
            report = session(ucms[seed % len(ucms)], seed, folder / str(seed))
            tally.codes[int(report.exit_code)] += 1
            tally.seconds += time.monotonic() - begun
    finally:
        logger.remove(sink)
    return tally


def session(ucm: Simulator, seed: int, folder: Path) -> Report:
    """One job on ``ucm`` with the mischief of ``seed``, in an archive of its own that is removed afterwards."""
    state = ucm.state
    state.faults.set("ui_mischief", seed)
    signed_in, begun = len(state.sign_ins), time.monotonic()
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(_settings(ucm)))
    try:
        report = job.run(Order(load(config, {}), "office", Trigger.MANUAL, NullProgress()))
        assert state.deletes == []
        assert report.exit_code in CODES, report.error
        assert (report.error is None) == (report.exit_code in (0, 3)), report.error
        assert time.monotonic() - begun < DEADLINE_SECONDS
        assert len(state.sign_ins) - signed_in <= MOST_SIGN_INS
        archived, held = _archived(folder / "data" / "recordings" / "office"), _held(ucm)
        assert archived.items() <= held.items()
        assert report.exit_code != 0 or archived == held
    except AssertionError as error:
        error.add_note(f"ui_mischief={seed}, build {seed % len(BUILDS)}")
        raise
    finally:
        shutil.rmtree(folder)
    return report


def _settings(ucm: Simulator) -> dict[str, Any]:
    web = {"username": WEB_USER, "password": WEB_PASSWORD, "pack_timeout_seconds": 5, "stall_timeout_seconds": 2}
    office = {"url": ucm.url, "timezone": ucm.config.timezone, "tls": {"pin": ucm.pin} if ucm.pin else {"verify": False}, "web": web}
    return {"data_dir": "./data", "store": {"min_free_mb": 1}, "browser": {"timeout_seconds": 2}, "ucms": {"office": office}}


def _archived(store: Path) -> dict[str, str]:
    """``YYYY-MM/NAME`` of what was archived, with the SHA-256 of its samples."""
    found = {}
    for path in store.rglob("*.wav"):
        with wave.open(str(path)) as audio:
            found[f"{path.parent.name}/{path.name}"] = hashlib.sha256(audio.readframes(audio.getnframes())).hexdigest()
    return found


def _held(ucm: Simulator) -> dict[str, str]:
    return {each.path: hashlib.sha256(each.samples().tobytes()).hexdigest() for each in ucm.state.all_recordings}
