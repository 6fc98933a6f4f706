"""How small files are written."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from scraper.disk import create_private, write_private


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


@pytest.mark.parametrize("links", [True, False], ids=["hard-links", "no-hard-links"])
def test_file_that_several_make_at_once_is_that_of_one_and_nothing_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    file, seen = tmp_path / "marker", list[bytes]()
    start = threading.Barrier(8)

    def make(number: int) -> None:
        start.wait(10)
        create_private(file, f"of {number}".encode())
        seen.append(file.read_bytes())

    makers = [threading.Thread(target=make, args=(number,)) for number in range(8 if links else 1)]
    makers += [threading.Thread(target=start.wait, args=(10,)) for _ in range(8 - len(makers))]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(20)
    assert set(seen) == {file.read_bytes()}
    create_private(file, b"later")
    assert set(seen) == {file.read_bytes()}
    assert [path.name for path in tmp_path.iterdir()] == ["marker"]
