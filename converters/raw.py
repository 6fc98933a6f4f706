"""Headerless samples: never recognised, only believed where the configuration says so."""

from __future__ import annotations

from converters.codecs import CODECS, ConvertedBody
from converters.interface import CopiedBody, Decoded, Options, RawLayout, Source, Undecodable

#: 10 ms at 8 kHz; less is no recording.
MIN_FRAMES = 80
#: More than this around the samples is not worth holding: such an original is no mere copy.
_MAX_KEPT_BYTES = 1 << 20


def matches(_head: bytes) -> bool:
    """Any bytes can be headerless samples, so none show that they are."""
    return False


def decode(source: Source, options: Options) -> Decoded:
    """Read all of ``source`` as ``options.raw``; raises :class:`Undecodable` without it, or where there is too little."""
    layout = options.raw
    if layout is None or layout.codec not in CODECS or layout.sample_rate <= 0 or layout.channels <= 0:
        raise Undecodable("undecodable", "no layout is configured for files without a header")
    if CODECS[layout.codec].frames_in(source.size, layout.channels) < MIN_FRAMES:
        raise Undecodable("too-short", f"the file holds {source.size} bytes, less than 10 ms of sound")
    return at_offset(source, 0, layout, source.size)


def at_offset(source: Source, offset: int, layout: RawLayout, length: int, format_name: str = "raw") -> Decoded:
    """``length`` bytes of samples of ``layout`` at ``offset``; what is no whole block goes to the trailer.

    The confidence is ``claimed`` and the evidence empty: the caller knows more.
    """
    codec = CODECS[layout.codec]
    frames = codec.frames_in(length, layout.channels)
    used = frames // codec.block_frames * codec.block_bytes * layout.channels
    ready = layout.codec == "s16le"
    copies = ready and source.size - used <= _MAX_KEPT_BYTES
    body = (
        CopiedBody(source, offset, used)
        if ready
        else ConvertedBody(source, offset, used, layout.codec, layout.sample_rate, layout.channels)
    )
    return Decoded(
        format=format_name,
        layout=f"{format_name}/{offset}/{layout.codec}/{layout.sample_rate}/{layout.channels}",
        confidence="claimed",
        evidence=(),
        sample_rate=layout.sample_rate,
        channels=layout.channels,
        frames=frames,
        copies=copies,
        body=body,
        header=source.read(0, offset) if copies else b"",
        trailer=source.read(offset + used, source.size - offset - used) if copies else b"",
    )
