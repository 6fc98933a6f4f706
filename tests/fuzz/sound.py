"""What every reading of a recording's bytes must hold: sniffing, inspecting, decoding, and the WAV that is made of it."""

from __future__ import annotations

from typing import get_args

from converters import wav
from converters.inspect import inspect
from converters.interface import BytesSource, Confidence, Decoded, Options, Reason, Undecodable, decode
from converters.sniff import HEAD_BYTES, sniff

_BLOCK = 1 << 20


def look_at(body: bytes, options: Options) -> None:
    """Sound or a reason, and the same whoever asks."""
    source = BytesSource(body)
    kind = sniff(body[:HEAD_BYTES])
    seen = inspect(source, options)
    assert (seen.size, seen.kind) == (len(body), kind)
    try:
        decoded = decode(source, options)
    except Undecodable as error:
        assert error.reason in get_args(Reason) and error.detail and seen.chosen is None
        return
    assert seen.error is None and decoded.confidence in get_args(Confidence) and decoded.frames > 0
    _check_samples(decoded, body)


def _check_samples(decoded: Decoded, body: bytes) -> None:
    """There are as many as the header says, in bounded blocks; where they were copied, the original can be had back."""
    # The most that a codec expands is GSM: 33 bytes to 160 samples.
    assert decoded.pcm_bytes <= 10 * len(body) + 1280
    try:
        blocks = list(decoded.blocks())
    except Undecodable as error:
        assert error.reason == "corrupt" and not decoded.copies
        return
    assert all(len(block) <= _BLOCK for block in blocks)
    samples = b"".join(blocks)
    assert len(samples) == decoded.pcm_bytes
    made = wav.header(decoded.frames, decoded.sample_rate, decoded.channels) + samples
    again = decode(BytesSource(made))
    assert (again.frames, again.channels, again.sample_rate, again.copies) == (decoded.frames, decoded.channels, decoded.sample_rate, True)
    if decoded.copies:
        assert decoded.header + samples + decoded.trailer == body
