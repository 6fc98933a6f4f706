"""FLAC, Opus and manifests on the command line: what is printed, and the exit codes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from converters.compress import Decompressed
from scraper.catalog import Catalog
from scraper.lock import job_lock
from scraper.proof.chain import check
from scraper.store import LocalStore

from .conftest import Call

CONFIG = """
data_dir: ./data
store: {{min_free_mb: 0, format: {format}}}
ucms:
  one: {{url: "https://pbx.example.com", web: {{username: backup, password: "${{NOT_SET}}"}}}}
"""


@pytest.fixture(autouse=True)
def _config(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(format="flac"))


def ingest(call: Call, make: Any, tmp_path: Path, count: int = 2) -> None:
    (tmp_path / "all.tgz").write_bytes(make.tgz(make.recordings(count)))
    assert call("ingest", "all.tgz", "--ucm", "one").exit_code == 0


def yesterday(tmp_path: Path) -> None:
    """What is still to be told happened the day before."""
    with sqlite3.connect(tmp_path / "data" / "catalog.db") as connection:
        connection.execute("UPDATE manifest_lines SET at = '2026-02-06T12:00:00Z'")
    connection.close()


def test_a_configured_format_is_stored_listed_and_verified(call: Call, make: Any, tmp_path: Path) -> None:
    ingest(call, make, tmp_path)
    listed = [json.loads(line) for line in call("recordings", "--json").stdout.splitlines()]
    assert {one["format"] for one in listed} == {"flac"}
    assert all(one["stored"].endswith(".flac") and one["wav_sha256"] != one["sha256"] for one in listed)
    assert "(as " not in call("recordings").stdout  # the extension is no news
    assert call("verify").exit_code == 0


def test_opus_is_warned_of(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(format="opus").replace("${NOT_SET}", "x"))
    assert "warning: store.format: opus loses samples" in call("config", "check").stdout
    (tmp_path / "config.yaml").write_text(CONFIG.format(format="mp3"))
    assert call("verify").exit_code == 2


def test_verify_of_the_manifests_names_day_and_number_and_ends_in_3(call: Call, make: Any, tmp_path: Path) -> None:
    ingest(call, make, tmp_path)
    assert "no manifest yet" in call("verify", "--manifests").stdout
    yesterday(tmp_path)
    assert "manifest" not in call("verify").stdout  # which wrote it
    result = call("verify", "--manifests", "--json")
    told = json.loads(result.stdout)["manifests"]
    assert (result.exit_code, told["holds"], told["checked"], told["lines"], told["flaws"]) == (0, True, 1, 2, [])
    assert told["head"]["day"] == "2026-02-06" and told["head"]["sha256"] in call("verify", "--manifests").stdout
    with sqlite3.connect(tmp_path / "data" / "catalog.db") as connection:
        connection.execute("DELETE FROM recordings WHERE id = 2")
    connection.close()
    result = call("verify", "--manifests")
    assert result.exit_code == 3 and "2026-02-06: recording #2: it is gone from the catalog" in result.stdout
    assert "1 of 1 recordings hold" in result.stdout  # all that the catalog knows of
    assert json.loads(call("verify", "--manifests", "--json").stdout)["manifests"]["flaws"] == [
        {"day": "2026-02-06", "id": 2, "detail": "it is gone from the catalog"}
    ]


def test_a_head_kept_elsewhere_is_proved_or_ends_in_3(call: Call, make: Any, tmp_path: Path) -> None:
    ingest(call, make, tmp_path)
    yesterday(tmp_path)
    head = json.loads(call("verify", "--manifests", "--json").stdout)["manifests"]["head"]["sha256"]
    assert call("verify", "--head", head.upper()).exit_code == 0
    result = call("verify", "--head", head, "--head", "0" * 64)
    assert result.exit_code == 3 and f"No manifest has the hash {'0' * 64}" in result.stderr and head not in result.stderr
    assert call("verify", "--head", "x").exit_code == 2


def test_a_job_writes_what_is_due_and_verify_none_while_one_works(call: Call, make: Any, tmp_path: Path) -> None:
    ingest(call, make, tmp_path)
    yesterday(tmp_path)
    with job_lock(tmp_path / "data", "one"):
        assert "no manifest yet" in call("verify", "--manifests").stdout
    ingest(call, make, tmp_path, 3)
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog:
        chain = check(catalog, LocalStore(tmp_path / "data" / "recordings"), "one")
        assert (chain.holds, [one.lines for one in chain.manifests]) == (True, [2])


@pytest.mark.parametrize(("name", "kind"), [("out.flac", b"fLaC"), ("out.FLAC", b"fLaC"), ("out.opus", b"OggS"), ("out.ogg", b"OggS")])
def test_convert_writes_what_the_output_is_called(call: Call, make: Any, tmp_path: Path, name: str, kind: bytes) -> None:
    (tmp_path / "a.gsff").write_bytes(make.gsff(1))
    result = call("convert", "a.gsff", name)
    assert result.exit_code == 0 and "peak -" in result.stderr
    assert (tmp_path / name).read_bytes().startswith(kind)
    with (tmp_path / name).open("rb") as file:
        samples = Decompressed(file).read()
    assert len(samples) == len(make.samples(1)) and (kind != b"fLaC" or samples == make.samples(1))


def test_convert_to_what_can_not_hold_it_leaves_nothing(call: Call, make: Any, tmp_path: Path) -> None:
    odd = bytearray(make.wav(1))
    odd[24:28] = (11_025).to_bytes(4, "little")
    odd[28:32] = (22_050).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(odd)
    before = set(tmp_path.iterdir())
    result = call("convert", "a.wav", "b.opus")
    assert result.exit_code == 3 and "can't be written as Opus" in result.stderr and set(tmp_path.iterdir()) == before
    assert call("convert", "a.wav", "b.flac").exit_code == 0
