"""The store in a folder: its marker, its writing, its names. What every kind of store does is in test_contract.py."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import ConfigError, DiskFull, StoreUnwritable, StoreVanished
from scraper.models import Identity, RecordingClass
from scraper.store import LocalStore, check_template, open_store

IDENTITY = Identity("office", RecordingClass.QUEUE, "2026-02", "q1-a.wav")


def fill(store: LocalStore, data: bytes) -> Any:
    incoming = store.receive("office")
    incoming.file.write(data)
    incoming.seal()
    return incoming


def test_a_file_appears_whole_under_its_path_and_leaves_nothing_behind(shop: Any) -> None:
    incoming = fill(shop.store, b"abc")
    assert shop.files() == {}
    assert shop.store.place(incoming, "office/2026-02/a.wav")
    shop.store.sync(["office/2026-02/a.wav"])
    incoming.discard()
    assert shop.files() == {"office/2026-02/a.wav": b"abc"}
    assert shop.leftovers() == []
    with shop.store.open("office/2026-02/a.wav") as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize("links", [True, False])
def test_what_is_there_is_never_replaced(shop: Any, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    assert shop.store.place(fill(shop.store, b"one"), "a.wav")
    second = fill(shop.store, b"two")
    assert not shop.store.place(second, "a.wav")
    second.discard()
    assert shop.files() == {"a.wav": b"one"}
    assert shop.leftovers() == []


def _no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_removed_file_is_gone_and_removing_it_again_is_no_error(shop: Any) -> None:
    shop.store.place(fill(shop.store, b"abc"), "office/a.wav")
    for _ in range(2):
        shop.store.remove("office/a.wav")
        shop.store.sync(["office/a.wav"])
    assert shop.files() == {}


def test_leftovers_of_one_ucm_are_removed_and_another_s_left(shop: Any) -> None:
    fill(shop.store, b"one")
    shop.store.receive("other").file.close()
    assert shop.store.remove_leftovers("office") == 1
    assert [path.parent.name for path in shop.leftovers()] == ["other"]


def test_the_same_store_is_recognised(shop: Any, make: Any) -> None:
    assert open_store(make.store_settings(shop.store.root), shop.catalog).root == shop.store.root
    assert open_store(make.store_settings(shop.store.root.as_uri()), shop.catalog).root == shop.store.root


@pytest.mark.fault("storage", "the mount is missing", "the job ends before anything is asked for again", exit_code=8, promise="loss")
def test_a_known_store_without_its_marker_has_vanished(shop: Any, make: Any) -> None:
    (shop.store.root / ".ucm-store").unlink()
    with pytest.raises(StoreVanished, match="lacks its marker"):
        open_store(make.store_settings(shop.store.root), shop.catalog)
    assert not (shop.store.root / ".ucm-store").exists()


def test_a_known_store_whose_folder_is_gone_has_vanished(shop: Any, make: Any) -> None:
    shop.store.root.rename(shop.folder / "moved")
    with pytest.raises(StoreVanished, match="not there") as caught:
        open_store(make.store_settings(shop.store.root), shop.catalog)
    assert str(shop.store.root) in caught.value.message and "catalog.url" in caught.value.remedy
    assert not shop.store.root.exists()


def test_another_store_s_marker_is_not_ours(shop: Any, make: Any) -> None:
    (shop.store.root / ".ucm-store").write_text(json.dumps({"id": "other"}))
    with pytest.raises(StoreVanished, match="another store"):
        open_store(make.store_settings(shop.store.root), shop.catalog)


def test_a_damaged_marker_is_not_ours(shop: Any, make: Any) -> None:
    (shop.store.root / ".ucm-store").write_text("{")
    with pytest.raises(StoreVanished, match="damaged"):
        open_store(make.store_settings(shop.store.root), shop.catalog)


def test_a_file_in_place_of_the_folder_is_refused(shop: Any, make: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shop.catalog.set_meta("store.id", "")
    with pytest.raises(StoreVanished):
        open_store(make.store_settings(tmp_path / "file"), shop.catalog)


def test_a_read_only_store_is_unwritable(shop: Any, make: Any, small_disk: Path) -> None:
    shop.store.root.rename(shop.folder / "away")
    subprocess.run(["cp", "-a", f"{shop.folder}/away/.", str(small_disk)], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreUnwritable, match="Read-only"):
        open_store(make.store_settings(small_disk), shop.catalog)


_AS_NOBODY = """
import os, sys
from types import SimpleNamespace
from scraper.catalog import Catalog
from scraper.errors import StoreUnwritable
from scraper.store import open_store
catalog = Catalog.open("sqlite://")
if os.getuid() == 0:
    os.setuid(65534)
