"""``reconvert`` and ``inspect --ucm`` on the command line: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from converters.interface import BytesSource
from scraper.calibration.calibration import Calibration
from scraper.catalog import Catalog
from scraper.ingest.quarantine import Quarantine
from scraper.lock import job_lock
from scraper.models import Identity, RecordingClass
from scraper.store import LocalStore

from .conftest import Call

UCM = "head-office"
CONFIG = """
data_dir: ./data
store: {min_free_mb: 0}
ucms:
  head-office: {url: "https://pbx.example.com", web: {username: backup, password: "${NOT_SET}"}}
"""
HEADER = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8))


@pytest.fixture(autouse=True)
def _config(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)


@pytest.fixture
def archive(call: Call, tmp_path: Path, make: Any) -> Path:
    """Three recordings with sixteen bytes of header."""
    members = [make.member(f"{make.MONTH}/{make.name(number)}", HEADER + make.samples(number, 1.0)) for number in range(3)]
    (tmp_path / "all.tgz").write_bytes(make.tgz(members))
    assert call("ingest", "all.tgz", "--ucm", UCM).exit_code == 0
    return tmp_path / "data" / "recordings" / UCM / make.MONTH


def calibrate(tmp_path: Path, make: Any, riff: bytes) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog:
        store = LocalStore(tmp_path / "data" / "recordings")
        identity = Identity(UCM, RecordingClass.MONITOR, make.MONTH, make.name(0))
        assert Calibration(catalog, store, Quarantine(tmp_path / "data" / "quarantine" / UCM), UCM).learn(identity, BytesSource(riff))


def test_reconvert_without_a_catalog_is_a_usage_error(call: Call) -> None:
    assert call("reconvert").exit_code == 2


def test_reconvert_before_calibration_says_so(call: Call, archive: Path) -> None:
    result = call("reconvert")
    assert (result.exit_code, "not calibrated yet" in result.stdout) == (0, True)


def test_reconvert_shows_first_and_then_does_what_it_showed(call: Call, archive: Path, tmp_path: Path, make: Any) -> None:
    calibrate(tmp_path, make, make.wav(0, 1.0))
    before = (archive / make.name(1)).read_bytes()
    look = call("reconvert", "--dry-run", "--json")
    assert look.exit_code == 3
    assert sorted(json.loads(look.stdout)["redone"]) == [f"{make.MONTH}/{make.name(number)}" for number in range(3)]
    assert (archive / make.name(1)).read_bytes() == before
    done = call("reconvert")
    assert (done.exit_code, "3 converted again, 0 out of quarantine" in done.stdout) == (0, True)
    assert [(archive / make.name(number)).read_bytes() for number in range(3)] == [make.wav(number, 1.0) for number in range(3)]
    again = json.loads(call("reconvert", "--json").stdout)
    assert (again["redone"], again["confirmed"], again["doubtful"]) == ([], 0, [])
    assert again["calibrations"][0]["layout"] == "gsff/16/s16le/8000/1"
    assert call("verify").exit_code == 0


def test_reconvert_after_a_contradiction_names_what_is_doubtful(call: Call, archive: Path, tmp_path: Path, make: Any) -> None:
    calibrate(tmp_path, make, make.wav(77, 1.0))
    result = call("reconvert", "--dry-run")
    assert (result.exit_code, result.stdout.count("  doubtful: 2026-02/auto-")) == (3, 3)
    assert "contradicted" in result.stdout


def test_reconvert_while_a_job_holds_the_ucm_ends_in_nine_and_looking_does_not(
    call: Call, archive: Path, tmp_path: Path, make: Any
) -> None:
    calibrate(tmp_path, make, make.wav(0, 1.0))
    with job_lock(tmp_path / "data", UCM):
        assert call("reconvert").exit_code == 9
        assert call("reconvert", "--dry-run").exit_code == 3


def test_inspect_of_a_ucms_file_says_that_its_layout_is_confirmed(call: Call, archive: Path, tmp_path: Path, make: Any) -> None:
    calibrate(tmp_path, make, make.wav(0, 1.0))
    (tmp_path / "one.wav").write_bytes(HEADER + make.samples(1, 1.0))
    assert "→ gsff/16/s16le/8000/1 (confirmed)" in call("inspect", "one.wav", "--ucm", UCM).stdout
    assert "→ gsff/8/s16le/8000/1 (likely)" in call("inspect", "one.wav").stdout
    assert call("inspect", "one.wav", "--ucm", "branch").exit_code == 2
