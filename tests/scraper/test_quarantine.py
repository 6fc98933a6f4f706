"""The quarantine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from converters.interface import BytesSource
from scraper.errors import DiskFull
from scraper.models import Identity, RecordingClass
from scraper.quarantine import Quarantine, Suspicion

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
    assert quarantine.count("office") == 2
    assert quarantine.count("other") == 0


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
