"""Turns what a UCM calls a recording into 16-bit PCM WAV, deciding by evidence what the bytes are."""

from __future__ import annotations

from converters.interface import BytesSource, Decoded, FileSource, KnownLayout, Options, RawLayout, Source, Undecodable, decode
from converters.sniff import OTHER_AUDIO, sniff

__all__ = [
    "OTHER_AUDIO",
    "BytesSource",
    "Decoded",
    "FileSource",
    "KnownLayout",
    "Options",
    "RawLayout",
    "Source",
    "Undecodable",
    "decode",
    "sniff",
]
