"""RIFF/WAVE: every codec exactly as libsndfile decodes it, and every way in which a header can be wrong."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import BytesSource, Decoded, FileSource, Undecodable, decode

PCM = bytes(range(256)) * 4
OPEN = 0xFFFFFFFF


def read(data: bytes) -> Decoded:
    return decode(BytesSource(data))


def pcm(data: bytes) -> bytes:
    return b"".join(read(data).blocks())


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Undecodable) as caught:
        decode(BytesSource(data))
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "PCM_24", "PCM_32", "ULAW", "ALAW"])
@pytest.mark.parametrize("channels", [1, 2])
def test_riff_integer_codec_decodes_as_libsndfile(sound, container: str, subtype: str, channels: int) -> None:
    data = sound.file(np.stack([sound.speech(1.0, seed) for seed in range(channels)], axis=1), container, subtype)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    found = read(data)
    assert b"".join(found.blocks()) == expected.tobytes()
    assert (found.sample_rate, found.channels, found.frames, found.confidence) == (8000, channels, 8000, "declared")
    assert found.copies == (subtype == "PCM_16")


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_riff_float_gives_back_the_16_bit_samples_it_was_made_of(sound, subtype: str) -> None:
    samples = np.concatenate([sound.speech(1.0), np.array([-32768, 32767, 0, -1], "<i2")])
    assert pcm(sound.file(samples, "WAV", subtype)) == samples.tobytes()


def test_riff_float_beyond_full_scale_is_clipped(riff) -> None:
    fmt = struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32)
    values = struct.pack("<5f", 2.0, -2.0, float("nan"), float("inf"), 0.5)
    data = riff.file(riff.chunk(b"fmt ", fmt), riff.chunk(b"data", values))
    assert np.frombuffer(pcm(data), "<i2").tolist() == [32767, -32768, 0, 32767, 16384]


def test_riff_gsm_decodes_as_libsndfile(sound) -> None:
    data = sound.file(sound.speech(2.0), "WAV", "GSM610")
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        expected = file.read(file.frames, dtype="int16")
    assert pcm(data) == expected.tobytes()


def test_riff_long_conversion_comes_in_bounded_blocks(sound) -> None:
    data = sound.file(np.tile(sound.speech(4.0), 40), "WAV", "ULAW")
    sizes = [len(block) for block in read(data).blocks()]
    assert max(sizes) == 1 << 20
    assert sum(sizes) == 40 * 32000 * 2


def test_riff_from_a_file_equals_riff_from_memory(sound, tmp_path) -> None:
    data = sound.file(sound.speech(1.0), "WAV", "ALAW")
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with FileSource(path) as source:
        assert b"".join(decode(source).blocks()) == pcm(data)


@pytest.mark.parametrize("riff_size", [0, 1, 36, OPEN, 0x7FFFFFFF])
def test_riff_outer_length_does_not_matter(riff, riff_size: int) -> None:
    assert pcm(riff.wav(PCM, size=riff_size)) == PCM


@pytest.mark.parametrize("data_size", [0, OPEN, 0x7FFFFFFF, 0x7FFFF000])
def test_riff_open_ended_data_is_read_to_the_end(riff, data_size: int) -> None:
    assert pcm(riff.wav(PCM, data_size=data_size)) == PCM


def test_riff_data_that_says_more_than_there_is_was_cut(riff) -> None:
    reason, detail = refusal(riff.wav(PCM, data_size=len(PCM) + 2))
    assert reason == "corrupt"
    assert f"{len(PCM)} of {len(PCM) + 2} bytes" in detail


def test_riff_data_that_lacks_only_its_pad_byte_is_whole(riff) -> None:
    assert pcm(riff.wav(PCM[:-2], data_size=len(PCM) - 1)) == PCM[:-2]


@pytest.mark.parametrize("data_size", [0, OPEN])
def test_riff_without_any_sample_is_too_short(riff, data_size: int) -> None:
    assert refusal(riff.wav(b"", data_size=data_size))[0] == "too-short"


def test_riff_empty_data_before_another_chunk_is_too_short(riff) -> None:
    data = riff.file(riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", b""), riff.chunk(b"LIST", b"INFOabcd"))
    assert refusal(data)[0] == "too-short"


def test_riff_chunks_around_the_data_are_kept(riff) -> None:
    head = riff.chunk(b"LIST", b"odd") + riff.chunk(b"fmt ", riff.FMT) + riff.chunk(b"fact", bytes(4))
    tail = riff.chunk(b"LIST", b"INFOafter")
    data = riff.file(head, riff.chunk(b"data", PCM), tail)
    found = read(data)
    assert b"".join(found.blocks()) == PCM
    assert found.header + PCM + found.trailer == data
    assert found.trailer == tail


@pytest.mark.parametrize("pad", [True, False])
def test_riff_odd_chunk_with_and_without_pad_byte(riff, pad: bool) -> None:
    data = riff.file(riff.chunk(b"note", b"odd", pad=pad), riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", PCM))
    assert pcm(data) == PCM


def test_riff_data_before_fmt_is_found(riff) -> None:
    assert pcm(riff.file(riff.chunk(b"data", PCM), riff.chunk(b"fmt ", riff.FMT))) == PCM


def test_rf64_takes_its_length_from_ds64(riff) -> None:
    ds64 = struct.pack("<QQQI", 0, len(PCM), len(PCM) // 2, 0)
    chunks = (riff.chunk(b"ds64", ds64), riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", PCM, OPEN), riff.chunk(b"LIST", b"abcd"))
    assert pcm(riff.file(*chunks, magic=b"RF64", size=OPEN)) == PCM


def test_rf64_that_was_cut_is_corrupt(riff) -> None:
    ds64 = struct.pack("<QQQI", 0, len(PCM) * 9, 0, 0)
    data = riff.file(riff.chunk(b"ds64", ds64), riff.chunk(b"fmt ", riff.FMT), riff.chunk(b"data", PCM, OPEN), magic=b"RF64")
    assert refusal(data)[0] == "corrupt"


def fmt_with(**changes: int) -> bytes:
    fields = {"tag": 1, "channels": 1, "rate": 8000, "bytes": 16000, "align": 2, "bits": 16} | changes
    return struct.pack("<HHIIHH", *fields.values())


@pytest.mark.parametrize(
    ("fmt", "reason"),
    [
        (b"", "corrupt"),
        (bytes(15), "corrupt"),
        (fmt_with(channels=0), "corrupt"),
        (fmt_with(channels=900), "corrupt"),
        (fmt_with(rate=0), "corrupt"),
        (fmt_with(rate=OPEN), "corrupt"),
        (fmt_with(bits=12), "undecodable"),
        (fmt_with(tag=0x55), "undecodable"),
        (fmt_with(tag=0xFFFE), "corrupt"),
        (fmt_with(tag=0x31, align=64), "corrupt"),
    ],
)
def test_riff_broken_fmt_is_refused(riff, fmt: bytes, reason: str) -> None:
    assert refusal(riff.file(riff.chunk(b"fmt ", fmt), riff.chunk(b"data", PCM)))[0] == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"RIFF", "too-short"),
        (b"RIFF\0\0\0\0WAV", "too-short"),
        (b"RIFF\0\0\0\0AVI LIST", "undecodable"),
        (b"RIFF\0\0\0\0WAVE", "corrupt"),
        (b"RIFF\0\0\0\0WAVE" + b"data" + struct.pack("<I", len(PCM)) + PCM, "corrupt"),
        (b"RIFF\0\0\0\0WAVE" + b"fmt " + struct.pack("<I", 16) + fmt_with(), "corrupt"),
        (b"RIFF\0\0\0\0WAVE" + b"fmt " + struct.pack("<I", 16) + fmt_with() + b"data", "corrupt"),
        (b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100_000, "corrupt"),
    ],
)
def test_riff_with_missing_parts_is_refused(data: bytes, reason: str) -> None:
    assert refusal(data)[0] == reason


@given(st.integers(0, 59), st.binary(min_size=1, max_size=8), st.sampled_from(["PCM_16", "ULAW", "GSM610", "FLOAT"]))
@settings(max_examples=300, deadline=1000)
def test_riff_mutated_header_decodes_or_is_undecodable(sound, at: int, change: bytes, subtype: str) -> None:
    data = bytearray(sound.file(sound.speech(0.2), "WAV", subtype))
    data[at : at + len(change)] = change
    try:
        found = decode(BytesSource(data))
        size = sum(len(block) for block in found.blocks())
    except Undecodable:
        return
    assert size == found.pcm_bytes


@given(
    st.lists(
        st.tuples(st.sampled_from([b"fmt ", b"data", b"LIST", b"ds64", b"\0\0\0\0"]), st.binary(max_size=40), st.integers(0, OPEN)),
        max_size=6,
    )
)
@settings(deadline=1000)
def test_riff_any_chunks_decode_or_are_undecodable(riff, chunks: list[tuple[bytes, bytes, int]]) -> None:
    parts = [riff.chunk(name, content, size if size % 3 == 0 else None) for name, content, size in chunks]
    data = riff.file(riff.chunk(b"fmt ", riff.FMT), *parts)
    try:
        found = decode(BytesSource(data))
    except Undecodable:
        return
    assert found.header + b"".join(found.blocks()) + found.trailer == data
