"""An archive in which several people's calls are known in every way in which a catalog can know them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from converters.interface import BytesSource
from scraper.catalog import Catalog, Recording
from scraper.cdr import parse_groups
from scraper.ingest.quarantine import Suspicion, quarantine_of
from scraper.keeping.choosing import Place, choose
from scraper.keeping.criteria import criteria
from scraper.keeping.erase import Erasing
from scraper.models import Gap, GapReason, Identity, Report, Source, Trigger, Window, class_of
from scraper.settings import Store as StoreSettings
from scraper.store import Store, open_store

UCM = "head-office"
ZONE = ZoneInfo("America/Chicago")
ANN, BOB, EVE = "5555550100", "5555550111", "5555550122"


def file_name(number: int, person: str, extension: str = "1000") -> str:
    """A recording's name: the so-manieth minute of an evening in February 2026."""
    return f"auto-{1770000000 + 60 * number}-{extension}-{person}.wav"


@dataclass
class Archive:
    """A catalog, a store and a data_dir."""

    folder: Path
    catalog: Catalog
    store: Store

    @property
    def place(self) -> Place:
        return Place(self.catalog, UCM, ZONE)

    @property
    def erasing(self) -> Erasing:
        return Erasing(self.catalog, self.store, self.folder, UCM)

    def identity(self, name: str, month: str = "2026-02") -> Identity:
        return Identity(UCM, class_of(name), month, name)

    def keep(
        self, name: str, month: str = "2026-02", *, call: bool = True, ucm: str = UCM, path: str | None = None, **changes: Any
    ) -> Identity:
        """Store a recording, and its call unless told otherwise."""
        identity = Identity(ucm, class_of(name), month, name)
        path = path or f"{ucm}/{month}/{name}"
        self.put(path, b"sound of " + name.encode())
        fields = {
            "size": 9,
            "sha256": "ab" * 32,
            "source": Source.BULK,
            "source_format": "riff",
            "source_size": 9,
            "source_sha256": "cd" * 32,
        }
        self.catalog.announce([Recording(identity=identity, path=path, run_id="run-1", **(fields | changes))])
        self.catalog.promote(ucm)
        if call:
            _, epoch, src, dst = name.removesuffix(".wav").split("-")
            self.call(src=src, dst=dst, start=int(epoch), recordfiles=f"{month}/{name}@")
        return identity

    def put(self, path: str, data: bytes) -> None:
        """Put a file into the store, of which the catalog is not told."""
        file = self.store.receive(UCM)
        file.file.write(data)
        file.seal()
        self.store.place(file, path)
        self.store.sync([path])

    def call(self, *, src: str, dst: str, start: int, **changes: Any) -> None:
        """Note a leg of a call."""
        began = datetime.fromtimestamp(start, UTC).astimezone(ZONE)
        leg = {"session": f"s{start}", "AcctId": str(start), "src": src, "dst": dst, "start": f"{began:%Y-%m-%d %H:%M:%S}", "billsec": "5",
               "disposition": "ANSWERED", "uniqueid": f"{start}.1"}  # fmt: skip
        self.catalog.upsert_calls(UCM, parse_groups([leg | changes], ZONE).calls, "api")

    def miss(self, name: str, month: str = "2026-02", **changes: Any) -> Identity:
        """Note a gap."""
        identity = self.identity(name, month)
        self.catalog.record_gap(Gap(identity, GapReason.UNREACHABLE, "no connection", "wait"), **changes)
        return identity

    def quarantine(self, identity: Identity) -> None:
        """Keep a copy that is not trusted."""
        quarantine = quarantine_of(self.folder, self.store, UCM)
        kept = quarantine.keep(identity, BytesSource(b"noise"), "ef" * 32, Suspicion("corrupt", "it is noise"))
        self.catalog.record_gap(Gap(identity, GapReason.CORRUPT, "it is noise", "none"), kept)

    def report(self, *lines: str) -> None:
        """A run whose report has the open gaps, and these notes."""
        started = datetime.now(UTC)
        report = Report(f"run-{len(self.catalog.last_runs(UCM))}", UCM, Trigger.MANUAL, started, notes=list(lines))
        report.gaps = [found.gap for found in self.catalog.open_gaps(UCM)]
        self.catalog.start_run(report.run_id, UCM, Trigger.MANUAL, Window(), started)
        self.catalog.finish_run(report)

    def log(self, line: str) -> None:
        """A line in a job's log."""
        folder = self.folder / "admin" / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{'0' * 32}.jsonl").open("a") as file:
            file.write(json.dumps({"time": "", "level": "info", "message": line}) + "\n")

    def erase(self, number: str | None = None, *files: str) -> None:
        """Erase by number or by files."""
        self.erasing.erase(choose(self.place, criteria(number, Window(), files)).doomed, "erased", "somebody")

    def paths(self) -> list[str]:
        """What is archived."""
        return sorted(one.identity.path for one in self.catalog.recordings(UCM))

    def with_text(self, text: str) -> list[str]:
        """Which files below the folder hold this text, in their name or their bytes."""
        return [
            str(path.relative_to(self.folder))
            for path in sorted(self.folder.rglob("*"))
            if text in path.name or (path.is_file() and text.encode() in path.read_bytes())
        ]


@pytest.fixture
def archive(tmp_path: Path, catalog: Catalog, make: Any) -> Iterator[Archive]:
    """An empty archive, on each kind of database."""
    yield Archive(tmp_path, catalog, open_store(make.store_settings(tmp_path / "recordings"), catalog))


@pytest.fixture
def archive_in_bucket(tmp_path: Path, catalog: Catalog, bucket: dict[str, Any]) -> Iterator[Archive]:
    """An empty archive in a bucket of a real S3 service."""
    yield Archive(tmp_path, catalog, open_store(StoreSettings(**bucket), catalog))
