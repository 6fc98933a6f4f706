"""The PBX's clock and zone, by what lists and call records say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scraper.catalog import Catalog
from scraper.cdr import parse_groups
from scraper.doctor import Result
from scraper.doctor.clock import Sighting, clock, in_calls, in_list
from scraper.webui.recordings_page import Listed

CHICAGO, TOKYO, KOLKATA = ZoneInfo("America/Chicago"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Asia/Kolkata")
EPOCH = 1770417600  # 2026-02-06 16:40:00 in Chicago
SUMMER = 1785000000


def sighting(epoch: int, zone: ZoneInfo, late: float = 0.0) -> Sighting:
    """A recording at ``epoch`` of a PBX in ``zone``, listed ``late`` seconds after its name's time."""
    moment = datetime.fromtimestamp(epoch, UTC)
    return Sighting((moment + timedelta(seconds=late)).astimezone(zone).replace(tzinfo=None), moment)


@pytest.mark.parametrize("ahead", [3.0, -119.0])
def test_a_clock_that_agrees_is_ok(ahead: float) -> None:
    assert clock(ahead, CHICAGO, []).result is Result.OK


@pytest.mark.parametrize(("ahead", "words"), [(3600.0, "1:00:00 ahead of"), (-86400.0, "1 day, 0:00:00 behind")])
def test_a_clock_that_is_off_fails_and_leaves_the_job_possible(ahead: float, words: str) -> None:
    step = clock(ahead, CHICAGO, [])
    assert (step.result, step.exit_code, words in step.cause) == (Result.FAILED, 3, True)
    assert "→" in step.menu


def test_what_nobody_tells_is_not_tried() -> None:
    assert clock(None, CHICAGO, []).result is Result.SKIPPED


@pytest.mark.parametrize("epoch", [EPOCH, SUMMER], ids=["winter", "summer"])
@pytest.mark.parametrize("late", [-300.0, 0.0, 900.0])
def test_the_right_zone_agrees_also_where_names_are_some_minutes_off(epoch: int, late: float) -> None:
    assert clock(0.0, CHICAGO, [sighting(epoch, CHICAGO, late)]).result is Result.OK


@pytest.mark.parametrize(("real", "shown"), [(TOKYO, "UTC+09:00"), (KOLKATA, "UTC+05:30"), (ZoneInfo("UTC"), "UTC+00:00")])
def test_another_zone_is_told_by_its_offset(real: ZoneInfo, shown: str) -> None:
    step = clock(0.0, CHICAGO, [sighting(EPOCH + 60 * index, real, late=7.0) for index in range(5)])
    assert step.result is Result.FAILED
    assert f"at {shown} by" in step.cause
    assert "at UTC-06:00 then" in step.cause


def test_one_odd_recording_proves_nothing() -> None:
    assert clock(0.0, CHICAGO, [sighting(EPOCH, TOKYO), sighting(EPOCH, CHICAGO), sighting(EPOCH, CHICAGO)]).result is Result.OK


def test_a_list_tells_by_epochs_in_names_only() -> None:
    rows = [
        Listed(f"2026-02/auto-{EPOCH}-1000-5555550100.wav", "2026-02-06 16:40:00", 1),
        Listed(f"auto-{EPOCH}-1000-5555550100.wav", "2026-02-06 16:40:00", 1),
        Listed("2026-02/q6500-5555550100-20260206-164000-1770417600.7-1001.wav", "2026-02-06 16:40:00", 1),
        Listed("2026-02/holiday.wav", "2026-02-06 16:40:00", 1),
        Listed(f"2026-02/auto-{EPOCH}-1000-5555550100.wav", "yesterday", 1),
    ]
    assert list(in_list(rows)) == [Sighting(datetime(2026, 2, 6, 16, 40), datetime.fromtimestamp(EPOCH, UTC))] * 2


def test_call_records_tell_by_the_epoch_of_their_channel(tmp_path) -> None:
    leg = {"session": "s", "AcctId": "7", "src": "1000", "dst": "5555550100", "start": "2026-02-06 16:40:01", "uniqueid": f"{EPOCH}.7"}
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        catalog.upsert_calls("office", parse_groups([leg, leg | {"AcctId": "8", "uniqueid": ""}], TOKYO).calls, "api")
        assert clock(0.0, TOKYO, in_calls(catalog.newest_calls("office"))).result is Result.FAILED
        assert clock(0.0, CHICAGO, in_calls(catalog.newest_calls("office"))).result is Result.OK
