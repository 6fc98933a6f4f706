"""Stored GSFF converted again: right samples in the same place, nothing lost where it is killed, and what stays doubtful is named."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np
import pytest

from converters.interface import BytesSource
from converters.signature import ANY
from scraper.calibration.calibration import Calibration
from scraper.calibration.reconvert import Reconversion, Reconverted
from scraper.catalog import CalibrationTry, Catalog
from scraper.catalog.gaps import Quarantined
from scraper.ingest.filing import recover
from scraper.ingest.quarantine import Quarantine
from scraper.proof.verify import verify
from scraper.simulator.recordings import encode_ulaw
from scraper.store import LocalStore

HEADER = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8))


def gsff(make: Any, number: int, seconds: float = 1.0) -> bytes:
    """Sixteen bytes of header, which nobody has claimed."""
    return HEADER + make.samples(number, seconds)


class Archive:
    """A UCM's archive, with what takes recordings in and converts them again."""

    def __init__(self, shop: Any, make: Any) -> None:
        self.shop, self.make = shop, make
        self.quarantine = Quarantine(shop.folder / "quarantine")
        self.calibration = Calibration(shop.catalog, shop.store, self.quarantine, make.UCM)

    def take(self, bodies: dict[int, bytes]) -> Any:
        members = [self.make.member(f"{self.make.MONTH}/{self.make.name(number)}", data) for number, data in bodies.items()]
        return self.shop.ingest(self.make.tgz(members))

    def calibrate(self, number: int, *, by: int | None = None, seconds: float = 1.0) -> None:
        other = BytesSource(self.make.wav(number if by is None else by, seconds))
        assert self.calibration.learn(self.identity(number), other) is not None

    def reconversion(self) -> Reconversion:
        return Reconversion(self.shop.catalog, self.shop.store, self.quarantine, self.make.UCM)

    def reconvert(self, stop: threading.Event | None = None) -> Reconverted:
        return self.reconversion().run(stop)

    def identity(self, number: int) -> Any:
        return self.shop.identity(self.make.name(number))

    def path(self, number: int) -> str:
        return f"{self.make.UCM}/{self.make.MONTH}/{self.make.name(number)}"

    def file(self, number: int) -> bytes:
        return self.shop.files()[self.path(number)]


@pytest.fixture
def archive(shop: Any, make: Any) -> Archive:
    return Archive(shop, make)


def test_reconvert_before_any_calibration_does_nothing(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    before = archive.shop.files()
    assert archive.reconvert() == Reconverted()
    assert archive.shop.files() == before


def test_stored_in_another_layout_is_converted_again_in_its_place(archive: Archive, make: Any) -> None:
    archive.take({number: gsff(make, number) for number in range(3)} | {3: make.gsff(3, 1.0), 4: make.wav(4, 1.0)})
    archive.calibrate(1)
    ids = [row.id for row in archive.shop.catalog.recordings()]
    done = archive.reconvert()
    assert sorted(done.redone) == [archive.identity(number) for number in range(3)]
    assert (done.doubtful, done.recovered, done.confirmed) == ([], [], 0)
    assert archive.shop.files() == {archive.path(n): make.wav(n, 1.0) for n in range(5)}
    rows = list(archive.shop.catalog.recordings())
    assert [row.id for row in rows] == ids
    assert [row.layout for row in rows if row.confidence == "confirmed" and row.source_header == HEADER] == ["gsff/16/s16le/8000/1"] * 3
    assert verify(archive.shop.catalog, archive.shop.store).holds
    assert archive.shop.leftovers() == []
    assert archive.reconvert().redone == []


def test_preview_says_what_run_does_and_changes_nothing(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0), 1: make.gsff(1, 1.0)})
    archive.calibrate(0)
    before, rows = archive.shop.files(), list(archive.shop.catalog.recordings())
    preview = archive.reconversion().preview()
    assert (archive.shop.files(), list(archive.shop.catalog.recordings())) == (before, rows)
    done = archive.reconvert()
    assert (preview.redone, preview.confirmed, preview.doubtful) == (done.redone, done.confirmed, done.doubtful)


