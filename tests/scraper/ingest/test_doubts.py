"""Stored copies that are in doubt: what confirms them, what replaces them, and that nothing is lost meanwhile."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from scraper.catalog import Catalog
from scraper.cdr import Call, CallFile, Moment
from scraper.errors import StoreUnwritable
from scraper.ingest.filing import recover
from scraper.models import Gap, GapReason, RecordingClass, Source
from scraper.proof.verify import verify
from scraper.store import LocalStore


def spoilt(make: Any, members: list[Any]) -> bytes:
    """An archive of them with a wrong checksum at its end; what follows them is all that is lost by that."""
    data = bytes(make.tgz([*members, make.member("rest.bin", random.Random(1).randbytes(1_000_000))]))
    return data[:-8] + bytes(byte ^ 0xFF for byte in data[-8:-4]) + data[-4:]


def archive(make: Any, seed: int, seconds: float = 0.5) -> bytes:
    return bytes(make.tgz([make.member("2026-02/a.wav", make.gsff(seed, seconds))]))


def fetched(shop: Any, body: bytes, source: Source = Source.RECAPI, **context: Any) -> Any:
    return shop.fetch(body, shop.identity("a.wav"), source=source, **context)


def doubt(shop: Any, reason: GapReason) -> None:
    shop.catalog.record_gap(Gap(shop.identity("a.wav"), reason, "detail", "remedy"))


def state(shop: Any, make: Any) -> tuple[dict[str, int | None], int, int]:
    """Which recording (by its seed) lies where, how many count as archived, how many gaps are open; store and catalog agree."""
    assert verify(shop.catalog, shop.store).holds
    seeds = {make.wav(seed, seconds): seed for seed in range(4) for seconds in (0.5, 1, 2)}
    files = shop.files()
    assert sorted(files) == sorted(row.path for row in shop.catalog.recordings(make.UCM))
    placed = {("a.wav" if path.endswith("/a.wav") else "beside"): seeds[data] for path, data in files.items()}
    totals, gaps = shop.catalog.totals(make.UCM), shop.catalog.open_gaps(make.UCM)
    rows = [row for row in shop.catalog.recordings(make.UCM) if not row.suffix]
    assert [row.path.rpartition("/")[2] for row in rows] == ["a.wav"]
    return placed, totals.archived, len(gaps)


@pytest.mark.fault("audio", "recordings come from a damaged archive", "kept, and gaps until a sound copy confirms them", promise="success")
def test_what_is_new_in_an_archive_with_a_wrong_checksum_is_kept_and_counts_as_a_gap(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    outcome = shop.ingest(spoilt(make, make.recordings(4)))
    assert (outcome.new, outcome.already, outcome.complete) == (3, 1, False)
    assert len(shop.files()) == 4
    found = shop.catalog.open_gaps(make.UCM)
    assert {row.gap.identity for row in found} == {shop.identity(make.name(number)) for number in (1, 2, 3)}
    assert {row.gap.reason for row in found} == {GapReason.CORRUPT}
    assert shop.catalog.totals(make.UCM).archived == 1


@pytest.mark.parametrize("length", [1.0, 0.9])
def test_the_same_bytes_in_an_archive_that_is_sound_or_merely_cut_confirm_a_doubted_copy(shop: Any, make: Any, length: float) -> None:
    shop.ingest(spoilt(make, [make.member("2026-02/a.wav", make.gsff(1))]))
    assert state(shop, make) == ({"a.wav": 1}, 0, 1)
    data = make.tar([make.member("2026-02/a.wav", make.gsff(1)), make.member("2026-02/b.txt", bytes(100_000))])
    outcome = shop.ingest(data[: int(len(data) * length)])
    assert (outcome.new, outcome.already, outcome.notes) == (0, 1, [])
    assert state(shop, make) == ({"a.wav": 1}, 1, 0)


def test_other_bytes_in_a_sound_archive_take_the_name_of_a_doubted_copy_which_is_kept_beside(shop: Any, make: Any) -> None:
    shop.ingest(spoilt(make, [make.member("2026-02/a.wav", make.gsff(1))]))
    outcome = shop.ingest(archive(make, 2))
    assert state(shop, make) == ({"a.wav": 2, "beside": 1}, 1, 0)
    assert any("better copy" in note for note in outcome.notes)
    assert shop.ingest(archive(make, 2)).already == 1
    assert state(shop, make) == ({"a.wav": 2, "beside": 1}, 1, 0)


def test_a_second_damaged_archive_settles_nothing(shop: Any, make: Any) -> None:
    for seed in (1, 1, 2):
        shop.ingest(spoilt(make, [make.member("2026-02/a.wav", make.gsff(seed))]))
    assert state(shop, make) == ({"a.wav": 1, "beside": 2}, 0, 1)
    shop.ingest(archive(make, 2))
    assert state(shop, make) == ({"a.wav": 2, "beside": 1}, 1, 0)


def test_a_damaged_archive_casts_no_doubt_on_what_was_archived_before(shop: Any, make: Any) -> None:
    shop.ingest(archive(make, 1))
    shop.ingest(spoilt(make, [make.member("2026-02/a.wav", make.gsff(2))]))
    assert state(shop, make) == ({"a.wav": 1, "beside": 2}, 1, 0)


@pytest.mark.parametrize("source", [Source.BULK, Source.RECAPI])
def test_a_longer_copy_takes_the_place_of_one_that_is_too_short(shop: Any, make: Any, source: Source) -> None:
    shop.ingest(archive(make, 1))
    doubt(shop, GapReason.TOO_SHORT)
    assert state(shop, make) == ({"a.wav": 1}, 0, 1)
    fetched(shop, make.wav(2, 1), source)
    assert state(shop, make) == ({"a.wav": 2, "beside": 1}, 1, 0)
    (first, other) = sorted(shop.catalog.find_recordings(shop.identity("a.wav")), key=lambda row: row.suffix)
    assert (first.source, first.frames) == (source, 8000)
    assert other.suffix == other.sha256[:8]


@pytest.mark.parametrize("formats", [("wav", "flac", "wav"), ("flac", "opus", "flac")], ids="-".join)
def test_a_better_copy_in_an_earlier_one_s_format_leaves_that_in_its_place(shop: Any, make: Any, formats: tuple[str, ...]) -> None:
    for seed, (source, format) in enumerate(zip((Source.BULK, Source.RECAPI, Source.ROW), formats, strict=True), 1):
        fetched(shop, make.wav(seed, seed / 2), source, format=format)
        if seed < 3:
            doubt(shop, GapReason.TOO_SHORT)
    versions = shop.catalog.find_recordings(shop.identity("a.wav"))
    assert sorted(row.path for row in versions) == sorted(shop.files())
    assert [row.frames for row in versions if not row.suffix] == [12000]
    assert verify(shop.catalog, shop.store).holds
    assert shop.catalog.open_gaps(make.UCM) == []


def test_a_better_copy_leaves_another_ucm_s_recording_of_the_same_bytes_in_its_place(shop: Any, make: Any) -> None:
    shop.store = LocalStore(shop.store.root, "{month}/{name}")
    neighbour = replace(shop.identity("a.wav"), ucm="branch")
    for identity in (neighbour, shop.identity("a.wav")):
        shop.fetch(make.wav(1), identity, ucm=identity.ucm)
    doubt(shop, GapReason.TOO_SHORT)
    fetched(shop, make.wav(2, 1), Source.RECAPI)
    assert verify(shop.catalog, shop.store).holds
    assert shop.files()["2026-02/a.wav"] == make.wav(1)
    assert sorted(map(len, shop.files().values())) == sorted(map(len, (make.wav(1), make.wav(1), make.wav(2, 1))))


def test_other_bytes_of_another_way_that_hold_as_much_sound_settle_that_there_is_no_more(shop: Any, make: Any) -> None:
    shop.ingest(archive(make, 1))
    doubt(shop, GapReason.TOO_SHORT)
    fetched(shop, make.wav(2))
    assert shop.catalog.open_gaps(make.UCM) == []
    assert shop.files()[f"{make.UCM}/2026-02/a.wav"] == make.wav(1)


@pytest.mark.parametrize("seconds", [0.25])
def test_other_bytes_that_are_shorter_leave_a_copy_too_short(shop: Any, make: Any, seconds: float) -> None:
    shop.ingest(archive(make, 1))
    doubt(shop, GapReason.TOO_SHORT)
    fetched(shop, make.wav(2, seconds))
    assert shop.files()[f"{make.UCM}/2026-02/a.wav"] == make.wav(1)
    assert make.wav(2, seconds) in shop.files().values()
    assert len(shop.catalog.open_gaps(make.UCM)) == 1
    fetched(shop, make.wav(3, 2), Source.ROW)
    assert shop.files()[f"{make.UCM}/2026-02/a.wav"] == make.wav(3, 2)
    assert shop.catalog.open_gaps(make.UCM) == []
    assert set(shop.files().values()) == {make.wav(1), make.wav(2, seconds), make.wav(3, 2)}


def test_the_same_bytes_close_a_gap_for_being_too_short_only_if_they_came_another_way(shop: Any, make: Any) -> None:
    shop.ingest(archive(make, 1))
    doubt(shop, GapReason.TOO_SHORT)
    shop.ingest(archive(make, 1))
    assert state(shop, make) == ({"a.wav": 1}, 0, 1)
    outcome = fetched(shop, make.wav(1))  # the same sound, in another wrapping
    assert state(shop, make) == ({"a.wav": 1}, 1, 0)
    assert any("no more sound" in note for note in outcome.notes)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_copy_is_confirmed_by_what_came_another_way_and_not_by_its_own_coming_in_the_same_second(shop: Any, make: Any, seed: int) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        doubt(shop, GapReason.CORRUPT)  # nothing is held yet
        shop.ingest(archive(make, 1))
        assert (shop.catalog.open_gaps(make.UCM), shop.catalog.was_confirmed(shop.identity("a.wav"))) == ([], False)
        doubt(shop, GapReason.TOO_SHORT)
        fetched(shop, make.wav(seed))
        assert (shop.catalog.open_gaps(make.UCM), shop.catalog.was_confirmed(shop.identity("a.wav"))) == ([], True)


@pytest.mark.fault(
    "audio",
    "every way brings the same beginning of a recording that the PBX is still writing",
    "a gap until ten minutes after its call; then the rest takes its place",
    promise="success",
)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_way_says_that_there_is_no_more_while_the_pbx_may_still_be_writing(shop: Any, make: Any, seed: int) -> None:
    start = datetime.now(UTC) - timedelta(seconds=40)
    file = CallFile("a.wav", "2026-02", RecordingClass.MONITOR)
    call = Call(session="s", acct_id="1", start=Moment(start.replace(tzinfo=None), start), talk_seconds=20, files=(file,))
    shop.catalog.upsert_calls(make.UCM, [call], "api")
    shop.ingest(archive(make, 1))
    doubt(shop, GapReason.TOO_SHORT)
    fetched(shop, make.wav(seed))
    assert len(shop.catalog.open_gaps(make.UCM)) == 1
    with time_machine.travel(start + timedelta(minutes=11), tick=True):
        fetched(shop, make.wav(seed))
    assert shop.catalog.open_gaps(make.UCM) == []


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("found", [None, b"changed"])
def test_a_stored_file_that_was_lost_or_changed_is_made_good_by_whatever_comes(
    shop: Any, make: Any, seed: int, found: bytes | None
) -> None:
    shop.ingest(archive(make, 1))
    path = shop.store.root / make.UCM / "2026-02" / "a.wav"
    path.unlink()
    if found is not None:
        path.write_bytes(found)
    doubt(shop, GapReason.CORRUPT)
    shop.ingest(archive(make, seed))
    assert path.read_bytes() == make.wav(seed)
    assert verify(shop.catalog, shop.store).holds
    assert shop.catalog.totals(make.UCM).archived == 1
    assert shop.catalog.open_gaps(make.UCM) == []
    assert sorted(shop.files().values()) == sorted([make.wav(seed), *([found] if found else [])])


def test_a_lost_original_is_put_back_too(shop: Any, make: Any) -> None:
    shop.store.originals = "always"
    shop.ingest(archive(make, 1))
    before = shop.files()
    (shop.store.root / make.UCM / "2026-02" / "a.wav.original").unlink()
    doubt(shop, GapReason.CORRUPT)
    shop.ingest(archive(make, 1))
    assert shop.files() == before
    assert shop.catalog.open_gaps(make.UCM) == []


def test_somebody_s_file_in_the_plain_place_is_left_alone(shop: Any, make: Any) -> None:
    ogg = b"OggS" + bytes(500)
    shop.ingest(spoilt(make, [make.member("2026-02/a.wav", ogg)]))
    (shop.store.root / make.UCM / "2026-02" / "a.wav").write_bytes(b"somebody's")
    shop.ingest(archive(make, 2))
    first, other = sorted(shop.catalog.find_recordings(shop.identity("a.wav")), key=lambda row: row.suffix)
    assert (first.sha256[:8] in first.path, other.path.rpartition("/")[2]) == (True, "a.ogg")
    assert set(shop.files().values()) == {b"somebody's", ogg, make.wav(2)}
    assert verify(shop.catalog, shop.store).holds
    assert shop.catalog.open_gaps(make.UCM) == []


@pytest.mark.parametrize("reason", [GapReason.CORRUPT, GapReason.TOO_SHORT])
@pytest.mark.parametrize(("owner", "step", "time"), [
    (LocalStore, "place", 2), (LocalStore, "sync", 2), (Catalog, "exchange", 1), (LocalStore, "move", 1), (LocalStore, "sync", 3),
    (Catalog, "promote", 2),
])  # fmt: skip
def test_an_exchange_that_dies_at_any_step_is_made_up_for_when_the_better_copy_comes_again(
    shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, time: int, reason: GapReason
) -> None:
    shop.ingest(archive(make, 1))
    doubt(shop, reason)
    real, calls = getattr(owner, step), []

    def dying(*arguments: Any) -> Any:
        calls.append(step)
        if len(calls) == time:
            raise StoreUnwritable
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(StoreUnwritable):
        patch.setattr(owner, step, dying)
        shop.ingest(archive(make, 2, 1))
    recover(shop.store, shop.catalog, make.UCM)
    assert verify(shop.catalog, shop.store).holds
    totals, gaps = shop.catalog.totals(make.UCM), shop.catalog.open_gaps(make.UCM)
    assert totals.archived + len(gaps) == 1
    assert {make.wav(1), make.wav(2, 1)} == set(shop.files().values())
    shop.ingest(archive(make, 2, 1))
    assert state(shop, make) == ({"a.wav": 2, "beside": 1}, 1, 0)


def test_members_with_a_recording_s_name_that_are_not_taken_are_gaps_unless_they_are_held(shop: Any, make: Any) -> None:
    from scraper.ingest.inflate import ArchiveLimits

    links = [
        make.member(f"2026-02/{kind}.wav", b"", type=kind.encode(), linkname="a.wav")
        for kind in ("1", "2", "3", "5")  # a hard link, a symbolic one, a device, a folder
    ]
    members = [
        make.member("2026-02/a.wav", make.gsff(1)),
        make.member("2026-02/a.wav", b"", type=b"1", linkname="a.wav"),
        make.member("2026-02/large.wav", make.gsff(2, 2)),
        make.member("2026-02/large.txt", bytes(30_000)),
        *links,
    ]
    outcome = shop.ingest(make.tgz(members), limits=ArchiveLimits(member_bytes=20_000))
    assert outcome.complete
    found = {row.gap.identity.path: row.gap for row in shop.catalog.open_gaps(make.UCM)}
    assert sorted(found) == ["2026-02/1.wav", "2026-02/large.wav"]
    assert {("2.wav", "a symbolic link"), ("3.wav", "a device")} <= set(outcome.skipped)
    assert {gap.reason for gap in found.values()} == {GapReason.CORRUPT}
    assert "larger than 20000 bytes" in found["2026-02/large.wav"].detail
    assert {Path(identity.path).name for identity in outcome.seen} == {"a.wav", "1.wav", "large.wav"}
    shop.ingest(make.tgz([make.member("2026-02/large.wav", make.gsff(2, 2))]))
    assert "2026-02/large.wav" not in {row.gap.identity.path for row in shop.catalog.open_gaps(make.UCM)}
