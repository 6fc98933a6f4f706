"""``${NAME}`` in texts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.settings.expand import Unexpandable, expand

ENVIRON = {"A": "one", "EMPTY": "", "NESTED": "${A}"}
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${A}z", "xoneyonez"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${MISSING:-two}", "two"),
        ("${MISSING:-}", ""),
        ("${A:-two}", "one"),
        ("${NESTED}", "${A}"),
        ("$${A}", "${A}"),
        ("$A $ $$ {A}", "$A $ $$ {A}"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, ENVIRON) == expected


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A", "${A:x}", "${A-B}"])
def test_expand_refuses_what_is_no_reference_without_quoting_it(text: str) -> None:
    with pytest.raises(Unexpandable) as caught:
        expand(f"hunter2{text}", ENVIRON)
    assert "hunter2" not in str(caught.value)


@given(st.text().filter(lambda text: "${" not in text))
def test_expand_leaves_text_without_references_alone(text: str) -> None:
    assert expand(text, ENVIRON) == text


@given(st.text(), names, st.text())
def test_expand_puts_any_value_in_exactly_once(value: str, name: str, before: str) -> None:
    before = before.replace("$", "")
    assert expand(f"{before}${{{name}}}", {name: value}) == before + value


@given(st.text())
def test_expand_of_the_escaped_gives_the_text_back(text: str) -> None:
    assert expand(text.replace("${", "$${"), {}) == text


@given(st.text(alphabet="${}:-AB$ "))
def test_expand_ends_in_text_or_in_its_own_error(text: str) -> None:
    with suppress(Unexpandable):
        expand(text, ENVIRON)
