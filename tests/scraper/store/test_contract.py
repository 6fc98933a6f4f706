"""What every kind of store does: a folder, a bucket, and a bucket on a service that knows conditional writes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_proxy import S3Proxy

from scraper.catalog import Catalog
from scraper.errors import StoreUnwritable, StoreVanished
from scraper.models import Identity, RecordingClass
from scraper.settings import Store as Settings
from scraper.store import Store, open_store

PATH = "office/2026-02/a.wav"
#: More than two parts of an upload, and not a whole number of them.
LARGE = random.Random(1).randbytes((17 << 20) + 5)


def write(store: Store, data: bytes, *, ucm: str = "office") -> Any:
    incoming = store.receive(ucm)
    for at in range(0, len(data), 1 << 20):
        incoming.file.write(data[at : at + (1 << 20)])
    incoming.seal()
    return incoming


def put(store: Store, data: bytes, path: str = PATH) -> bool:
    incoming = write(store, data)
    placed = store.place(incoming, path)
    store.sync([path])
    incoming.discard()
    return placed


class StoreContract:
    """Inherited for every kind, which says where it lies in ``settings``."""

    @pytest.fixture
    def settings(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def catalog(self) -> Iterator[Catalog]:
        with Catalog.open("sqlite://") as catalog:
            yield catalog

    @pytest.fixture
    def store(self, settings: Any, catalog: Catalog) -> Store:
        return open_store(settings, catalog)

    @pytest.mark.parametrize("data", [b"", b"abc", LARGE], ids=["empty", "small", "large"])
    def test_a_file_appears_whole_when_it_is_placed(self, store: Store, data: bytes) -> None:
        incoming = write(store, data)
        assert not store.exists(PATH)
        assert list(store.paths("office")) == []
        assert store.place(incoming, PATH)
        store.sync([PATH])
        incoming.discard()
        assert store.digest(PATH) == hashlib.sha256(data).hexdigest()
        with store.open(PATH) as file:
            assert file.read() == data
        assert list(store.paths("office")) == [PATH]
        assert PATH in store.paths("")
        assert store.remove_leftovers("office") == 0

    def test_a_file_is_read_from_any_position(self, store: Store) -> None:
        put(store, LARGE)
        with store.open(PATH) as file:
            assert file.seek(0, os.SEEK_END) == len(LARGE)
            for at, length in ((0, 4), (9 << 20, 100_000), (5, 3), (len(LARGE) - 2, 10)):
                file.seek(at)
                assert file.read(length) == LARGE[at : at + length]

    @pytest.mark.parametrize("data", [b"two", LARGE], ids=["small", "large"])
    def test_what_is_there_is_never_replaced_by_placing(self, store: Store, data: bytes) -> None:
        assert put(store, b"one")
        assert not put(store, data)
        assert store.digest(PATH) == hashlib.sha256(b"one").hexdigest()
        assert store.remove_leftovers("office") == 0

    @pytest.mark.parametrize("data", [b"two", LARGE], ids=["small", "large"])
    def test_replacing_leaves_the_new_one(self, store: Store, data: bytes) -> None:
        put(store, b"one")
        store.replace(write(store, data), PATH)
        store.sync([PATH])
        assert store.digest(PATH) == hashlib.sha256(data).hexdigest()

    def test_moving_replaces_and_leaves_nothing_behind(self, store: Store) -> None:
        put(store, b"one")
        put(store, b"two", "office/b.wav")
        store.move(PATH, "office/b.wav")
        store.sync([PATH, "office/b.wav"])
        assert not store.exists(PATH)
        assert store.digest("office/b.wav") == hashlib.sha256(b"one").hexdigest()

    def test_moving_what_is_not_there_is_an_error(self, store: Store) -> None:
        with pytest.raises(StoreUnwritable):
            store.move(PATH, "office/b.wav")

    def test_a_removed_file_is_gone_and_removing_it_again_is_no_error(self, store: Store) -> None:
        put(store, b"one")
        for _ in range(2):
            store.remove(PATH)
            store.sync([PATH])
        assert not store.exists(PATH)

    def test_what_is_not_there_is_told_apart_from_what_fails(self, store: Store) -> None:
        with pytest.raises(FileNotFoundError):
            store.open(PATH)
        with pytest.raises(FileNotFoundError):
            store.digest(PATH)

    def test_discarding_leaves_nothing(self, store: Store) -> None:
        for incoming in (write(store, b"one"), write(store, LARGE), store.receive("office")):
            incoming.discard()
            incoming.discard()
        unsealed = store.receive("office")
        unsealed.file.write(LARGE)
        unsealed.discard()
        assert store.remove_leftovers("office") == 0

    def test_leftovers_of_one_ucm_are_removed_and_another_s_left(self, store: Store) -> None:
        write(store, LARGE)
        begun = store.receive("office")
        begun.file.write(LARGE[: 9 << 20])
        other = write(store, LARGE, ucm="office-2")
        assert store.remove_leftovers("office") == 2
        assert store.place(other, PATH)
        begun.discard()

    @pytest.mark.parametrize("name", ["a b#+%25~ü&=.wav", "*[x]?.wav", "..", "%2e%2e", "'\"<>.wav", "é" * 200 + ".wav", "x" * 400])
    def test_any_name_is_stored_and_found_again(self, store: Store, name: str) -> None:
        path = store.path_for(Identity("office", RecordingClass.MONITOR, "2026-02", name)).path
        assert put(store, b"one", path)
        assert store.exists(path)
        assert store.digest(path) == hashlib.sha256(b"one").hexdigest()
        store.move(path, f"{path}.original")
        assert list(store.paths("office")) == [f"{path}.original"]

    def test_the_same_store_is_recognised_and_another_catalog_may_adopt_it(self, store: Store, settings: Any, catalog: Catalog) -> None:
        put(store, b"one")
        assert open_store(settings, catalog).exists(PATH)
        with Catalog.open("sqlite://") as other:
            assert open_store(settings, other).exists(PATH)
            assert open_store(settings, other).exists(PATH)

    def test_a_known_store_without_its_marker_has_vanished(self, store: Store, settings: Any, catalog: Catalog) -> None:
        store.remove(".ucm-store")
        with pytest.raises(StoreVanished, match="lacks its marker") as caught:
            open_store(settings, catalog)
        assert settings.url in caught.value.message
        assert not store.exists(".ucm-store")

    @pytest.mark.parametrize(("marker", "how"), [(b'{"id": "other"}', "another store"), (b"{", "damaged"), (b"[]", "damaged")])
    def test_a_strange_marker_is_not_ours(self, store: Store, settings: Any, catalog: Catalog, marker: bytes, how: str) -> None:
        store.replace(write(store, marker), ".ucm-store")
        with pytest.raises(StoreVanished, match=how):
            open_store(settings, catalog)

    @pytest.mark.parametrize("step", ["received", "written", "sealed", "placed"])
    def test_a_writer_killed_at_any_step_leaves_a_whole_file_or_none(self, store: Store, settings: Any, tmp_path: Path, step: str) -> None:
        (tmp_path / "settings.json").write_text(settings.model_dump_json(exclude={"access_key", "secret_key"}))
        keys = {name: getattr(settings, name).get_secret_value() for name in ("access_key", "secret_key") if getattr(settings, name)}
        done = subprocess.run(
            [sys.executable, "-c", _WRITER, str(tmp_path / "settings.json"), step, *keys.values()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert store.exists(PATH) == (step == "placed")
        store.remove_leftovers("office")
        assert store.remove_leftovers("office") == 0
        if step == "placed":
            assert store.digest(PATH) == hashlib.sha256(bytes(18 << 20)).hexdigest()
        else:
            assert put(store, b"again")


_WRITER = """
import json, os, signal, sys
from pathlib import Path
from scraper.settings import Store
from scraper.store import reading_store
keys = dict(zip(("access_key", "secret_key"), sys.argv[3:]))
store = reading_store(Store(**json.loads(Path(sys.argv[1]).read_text()), **keys))
def at(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
file = store.receive("office")
at("received")
file.file.write(bytes(18 << 20))
at("written")
file.seal()
at("sealed")
store.place(file, "office/2026-02/a.wav")
at("placed")
"""


class TestFolder(StoreContract):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(url=str(tmp_path / "recordings"), min_free_mb=0)


class TestBucket(StoreContract):
    @pytest.fixture
    def settings(self, bucket: dict[str, Any]) -> Settings:
        return Settings(**bucket)


class TestBucketWithConditions(StoreContract):
    @pytest.fixture
    def settings(self, s3_proxy: S3Proxy, bucket: dict[str, Any]) -> Settings:
        s3_proxy.conditional = True
        return Settings(**bucket)

    test_a_writer_killed_at_any_step_leaves_a_whole_file_or_none = None  # nothing in it depends on conditions, and it takes long

    def test_two_that_place_at_the_same_moment_do_not_replace_each_other(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        put(store, b"one")
        monkeypatch.setattr(store, "exists", lambda path: False)  # it was not there yet when it was looked at
        assert not put(store, b"two")
        assert store.digest(PATH) == hashlib.sha256(b"one").hexdigest()