try:
    open_store(SimpleNamespace(url=sys.argv[1], template="{name}", originals="auto", min_free_mb=0, shared=False), catalog)
except StoreUnwritable as error:
    print(error.message)
"""


def test_a_store_without_permission_is_unwritable(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = subprocess.run([sys.executable, "-c", _AS_NOBODY, str(closed / "store")], capture_output=True, text=True, check=True)
    assert "Permission denied" in done.stdout


def test_less_free_space_than_asked_for_is_disk_full(shop: Any, make: Any) -> None:
    with pytest.raises(DiskFull, match=r"store\.min_free_mb"):
        open_store(make.store_settings(shop.store.root, min_free_mb=1 << 40), shop.catalog)


@pytest.mark.fault("storage", "the disk fills in the middle of a file", "no half file is left", exit_code=8, promise="loss")
def test_a_disk_that_fills_while_writing_is_disk_full(small_disk: Path) -> None:
    store = LocalStore(small_disk / "store")
    store.open_marker(create=True)
    incoming = store.receive("office")
    with pytest.raises(OSError, match="No space") as caught:
        while True:
            incoming.file.write(bytes(100_000))
    from scraper.disk import storage_error

    assert isinstance(storage_error(caught.value, "The store"), DiskFull)


def test_a_store_of_an_unknown_kind_is_refused(shop: Any, make: Any) -> None:
    with pytest.raises(ConfigError, match="there is no store on ftp://"):
        open_store(make.store_settings("ftp://host/x"), shop.catalog)


@pytest.mark.parametrize("template", ["{ucm}/{month}", "{name}/{other}", "{ucm.__class__}/{name}", "{name!r}", "{name:>10}", "{name", "{}"])
def test_a_template_that_makes_no_sense_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.template"):
        check_template(template)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{ucm}/{month}/{name}", "office/2026-02/q1-a.wav"),
        ("{year}/{class}/{ucm}-{name}", "2026/queue/office-q1-a.wav"),
        ("../../{name}", "q1-a.wav"),
        ("/{month}//{name}", "2026-02/q1-a.wav"),
        (".incoming/{name}", "%2Eincoming/q1-a.wav"),
    ],
)
def test_paths_follow_the_template(tmp_path: Path, template: str, path: str) -> None:
    assert LocalStore(tmp_path, template).path_for(IDENTITY).path == path


def test_mark_and_other_name_stand_where_they_should(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.path_for(IDENTITY, name="a.mp3", mark="0123abcd").path == "office/2026-02/a~0123abcd.mp3"


_ANY = st.text(st.characters(codec=None, exclude_categories=[]), max_size=300)


@given(_ANY, _ANY, _ANY, st.sampled_from(["{ucm}/{month}/{name}", "{name}", "{year}-{ucm}/{name}", "x{month}{name}"]))
def test_no_name_leaves_the_store_or_is_too_long(ucm: str, month: str, name: str, template: str) -> None:
    found = LocalStore(Path("store"), template).path_for(Identity(ucm[:40], RecordingClass.MONITOR, month[:20], name))
    parts = found.path.split("/")
    assert len(parts) == template.count("/") + 1
    for part in parts:
        assert part
        assert part[0] != "."
        assert "\0" not in part
        assert len(os.fsencode(part)) <= 255 - len(".original")
