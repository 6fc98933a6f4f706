"""What people are told: each once an episode, also over restarts, and that it works again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scraper.catalog.notices import PERSON_NEEDED
from scraper.catalog.watching import Missing, Reach
from scraper.models import GapReason, Identity, RecordingClass
from scraper.service.alarms import Alarms
from scraper.service.messages import admin_page
from scraper.service.notify import Message
from scraper.service.vanishing import horizon_of, vanishing
from scraper.settings.serving import Admin

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # as in conftest.py
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZONE = ZoneInfo("America/Chicago")


class Town:
    """People who are told, unless ``deaf``."""

    def __init__(self, ward: Any) -> None:
        self.ward = ward
        self.told: list[Message] = []
        self.deaf = False

    def tell(self, message: Message) -> bool:
        if not self.deaf:
            self.told.append(message)
        return not self.deaf

    def look(self, unrecorded: int = 0) -> list[str]:
        """A look of a service that has just started; the titles of what is told."""
        before = len(self.told)
        Alarms(self.ward, self.tell).look_at("office", unrecorded)
        return [message.title.removeprefix("office: ") for message in self.told[before:]]


@pytest.fixture
def town(ward: Any) -> Town:
    return Town(ward)


@pytest.mark.fault("service", "run after run needs a person", "one message an episode", promise="silence")
def test_a_person_is_asked_for_once_an_episode_and_told_when_it_works_again(ward: Any, town: Town) -> None:
    for hours in (5, 4, 3):
        ward.failed(hours * HOUR, 5)
    ward.catalog.begin_notice(PERSON_NEEDED, "office", NOW - 5 * HOUR)
    assert [town.look(), town.look()] == [["a person is needed to sign in"], []]
    assert "Since: 2026-03-01T07:00:00Z." in town.told[0].body
    assert "ucm-scraper login --ucm office" in town.told[0].body
    ward.catalog.end_notice(PERSON_NEEDED, "office", NOW - 2 * HOUR)
    ward.now = NOW + HOUR
    ward.ran(-HOUR + timedelta(minutes=-1), finished_at=ward.now)
    assert [town.look(), town.look()] == [["it works again"], []]


def test_runs_that_fail_are_told_after_so_many_and_once(ward: Any, town: Town) -> None:
    ward.ran(5 * HOUR)
    for hours, told in ((4, []), (3, []), (2, ["3 runs failed in a row"]), (1, [])):
        ward.failed(hours * HOUR)
        assert town.look() == told
    assert "It is down. Look at the cable." in town.told[0].body
    assert "Last good run: 2026-03-01T07:01:00Z." in town.told[0].body
    ward.now += HOUR
    ward.ran(timedelta(minutes=-50))
    assert [town.look(), town.look()] == [["it works again"], []]


def test_jobs_that_fail_before_the_catalog_hears_of_them_count(town: Town) -> None:
    assert [town.look(2), town.look(3)] == [[], ["3 runs failed in a row"]]


@pytest.mark.fault("service", "a UCM has had no good run for too long", "it is told once", promise="silence")
def test_a_ucm_that_fell_silent_is_told_once(ward: Any, town: Town) -> None:
    ward.ran(27 * HOUR)
    assert [town.look(), town.look()] == [["no good run lately"], []]


def test_of_one_trouble_only_the_first_kind_is_told(ward: Any, town: Town) -> None:
    ward.ran(40 * HOUR)
    for hours in (5, 4, 3):
        ward.failed(hours * HOUR)
    assert [town.look(), town.look()] == [["3 runs failed in a row"], []]
    ward.catalog.begin_notice(PERSON_NEEDED, "office", NOW)
    assert [town.look(), town.look()] == [["a person is needed to sign in"], []]


def test_what_reached_nobody_is_tried_again(ward: Any, town: Town) -> None:
    ward.ran(27 * HOUR)
    town.deaf = True
    assert [town.look(), town.look()] == [[], []]
    town.deaf = False
    assert [town.look(), town.look()] == [["no good run lately"], []]


def test_a_good_end_of_what_nobody_was_told_of_is_not_told(ward: Any, town: Town) -> None:
    town.deaf = True
    ward.ran(27 * HOUR)
    town.look()
    town.deaf = False
    ward.ran(HOUR)
    assert town.look() == []


@pytest.fixture
def hold(ward: Any, shop: Any, make: Any) -> Callable[[range], None]:
    """Archive recordings of the UCM, by number."""

    def archive(numbers: range) -> None:
        members = [make.member(f"2026-02/{make.name(number)}", make.gsff(number, 0.05)) for number in numbers]
        shop.ingest(make.tgz(members), ucm="office", catalog=ward.catalog)

    return archive


def test_coverage_that_fell_is_told_once_and_again_when_it_falls_further(ward: Any, town: Town, hold: Callable[[range], None]) -> None:
    hold(range(50))
    ward.ran(5 * HOUR)
    assert town.look() == []
    for number in range(4):
        ward.gap(GapReason.CORRUPT, f"auto-{number}.wav")
    assert town.look() == []  # a few gaps are a run's own business
    for number in range(4, 10):
        ward.gap(GapReason.CORRUPT, f"auto-{number}.wav")
    assert [town.look(), town.look()] == [["coverage fell"], []]
    assert "83.3% of 60 recordings are archived; it was 100.0%. Missing: 10, gone for good: 0." in town.told[0].body
    for number in range(10, 20):
        ward.gap(GapReason.CORRUPT, f"auto-{number}.wav")
    assert [town.look(), town.look()] == [["coverage fell"], []]
    for number in range(20):
        ward.catalog.close_gap(Identity("office", RecordingClass.MONITOR, "2026-02", f"auto-{number}.wav"), "archived")
    town.look()
    assert ward.catalog.open_notices("office") == []


def listed(ward: Any, reading: str, days: int) -> None:
    """A reading of the list to its end, with a recording on each of so many days until now."""
    noons = [(ward.now - day * DAY).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") for day in range(days + 1)]
    rows = [(RecordingClass.MONITOR, "2026-02", f"day-{day}.wav", 1, when) for day, when in enumerate(noons)]
    ward.catalog.upsert_listing("office", rows, reading)
    ward.catalog.complete_listing("office", RecordingClass.MONITOR, reading)


@pytest.mark.fault("service", "the PBX is about to delete what is not archived", "it is told in time", promise="silence")
def test_recordings_that_will_vanish_are_told_by_what_the_list_has_shown(ward: Any, town: Town) -> None:
    ward.now = datetime.now(UTC).replace(microsecond=0)  # the catalog dates readings itself
    ward.ran(NOW - ward.now + HOUR)
    listed(ward, "one:monitor", 39)
    ward.gap(GapReason.NO_PERMISSION, "day-29.wav")
    assert town.look() == []  # nothing has ever vanished: nobody knows that the PBX deletes by age
    listed(ward, "two:monitor", 30)
    assert [town.look(), town.look()] == [["recordings will soon vanish"], []]
    assert "1 recording that is not archived will be deleted on the PBX, the first in 24 hours." in town.told[0].body
    assert "30 days old" in town.told[0].body and "9 older ones are known" in town.told[0].body
    ward.catalog.close_gap(Identity("office", RecordingClass.MONITOR, "2026-02", "day-29.wav"), "archived")
    town.look()
    assert ward.catalog.open_notices("office") == []


def reach(days: int, before: int = 10) -> Reach:
    oldest = (NOW - days * DAY).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    return Reach("2026-03-01T12:00:00Z", oldest, before)


def test_the_age_of_the_oldest_listed_is_how_long_a_pbx_keeps_recordings() -> None:
    found = horizon_of(reach(30), ZONE)
    assert found is not None and found.kept == 30 * DAY
    assert horizon_of(reach(30, before=2), ZONE) is None  # two may have been deleted by hand


def test_a_pbx_that_keeps_little_is_no_reason_to_cry_for_every_gap() -> None:
    found = horizon_of(reach(3), ZONE)
    assert found is not None
    fresh, old = (Missing("a.wav", (NOW - days * DAY).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")) for days in (1, 2))
    assert vanishing(found, [fresh], ZONE, NOW, within=2 * DAY) is None
    going = vanishing(found, [fresh, old], ZONE, NOW, within=2 * DAY)
    assert going is not None and (going.count, going.first) == (1, DAY)


def test_the_time_in_a_name_serves_where_no_list_told_one() -> None:
    found = horizon_of(reach(30), ZONE)
    assert found is not None
    old = int((NOW - 29 * DAY).timestamp())
    going = vanishing(found, [Missing(f"auto-{old}-1000-5550100.wav", None), Missing("strange.wav", None)], ZONE, NOW, within=2 * DAY)
    assert going is not None and (going.count, going.first) == (1, DAY)


def test_what_was_recorded_since_the_last_good_run_will_vanish_too(ward: Any, town: Town) -> None:
    ward.now = datetime.now(UTC).replace(microsecond=0)
    ward.ran(NOW - ward.now + 3 * DAY)
    listed(ward, "one:monitor", 8)
    listed(ward, "two:monitor", 4)
    assert "recordings will soon vanish" in town.look()
    assert "since the last good run" in town.told[-1].body


@pytest.mark.parametrize(
    ("listen", "tls", "page"),
    [
        ("127.0.0.1:8080", False, "http://127.0.0.1:8080/"),
        ("192.0.2.7:8443", True, "https://192.0.2.7:8443/"),
        ("0.0.0.0:8443", True, None),
    ],
)
def test_a_message_names_the_admin_page_where_it_is_known(listen: str, tls: bool, page: str | None) -> None:
    assert admin_page(Admin.model_validate({"listen": listen, "tls": {"self_made": tls}})) == page


def test_one_ucm_of_which_nothing_is_known_troubles_nobody(town: Town) -> None:
    assert town.look() == []
