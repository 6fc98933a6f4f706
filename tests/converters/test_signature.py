"""Signatures: what GSFF headers of one PBX have in common, and what no longer fits."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from converters import KnownLayout
from converters.signature import ANY, MAX_BYTES, certainty, matches, recognise, signature

VERSION = b"\x01\x00\x40\x1f"


def head(length: int, version: bytes = VERSION) -> bytes:
    return b"GSFF" + version + struct.pack("<I", length)


def test_signature_leaves_open_what_could_be_this_files_length() -> None:
    assert signature(head(32000), 32012) == "475346460100401f????????"


def test_signature_leaves_open_whole_words_that_differ_among_files() -> None:
    earlier = signature(b"GSFF" + VERSION + b"\x01\x02\x03\x69", 500_000)
    assert signature(b"GSFF" + VERSION + b"\x02\x02\x03\x69", 500_000, [earlier]) == "475346460100401f????????"


def test_signature_of_one_file_fixes_all_else() -> None:
    assert signature(head(7), 500_000) == "475346460100401f07000000"


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5), st.integers(0, 1 << 40))
def test_signature_fits_every_header_it_was_made_of(rests: list[bytes], size: int) -> None:
    found: list[str] = []
    heads = [b"GSFF" + rest for rest in rests]
    for head in heads:
        found.append(signature(head, size, found))
    length = min(len(heads[-1]), MAX_BYTES)
    assert len(found[-1]) == 2 * length
    assert all(matches(found[-1], head) for head in heads if len(head) >= length)


def test_a_header_of_another_version_or_too_short_does_not_fit() -> None:
    pattern = signature(head(32000), 32012)
    assert matches(pattern, head(99999) + b"sound")
    assert not matches(pattern, head(32000, b"\x02\x00\x40\x1f"))
    assert not matches(pattern, head(32000)[:11])


def test_recognise_takes_the_first_that_fits() -> None:
    known = (KnownLayout("47534646ff", "a"), KnownLayout("47534646??", "b"), KnownLayout(ANY, "c"))
    assert [getattr(recognise(data, known), "layout", None) for data in (b"GSFF\xff", b"GSFF\x00", b"GSFF", b"RIFF")] == [
        "a",
        "b",
        "c",
        None,
    ]
    assert certainty("47534646??") == certainty(ANY) == 4
