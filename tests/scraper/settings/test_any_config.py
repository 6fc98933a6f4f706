"""Whatever stands in the configuration's four places: settings, or one error that shows no value."""

from __future__ import annotations

from fuzz.targets.config import WORDS, seeds, target
from hypothesis import given
from hypothesis import strategies as st

_PIECES = (
    st.sampled_from([word.decode() for word in WORDS]) | st.text(max_size=6) | st.sampled_from(["a", "\n", "\n  ", ": ", "web", "tls"])
)


@given(st.integers(0, 3), st.lists(_PIECES, max_size=25).map("".join))
def test_any_text_is_settings_or_an_error_without_values(place: int, text: str) -> None:
    target(bytes([place]) + text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(list(seeds())), st.integers(0, 4000), st.integers(0, 20), _PIECES)
def test_a_configuration_with_any_piece_changed_is_settings_or_an_error_without_values(
    text: bytes, at: int, length: int, piece: str
) -> None:
    at = 1 + at % len(text)
    target(text[:at] + piece.encode("utf-8", "surrogatepass") + text[at + length :])
