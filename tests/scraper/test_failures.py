"""What the browser showed at failures, in a folder and in a store: found by its run, bounded, removed with its UCM's traces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scraper.catalog import Catalog
from scraper.errors import StoreVanished
from scraper.failures import ACTIONS, KEPT, SCREENSHOT, Failures, InFolder, InStore, failures_of
from scraper.settings import Settings
from scraper.settings.model import Store as StoreSection
from scraper.store import open_store, reading_store

NOON = datetime(2026, 2, 6, 12, tzinfo=UTC)
Of = Callable[[str], Failures]


@pytest.fixture(params=["folder", "folder-in-store", "bucket"])
def of(request: pytest.FixtureRequest, tmp_path: Path) -> Of:
    """``of(ucm)``: its failures."""
    if request.param == "folder":
        return partial(InFolder, tmp_path / "failures")
    section = request.getfixturevalue("bucket") if request.param == "bucket" else {"url": str(tmp_path / "store")}
    settings = StoreSection.model_validate(section)
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        open_store(settings, catalog)
    return partial(InStore, partial(reading_store, settings))


def keep(failures: Failures, seconds: float, picture: bytes = b"PNG") -> str:
    return failures.keep(NOON + timedelta(seconds=seconds), {ACTIONS: b"{}", SCREENSHOT: picture})


def shown(failures: Failures, since: float, until: float | None) -> bytes | None:
    found = failures.picture(NOON + timedelta(seconds=since), None if until is None else NOON + timedelta(seconds=until))
    return failures.read(found) if found else None


def test_a_picture_is_its_runs_own_and_the_last(of: Of) -> None:
    assert shown(of("one"), 0, 30) is None
    for seconds, ucm, picture in ((-30, "one", b"before"), (10, "one", b"first"), (20, "one", b"last"), (25, "two", b"another's")):
        assert f"{NOON + timedelta(seconds=seconds):%H-%M-%S}" in keep(of(ucm), seconds, picture)
    of("one").keep(NOON + timedelta(seconds=28), {ACTIONS: b"{}"})
    keep(of("one"), 40, b"after")
    assert shown(of("one"), 0, 30) == b"last"
    assert shown(of("one"), 0, None) == b"after"
    assert shown(of("two"), 0, 30) == b"another's"
    assert shown(of("one"), 50, 60) is None


def test_only_the_newest_are_kept(of: Of) -> None:
    for seconds in range(KEPT + 2):
        keep(of("one"), seconds, b"%d" % seconds)
    assert shown(of("one"), -10, 0.5) is None
    assert shown(of("one"), -10, 3.5) == b"4" and shown(of("one"), 2, 2) == b"3"
    keep(of("one"), KEPT + 1, b"of the same moment")
    assert shown(of("one"), 2, 2) == b"3" and shown(of("one"), 0, None) == b"of the same moment"


def test_a_ucms_failures_are_removed_and_no_others(of: Of) -> None:
    for ucm in ("one", "one more"):
        keep(of(ucm), 0)
    for _ in range(2):
        of("one").remove()
    assert (shown(of("one"), -10, None), shown(of("one more"), -10, None)) == (None, b"PNG")


def test_a_folder_of_failures_may_hold_other_things(tmp_path: Path) -> None:
    for name in ("odd name", "2026-02-06T12-00-00Z-one", "0-notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "odd name" / SCREENSHOT).touch()
    for seconds in range(KEPT + 2):
        keep(InFolder(tmp_path, "one"), 60 + seconds)
    assert {"odd name", "2026-02-06T12-00-00Z-one", "0-notes"} <= {path.name for path in tmp_path.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(f"*/{ACTIONS}")} == {0o600}


def test_nothing_is_kept_where_the_store_is_gone(tmp_path: Path) -> None:
    settings = StoreSection(url=str(tmp_path / "unmounted"))
    with pytest.raises(StoreVanished):
        keep(InStore(partial(reading_store, settings), "one"), 0)
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize(("fleet", "kind"), [({"name": "north"}, InStore), ({}, InFolder)])
def test_a_fleet_keeps_them_where_all_its_machines_look(tmp_path: Path, fleet: dict[str, Any], kind: type[Failures]) -> None:
    web = {"username": "backup", "password": "x"}
    settings = Settings.model_validate(
        {
            "store": {"url": str(tmp_path / "store")},
            "catalog": {"url": "postgresql+psycopg://db.example.com/ucm"},
            "encryption": {"key": f"{'A' * 43}="},
            "fleet": fleet,
            "ucms": {"one": {"url": "https://pbx.example.com", "web": web}},
        }
    )
    assert type(failures_of(settings, "one")) is kind
