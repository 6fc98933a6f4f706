"""FLAC gives back every sample, Opus as many; what neither can hold is said before it is tried."""

from __future__ import annotations

import errno
import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from converters.compress import Compression, Decompressed, Incompressible, compress, fits


def compressed(compression: Compression, pcm: bytes, rate: int = 8000, channels: int = 1, block: int = 1 << 20) -> bytes:
    out = io.BytesIO()
    compress(compression, (pcm[at : at + block] for at in range(0, len(pcm), block)), rate, channels, out)
    return out.getvalue()


def opened(data: bytes) -> Decompressed:
    return Decompressed(io.BytesIO(data))


rates = st.sampled_from([8000, 11025, 16000, 44100, 48000]) | st.integers(1, 655_350)


@given(st.binary(max_size=9000), st.integers(1, 8), rates, st.integers(1, 5000))
@example(b"\0\x80\xff\x7f" * 3000, 2, 8000, 3)
@example(b"\1\0", 1, 8000, 1)
@settings(deadline=None, max_examples=60)
def test_flac_of_any_samples_gives_back_every_one(data: bytes, channels: int, rate: int, block: int) -> None:
    frames = len(data) // (2 * channels)
    pcm = data[: frames * 2 * channels]
    if not fits("flac", frames, rate, channels):
        return
    with opened(compressed("flac", pcm, rate, channels, block)) as found:
        assert (found.frames, found.sample_rate, found.channels) == (frames, rate, channels)
        assert found.read() == pcm


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 9000)), max_size=12), st.integers(1, 2))
@settings(deadline=None, max_examples=25)
def test_flac_is_read_from_anywhere(sound, reads: list[tuple[int, int]], channels: int) -> None:
    pcm = sound.speech(2.0).tobytes()
    with opened(compressed("flac", pcm, 8000, channels)) as found:
        for offset, length in reads:
            found.seek(offset)
            assert found.read(length) == pcm[offset : offset + length]


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 159, 960, 8001])
def test_opus_keeps_rate_channels_and_length(sound, rate: int, channels: int, frames: int) -> None:
    pcm = np.resize(sound.speech(1.0), frames * channels).tobytes()
    assert fits("opus", frames, rate, channels)
    with opened(compressed("opus", pcm, rate, channels)) as found:
        assert (found.frames, found.sample_rate, found.channels) == (frames, rate, channels)
        assert len(found.read()) == len(pcm)


def test_opus_sounds_like_what_was_recorded(sound) -> None:
    """Within a few milliseconds the loudness is the same, and the whole is a tenth of the size."""
    samples = sound.speech(4.0)
    data = compressed("opus", samples.tobytes())
    with opened(data) as found:
        heard = np.frombuffer(found.read(), "<i2")
    loudness = [np.abs(one[: len(one) // 400 * 400].astype(float)).reshape(-1, 400).mean(axis=1) for one in (samples, heard)]
    assert np.corrcoef(*loudness)[0, 1] > 0.95
    assert len(data) < samples.nbytes / 4


@pytest.mark.parametrize(
    ("compression", "frames", "rate", "channels"),
    [
        ("flac", 0, 8000, 1),
        ("opus", 0, 8000, 1),
        ("flac", 9, 8000, 9),
        ("flac", 9, 65_537, 1),
        ("flac", 9, 655_360, 1),
        ("opus", 9, 44_100, 1),
        ("opus", 9, 8000, 3),
    ],
)
def test_what_a_format_can_not_hold(compression: Compression, frames: int, rate: int, channels: int) -> None:
    assert not fits(compression, frames, rate, channels)


@pytest.mark.parametrize(("compression", "rate", "channels"), [("flac", 65_537, 1), ("flac", 8000, 9), ("opus", 11_025, 1)])
def test_what_libsndfile_refuses_is_incompressible(compression: Compression, rate: int, channels: int) -> None:
    with pytest.raises(Incompressible):
        compressed(compression, bytes(2 * 9 * 1000), rate, channels)


class Full(io.BytesIO):
    """A file on a disk that becomes full."""

    def write(self, data) -> int:
        if self.tell() > 4000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("compression", ["flac", "opus"])
def test_a_full_disk_while_compressing_is_the_disks_error(sound, compression: Compression) -> None:
    with pytest.raises(OSError, match="No space left"):
        compress(compression, [sound.speech(8.0).tobytes()], 8000, 1, Full())


@pytest.mark.parametrize("keep", [0, 3, 30, 3000])
def test_a_cut_flac_file_is_an_error_of_reading(sound, keep: int) -> None:
    data = compressed("flac", sound.speech(2.0).tobytes())
    with pytest.raises(OSError, match="can't be decoded"), opened(data[:keep]) as found:
        found.readall()