def test_what_was_right_all_along_is_noted_so_without_touching_its_file(archive: Archive, make: Any) -> None:
    archive.take({0: make.gsff(0, 1.0), 1: make.gsff(1, 2.0)})
    archive.calibrate(0)
    place = archive.shop.store.root / archive.path(0)
    inode = place.stat().st_ino
    assert archive.reconvert().confirmed == 2
    assert {row.confidence for row in archive.shop.catalog.recordings()} == {"confirmed"}
    assert place.stat().st_ino == inode
    assert archive.reconvert().confirmed == 0


def test_an_original_that_can_no_longer_be_rebuilt_is_kept_beside_the_new_conversion(archive: Archive, make: Any) -> None:
    """16-bit by (wrong) claim is copied, its header kept; µ-law is decoded, so that the original itself must be."""
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(9), "confirmed", ANY, "gsff/8/s16le/8000/1", "wrong"))
    quiet = HEADER + b"\xff\x7f" * 4000  # silence in µ-law: nothing speaks against any layout
    archive.take({0: quiet})
    (row,) = archive.shop.catalog.recordings()
    assert (row.layout, row.original_path) == ("gsff/8/s16le/8000/1", None)
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(9), "confirmed", HEADER.hex(), "gsff/16/ulaw/8000/1", "right"))
    assert archive.reconvert().redone == [archive.identity(0)]
    assert archive.shop.files()[f"{archive.path(0)}.original"] == quiet
    (row,) = archive.shop.catalog.recordings()
    assert (row.layout, row.frames, row.source_header) == ("gsff/16/ulaw/8000/1", 8000, None)
    assert verify(archive.shop.catalog, archive.shop.store).holds


def test_refused_gsff_comes_out_of_quarantine_and_its_gap_closes(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    archive.calibrate(0, by=77)
    archive.take({1: gsff(make, 1), 2: gsff(make, 2)})
    assert {gap.gap.identity for gap in archive.shop.catalog.open_gaps(make.UCM)} == {archive.identity(1), archive.identity(2)}
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(1), "confirmed", HEADER.hex(), "gsff/16/s16le/8000/1", "d"))
    done = archive.reconvert()
    assert (sorted(done.recovered), done.redone, done.doubtful) == ([archive.identity(1), archive.identity(2)], [archive.identity(0)], [])
    assert archive.shop.files() == {archive.path(n): make.wav(n, 1.0) for n in range(3)}
    assert archive.shop.catalog.open_gaps(make.UCM) == []
    assert archive.reconvert().recovered == []


def test_a_refused_copy_of_what_is_held_only_closes_its_gap(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    archive.calibrate(0, by=77)
    archive.take({1: gsff(make, 1)})
    (refused,) = archive.shop.catalog.open_gaps(make.UCM)
    archive.take({1: make.wav(1, 1.0)})
    archive.shop.catalog.record_gap(refused.gap, Quarantined(str(refused.quarantine_path), str(refused.source_sha256)))
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(1), "confirmed", HEADER.hex(), "gsff/16/s16le/8000/1", "d"))
    assert archive.reconvert().recovered == [archive.identity(1)]
    assert archive.shop.catalog.open_gaps(make.UCM) == []
    assert len(archive.shop.catalog.find_recordings(archive.identity(1))) == 1


def test_a_file_in_quarantine_that_was_changed_or_lost_is_doubtful(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    archive.calibrate(0, by=77)
    archive.take({1: gsff(make, 1), 2: gsff(make, 2)})
    changed, lost = (archive.quarantine.folder / str(gap.quarantine_path) for gap in archive.shop.catalog.open_gaps(make.UCM))
    changed.write_bytes(changed.read_bytes()[:-2])
    lost.unlink()
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(1), "confirmed", HEADER.hex(), "gsff/16/s16le/8000/1", "d"))
    done = archive.reconvert()
    assert {one.identity for one in done.doubtful} == {archive.identity(1), archive.identity(2)}
    assert len(archive.shop.catalog.open_gaps(make.UCM)) == 2


