"""The quarantine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from converters.interface import BytesSource
from scraper.catalog.tombstones import key_of
from scraper.errors import DiskFull
from scraper.ingest.quarantine import Quarantine, Suspicion, quarantine_of
from scraper.models import Identity, RecordingClass
from scraper.settings import Store
from scraper.store import reading_store

IDENTITY = Identity("office", RecordingClass.MONITOR, "2026-02", "a.wav")
WHY = Suspicion("corrupt", "cut short", ("one", "two"))


def keep(quarantine: Quarantine, data: bytes, identity: Identity = IDENTITY) -> Path:
    return quarantine.folder / quarantine.keep(identity, BytesSource(data), hashlib.sha256(data).hexdigest(), WHY).path


def test_bytes_and_note_are_kept(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    path = keep(Quarantine(tmp_path / "q"), data)
    assert path.read_bytes() == data
    note = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert note["path"] == "2026-02/a.wav"
    assert (note["reason"], note["detail"], note["evidence"], note["size"]) == ("corrupt", "cut short", ["one", "two"], len(data))


def test_the_same_bytes_are_kept_once_and_others_beside_them(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    assert keep(quarantine, b"one") == keep(quarantine, b"one") != keep(quarantine, b"two")
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_bytes_without_their_note_are_kept_again(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    path = keep(quarantine, b"one")
    path.write_bytes(b"half")
    path.with_name(f"{path.name}.json").unlink()
    assert keep(quarantine, b"one").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "n" * 300 + ".wav", "é" * 200])
def test_no_name_leaves_the_folder_or_is_too_long(tmp_path: Path, name: str) -> None:
    path = keep(Quarantine(tmp_path), b"x", Identity("..", RecordingClass.MONITOR, "../x", name))
    assert path.resolve().is_relative_to(tmp_path)
    assert len(path.relative_to(tmp_path).parts) == 3


def test_a_full_disk_is_told(small_disk: Path) -> None:
    with pytest.raises(DiskFull):
        keep(Quarantine(small_disk), bytes(5 << 20))


@pytest.mark.parametrize("kind", ["folder", "shared", "bucket"])
def test_what_is_kept_can_be_read_again_and_removed_with_its_note(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = request.getfixturevalue("bucket") if kind == "bucket" else {"url": str(tmp_path / "store"), "shared": kind == "shared"}
    store = reading_store(Store(**place))
    store.open_marker(create=True)
    quarantine, data = quarantine_of(tmp_path, store, "office"), b"one" * 1000
    kept, other = (
        quarantine.keep(identity, BytesSource(data), hashlib.sha256(data).hexdigest(), WHY)
        for identity in (IDENTITY, Identity("office", RecordingClass.MONITOR, "2026-02", "b.wav"))
    )
    assert (tmp_path / "quarantine").exists() == (kind == "folder")
    with quarantine.opened(kept.path) as source:
        assert (source.size, source.read(1, 5)) == (3000, data[1:6])
    assert quarantine.remove({key_of("2026-02", "a.wav")}) == 1
    with pytest.raises(FileNotFoundError), quarantine.opened(kept.path):
        pass
    with quarantine.opened(other.path) as source:
        assert source.size == 3000


def test_with_a_bucket_nothing_is_kept_on_this_machine(tmp_path: Path, bucket: dict[str, Any]) -> None:
    store = reading_store(Store(**bucket))
    quarantine_of(tmp_path, store, "office").keep(IDENTITY, BytesSource(b"x"), hashlib.sha256(b"x").hexdigest(), WHY)
    assert list(tmp_path.iterdir()) == []
    assert all(path.startswith(".quarantine/office/") for path in store.paths(".quarantine"))
