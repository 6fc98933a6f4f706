"""Kept sessions: where they lie, whose they are, and that only the configured key opens them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.catalog import Catalog
from scraper.sealed import Sealed, new_key
from scraper.webui.kept import InCatalog, InFile, KeptSession, Place

STATE = {"cookies": [{"name": "session-identify", "value": "sid-of-tests"}]}
OWNER = ("https://pbx.example.com", "backup")


@pytest.fixture(params=[InFile, InCatalog])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        yield InFile(tmp_path, "office") if request.param is InFile else InCatalog(catalog, "office")


def test_a_session_is_found_again_by_its_owner_only_and_can_be_forgotten(place: Place) -> None:
    assert KeptSession(place, *OWNER).load() is None and place.saved_at() is None
    KeptSession(place, *OWNER).save({"old": True})
    KeptSession(place, *OWNER).save(STATE)
    assert KeptSession(place, *OWNER).load() == STATE and place.saved_at()
    assert KeptSession(place, OWNER[0], "somebody-else").load() is None
    assert KeptSession(place, *OWNER).afresh().load() is None
    KeptSession(place, *OWNER).forget()
    assert KeptSession(place, *OWNER).load() is None


def test_a_sealed_session_shows_nothing_and_opens_with_its_key_only(place: Place) -> None:
    old, new = new_key(), new_key()
    KeptSession(place, *OWNER, Sealed([old])).save(STATE)
    assert b"sid-of-tests" not in (place.read() or b"") and b"backup" not in (place.read() or b"")
    assert KeptSession(place, *OWNER, Sealed([new])).load() is None
    assert KeptSession(place, *OWNER).load() is None
    rotated = Sealed([new, old])
    assert KeptSession(place, *OWNER, rotated).load() == STATE
    KeptSession(place, *OWNER, rotated).save(STATE)
    assert KeptSession(place, *OWNER, Sealed([old])).load() is None


def test_what_was_kept_before_there_was_a_key_is_as_if_not_there(place: Place) -> None:
    KeptSession(place, *OWNER).save(STATE)
    assert KeptSession(place, *OWNER, Sealed([new_key()])).load() is None


def test_a_file_of_its_own_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    KeptSession(InFile(tmp_path, "office"), *OWNER).save(STATE)
    file = tmp_path / "sessions" / "office.json"
    assert json.loads(file.read_text())["state"] == STATE and file.stat().st_mode & 0o777 == 0o600
