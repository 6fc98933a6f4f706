"""Filing: the order that makes a crash harmless, the choice of a place, recovery."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.catalog import Catalog, Recording
from scraper.ingest.filing import recover
from scraper.models import Source
from scraper.store import LocalFile, LocalStore, open_store


def test_bytes_are_flushed_then_announced_then_placed_then_their_folder_flushed_then_archived(
    shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    steps = ((LocalFile, "seal"), (Catalog, "announce"), (LocalStore, "place"), (LocalStore, "sync"), (Catalog, "promote"))
    for owner, step in steps:
        monkeypatch.setattr(owner, step, _noting(order, step, getattr(owner, step)))
    shop.ingest(make.tgz(make.recordings(1)))
    assert order == [step for _, step in steps]


def _noting(order: list[str], step: str, real: Any) -> Any:
    def noting(*arguments: Any) -> Any:
        order.append(step)
        return real(*arguments)

    return noting


def test_recordings_that_come_together_share_flushes_and_commits(shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(Catalog, "promote", _noting(order, "promote", Catalog.promote))
    assert shop.ingest(make.tgz(make.recordings(100, seconds=0.1))).new == 100
    assert len(order) < 50


def announced(shop: Any, make: Any, data: bytes, sha256: str) -> Recording:
    shop.ingest(make.tgz(make.recordings(1)))
    (row,) = shop.catalog.recordings()
    recording = Recording(
        identity=shop.identity("b.wav"), path="office/b.wav", size=len(data), sha256=sha256 or row.sha256, source=Source.BULK,
        source_format="gsff", source_size=1, source_sha256="x", run_id="r",
    )  # fmt: skip
    shop.catalog.announce([recording])
    (shop.store.root / "office").mkdir()
    return recording


def test_an_announced_file_that_is_in_its_place_is_archived(shop: Any, make: Any) -> None:
    announced(shop, make, make.wav(0), "")
    (shop.store.root / "office" / "b.wav").write_bytes(make.wav(0))
    assert recover(shop.store, shop.catalog, make.UCM) == 1
    assert shop.catalog.is_archived(shop.identity("b.wav"))


@pytest.mark.parametrize("there", [None, b"half"])
def test_an_announced_file_that_is_not_there_or_not_right_is_forgotten_and_nothing_deleted(
    shop: Any, make: Any, there: bytes | None
) -> None:
    announced(shop, make, make.wav(0), "")
    if there is not None:
        (shop.store.root / "office" / "b.wav").write_bytes(there)
    before = shop.files()
    assert recover(shop.store, shop.catalog, make.UCM) == 1
    assert shop.catalog.find_recordings(shop.identity("b.wav")) == []
    assert shop.files() == before
    assert recover(shop.store, shop.catalog, make.UCM) == 0


def test_another_ucm_s_announcements_are_left_alone(shop: Any, make: Any) -> None:
    announced(shop, make, b"", "")
    assert recover(shop.store, shop.catalog, "other") == 0
    assert len(list(shop.catalog.recordings(state="storing"))) == 1


def test_many_recordings_with_one_name_and_one_sound_each_get_a_place(shop: Any, make: Any) -> None:
    store = open_store(make.store_settings(shop.store.root, template="{name}"), shop.catalog)
    members = [make.member(f"2026-{month:02}/a.wav", make.gsff(1)) for month in range(1, 13)]
    assert shop.ingest(make.tgz(members), store=store).new == 12
    assert len(shop.files()) == 12
    assert set(shop.files().values()) == {make.wav(1)}


def test_somebody_s_file_where_an_original_belongs_is_left_alone(shop: Any, make: Any) -> None:
    shop.store.originals = "always"
    folder = shop.store.root / make.UCM / make.MONTH
    folder.mkdir(parents=True)
    (folder / "a.wav.original").write_bytes(b"somebody's")
    assert shop.ingest(make.tgz([make.member("2026-02/a.wav", make.gsff(1))])).new == 1
    assert (folder / "a.wav.original").read_bytes() == b"somebody's"
    assert make.gsff(1) in shop.files().values()
    assert make.wav(1) in shop.files().values()
