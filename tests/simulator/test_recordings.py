"""Recordings: names in each pattern, bytes in each layout, sound that is like speech and the same every time."""

from __future__ import annotations

import io
import re
import struct
import time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from converters import BytesSource
from converters.calibrate import calibrate
from scraper.models import class_of, month_in_name
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.recordings import Generator, encode_alaw, pick
from scraper.simulator.speech import speech

PATTERNS = (
    r"auto-\d{10}-\d+-\d+\.wav", r"auto-\d{10}-.*\+1\d+.*\.wav", r"auto-\d{10}#\d+-\d+-\d+\.wav", r"auto-\d{10}RG\d-.*\.wav",
    r"q\d+-[+\d]+-\d{8}-\d{6}-[\d.]+-\d+\.wav", r"meetme-conf-rec-\d+-[\d.]+\.wav",
)  # fmt: skip


def generate(**changes):
    return Generator(SimulatorConfig(**{"recordings": 24, "queue_recordings": 4, "meetme_recordings": 2, **changes})).all()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_documented_pattern_of_names_occurs(pattern):
    assert any(re.fullmatch(pattern, recording.name) for recording in generate())


def test_numbers_are_fictional_or_extensions():
    for recording in generate(recordings=300):
        assert all(re.fullmatch(r"(\+?1?55555501\d\d|\d{4})", number) for number in (recording.caller, recording.callee))


def test_names_are_unique_and_agree_with_class_and_month():
    made = generate(recordings=300, months=3)
    assert len({recording.path for recording in made}) == len(made)
    assert all(class_of(recording.name) is recording.klass for recording in made)
    assert {month_in_name(recording.name, ZoneInfo("America/Chicago")) == recording.month for recording in made} == {True}
    assert {recording.month for recording in made} == {"2025-12", "2026-01", "2026-02"}


def test_the_same_seed_makes_the_same_recordings():
    first, again, other = generate(), generate(), generate(seed=2)
    assert [each.stored() for each in first[:3]] == [each.stored() for each in again[:3]]
    assert first[0].stored() != other[0].stored()


@pytest.mark.parametrize("layout", ["length8", "bare8", "bare16", "riff44", "alaw8", "ulaw16", "inverted8"])
def test_gsff_has_its_magic_and_the_size_that_is_listed(layout):
    recording = generate(gsff_layout=layout)[0]
    data = recording.stored()
    assert (data[:4], len(data)) == (b"GSFF", recording.size)
    header = {"riff44": 44, "bare16": 16}.get(layout, 8)
    if layout in ("length8", "bare8", "bare16", "riff44"):
        assert data[header:] == recording.samples().tobytes()
    if layout in ("length8", "alaw8"):
        assert struct.unpack("<I", data[4:8])[0] == len(data) - 8


@pytest.mark.parametrize(
    ("layout", "found"),
    [("bare8", "8/s16le"), ("bare16", "16/s16le"), ("riff44", "44/s16le"), ("alaw8", "8/alaw"), ("ulaw16", "16/ulaw"), ("inverted8", None)],
)
def test_gsff_is_what_its_layout_says_when_compared_with_riff(layout, found):
    recording = generate(gsff_layout=layout)[0]
    verdict = calibrate(BytesSource(recording.stored()), BytesSource(recording.riff()))
    assert getattr(verdict, "layout", None) == (f"gsff/{found}/8000/1" if found else None)


def test_a_stock_recording_is_riff_whose_size_tells_its_seconds():
    recording = generate(gsff="none")[0]
    samples, rate = soundfile.read(io.BytesIO(recording.stored()), dtype="int16")
    assert rate == 8000
    assert struct.unpack("<I", recording.stored()[4:8])[0] == recording.size - 8
    assert np.array_equal(samples, recording.samples())
    assert (recording.size - 44) / 16_000 == pytest.approx(recording.seconds, abs=1e-4)


def test_mixed_holds_both():
    assert {recording.stored()[:4] for recording in generate(gsff="mixed", recordings=4)} == {b"GSFF", b"RIFF"}


@given(arrays.arrays(np.int16, st.integers(1, 200)))
def test_alaw_decodes_to_within_its_step(samples):
    decoded, _ = soundfile.read(
        io.BytesIO(encode_alaw(samples)), dtype="int16", samplerate=8000, channels=1, format="RAW", subtype="ALAW"
    )  # fmt: skip
    allowed = np.maximum(np.abs(samples.astype(int)) / 16, 16)
    assert np.all(np.abs(decoded.astype(int) - samples) <= allowed)


@pytest.mark.parametrize("seed", range(5))
def test_speech_is_loud_smooth_and_has_pauses(seed):
    sound = speech(seed, 10).astype(float)
    assert 5000 < np.abs(sound).max() < 32_767
    assert (sound[1:] * sound[:-1]).sum() / (sound * sound).sum() > 0.6
    frames = np.abs(sound[: sound.size // 400 * 400].reshape(-1, 400)).max(axis=1)
    assert (frames < 50).mean() > 0.05


def test_speech_is_cheap():
    speech(0, 1)
    began = time.process_time()
    speech(1, 20)
    assert time.process_time() - began < 0.25


def test_a_fraction_picks_the_same_recordings_whatever_their_order():
    made = generate()
    assert {each.path for each in pick(made, 0.3)} == {each.path for each in pick(made[::-1], 0.3)}
