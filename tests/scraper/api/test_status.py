"""Status codes as they stand in answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.api.status import ApiStatus


@pytest.mark.parametrize("status", ApiStatus)
def test_each_documented_status_has_a_meaning_and_is_read_as_number_and_as_text(status):
    assert status.meaning
    for written in (int(status), str(int(status)), f" {int(status)} ", float(status)):
        assert ApiStatus.read(written) is status


@pytest.mark.parametrize(("status", "seconds"), [(-45, 15), (-46, 15), (-51, 15), (-57, 60)])
def test_waits_of_the_guide(status, seconds):
    assert ApiStatus(status).wait_seconds == seconds
    assert ApiStatus(status).throttled


def test_each_documented_status_asks_for_one_thing_at_most():
    for status in ApiStatus:
        flags = (
            status.wait_seconds, status.session_ended, status.gone, status.no_permission,
            status.refused, status.locked, status.not_understood,
        )  # fmt: skip
        assert sum(map(bool, flags)) <= 1
    assert {s for s in ApiStatus if s.gone} == {-16, -25}
    assert {s for s in ApiStatus if s.session_ended} == {-5, -6}
    assert {s for s in ApiStatus if s.refused} == {-37, -71}
    assert {s for s in ApiStatus if s.locked} == {-68, -70}


@pytest.mark.parametrize("written", [None, "", "ok", [], {}, True, "0x10", "1e3", float("nan"), "--5"])
def test_what_is_no_number_is_no_status(written):
    assert ApiStatus.read(written) is None


def test_unknown_number_stays_a_number():
    assert ApiStatus.read("-99") == -99
    assert not isinstance(ApiStatus.read(-99), ApiStatus)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.integers())))
def test_anything_can_be_read(written):
    found = ApiStatus.read(written)
    assert found is None or isinstance(found, int)
