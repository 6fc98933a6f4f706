"""The canonical WAV file: written with its hashes, read back, and turned into the original again."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace

import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from converters import BytesSource, FileSource, Undecodable, decode, wav


class Trickle(io.RawIOBase):
    """An unbuffered file that takes at most 1,000 bytes at a time."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: object) -> int:
        part = bytes(memoryview(data)[:1000])  # type: ignore[arg-type]
        self.taken += part
        return len(part)


def test_write_is_canonical_and_hashed(sound) -> None:
    samples = sound.speech()
    out = io.BytesIO()
    digest = wav.write(decode(BytesSource(b"GSFFabcd" + samples.tobytes())), out)
    written = out.getvalue()
    assert digest.sha256 == hashlib.sha256(written).hexdigest()
    assert digest.samples_sha256 == hashlib.sha256(samples.tobytes()).hexdigest()
    assert (digest.size, digest.frames) == (len(written), len(samples))
    read, rate = soundfile.read(io.BytesIO(written), dtype="int16")
    assert rate == 8000
    assert read.tobytes() == samples.tobytes()
    assert written == sound.file(samples, "WAV", "PCM_16")


def test_write_to_a_file_that_takes_little_at_a_time_is_whole(sound) -> None:
    decoded = decode(BytesSource(b"GSFFabcd" + sound.speech().tobytes()))
    plain, slow = io.BytesIO(), Trickle()
    assert wav.write(decoded, plain) == wav.write(decoded, slow)  # type: ignore[arg-type]
    assert plain.getvalue() == bytes(slow.taken)


def test_write_from_file_equals_write_from_memory(sound, tmp_path) -> None:
    data = b"GSFFabcd" + sound.speech(80.0).tobytes()
    path = tmp_path / "a"
    path.write_bytes(data)
    with FileSource(path) as source:
        assert wav.write(decode(source), io.BytesIO()) == wav.write(decode(BytesSource(data)), io.BytesIO())


def test_write_of_a_file_that_shrank_is_corrupt(sound, tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"GSFFabcd" + sound.speech(80.0).tobytes())
    with FileSource(path) as source:
        decoded = decode(source)
        os.truncate(path, 5000)
        with pytest.raises(Undecodable, match="corrupt"):
            wav.write(decoded, io.BytesIO())


def test_write_where_frames_are_missing_is_corrupt(sound) -> None:
    decoded = decode(BytesSource(sound.file(sound.speech(1.0), "WAV", "ULAW")))
    with pytest.raises(Undecodable, match="corrupt"):
        wav.write(replace(decoded, frames=decoded.frames + 1), io.BytesIO())


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


def rebuilt(original: bytes) -> bytes:
    decoded = decode(BytesSource(original))
    assert decoded.copies
    out = io.BytesIO()
    wav.write(decoded, out)
    return b"".join(wav.rebuild(decoded.header, BytesSource(out.getvalue()), decoded.trailer))


@given(st.binary(min_size=2, max_size=400), st.binary(max_size=40), st.binary(max_size=40))
@settings(deadline=None)
def test_rebuild_of_a_riff_copy_is_the_original(riff, pcm: bytes, before: bytes, after: bytes) -> None:
    chunks = riff.chunk(b"LIST", before), riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", pcm), riff.chunk(b"LIST", after)
    original = riff.file(*chunks)
    assert rebuilt(original) == original


@pytest.mark.parametrize("tail", [b"", b"\x01"])
def test_rebuild_of_a_gsff_copy_is_the_original(sound, tail: bytes) -> None:
    original = b"GSFF\1\2\3\4" + sound.speech(70.0).tobytes() + tail
    assert rebuilt(original) == original


def test_rebuild_from_a_damaged_wav_is_value_error(sound) -> None:
    whole = sound.file(sound.speech(1.0), "WAV", "PCM_16")
    with pytest.raises(ValueError, match="size"):
        list(wav.rebuild(b"", BytesSource(whole[:-2]), b""))


def test_read_header_of_a_file(sound, tmp_path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound.file(sound.speech(1.0), "WAV", "PCM_16"))
    assert wav.read_header(path) == wav.WavHeader(8000, 8000, 1)
