"""Headerless samples, and sources."""

from __future__ import annotations

import pytest

from converters import BytesSource, FileSource, Options, RawLayout, Undecodable, decode


@pytest.mark.parametrize("codec", ["s16le", "s16be", "ulaw", "alaw", "gsm"])
def test_raw_configured_layout_is_believed(sound, codec: str) -> None:
    body = sound.raw(sound.speech(1.0), codec)
    found = decode(BytesSource(body), Options(raw=RawLayout(codec)))
    assert (found.layout, found.confidence) == (f"raw/0/{codec}/8000/1", "claimed")
    assert b"".join(found.blocks()) == sound.reference(body, codec)


def test_raw_not_configured_is_undecodable(sound) -> None:
    with pytest.raises(Undecodable):
        decode(BytesSource(sound.speech(1.0).tobytes()))


@pytest.mark.parametrize("layout", [RawLayout("opus"), RawLayout(sample_rate=0), RawLayout(channels=0)])
def test_raw_impossible_layout_is_undecodable(sound, layout: RawLayout) -> None:
    with pytest.raises(Undecodable):
        decode(BytesSource(sound.speech(1.0).tobytes()), Options(raw=layout))


def test_raw_configured_does_not_make_sound_of_a_page() -> None:
    with pytest.raises(Undecodable, match="web page"):
        decode(BytesSource(b"<html>" + b" " * 500), Options(raw=RawLayout()))


def test_raw_of_less_than_ten_milliseconds_is_too_short() -> None:
    with pytest.raises(Undecodable, match="too-short"):
        decode(BytesSource(b"\x80\x01" * 79), Options(raw=RawLayout()))


@pytest.mark.parametrize(("offset", "length"), [(0, 4), (3, 100), (10, 1), (99, 1)])
def test_sources_read_alike(tmp_path, offset: int, length: int) -> None:
    data = bytes(range(10))
    path = tmp_path / "bytes"
    path.write_bytes(data)
    with FileSource(path) as source:
        assert source.size == 10
        assert source.read(offset, length) == BytesSource(data).read(offset, length) == data[offset : offset + length]
    source.close()
