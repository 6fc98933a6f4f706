"""A hundred thousand recordings into object storage and PostgreSQL, beside the folder and SQLite of a single machine, in one run."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from postgres_server import PostgresServer
from usage import Took, as_installed, measured

RECORDINGS = int(os.environ.get("BENCH_RECORDINGS", "100000"))
MAX_MEMORY_MB = 300
#: A fifth of a second of telephony: what is measured is what each recording costs beyond its bytes.
_FRAMES = 1600


def an_archive(path: Path, recordings: int) -> Path:
    """As the PBX packs them: a folder a month, five thousand in each; each recording has samples of its own."""
    random = np.random.default_rng(1)
    header = (
        b"RIFF" + (36 + 2 * _FRAMES).to_bytes(4, "little") + b"WAVEfmt " + bytes.fromhex("10000000 01000100 401f0000 803e0000 0200 1000")
    )
    header += b"data" + (2 * _FRAMES).to_bytes(4, "little")
    with tarfile.open(path, "w") as archive:
        for number in range(recordings):
            began = 1_640_995_200 + 500 * number
            month = np.datetime64(began, "s").astype("datetime64[M]")
            member = tarfile.TarInfo(f"{month}/auto-{began}-1000-55501{number % 100:02}.wav")
            data = header + (random.standard_normal(_FRAMES) * 1000).astype("<i2").tobytes()
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return path


def ingest(archive: Path, folder: Path, recordings: int, **places: Any) -> Took:
    folder.mkdir()
    ucm = {"url": "https://pbx.example.com:8089", "timezone": "UTC", "web": {"username": "backup", "password": "unused"}}
    (folder / "config.yaml").write_text(yaml.safe_dump({"data_dir": str(folder / "data"), **places, "ucms": {"office": ucm}}))
    command = [sys.executable, "-m", "scraper", "--config", str(folder / "config.yaml")]
    environ = as_installed(folder.parent / "bytecode")
    with (folder / "log").open("wb") as log:
        took = measured([*command, "ingest", str(archive), "--ucm", "office", "--json"], stderr=log, env=environ)
    counts = json.loads(took.out)["recordings"]
    assert (counts["archived"], counts["new"], counts["quarantined"]) == (recordings, recordings, 0)
    return took


def both(folder: Path, bucket: dict[str, Any], recordings: int) -> dict[str, Took]:
    archive = an_archive(folder / "all.tar", recordings)
    server = PostgresServer()
    server.start()
    try:
        return {
            "folder and SQLite": ingest(archive, folder / "alone", recordings, store={"min_free_mb": 1}),
            "S3 and PostgreSQL": ingest(archive, folder / "shared", recordings, store=bucket, catalog={"url": server.fresh()}),
        }
    finally:
        server.remove()


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_shared_storage_beside_the_local_default(tmp_path: Path, bucket: dict[str, Any], capsys: pytest.CaptureFixture) -> None:
    found = both(tmp_path, bucket, RECORDINGS)
    with capsys.disabled():
        sys.stdout.write(f"\n{RECORDINGS:,} recordings (load average of the machine: {os.getloadavg()[1]:.1f})\n")
        for name, took in found.items():
            rate = RECORDINGS / took.seconds
            sys.stdout.write(f"  {name}: {took.seconds:.0f} s, {rate:.0f} a second, cpu {took.cpu:.0f} s, {took.memory:.0f} MB at most\n")
    assert max(took.memory for took in found.values()) < MAX_MEMORY_MB


@pytest.mark.long
def test_some_hundred_recordings_arrive_in_shared_storage(tmp_path: Path, bucket: dict[str, Any]) -> None:
    assert all(took.memory < MAX_MEMORY_MB for took in both(tmp_path, bucket, 500).values())
