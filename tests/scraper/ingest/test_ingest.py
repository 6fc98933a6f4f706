"""From archive to store and catalog."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from converters import wav
from scraper.calibration.originals import original
from scraper.catalog import Catalog
from scraper.errors import DiskFull, NetworkError, NotAnArchive, StoreUnwritable
from scraper.ingest.ingest import Ingest
from scraper.models import GapReason, Identity, RecordingClass
from scraper.store import open_store


def test_each_recording_is_stored_sample_for_sample_and_catalogued(shop: Any, make: Any) -> None:
    outcome = shop.ingest(make.tgz(make.recordings(5)))
    files = shop.files()
    assert outcome.new == 5
    assert outcome.complete
    assert outcome.seen == {shop.identity(make.name(number)) for number in range(5)}
    for number in range(5):
        stored = files[f"{make.UCM}/{make.MONTH}/{make.name(number)}"]
        assert stored == make.wav(number)
        (row,) = shop.catalog.find_recordings(shop.identity(make.name(number)))
        assert (row.state, row.suffix, row.frames, row.source_format) == ("archived", "", 4000, "gsff")
        assert row.sha256 == hashlib.sha256(stored).hexdigest()
        assert row.source_sha256 == hashlib.sha256(make.gsff(number)).hexdigest()
    assert outcome.bytes_stored == sum(map(len, files.values()))
    assert outcome.bytes_read == len(make.tgz(make.recordings(5)))
    assert shop.leftovers() == []


def test_an_original_can_be_rebuilt_from_what_is_kept(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    (row,) = shop.catalog.find_recordings(shop.identity(make.name(0)))
    (stored,) = shop.files().values()
    assert row.source_header + stored[wav.HEADER_BYTES :] + row.source_trailer == make.gsff(0)
    with original(shop.store, row) as source:
        assert source.read(0, source.size) == make.gsff(0)


def test_files_and_folders_are_the_owner_s_alone(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz([*make.recordings(1), make.member("2026-02/bad.wav", b"<html>")]))
    for folder in ("recordings", "quarantine"):
        for path in (shop.folder / folder).rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_second_time_stores_nothing(shop: Any, make: Any) -> None:
    data = make.tgz(make.recordings(5))
    shop.ingest(data)
    before = {path: path.stat().st_mtime_ns for path in shop.store.root.rglob("*.wav")}
    outcome = shop.ingest(data)
    assert (outcome.new, outcome.already, outcome.bytes_stored) == (0, 5, 0)
    assert {path: path.stat().st_mtime_ns for path in shop.store.root.rglob("*.wav")} == before


def test_the_same_sound_in_another_wrapping_is_already_there(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz([make.member("2026-02/a.wav", make.gsff(1))]))
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", make.wav(1))]))
    assert (outcome.new, outcome.already) == (0, 1)
    assert len(shop.files()) == 1


@pytest.mark.parametrize("together", [True, False])
def test_other_bytes_of_the_same_identity_are_stored_beside(shop: Any, make: Any, together: bool) -> None:
    one, two = (make.member("2026-02/a.wav", make.wav(number)) for number in (1, 2))
    outcomes = [shop.ingest(make.tgz([one, two]))] if together else [shop.ingest(make.tgz([one])), shop.ingest(make.tgz([two]))]
    assert sum(outcome.new for outcome in outcomes) == 1
    assert sum(outcome.versions for outcome in outcomes) == 1
    assert len(outcomes[-1].notes) == 1
    assert sorted(map(len, shop.files())) == [len("head-office/2026-02/a.wav"), len("head-office/2026-02/a~01234567.wav")]
    assert set(shop.files().values()) == {make.wav(1), make.wav(2)}
    assert shop.catalog.totals(make.UCM).archived == 1
    again = shop.ingest(make.tgz([two, one]))
    assert (again.new, again.already, again.versions) == (0, 2, 0)


def test_a_duplicate_within_an_archive_is_stored_once(shop: Any, make: Any) -> None:
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", make.wav(1))] * 8))
    assert (outcome.new, outcome.already) == (1, 7)
    assert len(shop.files()) == 1


@pytest.mark.parametrize(
    ("path", "klass", "month"),
    [
        ("2026-02/auto-1770000000-1000-5555550100.wav", RecordingClass.MONITOR, "2026-02"),
        ("auto-1770000000#1000-+15555550100-6400.wav", RecordingClass.MONITOR, "2026-02"),
        ("auto-1767225600-1000-5555550100.wav", RecordingClass.MONITOR, "2025-12"),  # midnight UTC is still December in Chicago
        ("q6500-5555550100-20260206-162136-1770000000.1-1001.wav", RecordingClass.QUEUE, "2026-02"),
        ("meetme-conf-rec-6300-1770000000.1.wav", RecordingClass.MEETME, "2026-02"),
        ("whatever.wav", RecordingClass.MONITOR, "undated"),
    ],
)
def test_class_and_month_of_each_pattern(shop: Any, make: Any, path: str, klass: RecordingClass, month: str) -> None:
    outcome = shop.ingest(make.tgz([make.member(path, make.gsff(1))]))
    name = path.rpartition("/")[2]
    assert outcome.seen == {Identity(make.UCM, klass, month, name)}
    assert list(shop.files()) == [f"{make.UCM}/{month}/{name}"]


def test_the_pbx_s_listing_is_asked_for_the_month_of_a_bare_name_only_and_in_the_caller_s_thread(shop: Any, make: Any) -> None:
    asked = []

    def months(name: str, size: int) -> str | None:
        asked.append((name, threading.current_thread()))
        return "2026-01" if name == "b.wav" else None

    members = [make.member("2026-02/a.wav", make.gsff(1)), make.member("b.wav", make.gsff(2)), make.member("c.wav", make.gsff(3))]
    outcome = shop.ingest(make.tgz(members), months=months)
    assert {identity.path for identity in outcome.seen} == {"2026-02/a.wav", "2026-01/b.wav", "undated/c.wav"}
    assert asked == [("b.wav", threading.current_thread()), ("c.wav", threading.current_thread())]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "too-short"),
        (b"GSFF", "too-short"),
        (b"<html>busy</html>", "undecodable"),
        (b'{"status":-45}', "undecodable"),
        (b"RIFF", "corrupt"),
    ],
)
def test_what_is_no_sound_goes_to_quarantine_and_is_a_gap(shop: Any, make: Any, body: bytes, reason: str) -> None:
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", body), *make.recordings(2)]))
    assert outcome.new == 2
    (gap,) = outcome.quarantined
    assert gap.identity == shop.identity("a.wav")
    assert gap.reason in (GapReason(reason), GapReason.UNDECODABLE, GapReason.CORRUPT, GapReason.TOO_SHORT)
    (row,) = shop.catalog.open_gaps(make.UCM)
    kept = shop.folder / "quarantine" / row.quarantine_path
    assert kept.read_bytes() == body
    note = json.loads(kept.with_name(f"{kept.name}.json").read_text())
    assert note["sha256"] == hashlib.sha256(body).hexdigest() == row.source_sha256
    assert note["reason"] == gap.reason.value
    assert note["size"] == len(body)


def test_the_same_bad_bytes_are_kept_once_and_open_one_gap(shop: Any, make: Any) -> None:
    data = make.tgz([make.member("2026-02/a.wav", b"<html>")])
    for _ in range(3):
        assert len(shop.ingest(data).quarantined) == 1
    assert len([path for path in (shop.folder / "quarantine").rglob("*") if path.is_file()]) == 2
    (row,) = shop.catalog.open_gaps(make.UCM)
    assert row.attempts == 0


def test_a_gap_that_is_archived_is_closed(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz([make.member("2026-02/a.wav", b"<html>")]))
    shop.ingest(make.tgz([make.member("2026-02/a.wav", make.gsff(1))]))
    assert shop.catalog.open_gaps(make.UCM) == []
    assert len(shop.catalog.closed_gaps(make.UCM, "archived")) == 1


def test_a_bad_copy_of_an_archived_recording_is_no_gap(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz([make.member("2026-02/a.wav", make.gsff(1))]))
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", b"<html>")]))
    assert outcome.quarantined == []
    assert len(outcome.notes) == 1
    assert shop.catalog.open_gaps(make.UCM) == []


def test_a_climbing_path_is_quarantined_and_writes_nothing_outside(shop: Any, make: Any) -> None:
    before = sorted(shop.folder.rglob("*"))
    outcome = shop.ingest(make.tgz([make.member("../../../2026-02/evil.wav", make.gsff(1)), make.member("/2026-02/ok.wav", make.gsff(2))]))
    assert [gap.reason for gap in outcome.quarantined] == [GapReason.CORRUPT]
    assert list(shop.files()) == [f"{make.UCM}/2026-02/ok.wav"]
    new = [path for path in set(shop.folder.rglob("*")) - set(before) if path.is_file()]
    assert all({"quarantine", "recordings"} & set(path.relative_to(shop.folder).parts) for path in new)


@pytest.mark.parametrize(
    ("body", "extension"), [(b"OggS" + bytes(500), "ogg"), (b"ID3\x04" + bytes(500), "mp3"), (b"fLaC" + bytes(500), "flac")]
)
def test_sound_of_another_kind_is_stored_as_it_is_under_an_honest_name(shop: Any, make: Any, body: bytes, extension: str) -> None:
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", body)]))
    assert outcome.new == 1
    assert shop.files() == {f"{make.UCM}/2026-02/a.{extension}": body}
    (row,) = shop.catalog.find_recordings(shop.identity("a.wav"))
    assert (row.source_format, row.frames) == (extension, None)
    assert shop.ingest(make.tgz([make.member("2026-02/a.wav", body)])).already == 1


def test_members_that_are_no_recordings_are_skipped_and_named(shop: Any, make: Any) -> None:
    members = [
        make.member("index.txt", b"hello"),
        make.member("Master.csv", b"a,b\n1,2\n"),
        make.member("._a.wav", b"\0\5\x16\7" + bytes(90)),
    ]
    outcome = shop.ingest(make.tgz([*members, make.member("2026-02/recording.bin", make.gsff(1))]))
    assert [name for name, _ in outcome.skipped] == ["index.txt", "Master.csv", "._a.wav"]
    assert outcome.new == 1
    assert list(shop.files()) == [f"{make.UCM}/2026-02/recording.bin.wav"]


def test_originals_are_kept_where_asked_and_where_decoding_is_more_than_copying(shop: Any, make: Any) -> None:
    eight_bit = make.wav(1)[:44].replace(b"\x02\x00\x10\x00data", b"\x01\x00\x08\x00data") + make.samples(1)
    for rule, seed, body, kept in (
        ("auto", 1, make.gsff(1), False),
        ("auto", 2, eight_bit, True),
        ("always", 3, make.gsff(3), True),
        ("never", 4, eight_bit, False),
    ):
        store = open_store(make.store_settings(shop.store.root, originals=rule), shop.catalog)
        assert shop.ingest(make.tgz([make.member(f"2026-02/{seed}.wav", body)]), store=store).new == 1
        original = shop.files().get(f"{make.UCM}/2026-02/{seed}.wav.original")
        assert original == (body if kept else None), (rule, seed)


def test_over_long_and_odd_names_are_stored_and_noted(shop: Any, make: Any) -> None:
    long = "auto-1770000000-" + "é" * 200 + ".wav"
    names = [long, "bell\x07.wav", ".hidden.wav", "\udcff.wav"]
    outcome = shop.ingest(make.tgz([make.member(f"2026-02/{name}", make.gsff(index)) for index, name in enumerate(names)]))
    assert outcome.new == 4
    assert len(outcome.notes) == 1
    assert "too long" in outcome.notes[0]
    files = sorted(path.rpartition("/")[2] for path in shop.files())
    assert [name for name in files if not name.startswith("auto")] == ["%2Ehidden.wav", "%FF.wav", "bell%07.wav"]
    assert all(len(name.encode()) <= 255 for name in files)
    assert shop.ingest(make.tgz([make.member(f"2026-02/{long}", make.gsff(0))])).already == 1


def test_names_that_differ_in_case_only_do_not_overwrite_each_other_where_the_store_ignores_case(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz([make.member("2026-02/A.wav", make.gsff(1))]))
    folder = shop.store.root / make.UCM / "2026-02"
    (folder / "a.wav").hardlink_to(folder / "A.wav")  # what such a store would answer for the other spelling
    outcome = shop.ingest(make.tgz([make.member("2026-02/a.wav", make.gsff(2))]))
    assert outcome.new == 1
    assert (folder / "A.wav").read_bytes() == make.wav(1)
    assert [path.read_bytes() for path in folder.glob("a~*.wav")] == [make.wav(2)]


def test_a_file_that_the_catalog_does_not_know_is_adopted_if_right_and_never_overwritten(shop: Any, make: Any) -> None:
    data = make.tgz(make.recordings(2))
    shop.ingest(data)
    (shop.store.root / make.UCM / make.MONTH / make.name(1)).write_bytes(b"somebody's")
    with Catalog.open(f"sqlite:///{shop.folder}/fresh.db") as fresh:
        outcome = shop.ingest(data, catalog=fresh, store=open_store(make.store_settings(shop.store.root), fresh))
        assert outcome.new == 2
        paths = {row.path for row in fresh.recordings(make.UCM)}
    assert f"{make.UCM}/{make.MONTH}/{make.name(0)}" in paths
    files = shop.files()
    assert len(files) == 3
    assert files[f"{make.UCM}/{make.MONTH}/{make.name(1)}"] == b"somebody's"


def test_a_template_can_put_all_in_one_folder_without_collision(shop: Any, make: Any) -> None:
    store = open_store(make.store_settings(shop.store.root, template="{name}"), shop.catalog)
    members = [make.member(f"{month}/a.wav", make.gsff(seed)) for seed, month in enumerate(("2026-01", "2026-02"))]
    outcome = shop.ingest(make.tgz(members), store=store)
    assert outcome.new == 2
    assert set(shop.files().values()) == {make.wav(0), make.wav(1)}


def test_a_cut_archive_gives_its_whole_recordings_and_says_so(shop: Any, make: Any) -> None:
    data = gzip.compress(make.tar(make.recordings(10)), compresslevel=0)
    outcome = shop.ingest(data[: len(data) * 6 // 10])
    assert outcome.new == 6
    assert not outcome.complete
    assert outcome.damage == "the archive was cut short"
    assert shop.ingest(data).new == 4


def test_an_error_of_the_stream_is_raised_and_what_came_before_is_stored(shop: Any, make: Any) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(min(size or 0, 10_000))
            if not data:
                raise NetworkError
            return data

    data = gzip.compress(make.tar(make.recordings(10)), compresslevel=0)
    ingest = Ingest(shop.context())
    with pytest.raises(NetworkError):
        ingest.run(Failing(data[: len(data) // 2]))
    assert ingest.outcome.new == len(shop.files()) > 0
    assert ingest.outcome.bytes_read == len(data) // 2


def test_what_is_no_archive_stores_nothing(shop: Any) -> None:
    with pytest.raises(NotAnArchive):
        shop.ingest(b"<html>Sign in</html>")
    assert shop.files() == {}


def test_stop_finishes_what_is_in_hand_and_leaves_all_consistent(shop: Any, make: Any) -> None:
    class StopAtThird:
        def __init__(self) -> None:
            self.event, self.count = threading.Event(), 0

        def recording(self, size: int) -> None:
            self.count += 1
            if self.count == 3:
                self.event.set()

    watcher = StopAtThird()
    data = make.tgz(make.recordings(200))
    outcome = shop.ingest(data, progress=watcher, stop=watcher.event)
    assert outcome.stopped
    assert not outcome.complete
    assert outcome.new == len(shop.files()) == shop.catalog.totals(make.UCM).archived
    assert 3 <= outcome.new < 200
    assert shop.leftovers() == []
    assert shop.ingest(data).new == 200 - outcome.new


def test_a_large_recording_is_spooled_and_stored_the_same(shop: Any, make: Any) -> None:
    from scraper.ingest.inflate import ArchiveLimits

    members = [make.member("2026-02/long.wav", make.gsff(1, 30)), make.member("2026-02/bad.wav", b"<html>" + bytes(300_000))]
    outcome = shop.ingest(make.tgz(members), limits=ArchiveLimits(in_memory_bytes=100_000))
    assert outcome.new == 1
    assert len(outcome.quarantined) == 1
    assert list(shop.files().values()) == [make.wav(1, 30)]
    assert list((shop.folder / "work").iterdir()) == []


@pytest.mark.fault("storage", "the disk fills while recordings are stored", "store and catalog agree", promise="loss")
def test_a_full_disk_ends_the_run_and_leaves_store_and_catalog_agreeing(shop: Any, make: Any, small_disk: Path) -> None:
    with Catalog.open(f"sqlite:///{shop.folder}/other.db") as catalog:
        store = open_store(make.store_settings(small_disk / "store"), catalog)
        data = make.tgz(make.recordings(40, seconds=10))
        with pytest.raises(DiskFull):
            shop.ingest(data, catalog=catalog, store=store)
        held = {row.path: row.sha256 for row in catalog.recordings(make.UCM)}
        there = {
            path.relative_to(store.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in store.root.rglob("*.wav")
        }
        assert held == there
        assert 0 < len(held) < 40
        assert list(catalog.recordings(make.UCM, state="storing")) == []
        assert [path for path in (store.root / ".incoming").rglob("*") if path.is_file()] == []


def test_too_little_free_space_ends_the_run(shop: Any, make: Any) -> None:
    store = open_store(make.store_settings(shop.store.root), shop.catalog)
    store._min_free = 1 << 60
    with pytest.raises(DiskFull, match="MiB free"):
        shop.ingest(make.tgz(make.recordings(2)), store=store)
    assert shop.files() == {}


@pytest.mark.fault("storage", "the store's folder vanishes in the middle", "an error, and no fresh start", promise="loss")
def test_a_store_whose_folder_vanishes_in_between_is_an_error_and_not_a_fresh_start(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(1)))
    shop.store.root.rename(shop.folder / "elsewhere")
    with pytest.raises(StoreUnwritable):
        shop.ingest(make.tgz(make.recordings(3)))
    assert not shop.store.root.exists()


def test_what_lies_outside_is_left_out_and_is_no_gap(shop: Any, make: Any) -> None:
    wanted = shop.identity(make.name(1))
    broken = make.member(f"{make.MONTH}/{make.name(7)}", b"<html>")
    outcome = shop.ingest(make.tgz([*make.recordings(3), broken]), inside=lambda identity: identity == wanted)
    assert (outcome.new, outcome.seen, len(outcome.outside), outcome.quarantined) == (1, {wanted}, 3, [])
    assert set(shop.files()) == {f"{make.UCM}/{make.MONTH}/{make.name(1)}"}
    assert shop.catalog.open_gaps(make.UCM) == []
