"""The canonical WAV file's header, and what it is followed by: all samples, and with what surrounded them the original again."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from converters import BytesSource, Decoded, FileSource, Undecodable, decode, wav


def written(decoded: Decoded) -> bytes:
    return wav.header(decoded.frames, decoded.sample_rate, decoded.channels) + b"".join(decoded.blocks())


def test_header_and_samples_are_a_canonical_file(sound) -> None:
    samples = sound.speech()
    made = written(decode(BytesSource(b"GSFFabcd" + samples.tobytes())))
    read, rate = soundfile.read(io.BytesIO(made), dtype="int16")
    assert rate == 8000
    assert read.tobytes() == samples.tobytes()
    assert made == sound.file(samples, "WAV", "PCM_16")


def test_samples_from_a_file_are_those_from_memory(sound, tmp_path) -> None:
    data = b"GSFFabcd" + sound.speech(80.0).tobytes()
    path = tmp_path / "a"
    path.write_bytes(data)
    with FileSource(path) as source:
        assert written(decode(source)) == written(decode(BytesSource(data)))


def test_samples_of_a_file_that_shrank_are_corrupt(sound, tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"GSFFabcd" + sound.speech(80.0).tobytes())
    with FileSource(path) as source:
        decoded = decode(source)
        os.truncate(path, 5000)
        with pytest.raises(Undecodable, match="corrupt"):
            written(decoded)


@pytest.mark.parametrize("more", [-1, 1])
def test_samples_that_are_not_as_many_as_announced_are_corrupt(sound, more: int) -> None:
    decoded = decode(BytesSource(sound.file(sound.speech(1.0), "WAV", "ULAW")))
    with pytest.raises(Undecodable, match="corrupt"):
        written(replace(decoded, frames=decoded.frames + more))


@given(st.integers(1, 1 << 20), st.integers(1000, 384_000), st.integers(1, 8))
def test_header_read_back_is_what_was_written(frames: int, rate: int, channels: int) -> None:
    assert wav.parse_header(wav.header(frames, rate, channels)) == wav.WavHeader(frames, rate, channels)


@given(st.binary(max_size=60))
@example(bytes(23) + b"\1\0\0\0\1" + bytes(5) + b"\1" + bytes(10))  # bytes a second: more than the field holds
@example(bytes(22) + b"\2\0\0\0\0\0" + bytes(4) + b"\1\0" + bytes(6) + b"\xff\xff\xff\xff")  # bytes of sound, likewise
def test_parse_header_of_any_bytes_is_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="WAV header"):
        wav.parse_header(data)


def test_header_of_more_than_wav_can_hold_is_value_error() -> None:
    with pytest.raises(ValueError, match="longer"):
        wav.header(1 << 31, 8000, 1)


def again(original: bytes) -> bytes:
    """The original, from what is kept of it."""
    decoded = decode(BytesSource(original))
    assert decoded.copies
    return decoded.header + written(decoded)[wav.HEADER_BYTES :] + decoded.trailer


@given(st.binary(min_size=2, max_size=400), st.binary(max_size=40), st.binary(max_size=40))
@settings(deadline=None)
def test_riff_that_was_copied_can_be_had_again(riff, pcm: bytes, before: bytes, after: bytes) -> None:
    chunks = riff.chunk(b"LIST", before), riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", pcm), riff.chunk(b"LIST", after)
    original = riff.file(*chunks)
    assert again(original) == original


@pytest.mark.parametrize("tail", [b"", b"\x01"])
def test_gsff_that_was_copied_can_be_had_again(sound, tail: bytes) -> None:
    original = b"GSFF\1\2\3\4" + sound.speech(70.0).tobytes() + tail
    assert again(original) == original
