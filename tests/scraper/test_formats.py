"""Recordings stored as FLAC and Opus: the sound is proved, the original comes back, and a change of the format fetches nothing again."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest

from converters.compress import Decompressed
from converters.interface import BytesSource
from scraper.calibration.calibration import Calibration
from scraper.calibration.originals import OriginalLost, as_wav, original
from scraper.calibration.reconvert import Reconversion
from scraper.ingest.filing import recover
from scraper.ingest.quarantine import Quarantine
from scraper.models import Gap, GapReason, Source
from scraper.proof.verify import note_lost, verify


def wave(seed: int, rate: int = 8000, channels: int = 1) -> bytes:
    """A RIFF file at any rate, which says itself what it is."""
    import soundfile

    out = io.BytesIO()
    sound = np.random.default_rng(seed).integers(-3000, 3000, (4000, channels), "int16")
    soundfile.write(out, sound, rate, "PCM_16", format="WAV")
    return out.getvalue()


def one(shop: Any) -> Any:
    (row,) = shop.catalog.recordings()
    return row


def take(shop: Any, make: Any, data: bytes, number: int = 0, **changes: Any) -> Any:
    return shop.ingest(make.tgz([make.member(f"{make.MONTH}/{make.name(number)}", data)]), **changes)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_flac_is_stored_under_its_own_extension_with_both_hashes(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(3)), format="flac")
    files = shop.files()
    for number, row in enumerate(sorted(shop.catalog.recordings(), key=lambda row: row.path)):
        assert row.path == f"{make.UCM}/{make.MONTH}/{make.name(number).replace('.wav', '.flac')}"
        assert (row.stored_as, row.sha256, row.size) == ("flac", sha256(files[row.path]), len(files[row.path]))
        assert row.wav_sha256 == sha256(make.wav(number))
        assert Decompressed(io.BytesIO(files[row.path])).read() == make.samples(number)
    assert verify(shop.catalog, shop.store).ok == len(files) == 3
    assert shop.leftovers() == []


def test_the_original_is_rebuilt_bit_for_bit_from_flac(shop: Any, make: Any) -> None:
    data = make.gsff(1) + b"\x01"  # half a sample behind it
    take(shop, make, data, format="flac")
    with original(shop.store, one(shop)) as source:
        assert source.read(0, source.size) == data
    with as_wav(shop.store, one(shop)) as source:
        assert source.read(0, source.size) == make.wav(1)
    assert len(shop.files()) == 1


def test_opus_of_what_says_itself_what_it_is_is_stored_small_and_without_an_original(shop: Any, make: Any) -> None:
    take(shop, make, make.wav(0, 4.0), format="opus")
    row = one(shop)
    assert (row.stored_as, row.path.rpartition(".")[2], row.wav_sha256) == ("opus", "opus", sha256(make.wav(0, 4.0)))
    assert row.size < len(make.wav(0, 4.0)) / 4 and list(shop.files()) == [row.path]
    assert verify(shop.catalog, shop.store).holds
    for read in (original, as_wav):
        with pytest.raises(OriginalLost), read(shop.store, row):
            pass


def test_opus_of_gsff_is_flac_until_calibration_confirms_what_it_is(shop: Any, make: Any) -> None:
    take(shop, make, make.gsff(0, 1.0), format="opus")
    assert one(shop).stored_as == "flac"
    Calibration(shop.catalog, shop.store, Quarantine(shop.folder / "quarantine"), make.UCM).learn(
        shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0))
    )
    take(shop, make, make.gsff(1, 1.0), 1, format="opus")
    assert {row.identity.name: row.stored_as for row in shop.catalog.recordings()} == {make.name(0): "flac", make.name(1): "opus"}


def test_opus_with_originals_always_keeps_them(shop: Any, make: Any) -> None:
    shop.store.originals = "always"
    take(shop, make, make.wav(0), format="opus")
    with original(shop.store, one(shop)) as source:
        assert source.read(0, source.size) == make.wav(0)


@pytest.mark.parametrize(
    ("asked", "rate", "channels", "stored"),
    [
        ("opus", 44_100, 1, "flac"),
        ("opus", 16_000, 2, "opus"),
        ("opus", 16_000, 3, "flac"),
        ("flac", 65_537, 1, "wav"),
        ("opus", 65_537, 1, "wav"),
    ],
)
def test_what_a_format_can_not_hold_is_stored_in_the_next_one(
    shop: Any, make: Any, asked: str, rate: int, channels: int, stored: str
) -> None:
    take(shop, make, wave(0, rate, channels), format=asked)
    assert one(shop).stored_as == stored
    assert one(shop).path.endswith(f".{stored}")
    assert verify(shop.catalog, shop.store).holds


@pytest.mark.parametrize("asked", ["flac", "opus"])
def test_sound_of_no_samples_is_stored_all_the_same(shop: Any, make: Any, asked: str) -> None:
    empty = make.wav(0)[:40] + bytes(4)
    take(shop, make, empty[:4] + (36).to_bytes(4, "little") + empty[8:], format=asked)
    rows = list(shop.catalog.recordings())
    assert [row.stored_as for row in rows] == ["wav"] or shop.catalog.open_gaps(make.UCM)[0].gap.reason is GapReason.TOO_SHORT
    assert verify(shop.catalog, shop.store).holds


@pytest.mark.parametrize(("before", "after"), [("wav", "flac"), ("flac", "wav"), ("flac", "opus"), ("opus", "flac"), ("wav", "opus")])
def test_another_format_later_stores_nothing_again(shop: Any, make: Any, before: str, after: str) -> None:
    """Neither the same bytes nor the same sound out of other bytes."""
    take(shop, make, make.wav(0), format=before)
    files = shop.files()
    assert take(shop, make, make.wav(0), format=after).already == 1
    assert take(shop, make, make.gsff(0), format=after).already == 1
    assert take(shop, make, make.gsff(0), format=after, source=Source.RECAPI).already == 1
    assert shop.files() == files and len(list(shop.catalog.recordings())) == 1


@pytest.mark.parametrize(("before", "after"), [("wav", "wav"), ("flac", "flac"), ("wav", "flac"), ("flac", "wav"), ("opus", "opus")])
def test_what_was_lost_comes_again_in_whatever_format_is_configured_now(shop: Any, make: Any, before: str, after: str) -> None:
    take(shop, make, make.wav(0), format=before)
    (shop.store.root / one(shop).path).unlink()
    note_lost(shop.catalog, shop.store, make.UCM, verify(shop.catalog, shop.store))
    assert len(shop.catalog.open_gaps(make.UCM)) == 1
    take(shop, make, make.wav(0), format=after)
    assert one(shop).stored_as == after and one(shop).suffix == "" and one(shop).path.endswith(f"{make.name(0)[:-4]}.{after}")
    assert verify(shop.catalog, shop.store).holds
    assert not shop.catalog.open_gaps(make.UCM)


def test_a_doubted_recording_whose_file_is_right_is_confirmed_by_the_same_sound(shop: Any, make: Any) -> None:
    take(shop, make, make.wav(0), format="flac")
    shop.catalog.record_gap(Gap(shop.identity(make.name(0)), GapReason.CORRUPT, "it came in a damaged archive", ""))
    take(shop, make, make.gsff(0), format="wav")
    assert (one(shop).stored_as, len(shop.files())) == ("flac", 1)
    assert not shop.catalog.open_gaps(make.UCM)


def test_the_better_copy_gets_the_plain_place_whatever_its_format(shop: Any, make: Any) -> None:
    take(shop, make, make.wav(0, 0.5), format="flac")
    shop.catalog.record_gap(Gap(shop.identity(make.name(0)), GapReason.TOO_SHORT, "shorter than its call", ""))
    take(shop, make, make.wav(0, 2.0), format="opus", source=Source.RECAPI)
    better, worse = sorted(shop.catalog.recordings(), key=lambda row: row.suffix)
    stem = f"{make.UCM}/{make.MONTH}/{make.name(0)[:-4]}"
    assert (better.stored_as, better.path, better.suffix) == ("opus", f"{stem}.opus", "")
    assert (worse.stored_as, worse.path) == ("flac", f"{stem}.flac")
    assert verify(shop.catalog, shop.store).ok == 2


def test_flac_of_other_samples_is_found_even_where_its_file_holds(shop: Any, make: Any) -> None:
    take(shop, make, make.wav(0), format="flac")
    row = one(shop)
    from scraper.catalog.schema import recordings

    with shop.catalog.transaction() as connection:
        connection.execute(recordings.update().values(wav_sha256="0" * 64))
    assert [identity.name for identity in verify(shop.catalog, shop.store).changed] == [row.identity.name]


@pytest.mark.parametrize("harm", [lambda data: data[:-100], lambda data: b"", lambda data: data[:2000] + b"\x99" + data[2001:]])
@pytest.mark.parametrize("asked", ["flac", "opus"])
def test_a_changed_file_is_found(shop: Any, make: Any, asked: str, harm: Any) -> None:
    take(shop, make, make.wav(0, 4.0), format=asked)
    path = shop.store.root / one(shop).path
    path.write_bytes(harm(path.read_bytes()))
    assert len(verify(shop.catalog, shop.store).changed) == 1


def test_a_large_flac_file_is_verified_without_reading_it_into_memory(shop: Any, make: Any, monkeypatch: Any) -> None:
    take(shop, make, make.wav(0, 4.0), format="flac")
    monkeypatch.setattr("scraper.proof.verify._IN_MEMORY_BYTES", 1000)
    assert verify(shop.catalog, shop.store).holds
    path = shop.store.root / one(shop).path
    path.write_bytes(path.read_bytes()[:-1])
    assert not verify(shop.catalog, shop.store).holds


def test_what_is_put_together_on_the_disk_is_the_same(shop: Any, make: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("scraper.ingest.packing._IN_MEMORY_BYTES", 1000)
    take(shop, make, make.wav(0, 4.0), format="flac")
    assert verify(shop.catalog, shop.store).holds
    assert list((shop.folder / "work").iterdir()) == []


HEADER = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8))


def test_flac_of_another_layout_is_converted_again_in_its_place(shop: Any, make: Any) -> None:
    quarantine = Quarantine(shop.folder / "quarantine")
    take(shop, make, HEADER + make.samples(0, 1.0), format="flac")
    calibration = Calibration(shop.catalog, shop.store, quarantine, make.UCM)
    assert calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0))) is not None
    path = one(shop).path
    done = Reconversion(shop.catalog, shop.store, quarantine, make.UCM, "wav").run()
    row = one(shop)
    assert (len(done.redone), row.path, row.stored_as, row.layout) == (1, path, "flac", "gsff/16/s16le/8000/1")
    assert row.wav_sha256 == sha256(make.wav(0, 1.0))
    assert verify(shop.catalog, shop.store).holds
    with original(shop.store, row) as source:
        assert source.read(0, source.size) == HEADER + make.samples(0, 1.0)


def test_a_recording_stored_as_flac_calibrates_another_form_of_it(shop: Any, make: Any) -> None:
    take(shop, make, HEADER + make.samples(0, 1.0), format="flac")
    take(shop, make, make.wav(0, 1.0), format="flac")
    calibration = Calibration(shop.catalog, shop.store, Quarantine(shop.folder / "quarantine"), make.UCM)
    assert "gsff/16/s16le/8000/1" in str(calibration.learn_from_held())


@pytest.mark.parametrize("asked", ["flac", "opus"])
def test_a_crash_between_placing_and_cataloguing_is_ended(shop: Any, make: Any, asked: str, monkeypatch: Any) -> None:
    class Killed(BaseException):
        pass

    def die(ucm: str) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(shop.catalog, "promote", die)
        take(shop, make, make.wav(0), format=asked)
    assert recover(shop.store, shop.catalog, make.UCM) == 1
    assert one(shop).stored_as == asked
    assert verify(shop.catalog, shop.store).holds
