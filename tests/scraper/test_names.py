"""Names from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.names import MAX_NAME_BYTES, clean, component, shorten, split_extension, with_mark


@pytest.mark.parametrize(
    "name", ["auto-1770000000#1000-+15555550100-6400.wav", "q6500-5555550100-20260206-162136-1770000000.1-1001.wav", "é.wav"]
)
def test_a_pbx_s_own_name_is_unchanged(name: str) -> None:
    assert clean(name) == component(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\nb", "a%0Ab"),
        ("a\0b", "a%00b"),
        ("\udcff.wav", "%FF.wav"),
        ("a\u202eb", "a%E2%80%AEb"),
        ("a/b", "a%2Fb"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_what_is_not_clean_is_escaped(name: str, expected: str) -> None:
    assert clean(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("..", "%2E%2E"), (".ucm-store", "%2Eucm-store"), ("", "%00"), ("a.", "a%2E"), ("a\\b", "a%5Cb")]
)
def test_a_component_neither_climbs_nor_hides(name: str, expected: str) -> None:
    assert component(name) == expected


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_any_name_becomes_one_visible_encodable_component(name: str) -> None:
    safe = component(name)
    safe.encode("utf-8")
    assert safe
    assert safe[0] != "."
    assert not set(safe) & set("/\\\0\n")
    assert component(safe) == safe


@given(st.text(min_size=1, max_size=400))
def test_a_shortened_name_fits_and_keeps_mark_and_extension(name: str) -> None:
    short = shorten(f"{component(name)}.wav", "0123abcd")
    assert len(short.encode()) <= MAX_NAME_BYTES
    assert short.endswith("~0123abcd.wav")


def test_the_mark_stands_before_the_extension() -> None:
    assert with_mark("a.b.wav", "0123abcd") == "a.b~0123abcd.wav"
    assert with_mark("noext", "0123abcd") == "noext~0123abcd"
    assert split_extension(".wav") == (".wav", "")
