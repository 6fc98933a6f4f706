"""Which recording calibration wants, what it remembers, and what a job then does with GSFF."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from converters.interface import BytesSource, KnownLayout
from converters.signature import ANY
from scraper.calibration.calibration import Calibration
from scraper.catalog import CalibrationTry
from scraper.ingest.quarantine import Quarantine
from scraper.models import Identity, Source

HEADER16 = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8))


def claimed(make: Any, number: int, seconds: float = 1.0) -> bytes:
    return b"GSFF\x01\x00\x40\x1f" + make.samples(number, seconds)


def longer(make: Any, number: int, seconds: float = 1.0) -> bytes:
    return HEADER16 + make.samples(number, seconds)


@pytest.fixture
def calibration(shop: Any, make: Any) -> Calibration:
    return Calibration(shop.catalog, shop.store, Quarantine(shop.folder / "quarantine"), make.UCM)


@pytest.fixture
def take(shop: Any, make: Any) -> Any:
    """Takes recordings in, as a job does: bytes by number."""

    def take_in(bodies: dict[int, bytes], source: Source = Source.BULK) -> Any:
        members = [make.member(f"{make.MONTH}/{make.name(number)}", data) for number, data in bodies.items()]
        return shop.ingest(make.tgz(members), source=source)

    return take_in


def confidences(shop: Any) -> set[str | None]:
    return {row.confidence for row in shop.catalog.recordings()}


# --- wanted ------------------------------------------------------------------------------------------------------------------------


def test_wanted_is_the_newest_that_is_long_enough_and_not_silent(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    assert calibration.wanted() is None
    take({0: claimed(make, 0), 1: claimed(make, 1, 4.0), 2: claimed(make, 2, 5.0), 3: claimed(make, 3, 0.3)})
    take({4: b"GSFF\x01\x00\x40\x1f" + bytes(80_000), 5: make.wav(5, 4.0)})
    assert calibration.wanted() in {shop.identity(make.name(1)), shop.identity(make.name(2))}
    only = shop.identity(make.name(0))
    assert calibration.wanted(lambda identity: identity == only) == only
    assert calibration.wanted(lambda _: False) is None


def test_wanted_is_nothing_where_all_came_as_riff(make: Any, take: Any, calibration: Calibration) -> None:
    take({0: make.wav(0, 4.0)})
    assert calibration.wanted() is None


def test_wanted_is_another_recording_after_one_said_nothing(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: claimed(make, 0), 1: claimed(make, 1)})
    first = calibration.wanted()
    assert first is not None
    assert calibration.learn(first, None) is None
    second = calibration.wanted()
    assert second is not None
    assert second != first
    assert calibration.learn(second, BytesSource(b"<html>")) is None
    assert calibration.wanted() is None


def test_wanted_rests_after_comparisons_in_vain(shop: Any, make: Any, take: Any, calibration: Calibration, monkeypatch: Any) -> None:
    take({number: claimed(make, number) for number in range(7)})
    for _ in range(5):
        wanted = calibration.wanted()
        assert wanted is not None
        calibration.learn(wanted, None)
    assert calibration.wanted() is None
    later = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    with shop.catalog.transaction() as connection:
        connection.exec_driver_sql("UPDATE calibrations SET decided_at = ?", (later,))
    assert calibration.wanted() is not None


# --- learn -------------------------------------------------------------------------------------------------------------------------


def test_a_confirmed_claim_decodes_what_follows_with_full_confidence(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: claimed(make, 0), 1: claimed(make, 1)})
    assert confidences(shop) == {"likely"}
    wanted = calibration.wanted()
    number = 0 if wanted == shop.identity(make.name(0)) else 1
    note = calibration.learn(wanted, BytesSource(make.wav(number, 1.0)))
    assert note is not None
    assert "confirmed to be gsff/8/s16le/8000/1" in note
    (tried,) = shop.catalog.calibrations(make.UCM)
    assert (tried.identity, tried.verdict, tried.signature) == (wanted, "confirmed", "475346460100401f")
    assert calibration.wanted() is None
    take({2: claimed(make, 2)})
    assert shop.catalog.find_recordings(shop.identity(make.name(2)))[0].confidence == "confirmed"


def test_another_layout_than_claimed_is_learned_and_used(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: longer(make, 0)})
    assert shop.files()[f"{make.UCM}/{make.MONTH}/{make.name(0)}"] != make.wav(0, 1.0)
    note = calibration.learn(calibration.wanted(), BytesSource(make.wav(0, 1.0)))
    assert note is not None
    assert "gsff/16/s16le/8000/1, and not what it seemed to be" in note
    assert "reconvert --ucm head-office" in note
    take({1: longer(make, 1)})
    assert shop.files()[f"{make.UCM}/{make.MONTH}/{make.name(1)}"] == make.wav(1, 1.0)


def test_a_new_firmwares_headers_call_for_calibration_anew(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: claimed(make, 0)})
    calibration.learn(calibration.wanted(), BytesSource(make.wav(0, 1.0)))
    take({1: b"GSFF\x07\x00\x40\x1f" + make.samples(1, 1.0)})
    (row,) = shop.catalog.find_recordings(shop.identity(make.name(1)))
    assert (row.confidence, calibration.wanted()) == ("likely", row.identity)


def test_headers_that_differ_from_file_to_file_are_one_signature_once_two_are_confirmed(
    shop: Any, make: Any, take: Any, calibration: Calibration
) -> None:
    take({number: b"GSFF" + bytes([number, 9, 9, 7]) + make.samples(number, 1.0) for number in range(4)})
    for _ in range(2):
        wanted = calibration.wanted()
        number = next(number for number in range(4) if shop.identity(make.name(number)) == wanted)
        calibration.learn(wanted, BytesSource(make.wav(number, 1.0)))
    assert {known.signature.count("??") for known in shop.catalog.known_layouts(make.UCM)} == {0, 4}
    assert calibration.wanted() is None


def test_refused_under_a_confirmed_layout_is_wanted_nevertheless(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    """A firmware may change the samples and leave the header's beginning alone."""
    shop.catalog.enter_calibration(CalibrationTry(shop.identity("x"), "confirmed", ANY, "gsff/8/alaw/8000/1", "d"))
    take({0: longer(make, 0)})
    assert calibration.wanted() == shop.identity(make.name(0))
    calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0)))
    assert take({1: longer(make, 1)}).quarantined == []
    assert shop.files()[f"{make.UCM}/{make.MONTH}/{make.name(1)}"] == make.wav(1, 1.0)


