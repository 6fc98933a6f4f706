"""Verification."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.verify import verify


def test_an_untouched_archive_holds(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(100)))
    result = verify(shop.catalog, shop.store)
    assert (result.checked, result.ok, result.holds) == (100, 100, True)


def test_each_kind_of_damage_is_told_apart(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(5)))
    folder = shop.store.root / make.UCM / make.MONTH
    (folder / make.name(0)).unlink()
    with (folder / make.name(1)).open("r+b") as file:
        file.seek(3000)
        file.write(b"\x99")
    with (folder / make.name(2)).open("ab") as file:
        file.write(b"\0")
    (folder / make.name(3)).unlink()
    (folder / make.name(3)).mkdir()
    seen: list[int] = []

    class Watcher:
        def recording(self, size: int) -> None:
            seen.append(size)

    result = verify(shop.catalog, shop.store, make.UCM, Watcher())
    assert (result.checked, result.ok, result.holds) == (5, 1, False)
    assert [identity.name for identity in result.missing] == [make.name(0)]
    assert {identity.name for identity in result.changed} == {make.name(1), make.name(2)}
    assert [identity.name for identity in result.unreadable] == [make.name(3)]
    assert len(seen) == 5


def test_a_link_in_place_of_a_recording_is_not_followed(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    path = shop.store.root / make.UCM / make.MONTH / make.name(0)
    path.rename(shop.folder / "elsewhere.wav")
    path.symlink_to(shop.folder / "elsewhere.wav")
    assert not verify(shop.catalog, shop.store).holds


def test_a_changed_original_is_told(shop: Any, make: Any) -> None:
    shop.store.originals = "always"
    shop.ingest(make.tgz(make.recordings(1)))
    assert verify(shop.catalog, shop.store).holds
    (original,) = shop.store.root.rglob("*.original")
    original.write_bytes(b"other")
    assert len(verify(shop.catalog, shop.store).changed) == 1


@pytest.mark.parametrize(("ucm", "checked"), [(None, 4), ("head-office", 3), ("other", 1), ("nobody", 0)])
def test_one_ucm_or_all(shop: Any, make: Any, ucm: str | None, checked: int) -> None:
    shop.ingest(make.tgz(make.recordings(3)))
    shop.ingest(make.tgz(make.recordings(1)), ucm="other")
    assert verify(shop.catalog, shop.store, ucm).checked == checked
