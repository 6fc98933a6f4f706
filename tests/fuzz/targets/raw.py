"""Bytes of any kind, as the sniffer and headerless samples of a configured layout take them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from fuzz.makers import recordings
from fuzz.sound import look_at

from converters.codecs import CODECS
from converters.interface import Options, RawLayout
from scraper.simulator.packs import not_an_archive, tar_of
from scraper.simulator.recordings import encode_alaw, encode_ulaw

_OPTIONS = (Options(), *(Options(raw=RawLayout(codec, 8000, channels)) for codec in CODECS for channels in (1, 2, 8)))
WORDS = (
    b"OggS",
    b"fLaC",
    b"ID3",
    b"PK\3\4",
    b"\x1f\x8b",
    b"%PDF-",
    b"<html",
    b"<?xml",
    b"\xff\xfb\x90\x64",
    b"\xef\xbb\xbf",
    b"<!--",
    b"-->",
)


def target(data: bytes) -> None:
    """The first byte chooses the layout, the rest is the file."""
    look_at(data[1:], _OPTIONS[(data[0] if data else 0) % len(_OPTIONS)])


def seeds() -> Iterator[bytes]:
    """Samples without a header in each codec, and what is no sound at all."""
    (recording,) = recordings(1)
    samples = recording.samples()
    bodies = (samples.tobytes(), encode_alaw(samples), encode_ulaw(samples))
    yield from (bytes([how]) + body for how in range(len(_OPTIONS)) for body in bodies)
    yield from (b"\0" + not_an_archive(kind)[0] for kind in ("html", "json", "zip", "empty", "page"))
    yield from (
        b"\0" + body for body in (gzip.compress(b"x"), tar_of([("a", b"x")]), b"\xff\xfb\x90\x64" + bytes(413) + b"\xff\xfb\x90\x64")
    )
