"""GSFF: the claimed layout, other layouts, bad input, and sound that must never be taken for noise."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import BytesSource, Decoded, FileSource, KnownLayout, Options, Undecodable, decode
from converters.signature import ANY

MAGIC = b"GSFF"
UNFIT = b"GSFF\x12\x34\x56\x78"


def read(data: bytes, **options: object) -> Decoded:
    return decode(BytesSource(data), Options(**options))


def confirmed(layout: str) -> tuple[KnownLayout, ...]:
    return (KnownLayout(ANY, layout),)


def pcm(found: Decoded) -> bytes:
    return b"".join(found.blocks())


def refusal(data: bytes, **options: object) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        read(data, **options)
    return caught.value


# --- the claim ---------------------------------------------------------------------------------------------------------------------


def test_gsff_claimed_layout_is_copied(sound) -> None:
    body = sound.speech().tobytes()
    found = read(UNFIT + body)
    assert (found.layout, found.confidence, found.copies) == ("gsff/8/s16le/8000/1", "likely", True)
    assert (found.header, pcm(found), found.trailer) == (UNFIT, body, b"")


@pytest.mark.parametrize("order", ["<I", ">I"])
def test_gsff_number_that_equals_the_rest_is_a_declaration(sound, order: str) -> None:
    body = sound.speech().tobytes()
    found = read(MAGIC + struct.pack(order, len(body)) + body)
    assert (found.layout, found.confidence) == ("gsff/8/s16le/8000/1", "declared")


def test_gsff_false_length_is_noted_and_not_believed(sound) -> None:
    body = sound.speech().tobytes()
    found = read(MAGIC + struct.pack("<I", 5 * len(body)) + body)
    assert pcm(found) == body
    assert any("fits no length" in line for line in found.evidence)


def test_gsff_odd_length_keeps_the_last_byte(sound) -> None:
    body = sound.speech().tobytes()
    found = read(UNFIT + body + b"\x07")
    assert (pcm(found), found.trailer) == (body, b"\x07")
    assert found.header + pcm(found) + found.trailer == UNFIT + body + b"\x07"


@pytest.mark.parametrize("size", [4, 7, 8, 9, 10, 100, 8 + 2 * 79])
def test_gsff_with_less_than_ten_milliseconds_is_too_short(sound, size: int) -> None:
    data = (UNFIT + sound.speech().tobytes())[:size]
    assert refusal(data).reason == "too-short"


def test_gsff_short_but_with_fitting_length_is_sound(sound) -> None:
    body = sound.speech().tobytes()[:40]
    assert pcm(read(MAGIC + struct.pack("<I", 40) + body)) == body


def test_gsff_header_that_declares_nothing_to_follow_is_too_short() -> None:
    assert refusal(MAGIC + bytes(4)).reason == "too-short"


def test_gsff_from_a_file_equals_gsff_from_memory(sound, tmp_path) -> None:
    data = UNFIT + sound.speech(20.0).tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with FileSource(path) as source:
        found = decode(source)
        assert (found.layout, pcm(found)) == ("gsff/8/s16le/8000/1", data[8:])


# --- other layouts -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["s16be", "ulaw", "alaw", "gsm"])
@pytest.mark.parametrize("level", [600.0, 6000.0, 30000.0])
def test_gsff_other_codec_is_recognised(sound, codec: str, level: float) -> None:
    body = sound.raw(sound.speech(6.0, level=level), codec)
    found = read(UNFIT + body)
    assert (found.layout, found.confidence) == (f"gsff/8/{codec}/8000/1", "likely")
    assert pcm(found) == sound.reference(body, codec)


@pytest.mark.parametrize("header", [8, 44])
def test_gsff_microsoft_gsm_is_recognised_and_its_beginning_found(sound, header: int) -> None:
    samples = sound.speech(10.0)
    found = read(UNFIT.ljust(header, b"\0") + sound.raw(samples, "msgsm"))
    assert found.layout == f"gsff/{header}/msgsm/8000/1"
    assert abs(found.frames - len(samples)) < 320


@pytest.mark.parametrize("header", [12, 16, 20, 32, 44, 64, 128, 256, 512])
def test_gsff_longer_header_is_found_by_its_length_field(sound, header: int) -> None:
    body = sound.speech(5.0).tobytes()
    data = (MAGIC + struct.pack("<I", len(body))).ljust(header, b"\0") + body
    found = read(data)
    assert (found.layout, found.confidence) == (f"gsff/{header}/s16le/8000/1", "declared")
    assert found.header + pcm(found) == data


def test_gsff_length_after_the_longer_header_beats_that_of_the_whole_file(sound) -> None:
    body = sound.speech(5.0).tobytes()
    data = (MAGIC + struct.pack("<I", len(body) + 36)).ljust(40, b"\0") + struct.pack("<I", len(body)) + body
    assert read(data).layout == "gsff/44/s16le/8000/1"


def test_gsff_odd_header_is_found_by_alignment(sound) -> None:
    body = sound.speech(5.0).tobytes()
    found = read(UNFIT + b"\x01" + body)
    assert (found.layout, found.confidence) == ("gsff/9/s16le/8000/1", "likely")
    assert pcm(found) == body


def test_gsff_riff_chunks_under_the_other_magic(sound, riff) -> None:
    body = sound.speech().tobytes()
    data = riff.wav(body, magic=MAGIC)
    found = read(data)
    assert (found.format, found.layout, found.confidence) == ("gsff", "gsff/44/s16le/8000/1", "declared")
    assert found.header + pcm(found) + found.trailer == data


def test_gsff_riff_chunks_with_noise_inside_is_undecodable(sound, riff) -> None:
    assert refusal(riff.wav(sound.noise(50_000), magic=MAGIC)).reason == "undecodable"


def test_gsff_riff_chunks_that_were_cut_is_corrupt(sound, riff) -> None:
    assert refusal(riff.wav(sound.speech().tobytes(), magic=MAGIC)[:-400]).reason == "corrupt"


def test_gsff_format_description_elsewhere_leads_to_the_data(sound, riff) -> None:
    body = sound.raw(sound.speech(), "ulaw")
    fmt = struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)
    data = MAGIC + b"\0\1\0\0\0\0" + fmt + b"data" + struct.pack("<I", len(body)) + body
    found = read(data)
    assert (found.layout, found.confidence) == ("gsff/34/ulaw/8000/1", "declared")


def test_gsff_format_description_without_a_beginning_is_undecodable(sound, riff) -> None:
    assert "not where the sound begins" in refusal(UNFIT + riff.FMT + sound.speech().tobytes()).detail


@pytest.mark.parametrize(("talk", "rate"), [(30.0, 16000), (60.0, 8000), (None, 8000), (0.0, 8000), (40.0, 8000)])
def test_gsff_talk_time_tells_the_rate(sound, talk: float | None, rate: int) -> None:
    found = read(UNFIT + sound.speech(60.0).tobytes(), talk_seconds=talk)
    assert found.sample_rate == rate


# --- noise and sound ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [600, 2000, 20_000, 400_001])
@pytest.mark.parametrize("seed", range(5))
def test_gsff_noise_is_never_sound(sound, size: int, seed: int) -> None:
    wrong = refusal(UNFIT + sound.noise(size, seed))
    assert (wrong.reason, wrong.kind) == ("undecodable", "gsff")


def test_gsff_noise_with_a_fitting_length_is_not_sound_either(sound) -> None:
    assert refusal(MAGIC + struct.pack("<I", 30_000) + sound.noise(30_000)).reason == "undecodable"


def test_gsff_noise_between_silences_is_not_sound(sound) -> None:
    assert refusal(UNFIT + bytes(500_000) + sound.noise(20_000) + bytes(500_000)).reason == "undecodable"


@pytest.mark.parametrize("form", [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "IMA_ADPCM"), ("AU", "G721_32")])
def test_gsff_compressed_body_is_undecodable(sound, form: tuple[str, str]) -> None:
    body = sound.file(sound.speech(30.0), *form)
    assert refusal(UNFIT + body[4000:]).reason == "undecodable"


TIME = np.arange(24_000) / 8000


def dtmf(low: int, high: int) -> np.ndarray:
    return 12000 * (np.sin(2 * np.pi * low * TIME) + np.sin(2 * np.pi * high * TIME))


RNG = np.random.default_rng(7)
GENUINE = {
    "silence": np.zeros(24_000),
    "comfort noise": RNG.normal(0, 3, 24_000),
    "line noise": RNG.normal(0, 200, 24_000),
    "loud white noise": RNG.normal(0, 5000, 24_000),
    "dither": RNG.integers(-1, 1, 24_000),
    "dtmf": dtmf(770, 1336),
    "dtmf with pauses": dtmf(941, 1477) * (TIME % 0.2 < 0.1),
    "random walk": np.cumsum(RNG.normal(0, 300, 24_000)),
    "random walk, full scale": (np.cumsum(RNG.normal(0, 900, 24_000)) + 32768) % 65536 - 32768,
    "square wave": 32767 * np.sign(np.sin(2 * np.pi * 440 * TIME)),
    "clipped line noise": RNG.normal(0, 60_000, 24_000),
    "loud music": sum(9000 / k * np.sin(2 * np.pi * 110 * k * TIME + k) for k in range(1, 30)) + RNG.normal(0, 2500, 24_000),
    "chirp": 32767 * np.sin(2 * np.pi * (100 + 600 * TIME) * TIME),
    "one click": np.eye(1, 24_000, 777)[0] * 30_000,
    "constant": np.full(24_000, 1234.0),
}


def genuine_in_16_bits(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("name", GENUINE)
@pytest.mark.parametrize("count", [300, 2000, 24_000])
def test_gsff_genuine_sound_is_accepted(name: str, count: int) -> None:
    body = genuine_in_16_bits(GENUINE[name][:count])
    assert pcm(read(UNFIT + body)) == body


@given(st.floats(20, 3999), st.floats(100, 32767), st.integers(300, 9000))
@settings(max_examples=200, deadline=None)
def test_gsff_pure_tone_of_any_frequency_is_accepted(hertz: float, level: float, count: int) -> None:
    body = genuine_in_16_bits(level * np.sin(2 * np.pi * hertz * np.arange(count) / 8000))
    found = read(UNFIT + body)
    assert (found.layout, pcm(found)) == ("gsff/8/s16le/8000/1", body)


@pytest.mark.parametrize("hertz", [500, 1000, 2000, 4000])
@pytest.mark.parametrize("level", [256, 8192, 16384, 32767])
def test_gsff_tone_with_a_period_of_whole_samples_is_accepted(hertz: int, level: int) -> None:
    body = genuine_in_16_bits(level * np.cos(2 * np.pi * hertz * TIME))
    assert pcm(read(UNFIT + body)) == body


@given(st.integers(0, 10_000), st.floats(50, 32767), st.floats(0.05, 3.0), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_gsff_speech_at_any_level_with_any_silence_is_accepted(sound, seed: int, level: float, seconds: float, silence: int) -> None:
    quiet = np.zeros(silence * 8000, "<i2").tobytes()
    body = quiet + sound.speech(seconds, seed, level).tobytes() + quiet
    found = read(UNFIT + body)
    assert (found.layout, pcm(found)) == ("gsff/8/s16le/8000/1", body)


# --- calibration -------------------------------------------------------------------------------------------------------------------


def test_gsff_confirmed_layout_is_used(sound) -> None:
    body = sound.speech().tobytes()
    found = read(UNFIT.ljust(36, b"\x55") + body, known_layouts=confirmed("gsff/36/s16le/8000/1"))
    assert (found.layout, found.confidence, pcm(found)) == ("gsff/36/s16le/8000/1", "confirmed", body)


def test_gsff_confirmed_gsm_is_not_taken_for_noise(sound) -> None:
    body = sound.raw(sound.speech(1.0), "msgsm")
    assert read(UNFIT + body, known_layouts=confirmed("gsff/8/msgsm/8000/1")).confidence == "confirmed"


@pytest.mark.parametrize("codec", ["ulaw", "s16be"])
def test_gsff_that_contradicts_the_confirmed_layout_is_undecodable(sound, codec: str) -> None:
    body = sound.raw(sound.speech(), codec)
    assert refusal(UNFIT + body, known_layouts=confirmed("gsff/8/s16le/8000/1")).reason == "undecodable"


def test_gsff_that_declares_another_header_than_confirmed_is_undecodable(sound) -> None:
    body = sound.speech(5.0).tobytes()
    data = (MAGIC + struct.pack("<I", len(body))).ljust(44, b"\0") + body
    assert "calibration" in refusal(data, known_layouts=confirmed("gsff/8/s16le/8000/1")).detail


def test_gsff_noise_under_a_confirmed_layout_is_undecodable(sound) -> None:
    assert refusal(UNFIT + sound.noise(9000), known_layouts=confirmed("gsff/8/s16le/8000/1")).reason == "undecodable"


def test_gsff_chunks_that_contradict_the_confirmed_layout_are_undecodable(sound, riff) -> None:
    data = riff.wav(sound.speech().tobytes(), magic=MAGIC)
    assert refusal(data, known_layouts=confirmed("gsff/8/s16le/8000/1")).reason == "undecodable"
    assert read(data, known_layouts=confirmed("gsff/44/s16le/8000/1")).confidence == "confirmed"


@pytest.mark.parametrize("layout", ["gsff/8", "gsff/8/opus/8000/1", "gsff/8/s16le/8000/0"])
def test_gsff_confirmed_layout_that_is_not_understood_is_undecodable(sound, layout: str) -> None:
    assert refusal(UNFIT + sound.speech().tobytes(), known_layouts=confirmed(layout)).reason == "undecodable"


def test_gsff_of_a_contradicted_signature_is_not_decoded(sound) -> None:
    known = (KnownLayout("4753464612345678", None, "other samples"), KnownLayout(ANY, "gsff/8/s16le/8000/1"))
    body = sound.speech().tobytes()
    assert "other samples" in refusal(UNFIT + body, known_layouts=known).detail
    assert read(MAGIC + b"\x99\x34\x56\x78" + body, known_layouts=known).confidence == "confirmed"


def test_gsff_of_an_unknown_signature_is_judged_by_evidence(sound) -> None:
    known = (KnownLayout("47534646????5678", "gsff/36/ulaw/8000/1"),)
    assert read(MAGIC + b"\x01\x02\x03\x04" + sound.speech().tobytes(), known_layouts=known).confidence == "likely"


# --- any bytes ---------------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=3000), st.sampled_from([b"", MAGIC, UNFIT, b"GSFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVE"]))
@settings(max_examples=400, deadline=1000)
def test_decode_any_bytes_gives_sound_or_undecodable(data: bytes, start: bytes) -> None:
    try:
        found = read(start + data)
        size = len(pcm(found))
    except Undecodable:
        return
    assert size == found.pcm_bytes
    assert not found.copies or found.header + pcm(found) + found.trailer == start + data


def test_gsff_evidence_for_a_plain_megabyte_is_cheap(sound) -> None:
    source = BytesSource(UNFIT + sound.speech(62.5).tobytes())
    decode(source)
    best = min(_timed(source) for _ in range(20))
    assert best < 0.002  # 0.2 ms where it was written; room for a busy machine


def _timed(source: BytesSource) -> float:
    begun = time.perf_counter()
    decode(source)
    return time.perf_counter() - begun
