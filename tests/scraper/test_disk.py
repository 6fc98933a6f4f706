"""How small files are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from scraper.disk import write_private


def test_file_that_a_full_disk_refuses_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    write_private(file, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(file, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
    assert file.read_bytes() == b"old"
