"""Synthetic recordings, archives of them, and a place to ingest them into."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from mounts import mounted
from postgres_server import PostgresServer
from web_servers import NotingServer, noting

from scraper.catalog import Catalog
from scraper.ingest.ingest import Ingest, IngestContext, Outcome
from scraper.ingest.quarantine import Quarantine
from scraper.models import Identity, Source, class_of
from scraper.store import LocalStore, open_store

UCM = "head-office"
MONTH = "2026-02"


@cache
def samples(seed: int = 0, seconds: float = 0.5) -> bytes:
    """Speech-like s16le at 8 kHz: coloured noise in syllables."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 8000)
    sound = np.convolve(rng.standard_normal(count), [1, 1.6, 1.2, 0.5, 0.1], "same")
    syllables = np.clip(np.sin(np.arange(count) / 8000 * 2 * np.pi * 3.1 + seed) + 0.5, 0.02, None)
    return bytes((sound * syllables * 1500).astype("<i2").tobytes())


def gsff(seed: int = 0, seconds: float = 0.5) -> bytes:
    """A recording in the claimed layout: 8 bytes of header, then samples."""
    body = samples(seed, seconds)
    return b"GSFF" + struct.pack("<I", len(body)) + body


def wav(seed: int = 0, seconds: float = 0.5) -> bytes:
    """A stock recording: RIFF, s16le, 8 kHz, mono."""
    body = samples(seed, seconds)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", len(body))
    return head + body


@pytest.fixture(autouse=True)
def cheap_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in takes 50 ms only to keep its password from being guessed: here nobody guesses."""
    monkeypatch.setattr("scraper.budget.GUESS_COST", 2)


def name(number: int) -> str:
    """The name of an ordinary recording of February 2026."""
    return f"auto-{1770000000 + 60 * number}-1000-5555550100.wav"


def member(path: str, data: bytes = b"", **header: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A tar member; ``header`` overrides what its header says."""
    info = tarfile.TarInfo(path)
    info.size = len(data)
    for key, value in header.items():
        setattr(info, key, value)
    return info, data


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    """An archive, with its end mark."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **({"format": tarfile.GNU_FORMAT} | options)) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tgz(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """The same, packed."""
    return gzip.compress(tar(members), compresslevel=1, mtime=0)


def recordings(count: int, seconds: float = 0.5) -> list[tuple[tarfile.TarInfo, bytes]]:
    """Ordinary recordings, each with its own sound."""
    return [member(f"{MONTH}/{name(number)}", gsff(number, seconds)) for number in range(count)]


@dataclass
class Workshop:
    """Everything that an ingest needs, in one folder."""

    folder: Path
    catalog: Catalog
    store: LocalStore

    def context(self, **changes: Any) -> IngestContext:
        return IngestContext(
            **{
                "ucm": UCM,
                "zone": ZoneInfo("America/Chicago"),
                "run_id": "run-1",
                "source": Source.BULK,
                "catalog": self.catalog,
                "store": self.store,
                "quarantine": Quarantine(self.folder / "quarantine"),
                "work_dir": self.folder / "work",
            }
            | changes
        )

    def ingest(self, data: bytes, **changes: Any) -> Outcome:
        return Ingest(self.context(**changes)).run(io.BytesIO(data))

    def fetch(self, body: bytes, identity: Identity, **changes: Any) -> Outcome:
        """Take in one recording that was fetched by itself."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the ingest closes it)
        file.write(body)
        return Ingest(self.context(**changes)).take(identity, file)

    def identity(self, file_name: str, month: str = MONTH) -> Identity:
        return Identity(UCM, class_of(file_name), month, file_name)

    def files(self) -> dict[str, bytes]:
        """What a reader of the store sees: path and bytes of every file but the marker."""
        return {
            path.relative_to(self.store.root).as_posix(): path.read_bytes()
            for path in sorted(self.store.root.rglob("*"))
            if path.is_file() and not path.relative_to(self.store.root).parts[0].startswith(".")
        }

    def leftovers(self) -> list[Path]:
        return [path for path in (self.store.root / ".incoming").rglob("*") if path.is_file()]


def store_settings(folder: Path, **changes: Any) -> Any:
    defaults = {"url": str(folder), "template": "{ucm}/{month}/{name}", "originals": "auto", "min_free_mb": 0, "shared": False}
    return SimpleNamespace(**(defaults | changes))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        yield Workshop(tmp_path, catalog, open_store(store_settings(tmp_path / "recordings"), catalog))


@pytest.fixture(scope="session")
def _postgres_catalog(postgres_server: PostgresServer) -> str:
    url = postgres_server.fresh()
    Catalog.open(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty catalog is, or will be; the test runs once with each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    url: str = request.getfixturevalue("_postgres_catalog")
    request.getfixturevalue("postgres_server").empty(url)
    return url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """An empty catalog on each kind of database."""
    with Catalog.open(catalog_url) as opened:
        yield opened


@pytest.fixture
def make() -> Any:
    """The makers of this module, for tests: ``make.gsff(1)``, ``make.tgz(make.recordings(3))``."""
    return SimpleNamespace(
        gsff=gsff, wav=wav, samples=samples, name=name, member=member, tar=tar, tgz=tgz, recordings=recordings,
        store_settings=store_settings, UCM=UCM, MONTH=MONTH,
    )  # fmt: skip


@pytest.fixture
def server() -> Iterator[NotingServer]:
    """An HTTP server that notes what it is asked."""
    with noting() as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 2 MiB of space."""
    with mounted(tmp_path / "small-disk", "size=2m,mode=700") as folder:
        yield folder
