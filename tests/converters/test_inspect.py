"""What ``inspect`` shows of a file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from converters import BytesSource
from converters.inspect import inspect


def test_inspect_gsff_lists_the_chosen_reading_first(sound) -> None:
    found = inspect(BytesSource(b"GSFF\1\2\3\4" + sound.speech().tobytes()))
    assert (found.magic, found.kind, found.error) == ("GSFF", "gsff", None)
    assert found.candidates[0].layout == "gsff/8/s16le/8000/1"
    assert found.candidates[0].verdict == "chosen (likely)"
    assert {candidate.layout.split("/")[2] for candidate in found.candidates} == {"s16le", "s16be", "ulaw", "alaw"}
    best = min(found.candidates, key=lambda candidate: candidate.noise_bits or 99)
    assert best is found.candidates[0]


def test_inspect_noise_shows_candidates_and_the_error(sound) -> None:
    found = inspect(BytesSource(b"GSFF\1\2\3\4" + sound.noise(9000)))
    assert found.chosen is None
    assert found.error is not None
    assert len(found.candidates) == 5


def test_inspect_riff_has_one_candidate(sound) -> None:
    found = inspect(BytesSource(sound.file(sound.speech(), "WAV", "ULAW")))
    assert [candidate.layout for candidate in found.candidates] == ["riff/58/ulaw/8000/1"]


def test_inspect_dump_shows_the_first_64_bytes() -> None:
    found = inspect(BytesSource(b"<html>" + bytes(200)))
    assert len(found.dump) == 4
    assert found.dump[0].startswith("0000  3c 68 74 6d 6c 3e 00")
    assert found.dump[0].endswith("<html>..........")


@given(st.binary(max_size=500), st.booleans())
@settings(deadline=1000)
def test_inspect_any_bytes_never_raises(data: bytes, gsff: bool) -> None:
    found = inspect(BytesSource(b"GSFF" + data if gsff else data))
    assert (found.chosen is None) != (found.error is None)
