"""Numbers in all their forms, and what a window covers."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from scraper.errors import ConfigError
from scraper.keeping.criteria import Criteria, criteria, numbers_in, same_number, span_of
from scraper.models import Window

ZONE = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5555550100", "5555550100", True),
        ("15555550100", "5555550100", True),
        ("0015555550100", "5555550100", True),
        ("5555550100", "05555550100", True),
        ("5555550100", "5555550101", False),
        ("1000", "11000", False),  # extensions are too short to be the end of a number
        ("5550100", "99995550100", False),
        ("1000", "1000", True),
    ],
)
def test_two_forms_of_a_number(one: str, other: str, same: bool) -> None:
    assert same_number(one, other) is same
    assert same_number(other, one) is same


@pytest.mark.parametrize("text", ["5555550100", "+15555550100", "Ann <+1 (555) 555-0100>", "555.555.0100", "Ann 5555550100"])
def test_a_number_is_found_in_whatever_surrounds_it(text: str) -> None:
    assert any(same_number("5555550100", found) for found in numbers_in(text))


@pytest.mark.parametrize(
    "name",
    [
        "auto-1770000000-1000-5555550100.wav",
        "auto-1770000000-+15555550100-1000.wav",
        "q6500-5555550100-20260202-204000-1770000000.7-1000.wav",
    ],
)
def test_a_number_is_found_in_a_file_name_and_no_time_is_taken_for_one(name: str) -> None:
    assert Criteria("5555550100").is_named_by(name)
    assert not Criteria("1770000000").is_named_by(name)
    assert not Criteria("20260202").is_named_by(name)


@pytest.mark.parametrize("number", ["", "+", "1", "abc", "555%", "5555550100'", "5; DROP TABLE calls", "５５５５５５０１００x"])
def test_what_is_no_number_is_refused_and_not_repeated(number: str) -> None:
    with pytest.raises(ConfigError) as refused:
        criteria(number, Window(), ())
    assert refused.value.exit_code == 2
    assert number not in refused.value.message or len(number) < 4


@pytest.mark.parametrize("file", ["", "/", "2026-02/", ".."])
def test_a_file_without_a_name_is_refused(file: str) -> None:
    with pytest.raises(ConfigError):
        criteria(None, Window(), [file])


def test_a_span_is_as_exact_as_what_is_known() -> None:
    by_name = span_of("2026-03", "auto-1770000000-1000-5555550100.wav", None, ZONE)
    assert by_name is not None
    assert (by_name.since, by_name.until) == (date(2026, 2, 1), date(2026, 2, 2))
    told = span_of("2026-02", "some.wav", "2026-02-06 16:21:36", ZONE)
    assert told is not None and told.since == date(2026, 2, 6)
    month = span_of("2026-02", "some.wav", None, ZONE)
    assert month is not None and (month.since, month.until) == (date(2026, 2, 1), date(2026, 3, 1))
    assert span_of("undated", "some.wav", None, ZONE) is None


def test_a_window_covers_less_than_it_touches() -> None:
    wanted = Criteria(window=Window(date(2026, 2, 10), date(2026, 2, 20)))
    month = span_of("2026-02", "some.wav", None, ZONE)
    assert wanted.touches(month) and not wanted.covers(month)
    assert wanted.touches(None) and not wanted.covers(None)
