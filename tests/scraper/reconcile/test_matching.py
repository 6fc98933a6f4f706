"""Which names of three accounts mean the same recording: bare names, months that differ, one name twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scraper.models import GapReason, Identity, RecordingClass
from scraper.reconcile import (
    CalledFile,
    HeldFile,
    Inventories,
    KnownGap,
    ListedFile,
    Listing,
    Plan,
    Situation,
    State,
    Way,
    WayState,
    make_plan,
)

MONITOR = RecordingClass.MONITOR
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
FEBRUARY, MARCH = datetime(2026, 2, 10, 15, tzinfo=UTC), datetime(2026, 3, 10, 15, tzinfo=UTC)
#: 2026-02-10 09:00:00 in Chicago.
DATED = f"auto-{int(FEBRUARY.timestamp())}-1001-5550100.wav"
BARE_OF_TIME = "meetme-conf-rec-6300.wav"


def called(name: str, month: str | None, start: datetime | None = FEBRUARY, size: int | None = None) -> CalledFile:
    return CalledFile(MONITOR, month, name, None, size, start)


def listed(name: str, month: str | None, size: int | None = 10_000, call_time: str | None = "2026-02-10 09:00:00") -> ListedFile:
    return ListedFile(MONITOR, month, name, size, call_time)


def held(name: str, month: str, size: int = 10_000) -> HeldFile:
    return HeldFile(MONITOR, month, name, size)


def identity(name: str, month: str) -> Identity:
    return Identity("office", MONITOR, month, name)


def plan(
    calls: list[CalledFile] | None, rows: list[ListedFile] | None, archive: list[HeldFile], gaps: list[KnownGap] | None = None
) -> Plan:
    ways = {way: WayState(frozenset(RecordingClass)) for way in Way}
    listing = None if rows is None else Listing(rows)
    return make_plan(Inventories(calls, listing, archive, gaps or []), Situation("office", ZoneInfo("America/Chicago"), NOW, ways))


def states(made: Plan) -> dict[str, State]:
    return {identity.path: state for identity, state in made.states()}


def test_a_cdr_without_month_means_the_listed_recording_near_its_call() -> None:
    assert plan([called(DATED, None)], [listed(DATED, "2026-02")], [held(DATED, "2026-02")]).complete


def test_a_list_without_months_goes_by_its_call_times() -> None:
    made = plan([called(DATED, "2026-02")], [listed(DATED, None)], [])
    assert states(made) == {f"2026-02/{DATED}": State.RECOVERABLE}
    assert plan([called(DATED, None)], [listed(DATED, None)], [held(DATED, "2026-02")]).complete


def test_one_bare_name_in_two_months_stays_two_recordings() -> None:
    rows = [listed(BARE_OF_TIME, "2026-02"), listed(BARE_OF_TIME, "2026-03", 90_000, "2026-03-10 10:00:00")]
    calls = [called(BARE_OF_TIME, None, FEBRUARY), called(BARE_OF_TIME, None, MARCH)]
    made = plan(calls, rows, [held(BARE_OF_TIME, "2026-02")])
    assert states(made) == {f"2026-02/{BARE_OF_TIME}": State.ARCHIVED, f"2026-03/{BARE_OF_TIME}": State.RECOVERABLE}


def test_one_bare_name_in_two_months_is_not_hidden_by_the_one_that_is_left() -> None:
    calls = [called(BARE_OF_TIME, None, FEBRUARY), called(BARE_OF_TIME, None, MARCH)]
    made = plan(calls, [listed(BARE_OF_TIME, "2026-02")], [held(BARE_OF_TIME, "2026-02")])
    assert states(made) == {f"2026-02/{BARE_OF_TIME}": State.ARCHIVED, f"2026-03/{BARE_OF_TIME}": State.NOT_LISTED}


@pytest.mark.parametrize(("size", "month"), [(10_000, "2026-02"), (90_000, "2026-03"), (None, "2026-02")])
def test_at_the_edge_of_a_month_the_size_decides_then_the_calls_own_month(size: int | None, month: str) -> None:
    edge = datetime(2026, 3, 1, 5, 59, tzinfo=UTC)  # 23:59 on 28 February in Chicago
    rows = [listed(BARE_OF_TIME, "2026-02", 10_000), listed(BARE_OF_TIME, "2026-03", 90_000)]
    made = plan([called(BARE_OF_TIME, None, edge, size)], rows, [])
    assert [one.month for one in made.unexpected()] == [{"2026-02": "2026-03", "2026-03": "2026-02"}[month]]


def test_in_the_calls_own_month_another_size_is_still_the_same_recording() -> None:
    assert plan([called(BARE_OF_TIME, None, FEBRUARY, 90_000)], [listed(BARE_OF_TIME, "2026-02")], [held(BARE_OF_TIME, "2026-02")]).complete


def test_in_the_month_beside_another_size_is_another_recording() -> None:
    call = called(BARE_OF_TIME, None, datetime(2026, 3, 1, 15, tzinfo=UTC), 90_000)
    made = plan([call], [listed(BARE_OF_TIME, "2026-02")], [held(BARE_OF_TIME, "2026-02")])
    assert states(made)[f"2026-03/{BARE_OF_TIME}"] is State.NOT_LISTED


def test_a_recording_filed_before_midnight_belongs_to_the_call_that_is_dated_after() -> None:
    start = datetime(2026, 3, 1, 6, 1, tzinfo=UTC)  # 00:01 on 1 March in Chicago
    name = f"auto-{int((start - timedelta(minutes=5)).timestamp())}-1001-5550100.wav"
    rows, archive = [listed(name, "2026-02", 90_000)], [held(name, "2026-02", 90_000)]
    assert list(plan([called(name, None, start)], rows, archive).unexpected()) == []


def test_a_call_without_month_means_the_recording_archived_undated() -> None:
    made = plan([called(BARE_OF_TIME, None, size=10_000)], None, [held(BARE_OF_TIME, "undated")])
    assert states(made) == {f"undated/{BARE_OF_TIME}": State.ARCHIVED}
    assert list(made.unexpected()) == []
    assert made.same_as == {}


def test_a_name_without_time_on_a_list_without_months_goes_by_its_call_time() -> None:
    assert list(states(plan(None, [listed(BARE_OF_TIME, None)], []))) == [f"2026-02/{BARE_OF_TIME}"]


def test_a_recording_that_starts_after_midnight_belongs_to_the_call_before() -> None:
    edge = datetime(2026, 3, 1, 5, 59, tzinfo=UTC)
    name = f"auto-{int((edge + timedelta(minutes=5)).timestamp())}-1001-5550100.wav"
    assert plan([called(name, None, edge)], [listed(name, "2026-03")], [held(name, "2026-03")]).complete


def test_a_clock_a_day_off_does_not_part_a_call_from_its_recording() -> None:
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    name = f"auto-{int((start - timedelta(days=1, hours=6)).timestamp())}-1001-5550100.wav"
    assert plan([called(name, None, start)], [listed(name, "2026-02")], [held(name, "2026-02")]).complete


def test_a_bare_name_that_nobody_else_knows_goes_by_its_own_time_in_the_zone_of_the_pbx() -> None:
    edge = datetime(2026, 3, 1, 5, 59, tzinfo=UTC)
    name = f"auto-{int(edge.timestamp())}-1001-5550100.wav"
    assert list(states(plan([called(name, None, edge)], None, []))) == [f"2026-02/{name}"]
    assert list(states(plan([called(name, None, None)], None, []))) == [f"2026-02/{name}"]
    assert list(states(plan([called("a.wav", None, edge)], None, []))) == ["2026-02/a.wav"]
    assert list(states(plan([called("a.wav", None, None)], None, []))) == ["undated/a.wav"]


def test_several_legs_that_name_one_file_are_one_recording() -> None:
    made = plan([called(DATED, "2026-02"), called(DATED, None), called(DATED, "2026-02", FEBRUARY + timedelta(minutes=3))], None, [])
    assert made.expected == 1


@pytest.mark.parametrize("calls", [None, [called(DATED, "2026-02")], [called(DATED, "2026-03")], [called(DATED, None)]])
def test_an_archived_recording_that_the_pbx_moved_to_another_month_is_not_fetched_again(calls: list[CalledFile] | None) -> None:
    made = plan(calls, [listed(DATED, "2026-03")], [held(DATED, "2026-02")])
    assert made.complete
    assert made.expected == 1
    assert made.same_as[identity(DATED, "2026-03")] == identity(DATED, "2026-02")
    assert made.state_of(identity(DATED, "2026-03")) is State.ARCHIVED


def test_a_recording_moved_before_it_was_archived_is_fetched_where_it_lies_now_and_its_gap_withdrawn() -> None:
    gap = KnownGap(identity(DATED, "2026-02"), GapReason.CORRUPT, "d", "r", 1, NOW)
    made = plan([called(DATED, "2026-02")], [listed(DATED, "2026-03")], [], [gap])
    assert states(made) == {f"2026-03/{DATED}": State.RECOVERABLE}
    assert made.withdrawn == (identity(DATED, "2026-02"),)
    assert made.tally.unexpected == 0


def test_a_gap_that_waits_moves_with_its_recording() -> None:
    gap = KnownGap(identity(DATED, "2026-02"), GapReason.CORRUPT, "d", "r", 6, NOW)
    made = plan([called(DATED, "2026-02")], [listed(DATED, "2026-03")], [], [gap])
    assert [(one.identity, one.reason) for one in made.to_record] == [(identity(DATED, "2026-03"), GapReason.CORRUPT)]
    assert made.withdrawn == (identity(DATED, "2026-02"),)


def test_a_gap_of_a_month_that_nobody_knows_any_more_goes_to_the_call_that_names_it() -> None:
    gap = KnownGap(identity(DATED, "2026-03"), GapReason.CORRUPT, "d", "r", 1, NOW)
    made = plan([called(DATED, "2026-02")], [], [], [gap])
    assert (made.expected, made.withdrawn) == (1, (identity(DATED, "2026-03"),))


@pytest.mark.parametrize(
    "row", [listed(BARE_OF_TIME, None, 90_000, "2026-03-01 00:10:00"), listed(BARE_OF_TIME, None, None, "2026-03-01 00:10:00")]
)
def test_at_the_edge_of_a_month_a_listed_bare_name_is_not_another_months_recording(row: ListedFile) -> None:
    assert not plan(None, [row], [held(BARE_OF_TIME, "2026-02")]).complete


def test_at_the_edge_of_a_month_a_listed_bare_name_of_the_same_size_is_the_archived_one() -> None:
    assert plan(None, [listed(BARE_OF_TIME, None, 10_000, "2026-03-01 00:10:00")], [held(BARE_OF_TIME, "2026-02")]).complete


def test_a_call_at_the_edge_of_a_month_does_not_hide_behind_the_gap_of_another() -> None:
    gap = KnownGap(identity(BARE_OF_TIME, "2026-01"), GapReason.GONE, "d", "r", 1, NOW, NOW)
    calls = [
        called(BARE_OF_TIME, None, datetime(2026, 1, 30, 20, tzinfo=UTC)),
        called(BARE_OF_TIME, None, datetime(2026, 2, 1, 20, tzinfo=UTC)),
    ]
    assert list(states(plan(calls, [], [], [gap]))) == [f"2026-01/{BARE_OF_TIME}", f"2026-02/{BARE_OF_TIME}"]


def test_a_name_whose_time_is_not_the_calls_is_not_taken_for_a_moved_one() -> None:
    made = plan([called(DATED, "2026-03", MARCH)], [listed(DATED, "2026-02")], [])
    assert states(made) == {f"2026-02/{DATED}": State.RECOVERABLE, f"2026-03/{DATED}": State.NOT_LISTED}


def test_a_name_without_time_and_size_is_not_taken_for_a_moved_one() -> None:
    made = plan([called(BARE_OF_TIME, "2026-02")], [listed(BARE_OF_TIME, "2026-03")], [])
    assert made.expected == 2


def test_another_recording_under_the_name_of_an_archived_one_is_fetched() -> None:
    made = plan(None, [listed(BARE_OF_TIME, "2026-03", 90_000)], [held(BARE_OF_TIME, "2026-02", 10_000)])
    assert states(made)[f"2026-03/{BARE_OF_TIME}"] is State.RECOVERABLE
    both_listed = [listed(DATED, "2026-02"), listed(DATED, "2026-03")]
    assert states(plan(None, both_listed, [held(DATED, "2026-02")]))[f"2026-03/{DATED}"] is State.RECOVERABLE


def test_two_call_records_of_one_name_in_two_months_are_never_one_recording() -> None:
    calls = [called(DATED, "2026-02"), called(DATED, "2026-03", MARCH)]
    assert states(plan(calls, [listed(DATED, "2026-03")], [])) == {
        f"2026-02/{DATED}": State.NOT_LISTED,
        f"2026-03/{DATED}": State.RECOVERABLE,
    }


def test_two_call_records_stay_two_recordings_though_a_third_of_their_name_is_archived() -> None:
    calls = [called(DATED, month, None, 90_000) for month in ("2026-03", "2026-04")]
    made = plan(calls, [listed(DATED, "2026-04", 90_000)], [held(DATED, "2026-01", 500_000)])
    assert made.expected == 3


def test_a_recording_archived_undated_is_the_one_that_list_and_cdr_date() -> None:
    made = plan([called(BARE_OF_TIME, "2026-02", size=10_000)], [listed(BARE_OF_TIME, "2026-02")], [held(BARE_OF_TIME, "undated")])
    assert made.complete
    assert made.expected == 1
    other = plan(None, [listed(BARE_OF_TIME, "2026-02", 90_000)], [held(BARE_OF_TIME, "undated")])
    assert not other.complete


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.wav", "a#b+c d.wav", "x" * 300 + ".wav", "auto-9999999999999-1-2.wav", "q1-2-20269999-999999-3.wav", ""]
)
@pytest.mark.parametrize("month", [None, "2026-13", "0000-00", ""])
def test_odd_names_and_months_are_only_names(name: str, month: str | None) -> None:
    made = plan([called(name, month)], [listed(name, month, None, "2026-13-40 99:99:99")], [])
    assert len(list(made.states())) == made.expected
