"""The PBX's times: what can be read, and what they mean where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scraper.cdr import Call, parse_groups
from scraper.cdr.clock import moment, read_seconds, read_time

CHICAGO = ZoneInfo("America/Chicago")  # 2026: 8 March 02:00 → 03:00, 1 November 02:00 → 01:00
ZONES = [CHICAGO, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu")]
LOCAL = datetime(2026, 2, 6, 16, 21, 36)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-06 16:21:36", "2026-02-06T16:21:36", "2026/02/06 16:21:36", "2026-2-6 16:21:36", "2026-02-06  16:21:36.75",
        "02/06/2026 16:21:36", "02/06/2026 04:21:36 PM", "2/6/2026, 4:21:36 pm", "06.02.2026 16:21:36",
    ],
)  # fmt: skip
def test_times_of_the_documented_and_usual_forms_are_read(text: str) -> None:
    assert read_time(text) == LOCAL


@pytest.mark.parametrize(("text", "hour"), [("2/6/2026 12:05 AM", 0), ("2/6/2026 12:05 PM", 12), ("2/6/2026 1:05 AM", 1)])
def test_the_american_noon_is_pm_and_midnight_am(text: str, hour: int) -> None:
    assert read_time(text) == datetime(2026, 2, 6, hour, 5)


@pytest.mark.parametrize("text", ["2026-02-06T22:21:36Z", "2026-02-06 16:21:36-06:00", "2026-02-06 16:21:36 -0600", "1770416496"])
def test_a_time_with_offset_or_epoch_means_one_moment(text: str) -> None:
    found = read_time(text)
    assert found is not None
    assert moment(found, CHICAGO).local == LOCAL
    assert moment(found, CHICAGO).utc == datetime(2026, 2, 6, 22, 21, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "0000-00-00 00:00:00", "2026-02-06", "2026-13-06 16:21:36", "2026-02-30 16:21:36", "2026-02-06 24:21:36", "13/06/2026 10:00:00",
        "2/6/2026 0:21 PM", "2/6/2026 16:21 PM", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "2026-02-06 16:21:36+99:99", "16:21:36", "x",
    ],
)  # fmt: skip
def test_what_is_no_date_with_a_time_is_none(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("75", 75), ("75.9", 75), ("75 s", 75), ("1:15", 75), ("0:01:15", 75), ("100:00:00", 360000), ("-5", None), ("", None), ("1:2", None)],
)
def test_talk_times_are_whole_seconds(text: str, seconds: int | None) -> None:
    assert read_seconds(text) == seconds


def at(hour: int, minute: int = 30, second: int = 0) -> datetime:
    """UTC of 1 November 2026, when Chicago's 01:30 is 06:30 and 07:30."""
    return datetime(2026, 11, 1, hour, minute, second, tzinfo=UTC)


def call(**fields: Any) -> Call:
    (found,) = parse_groups([{"start": "2026-11-01 01:30:00"} | fields], CHICAGO).calls
    return found


def test_a_time_that_occurs_twice_without_evidence_is_the_first_and_not_sure() -> None:
    found = call().start
    assert found is not None
    assert (found.utc, found.sure) == (at(6), False)


@pytest.mark.parametrize(
    ("fields", "utc"),
    [
        ({"uniqueid": f"{int(at(6).timestamp())}.1"}, at(6)),
        ({"uniqueid": f"ucm-{int(at(7).timestamp())}.1"}, at(7)),
        ({"uniqueid": f"{int(at(6, 31).timestamp())}.1"}, at(6)),  # clocks and fields may differ by a minute
        ({"uniqueid": f"{int(at(6, 20).timestamp())}.1"}, at(6)),  # a leg ten minutes after its channel
        ({"session": f"{int(at(7).timestamp())}123456-1000"}, at(7)),
        ({"end": "2026-11-01 02:10:00", "duration": "2400"}, at(7)),
        ({"end": "2026-11-01 02:10:00", "duration": "6000"}, at(6)),
    ],
)
def test_a_time_that_occurs_twice_is_told_by_the_channel_or_the_end(fields: Any, utc: datetime) -> None:
    found = call(**fields).start
    assert found is not None
    assert (found.utc, found.sure, found.local) == (utc, True, datetime(2026, 11, 1, 1, 30))


def test_an_identifier_of_another_day_is_no_evidence() -> None:
    found = call(uniqueid="1770000000.1").start
    assert found is not None
    assert not found.sure


def test_a_call_over_the_change_ends_after_it_began_and_lasts_as_long_as_it_says() -> None:
    found = call(
        start="2026-11-01 01:50:00", answer="2026-11-01 01:50:10", end="2026-11-01 01:05:00", duration="900", billsec="890",
        uniqueid=f"{int(at(6, 50).timestamp())}.1",
    )  # fmt: skip
    assert [each.utc for each in (found.start, found.answer, found.end) if each] == [at(6, 50), at(6, 50, 10), at(7, 5)]


def test_an_answer_after_the_change_is_put_before_its_talk() -> None:
    found = call(start="2026-11-01 01:50:00", answer="2026-11-01 01:55:00", end="2026-11-01 02:05:00", duration="4500", billsec="600")
    assert [each.utc for each in (found.start, found.answer, found.end) if each] == [at(6, 50), at(7, 55), at(8, 5)]


@pytest.mark.parametrize("hour", [7, 8])
def test_a_time_that_never_occurs_is_told_by_what_lies_before_it(hour: int) -> None:
    utc = datetime(2026, 3, 8, hour, 30, tzinfo=UTC)
    assert moment(datetime(2026, 3, 8, 2, 30), CHICAGO, utc).utc == utc


def test_a_time_that_never_occurs_is_read_with_the_clock_from_before_the_change() -> None:
    found = moment(datetime(2026, 3, 8, 2, 30), CHICAGO)
    assert (found.utc, found.sure) == (datetime(2026, 3, 8, 8, 30, tzinfo=UTC), False)


_CHANGES = [
    datetime(2026, 3, 8, 8),
    datetime(2026, 11, 1, 7),
    datetime(2026, 3, 29, 1),
    datetime(2026, 10, 25, 1),
    datetime(2026, 4, 4, 15),
]
_NEAR = st.builds(lambda change, minutes: change + timedelta(minutes=minutes), st.sampled_from(_CHANGES), st.integers(-150, 150))


@given(_NEAR | st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.integers(0, 5000), st.integers(0, 5000), st.sampled_from(ZONES))
def test_every_call_s_local_times_come_back_as_the_moments_they_were(when: datetime, ringing: int, talk: int, zone: ZoneInfo) -> None:
    began = when.replace(microsecond=0, tzinfo=UTC)
    moments = [began, began + timedelta(seconds=ringing), began + timedelta(seconds=ringing + talk)]
    start, answer, end = (each.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for each in moments)
    assume(talk or answer != start or not ringing)  # it rang for just the hour of the change: nothing tells start and end apart
    written = {
        "start": start, "answer": answer, "end": end, "duration": str(ringing + talk), "billsec": str(talk),
        "uniqueid": f"{int(began.timestamp())}.1",
    }  # fmt: skip
    (found,) = parse_groups([written], zone).calls
    assert [each.utc for each in (found.start, found.answer, found.end) if each] == moments
    assert found.start is not None
    assert found.start.text == start