def test_a_contradiction_stops_conversion_of_that_pbx_and_keeps_the_bytes(
    shop: Any, make: Any, take: Any, calibration: Calibration
) -> None:
    take({0: claimed(make, 0), 1: claimed(make, 1)})
    note = calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(77, 1.0)))
    assert note is not None
    assert "no longer converted" in note
    outcome = take({2: claimed(make, 2), 3: make.wav(3)})
    (gap,) = outcome.quarantined
    assert (gap.identity, gap.reason.value) == (shop.identity(make.name(2)), "undecodable")
    assert "calibration" in gap.detail
    kept = shop.catalog.open_gaps(make.UCM)[0].quarantine_path
    assert (shop.folder / "quarantine" / kept).read_bytes() == claimed(make, 2)
    assert shop.catalog.is_archived(shop.identity(make.name(3)))
    assert shop.catalog.known_layouts("branch") == ()


def test_a_contradiction_is_undone_by_a_later_confirmation(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: claimed(make, 0), 1: claimed(make, 1)})
    calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(77, 1.0)))
    assert calibration.wanted() == shop.identity(make.name(1))
    calibration.learn(shop.identity(make.name(1)), BytesSource(make.wav(1, 1.0)))
    assert take({2: claimed(make, 2)}).quarantined == []


def test_a_contradiction_after_confirmation_does_not_stop_what_was_confirmed(
    shop: Any, make: Any, take: Any, calibration: Calibration
) -> None:
    take({0: claimed(make, 0), 1: claimed(make, 1)})
    calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0)))
    assert calibration.learn(shop.identity(make.name(1)), BytesSource(make.wav(77, 1.0))) is None
    assert take({2: claimed(make, 2)}).quarantined == []


def test_learning_of_a_recording_whose_file_was_changed_is_undecided(shop: Any, make: Any, take: Any, calibration: Calibration) -> None:
    take({0: claimed(make, 0)})
    path = shop.store.root / make.UCM / make.MONTH / make.name(0)
    path.write_bytes(path.read_bytes()[:-2] + b"\x99\x99")
    assert calibration.learn(shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0))) is None
    assert [tried.verdict for tried in shop.catalog.calibrations(make.UCM)] == ["undecided"]


# --- both forms held ---------------------------------------------------------------------------------------------------------------


def test_refused_gsff_whose_recording_came_as_riff_calibrates_without_a_fetch(
    shop: Any, make: Any, take: Any, calibration: Calibration
) -> None:
    shop.catalog.enter_calibration(CalibrationTry(shop.identity("a"), "contradicted", ANY, None, "refuse all"))
    assert len(take({0: claimed(make, 0), 1: claimed(make, 1)}).quarantined) == 2
    take({0: make.wav(0, 1.0)}, Source.RECAPI)
    note = calibration.learn_from_held()
    assert note is not None
    assert "gsff/8/s16le/8000/1" in note
    assert calibration.learn_from_held() is None
    assert calibration.wanted() is None


def test_gsff_stored_beside_riff_with_other_samples_calibrates_without_a_fetch(
    shop: Any, make: Any, take: Any, calibration: Calibration
) -> None:
    take({0: longer(make, 0)})
    take({0: make.wav(0, 1.0)}, Source.RECAPI)
    assert calibration.learn_from_held() is not None
    assert [known.layout for known in shop.catalog.known_layouts(make.UCM)] == ["gsff/16/s16le/8000/1"]


# --- what is known -----------------------------------------------------------------------------------------------------------------


def enter(shop: Any, verdicts: Iterable[tuple[str, str, str | None]]) -> tuple[KnownLayout, ...]:
    for number, (verdict, signature, layout) in enumerate(verdicts):
        identity = Identity("head-office", shop.identity("x").klass, "2026-02", f"{number}.wav")
        shop.catalog.enter_calibration(CalibrationTry(identity, verdict, signature, layout, "d"))
    return shop.catalog.known_layouts("head-office")


def test_known_layouts_put_the_most_certain_first_and_the_newest_of_equals(shop: Any) -> None:
    known = enter(
        shop,
        [
            ("confirmed", ANY, "a"),
            ("confirmed", ANY + "01", "b"),
            ("confirmed", ANY + "02", "c"),
            ("undecided", ANY, None),
            ("confirmed", ANY, "d"),
        ],
    )
    assert [one.layout for one in known] == ["c", "b", "d", "a"]


def test_known_layouts_end_with_the_stop_only_while_the_last_verdict_is_a_contradiction(shop: Any) -> None:
    stopped = enter(shop, [("confirmed", ANY + "01", "b"), ("contradicted", ANY + "02", None), ("undecided", ANY, None)])
    assert [(one.signature, one.layout) for one in stopped] == [(ANY + "01", "b"), (ANY, None)]
    assert [one.layout for one in enter(shop, [("confirmed", ANY + "03", "c")])] == ["c", "b"]
