"""The decision table: one test a row. What becomes of a recording, what is fetched how, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.models import GapReason, Identity, RecordingClass, Source, Window
from scraper.reconcile import (
    CalledFile,
    Costs,
    HeldFile,
    Inventories,
    KnownGap,
    ListedFile,
    Listing,
    Obstacle,
    Plan,
    Situation,
    State,
    Way,
    WayState,
    make_plan,
    render,
)
from scraper.reconcile.fetches import Fetch, seconds_for
from scraper.reconcile.retries import distance

MONITOR, QUEUE = RecordingClass.MONITOR, RecordingClass.QUEUE
ALL = frozenset(RecordingClass)
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("America/Chicago")
SIZE = 480_044

API_OFF = Obstacle(GapReason.API_OFF, "the API is switched off", "switch it on")
FORBIDDEN = Obstacle(GapReason.NO_PERMISSION, "recapi is not ticked", "tick it")
REFUSED = Obstacle(GapReason.SIGN_IN, "the web password is refused", "correct it")


def ways(recapi: Obstacle | None = None, web: Obstacle | None = None, *, pages: frozenset[RecordingClass] = frozenset({MONITOR})) -> dict:
    """All ways work, but for the given obstacles; the web UI has pages for these classes."""
    return {Way.RECAPI: WayState(ALL, recapi)} | {way: WayState(pages, web) for way in (Way.BATCH, Way.ROW, Way.BULK)}


def name(number: int, klass: RecordingClass = MONITOR) -> str:
    start = datetime(2026, 3, 1, 15, tzinfo=UTC) + timedelta(minutes=number)
    if klass is QUEUE:
        return f"q6500-5550100-{start:%Y%m%d-%H%M%S}-{int(start.timestamp())}.{number}-1001.wav"
    return f"auto-{int(start.timestamp())}-1001-5550{number:03}.wav"


def called(*numbers: int, klass: RecordingClass = MONITOR, month: str | None = "2026-03") -> list[CalledFile]:
    start = datetime(2026, 3, 1, 15, tzinfo=UTC)
    return [CalledFile(klass, month, name(n, klass), 30.0, SIZE, start + timedelta(minutes=n), 30.0) for n in numbers]


def listed(*numbers: int, klass: RecordingClass = MONITOR, size: int | None = SIZE) -> list[ListedFile]:
    return [ListedFile(klass, "2026-03", name(n, klass), size, "2026-03-01 09:00:00") for n in numbers]


def held(*numbers: int, short: bool = False, source: Source = Source.BULK) -> list[HeldFile]:
    return [HeldFile(MONITOR, "2026-03", name(n), SIZE, short, source) for n in numbers]


def identity(number: int, klass: RecordingClass = MONITOR, month: str = "2026-03") -> Identity:
    return Identity("office", klass, month, name(number, klass))


def known(number: int, reason: GapReason, *, attempts: int = 1, ago: float = 0, closed: bool = False) -> KnownGap:
    seen = NOW - timedelta(hours=ago)
    gone_at = seen if reason is GapReason.GONE else None
    return KnownGap(identity(number), reason, "as before", "as before", attempts, seen, gone_at, closed)


def plan(
    calls: Iterable[CalledFile] | None = None,
    rows: Iterable[ListedFile] | None = None,
    archive: Iterable[HeldFile] = (),
    *,
    gaps: Iterable[KnownGap] = (),
    **situation: object,
) -> Plan:
    listing = None if rows is None else Listing(rows)
    around = Situation("office", ZONE, NOW, ways())
    return make_plan(Inventories(calls, listing, archive, gaps), replace(around, **situation))


def fetched(made: Plan) -> dict[Way, int]:
    return {line.way: line.count for line in render(made)}


# --- what becomes of one recording -----------------------------------------------------------------------------------------------------


def test_a_recording_that_all_three_know_is_archived_and_costs_nothing() -> None:
    made = plan(called(1), listed(1), held(1))
    assert (made.state_of(identity(1)), made.fetches, made.complete, made.expected) == (State.ARCHIVED, (), True, 1)


def test_a_listed_one_that_is_not_held_is_recoverable_by_every_way() -> None:
    made = plan(called(1), listed(1))
    assert made.state_of(identity(1)) is State.RECOVERABLE
    assert made.fetches[0].wanted[0].ways == frozenset(Way)
    assert not made.complete


def test_one_that_only_a_cdr_names_is_not_listed_and_only_recapi_is_asked() -> None:
    made = plan(called(1), listed())
    assert made.state_of(identity(1)) is State.NOT_LISTED
    assert made.fetches[0].wanted[0].ways == {Way.RECAPI}


def test_one_that_only_a_cdr_names_is_a_gap_while_the_api_is_off() -> None:
    made = plan(called(1), listed(), ways=ways(API_OFF))
    assert [(gap.reason, gap.remedy) for gap in made.gaps] == [(GapReason.NOT_LISTED, "switch it on")]
    assert "switched off" in made.gaps[0].detail


def test_one_said_gone_twice_is_gone_and_fails_nothing() -> None:
    made = plan(called(1), listed(), gaps=[known(1, GapReason.GONE, closed=True)])
    assert (made.state_of(identity(1)), made.tally.gone, made.complete, made.expected) == (State.GONE, 1, True, 1)


def test_one_closed_as_gone_but_listed_again_is_fetched() -> None:
    made = plan(called(1), listed(1), gaps=[known(1, GapReason.GONE, closed=True)])
    assert (made.state_of(identity(1)), fetched(made)) == (State.RECOVERABLE, {Way.RECAPI: 1})


def test_one_said_gone_once_is_asked_for_again_only_hours_later() -> None:
    soon = plan(called(1), listed(), gaps=[known(1, GapReason.GONE, ago=1.9)])
    assert (soon.fetches, soon.gaps[0].reason, soon.to_record) == ((), GapReason.GONE, ())
    later = plan(called(1), listed(), gaps=[known(1, GapReason.GONE, ago=2)])
    assert fetched(later) == {Way.RECAPI: 1}


@pytest.mark.parametrize(("rows", "archive"), [(listed(1), []), (listed(1), held(1)), ([], held(1))])
def test_one_that_no_cdr_names_is_unexpected_and_nothing_worse(rows: list[ListedFile], archive: list[HeldFile]) -> None:
    made = plan([], rows, archive)
    assert (list(made.unexpected()), made.tally.unexpected, made.gaps) == ([identity(1)], 1, ())


def test_nothing_is_unexpected_where_cdrs_could_not_be_read() -> None:
    made = plan(None, listed(1, 2), held(1))
    assert (list(made.unexpected()), made.tally.unexpected, made.expected) == ([], 0, 2)


def test_a_queue_recording_is_not_missed_on_the_list_of_ordinary_ones() -> None:
    made = plan(called(1, klass=QUEUE), listed())
    assert (made.state_of(identity(1, QUEUE)), fetched(made)) == (State.RECOVERABLE, {Way.RECAPI: 1})


@pytest.mark.parametrize(("obstacle", "reason"), [(API_OFF, GapReason.API_OFF), (FORBIDDEN, GapReason.NO_PERMISSION)])
def test_a_queue_recording_is_blocked_by_what_keeps_the_api_shut(obstacle: Obstacle, reason: GapReason) -> None:
    made = plan(called(1, klass=QUEUE), listed(2), held(2), ways=ways(obstacle))
    assert (made.state_of(identity(1, QUEUE)), made.gaps[0].reason, made.gaps[0].remedy) == (State.BLOCKED, reason, obstacle.remedy)
    assert made.to_record == made.gaps
    assert made.expected == 2


def test_a_queue_recording_without_page_and_api_says_which_menu() -> None:
    made = plan(called(1, klass=QUEUE), listed(), ways={Way.BULK: WayState(frozenset({MONITOR}))})
    assert made.gaps[0].reason is GapReason.API_OFF
    assert "API Configuration" in made.gaps[0].remedy


def test_of_two_obstacles_the_one_a_person_can_remove_stands_for_both() -> None:
    made = plan(called(1), listed(1), ways=ways(API_OFF, REFUSED))
    assert made.gaps[0].reason is GapReason.SIGN_IN
    assert "switched off" in made.gaps[0].detail


def test_a_short_copy_is_fetched_another_way_and_counts_as_missing_until_then() -> None:
    made = plan(called(1), listed(1), held(1, short=True, source=Source.RECAPI))
    assert Way.RECAPI not in made.fetches[0].wanted[0].ways
    assert (made.fetches[0].wanted[0].short, made.tally.archived, made.tally.to_fetch) == (True, 0, 1)


def test_a_short_copy_without_another_way_is_a_gap_that_says_so() -> None:
    made = plan(called(1), None, held(1, short=True, source=Source.RECAPI), ways={Way.RECAPI: WayState(ALL)})
    assert [gap.reason for gap in made.gaps] == [GapReason.TOO_SHORT]


def test_a_good_version_outweighs_a_short_one_of_the_same_recording() -> None:
    for versions in (held(1, short=True) + held(1), held(1) + held(1, short=True)):
        assert plan(called(1), listed(1), versions).complete


def test_a_short_copy_of_what_is_gone_for_good_is_what_there_is() -> None:
    made = plan(called(1), listed(), held(1, short=True), gaps=[known(1, GapReason.GONE, closed=True)])
    assert (made.tally.archived, made.tally.gone, made.complete) == (1, 0, True)


def test_an_open_gap_that_nobody_names_any_more_is_still_worked_on() -> None:
    made = plan([], listed(), gaps=[known(1, GapReason.CORRUPT)])
    assert (made.state_of(identity(1)), fetched(made), made.expected) == (State.NOT_LISTED, {Way.RECAPI: 1}, 1)


def test_a_gap_whose_recording_is_held_by_now_is_withdrawn() -> None:
    made = plan(called(1), listed(1), held(1), gaps=[known(1, GapReason.CORRUPT)])
    assert (made.withdrawn, made.gaps, made.complete) == ((identity(1),), (), True)


def test_nothing_is_complete_while_nothing_could_say_what_exists() -> None:
    made = plan(None, None, held(1), ways=ways(API_OFF, REFUSED))
    assert (made.expected_known, made.expected, made.complete) == (False, None, False)


def test_remembered_calls_alone_do_not_say_what_exists() -> None:
    inventories = Inventories(called(1), None, held(1), calls_current=False)
    assert not make_plan(inventories, Situation("office", ZONE, NOW, ways(API_OFF, REFUSED))).complete


def test_a_list_that_starts_later_lacks_nothing_older() -> None:
    around = Situation("office", ZONE, NOW, ways(API_OFF))
    since = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    made = make_plan(Inventories(called(1, 60), Listing([], frozenset({MONITOR}), since), []), around)
    assert (made.state_of(identity(1)), made.state_of(identity(60))) == (State.RECOVERABLE, State.NOT_LISTED)


# --- which ways -------------------------------------------------------------------------------------------------------------------------


def test_nothing_new_costs_no_fetch() -> None:
    assert plan(called(*range(200)), listed(*range(200)), held(*range(200))).fetches == ()


def test_a_few_new_ones_come_over_recapi_without_a_browser() -> None:
    made = plan(called(*range(200)), listed(*range(200)), held(*range(188)))
    assert fetched(made) == {Way.RECAPI: 12}
    assert set(made.fetches[0].identities) == {identity(n) for n in range(188, 200)}


def test_a_few_new_ones_stay_with_recapi_on_a_pbx_that_wants_fifteen_seconds_between_two() -> None:
    made = plan(called(*range(200)), listed(*range(200)), held(*range(188)), costs=Costs(recapi_seconds=15))
    assert fetched(made) == {Way.RECAPI: 12}


def test_a_few_new_ones_come_as_ticked_rows_where_recapi_is_shut() -> None:
    made = plan(called(*range(200)), listed(*range(200)), held(*range(80)), ways=ways(FORBIDDEN), costs=Costs(bulk_share=0.7))
    assert [(fetch.way, len(fetch.wanted)) for fetch in made.fetches] == [(Way.BATCH, 50), (Way.BATCH, 50), (Way.BATCH, 20)]


def test_a_few_new_ones_come_row_by_row_where_no_batch_works() -> None:
    shut = ways(FORBIDDEN) | {Way.BATCH: WayState(frozenset({MONITOR}), REFUSED)}
    assert fetched(plan(called(*range(200)), listed(*range(200)), held(*range(199)), ways=shut)) == {Way.ROW: 1}


def test_most_being_new_the_whole_archive_is_fetched_once() -> None:
    made = plan(called(*range(600)), listed(*range(600)), ways=ways(FORBIDDEN))
    assert [(fetch.way, len(fetch.wanted), fetch.size) for fetch in made.fetches] == [(Way.BULK, 600, 600 * SIZE)]


def test_the_first_run_with_everything_open_takes_the_archive_and_asks_recapi_for_what_it_lacks() -> None:
    made = plan(called(*range(600)), listed(*range(590)))
    assert fetched(made) == {Way.BULK: 590, Way.RECAPI: 10}


def test_what_is_most_is_told_by_bytes_not_by_number() -> None:
    rows = listed(*range(99), size=50_000) + listed(99, size=50_000_000)
    large = HeldFile(MONITOR, "2026-03", name(99), 50_000_000)
    assert fetched(plan(None, rows, [large], ways=ways(API_OFF))) == {Way.BATCH: 99}
    small = [HeldFile(MONITOR, "2026-03", name(n), 50_000) for n in range(99)]
    assert plan(None, rows, small, ways=ways(API_OFF)).fetches[0].size <= 1.1 * 50_000_000


def test_the_whole_archive_is_never_dragged_over_for_a_few_though_it_were_quicker() -> None:
    slow = Costs(batch_row_seconds=600, row_seconds=600)
    made = plan(called(*range(200)), listed(*range(200)), held(*range(150)), ways=ways(API_OFF), costs=slow)
    assert Way.BULK not in fetched(made)


def test_the_whole_archive_is_fetched_for_one_where_nothing_else_can_bring_it() -> None:
    made = plan(None, listed(*range(200)), held(*range(199)), ways={Way.BULK: WayState(frozenset({MONITOR}))})
    assert fetched(made) == {Way.BULK: 1}


def test_each_class_goes_its_own_way() -> None:
    rows = listed(*range(600))
    made = plan(called(*range(600)) + called(1, 2, klass=QUEUE), rows, ways=ways(pages=frozenset({MONITOR})))
    assert [(line.klass, line.way, line.count) for line in render(made)] == [(MONITOR, Way.BULK, 600), (QUEUE, Way.RECAPI, 2)]


def test_the_first_look_at_a_pbx_that_says_nothing_is_its_whole_archive() -> None:
    made = plan(None, None, ways=ways(API_OFF))
    assert [(fetch.way, fetch.klass, fetch.wanted) for fetch in made.fetches] == [(Way.BULK, MONITOR, ())]


def test_a_years_worth_of_gone_recordings_is_asked_for_a_part_each_run_those_never_asked_first() -> None:
    asked = [known(n, GapReason.NOT_LISTED) for n in range(90, 100)]
    made = plan(called(*range(100)), listed(), gaps=asked, costs=Costs(probes=30))
    assert set(made.fetches[0].identities) == {identity(n) for n in range(60, 90)}
    assert (len(made.gaps), len(made.to_record), made.expected) == (70, 70, 100)


def test_oldest_recordings_come_first_for_a_pbx_deletes_those_first() -> None:
    made = plan(called(*reversed(range(10))), listed(*reversed(range(10))))
    assert made.fetches[0].identities == tuple(identity(n) for n in range(10))


# --- retries --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempts", "hours"), [(1, 0), (2, 0), (3, 1), (4, 4), (5, 12), (6, 24), (60, 24)])
def test_attempts_grow_apart_after_the_third(attempts: int, hours: int) -> None:
    assert distance(attempts) == timedelta(hours=hours)
    if hours:
        gap = known(1, GapReason.CORRUPT, attempts=attempts, ago=hours - 0.1)
        waiting = plan(called(1), listed(1), gaps=[gap])
        assert (waiting.fetches, waiting.to_record, len(waiting.gaps), waiting.complete) == ((), (), 1, False)
    assert plan(called(1), listed(1), gaps=[known(1, GapReason.CORRUPT, attempts=attempts, ago=hours)]).fetches


def test_a_gap_that_was_noted_by_a_clock_that_was_ahead_is_due() -> None:
    assert plan(called(1), listed(1), gaps=[known(1, GapReason.CORRUPT, attempts=6, ago=-365 * 24)]).fetches


def test_what_only_a_shut_way_kept_back_is_due_as_soon_as_the_way_works() -> None:
    made = plan(called(1), listed(1), gaps=[known(1, GapReason.API_OFF, attempts=99)])
    assert fetched(made) == {Way.RECAPI: 1}


def test_what_was_not_listed_is_due_as_soon_as_it_is_listed() -> None:
    assert plan(called(1), listed(1), gaps=[known(1, GapReason.NOT_LISTED, attempts=9)]).fetches


def test_a_gap_said_again_in_the_same_words_is_not_recorded_again() -> None:
    first = plan(called(1), listed(1), ways=ways(API_OFF, REFUSED))
    gap = first.to_record[0]
    remembered = KnownGap(gap.identity, gap.reason, gap.detail, gap.remedy, 1, NOW)
    second = plan(called(1), listed(1), gaps=[remembered], ways=ways(API_OFF, REFUSED))
    assert (second.gaps, second.to_record) == ((gap,), ())


def test_what_a_recording_was_found_to_be_outlasts_a_shut_way() -> None:
    made = plan(called(1), listed(1), gaps=[known(1, GapReason.UNDECODABLE)], ways=ways(API_OFF, REFUSED))
    assert (made.gaps[0].reason, made.to_record) == (GapReason.UNDECODABLE, ())


# --- the window of a backfill -----------------------------------------------------------------------------------------------------------


def test_a_window_counts_and_fetches_calls_that_started_in_it_by_the_pbx_clock() -> None:
    # 05:30 UTC on the 2nd is still the 1st in Chicago; `until` is exclusive.
    starts = {
        1: datetime(2026, 3, 2, 5, 30, tzinfo=UTC),
        2: datetime(2026, 3, 2, 6, 30, tzinfo=UTC),
        3: datetime(2026, 3, 3, 6, tzinfo=UTC),
    }
    calls = [CalledFile(MONITOR, "2026-03", f"a{n}.wav", None, SIZE, start) for n, start in starts.items()]
    rows = [ListedFile(MONITOR, "2026-03", call.name, SIZE, "2026-03-09 10:00:00") for call in calls]
    archive = [HeldFile(MONITOR, "2026-03", call.name, SIZE) for call in calls[:1]]
    made = plan(calls, rows, archive, window=Window(date(2026, 3, 2), date(2026, 3, 3)))
    assert [one.name for fetch in made.fetches for one in fetch.identities] == ["a2.wav"]
    assert (made.expected, list(made.states())) == (1, [(Identity("office", MONITOR, "2026-03", "a2.wav"), State.RECOVERABLE)])


def test_a_window_without_call_records_goes_by_the_list_then_by_the_name() -> None:
    rows = [
        ListedFile(MONITOR, "2026-03", "b1.wav", SIZE, "2026-03-01 23:59:59"),
        ListedFile(MONITOR, "2026-03", "b2.wav", SIZE, "2026-03-02 00:00:00"),
    ]
    made = plan(None, rows, held(1), window=Window(date(2026, 3, 2), None))
    assert list(made.states()) == [(Identity("office", MONITOR, "2026-03", "b2.wav"), State.RECOVERABLE)]


# --- properties --------------------------------------------------------------------------------------------------------------------------

_WAY_SETS = st.sets(st.sampled_from(Way), min_size=1)
_CLASS_WAYS = st.dictionaries(st.sampled_from(Way), st.sets(st.sampled_from([MONITOR, QUEUE])), max_size=4)


def _cost(fetches: Iterable[Fetch], costs: Costs) -> float:
    """What a set of fetches costs, told independently of how it was chosen."""
    total, browser = 0.0, False
    for fetch in fetches:
        browser = browser or fetch.way is not Way.RECAPI
        size, count = fetch.size, len(fetch.wanted)
        if fetch.way is Way.BULK:
            total += seconds_for(Way.BULK, 40, 40 * SIZE, costs)
        else:
            total += seconds_for(fetch.way, count, size, costs)
    return total + (costs.browser_seconds if browser else 0)


@settings(max_examples=200, deadline=None)
@given(
    served=_CLASS_WAYS,
    missing=st.sets(st.integers(0, 39)),
    queue_missing=st.sets(st.integers(0, 39)),
    costs=st.builds(
        Costs,
        browser_seconds=st.sampled_from([0, 20, 300]),
        recapi_seconds=st.sampled_from([0.1, 1, 15]),
        row_seconds=st.sampled_from([0.2, 2]),
        batch_rows=st.sampled_from([1, 7, 50]),
        bytes_per_second=st.sampled_from([100_000, 2_000_000]),
    ),
)
def test_the_fetches_are_sufficient_and_the_cheapest(
    served: dict[Way, set[RecordingClass]], missing: set[int], queue_missing: set[int], costs: Costs
) -> None:
    lacking = {MONITOR: missing, QUEUE: queue_missing}
    everything = range(40)
    rows = [row for klass in lacking for row in listed(*everything, klass=klass)]
    archive = [HeldFile(klass, "2026-03", name(n, klass), SIZE) for klass in lacking for n in everything if n not in lacking[klass]]
    around = Situation("office", ZONE, NOW, {way: WayState(frozenset(classes)) for way, classes in served.items()}, costs)
    made = make_plan(Inventories(None, Listing(rows, frozenset({MONITOR, QUEUE})), archive), around)
    reachable = {klass: numbers for klass, numbers in lacking.items() if numbers and around.available(klass)}
    wanted = [one for fetch in made.fetches for one in fetch.identities]
    assert sorted(wanted) == sorted(identity(n, klass) for klass, numbers in reachable.items() for n in numbers)
    assert made.tally.expected == 80

    def allowed(klass: RecordingClass, way: Way) -> bool:
        return way is not Way.BULK or len(lacking[klass]) >= 40 * costs.bulk_share or around.available(klass) == {Way.BULK}

    choices = [[(klass, way) for way in around.available(klass) if allowed(klass, way)] for klass in reachable]
    prices = [
        sum(
            seconds_for(way, *((40, 40 * SIZE) if way is Way.BULK else (len(lacking[klass]), len(lacking[klass]) * SIZE)), costs)
            for klass, way in choice
        )
        + (costs.browser_seconds if any(way is not Way.RECAPI for _, way in choice) else 0)
        for choice in product(*choices)
    ]
    assert _cost(made.fetches, costs) == pytest.approx(min(prices))


_NUMBERS = st.lists(st.integers(0, 6), max_size=8)
_MONTHS = st.sampled_from(["2026-02", "2026-03", None])
_NAMES = st.sampled_from([name(1), name(2), name(1, QUEUE), "room.wav", "auto-1772258400-1-2.wav"])
_STARTS = st.one_of(st.none(), st.datetimes(datetime(2026, 2, 25), datetime(2026, 3, 4), timezones=st.just(UTC)))
_SIZES = st.sampled_from([None, 44, SIZE, 2 * SIZE])
_CALLS = st.lists(st.builds(CalledFile, st.just(MONITOR), _MONTHS, _NAMES, st.sampled_from([None, 3.0, 30.0]), _SIZES, _STARTS), max_size=8)
_ROWS = st.lists(
    st.builds(
        ListedFile, st.just(MONITOR), _MONTHS, _NAMES, _SIZES, st.sampled_from([None, "", "2026-02-28 23:59:00", "2026-03-01 00:10:00"])
    ),
    max_size=8,
)
_HELD = st.lists(
    st.builds(
        HeldFile,
        st.just(MONITOR),
        st.sampled_from(["2026-02", "2026-03", "undated"]),
        _NAMES,
        st.sampled_from([0, 44, SIZE]),
        st.booleans(),
        st.sampled_from(Source),
    ),
    max_size=8,
)
_GAPS = st.lists(
    st.builds(
        KnownGap,
        st.builds(Identity, st.just("office"), st.just(MONITOR), st.sampled_from(["2026-02", "2026-03", "undated"]), _NAMES),
        st.sampled_from(GapReason),
        st.just("detail"),
        st.just("remedy"),
        st.integers(1, 8),
        st.sampled_from([NOW, NOW - timedelta(hours=3), NOW - timedelta(days=3)]),
        st.none(),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda gap: (gap.identity, gap.closed),
)
_WINDOWS = st.sampled_from([Window(), Window(date(2026, 3, 1), None), Window(date(2026, 2, 1), date(2026, 3, 1))])


@settings(max_examples=400, deadline=None)
@given(calls=_CALLS, rows=_ROWS, archive=_HELD, gaps=_GAPS, window=_WINDOWS, random=st.randoms(use_true_random=False))
def test_any_order_of_any_rows_gives_one_plan_and_every_recording_is_counted_once(
    calls: list[CalledFile], rows: list[ListedFile], archive: list[HeldFile], gaps: list[KnownGap], window: Window, random: object
) -> None:
    made = [plan(calls, rows, archive, gaps=gaps, window=window)]
    for part in (calls, rows, archive, gaps):
        random.shuffle(part)
    made.append(plan(calls, rows, archive, gaps=gaps, window=window))
    first, second = ((one.fetches, one.gaps, one.to_record, one.withdrawn, one.same_as, one.tally, list(one.states())) for one in made)
    assert first == second
    states = [state for _, state in made[0].states()]
    tally = made[0].tally
    assert len(states) == tally.expected
    assert (states.count(State.ARCHIVED), states.count(State.GONE)) == (tally.archived, tally.gone)
    assert tally.to_fetch == sum(len(fetch.wanted) for fetch in made[0].fetches)
    assert tally.gaps == len(made[0].gaps) == len({gap.identity for gap in made[0].gaps})
    assert tally.unexpected == len(list(made[0].unexpected()))
