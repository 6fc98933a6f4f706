"""Verification."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scraper.catalog import Transcript
from scraper.models import Gap, GapReason, Identity, RecordingClass
from scraper.proof.verify import note_lost, verify


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


def harm(shop: Any, make: Any) -> Callable[[], list[tuple[str, GapReason]]]:
    """Three recordings, one lost and one changed; gives what verifying and noting leaves as open gaps."""
    shop.ingest(make.tgz(make.recordings(3)))
    folder = shop.store.root / make.UCM / make.MONTH
    (folder / make.name(0)).unlink()
    (folder / make.name(1)).write_bytes(b"other")

    def noted() -> list[tuple[str, GapReason]]:
        note_lost(shop.catalog, shop.store, make.UCM, verify(shop.catalog, shop.store, make.UCM))
        return [(found.gap.identity.name, found.gap.reason) for found in shop.catalog.open_gaps(make.UCM)]

    return noted


def test_what_is_lost_is_noted_as_a_gap_once(shop: Any, make: Any) -> None:
    noted = harm(shop, make)
    assert noted() == noted() == [(make.name(0), GapReason.CORRUPT), (make.name(1), GapReason.CORRUPT)]
    assert [(found.gap.detail, found.attempts) for found in shop.catalog.open_gaps(make.UCM)] == [
        ("its file is gone from the store", 1),
        ("its file in the store is not what was stored", 1),
    ]


def test_what_was_lost_is_put_back_when_the_same_bytes_come_again(shop: Any, make: Any) -> None:
    noted = harm(shop, make)
    noted()
    assert shop.catalog.totals(make.UCM).archived == 1
    shop.ingest(make.tgz(make.recordings(3)))
    assert noted() == [] and shop.catalog.totals(make.UCM).archived == 3
    files = shop.files()
    assert [files[f"{make.UCM}/{make.MONTH}/{make.name(number)}"] for number in range(3)] == [make.wav(number) for number in range(3)]
    assert b"other" in files.values()  # what lay there is somebody's


def test_what_was_lost_and_is_gone_from_the_pbx_counts_as_gone(shop: Any, make: Any) -> None:
    noted = harm(shop, make)
    noted()
    lost = Gap(Identity(make.UCM, RecordingClass.MONITOR, make.MONTH, make.name(0)), GapReason.GONE, "the PBX has it no more", "")
    for hours in (1, 9):
        shop.catalog.record_gap(lost, at=datetime.now(UTC) + timedelta(hours=hours))
    assert noted() == [(make.name(1), GapReason.CORRUPT)]
    totals = shop.catalog.totals(make.UCM)
    assert (totals.archived, totals.gone) == (1, 1)
    assert verify(shop.catalog, shop.store).checked == 2


def test_a_gap_that_verifying_opened_closes_when_a_backup_brought_the_file_back(shop: Any, make: Any) -> None:
    noted = harm(shop, make)
    noted()
    path = shop.store.root / make.UCM / make.MONTH / make.name(0)
    path.mkdir()  # unreadable, which is not right yet
    assert len(noted()) == 2
    path.rmdir()
    path.write_bytes(make.wav(0))
    assert noted() == [(make.name(1), GapReason.CORRUPT)]


def test_what_is_right_by_the_time_it_is_noted_is_no_gap(shop: Any, make: Any) -> None:
    harm(shop, make)
    result = verify(shop.catalog, shop.store)
    folder = shop.store.root / make.UCM / make.MONTH
    for number in (0, 1):
        (folder / make.name(number)).write_bytes(make.wav(number))
    note_lost(shop.catalog, shop.store, make.UCM, result)
    assert not shop.catalog.open_gaps(make.UCM)


def test_a_gap_of_another_kind_on_a_recording_that_holds_stays(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    identity = Identity(make.UCM, RecordingClass.MONITOR, make.MONTH, make.name(0))
    shop.catalog.record_gap(Gap(identity, GapReason.TOO_SHORT, "shorter than its call", ""))
    note_lost(shop.catalog, shop.store, make.UCM, verify(shop.catalog, shop.store))
    assert len(shop.catalog.open_gaps(make.UCM)) == 1


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


def test_transcripts_are_read_as_well_and_lost_ones_named(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(4)))
    made = []
    for one in shop.catalog.recordings(make.UCM):
        file = shop.store.receive(make.UCM)
        file.file.write(b"Good morning.")
        file.seal()
        made.append(Transcript(one.id, "text", f"{one.path}.transcript.txt", hashlib.sha256(b"Good morning.").hexdigest(), 13))
        shop.catalog.enter_transcripts(made[-1:])
        shop.store.place(file, made[-1].path)
    assert verify(shop.catalog, shop.store).holds
    (shop.store.root / made[0].path).unlink()
    (shop.store.root / made[2].path).write_bytes(b"Good evening.")
    result = verify(shop.catalog, shop.store)
    assert (result.checked, result.ok, result.holds) == (4, 4, False)
    assert result.lost_texts == [made[0].path, made[2].path]


def test_a_transcript_that_is_made_anew_just_then_is_not_lost(shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    (one,) = shop.catalog.recordings(make.UCM)
    made = Transcript(one.id, "text", f"{one.path}.transcript.txt", hashlib.sha256(b"text").hexdigest(), 4)
    shop.catalog.enter_transcripts([made])
    digest, asked = shop.store.digest, []

    def placed_after_the_first_look(path: str) -> str:
        if path == made.path:
            asked.append(path)
            if len(asked) == 2:
                (shop.store.root / path).write_bytes(b"text")
        return str(digest(path))

    monkeypatch.setattr(shop.store, "digest", placed_after_the_first_look)
    assert verify(shop.catalog, shop.store).holds
    assert len(asked) == 2