@pytest.mark.parametrize(("layout", "doubtful"), [("gsff/8/ulaw/8000/1", 0), ("gsff/8/alaw/8000/1", 1)])
def test_without_its_original_a_recording_is_doubtful_only_in_an_unconfirmed_layout(
    archive: Archive, make: Any, layout: str, doubtful: int
) -> None:
    archive.shop.store.originals = "never"
    packed = encode_ulaw(np.frombuffer(make.samples(0, 1.0), "<i2"))
    archive.take({0: b"GSFF" + len(packed).to_bytes(4, "little") + packed})
    assert [row.layout for row in archive.shop.catalog.recordings()] == ["gsff/8/ulaw/8000/1"]
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(9), "confirmed", ANY, layout, "d"))
    assert len(archive.reconvert().doubtful) == doubtful


def test_after_a_contradiction_all_of_it_is_doubtful_and_stays(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0), 1: gsff(make, 1), 2: make.wav(2)})
    archive.calibrate(0, by=77)
    archive.take({3: gsff(make, 3)})
    before = archive.shop.files()
    done = archive.reconvert()
    assert {one.identity for one in done.doubtful} == {archive.identity(number) for number in (0, 1, 3)}
    assert all("calibration" in one.why for one in done.doubtful)
    assert (archive.shop.files(), done.redone) == (before, [])
    assert len(archive.shop.catalog.open_gaps(make.UCM)) == 1


def test_a_stored_file_that_was_changed_is_doubtful_and_not_touched(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0), 1: gsff(make, 1)})
    archive.calibrate(1)
    place = archive.shop.store.root / archive.path(0)
    place.write_bytes(place.read_bytes()[:-2] + b"\x99\x99")
    before = place.read_bytes()
    done = archive.reconvert()
    assert [(one.identity, "not what was stored" in one.why) for one in done.doubtful] == [(archive.identity(0), True)]
    assert (place.read_bytes(), done.redone) == (before, [archive.identity(1)])


def test_what_does_not_fit_the_confirmed_layout_is_doubtful_and_stays(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    archive.shop.catalog.enter_calibration(CalibrationTry(archive.identity(0), "confirmed", HEADER.hex(), "gsff/16/alaw/8000/1", "d"))
    before = archive.shop.files()
    assert [one.identity for one in archive.reconvert().doubtful] == [archive.identity(0)]
    assert archive.shop.files() == before


def test_stop_ends_it_before_the_next_recording(archive: Archive, make: Any) -> None:
    archive.take({0: gsff(make, 0)})
    archive.calibrate(0)
    stop = threading.Event()
    stop.set()
    done = archive.reconvert(stop)
    assert (done.stopped, done.redone) == (True, [])


# --- crashes -----------------------------------------------------------------------------------------------------------------------


class Crash(Exception):
    """In place of SIGKILL: nothing after it runs but what a new start does."""


#: The steps of a replacement, by the class and method that begins each.
STEPS = [
    (LocalStore, "check_free"),
    (Catalog, "announce_replacement"),
    (LocalStore, "replace"),
    (LocalStore, "sync"),
    (Catalog, "finish_replacement"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_at_any_step_leaves_the_old_or_the_new_conversion_whole(
    archive: Archive, make: Any, monkeypatch: pytest.MonkeyPatch, owner: type, step: str, after: bool
) -> None:
    archive.take({0: gsff(make, 0)})
    archive.calibrate(0)
    old = archive.file(0)
    real = getattr(owner, step)

    def crash(self: Any, *args: Any) -> None:
        if after:
            real(self, *args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(Crash):
            archive.reconvert()
    recover(archive.shop.store, archive.shop.catalog, make.UCM)
    assert archive.shop.catalog.announced_replacements(make.UCM) == []
    (row,) = archive.shop.catalog.recordings()
    assert archive.file(0) in (old, make.wav(0, 1.0))
    assert row.sha256 == hashlib.sha256(archive.file(0)).hexdigest()
    assert row.layout == ("gsff/16/s16le/8000/1" if archive.file(0) == make.wav(0, 1.0) else "gsff/8/s16le/8000/1")
    assert archive.shop.leftovers() == []
    assert archive.reconvert().doubtful == []
    assert archive.file(0) == make.wav(0, 1.0)
    assert verify(archive.shop.catalog, archive.shop.store).holds
