"""Calibration: the same recording as GSFF and as RIFF, in any codec after any header; others; and too little to tell."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import BytesSource, KnownLayout, Options, decode
from converters.calibrate import MAX_HEADER, Confirmed, Contradiction, Undecided, Verdict, calibrate
from converters.signature import ANY

CODECS = ("s16le", "s16be", "ulaw", "alaw", "gsm", "msgsm")
UNFIT = b"GSFF\x12\x34\x56\x78"


def compare(gsff: bytes, riff: bytes) -> Verdict:
    return calibrate(BytesSource(gsff), BytesSource(riff))


def pcm(data: bytes, *known: KnownLayout) -> bytes:
    return b"".join(decode(BytesSource(data), Options(known_layouts=known)).blocks())


def as_decoded(sound, samples: np.ndarray, codec: str) -> np.ndarray:
    """What a phone would play of ``samples`` after ``codec``."""
    if codec == "msgsm":
        return np.frombuffer(pcm(sound.file(samples, "WAV", "GSM610")), "<i2")
    return np.frombuffer(sound.reference(sound.raw(samples, codec), codec), "<i2")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_calibrate_any_codec_after_any_header_confirms_what_decodes_exactly(sound, data) -> None:
    codec = data.draw(st.sampled_from(CODECS))
    length = data.draw(st.integers(8, 64) | st.integers(8, MAX_HEADER - 1))
    header = b"GSFF\xff" + np.random.default_rng(length).bytes(length - 5)
    samples = sound.speech(data.draw(st.floats(0.5, 4.0)), data.draw(st.integers(0, 99)), data.draw(st.floats(1500, 20000)))
    played = as_decoded(sound, samples, codec)
    gsff = header + sound.raw(samples, codec)
    found = compare(gsff, sound.file(played, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed), found
    assert found.exact
    assert found.layout == f"gsff/{length}/{codec}/8000/1"
    assert pcm(gsff, KnownLayout(ANY, found.layout)) == played.tobytes()


@pytest.mark.parametrize("codec", CODECS)
def test_calibrate_riff_that_never_went_through_the_codec_confirms_but_for_rounding(sound, codec: str) -> None:
    samples = sound.speech(3.0)
    found = compare(UNFIT + sound.raw(samples, codec), sound.file(samples, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed)
    assert found.layout == f"gsff/8/{codec}/8000/1"
    assert found.exact == codec.startswith("s16")


@pytest.mark.parametrize("level", [3000, 20000])
def test_calibrate_riff_in_ulaw_confirms_the_sixteen_bits_before_it(sound, level: float) -> None:
    samples = sound.speech(3.0, level=level)  # loud, its high bytes alone are nearly right as well, in the other byte order
    found = compare(UNFIT + samples.tobytes(), sound.file(samples, "WAV", "ULAW"))
    assert isinstance(found, Confirmed)
    assert (found.layout, found.exact) == ("gsff/8/s16le/8000/1", False)


def test_calibrate_chunks_under_the_magic_confirm_where_their_samples_begin(sound, riff) -> None:
    body = sound.speech(2.0).tobytes()
    gsff = riff.file(riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", body), riff.chunk(b"LIST", b"INFO"), magic=b"GSFF")
    found = compare(gsff, riff.wav(body))
    assert isinstance(found, Confirmed)
    assert found.layout == "gsff/44/s16le/8000/1"


def test_calibrate_stereo_is_compared_over_both_channels(sound) -> None:
    both = np.stack([sound.speech(2.0, 1), sound.speech(2.0, 2)], axis=1)
    found = compare(UNFIT.ljust(40, b"\x99") + both.tobytes(), sound.file(both, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed)
    assert found.layout == "gsff/40/s16le/8000/2"


@given(st.integers(0, 50), st.integers(51, 99), st.floats(0.5, 3.0), st.sampled_from(CODECS))
@settings(max_examples=30, deadline=None)
def test_calibrate_unrelated_recordings_contradict(sound, one: int, other: int, seconds: float, codec: str) -> None:
    gsff = UNFIT + sound.raw(sound.speech(seconds, one), codec)
    # Another voice at another time: the same syllables at the same moments would be alike in their silences.
    riff = sound.file(np.roll(sound.speech(seconds + 0.3, other)[::-1], other * 37), "WAV", "PCM_16")
    assert isinstance(compare(gsff, riff), Contradiction)


def test_calibrate_noise_against_sound_contradicts(sound) -> None:
    assert isinstance(compare(UNFIT + sound.noise(32000), sound.file(sound.speech(2.0), "WAV", "PCM_16")), Contradiction)


def test_calibrate_one_changed_sample_is_not_exact(sound) -> None:
    samples = sound.speech(2.0)
    changed = samples.copy()
    changed[12_345] += 1
    found = compare(UNFIT + changed.tobytes(), sound.file(samples, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed)
    assert not found.exact


@pytest.mark.parametrize(
    "samples",
    [np.zeros(16000, "<i2"), np.full(16000, 700, "<i2"), np.tile(np.array([900, -900], "<i2"), 8000), np.arange(1999).astype("<i2")],
    ids=["silent", "constant", "two values", "too short"],
)
def test_calibrate_too_short_or_silent_is_undecided(sound, samples: np.ndarray) -> None:
    assert isinstance(compare(UNFIT + samples.tobytes(), sound.file(samples, "WAV", "PCM_16")), Undecided)


@pytest.mark.parametrize("extra", [2, 512])
def test_calibrate_more_sound_in_gsff_than_in_riff_is_undecided(sound, extra: int) -> None:
    samples = sound.speech(2.0)
    found = compare(UNFIT + samples.tobytes(), sound.file(samples[:-extra], "WAV", "PCM_16"))
    assert isinstance(found, Undecided)
    assert f"{extra} more follow" in found.detail


def test_calibrate_gsff_that_was_still_growing_is_confirmed(sound) -> None:
    samples = sound.speech(3.0)
    found = compare(UNFIT.ljust(16, b"\1") + samples[:16000].tobytes(), sound.file(samples, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed)
    assert found.layout == "gsff/16/s16le/8000/1"


def test_calibrate_gsff_with_a_small_part_of_the_recording_is_undecided(sound) -> None:
    samples = np.tile(sound.speech(1.0), 3)
    assert isinstance(compare(UNFIT + samples[:6000].tobytes(), sound.file(samples, "WAV", "PCM_16")), Undecided)


def test_calibrate_periodic_sound_is_placed_by_its_length(sound) -> None:
    samples = np.rint(8000 * np.sin(2 * np.pi * np.arange(16000) / 100)).astype("<i2")
    found = compare(UNFIT.ljust(212, b"\x91") + samples.tobytes(), sound.file(samples, "WAV", "PCM_16"))
    assert isinstance(found, Confirmed)
    assert found.layout == "gsff/212/s16le/8000/1"


def test_calibrate_takes_the_rate_from_riff(sound) -> None:
    samples = sound.speech(2.0)
    riff = bytearray(sound.file(samples, "WAV", "PCM_16"))
    struct.pack_into("<II", riff, 24, 16000, 32000)
    found = compare(UNFIT + samples.tobytes(), bytes(riff))
    assert isinstance(found, Confirmed)
    assert found.layout == "gsff/8/s16le/16000/1"


def test_calibrate_likeness_is_not_enough(sound) -> None:
    samples = sound.speech(2.0)
    noisy = np.clip(samples + np.random.default_rng(1).normal(0, samples.std() / 4, len(samples)), -32768, 32767).astype("<i2")
    assert isinstance(compare(UNFIT + noisy.tobytes(), sound.file(samples, "WAV", "PCM_16")), Contradiction)


def test_calibrate_without_two_forms_is_undecided(sound) -> None:
    samples = sound.speech(2.0)
    riff, gsff = sound.file(samples, "WAV", "PCM_16"), UNFIT + samples.tobytes()
    page = b"<html>sign in</html>"
    for pair in ((gsff, gsff), (riff, riff), (gsff, page), (page, riff), (gsff, riff[:100]), (b"", riff), (gsff, b"")):
        assert isinstance(compare(*pair), Undecided)


def test_calibrate_tiny_gsff_against_a_whole_recording_contradicts_or_is_undecided(sound) -> None:
    riff = sound.file(sound.speech(2.0), "WAV", "PCM_16")
    for size in range(4, 60):
        assert not isinstance(compare((b"GSFF" + struct.pack("<I", 5) + bytes(60))[:size], riff), Confirmed)
