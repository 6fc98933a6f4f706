"""Gaps on their way from recapi over batches to rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scraper.models import Gap, GapReason, Identity, RecordingClass
from scraper.reconcile import Ladder, Obstacle, Pause, Result, Step, Verdict, Wanted, Way, WayState
from scraper.reconcile.ladder import BREAKS_AFTER, RUNGS, STRIKES

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
ALL = frozenset(RecordingClass)
OPEN = {way: WayState(ALL) for way in Way}
HALF = Obstacle(GapReason.CORRUPT, "half a file", "try again")
DOWN = Obstacle(GapReason.UNREACHABLE, "no connection", "check the network")
BUSY = Obstacle(GapReason.THROTTLED, "too frequent", "wait")
REFUSED = Obstacle(GapReason.SIGN_IN, "the password is refused", "correct it")


def wanted(number: int, *, ways: frozenset[Way] = frozenset(Way), listed: bool = True, short: bool = False) -> Wanted:
    identity = Identity("office", RecordingClass.MONITOR, "2026-03", f"{number:03}.wav")
    return Wanted(identity, ways, 1000, None, listed, short)


def answer(ladder: Ladder, verdicts: dict[Way, tuple[Verdict, Obstacle | None]], now: datetime = NOW) -> list[Way]:
    """Walk to the end with the same answer of a way to everything; the ways in the order in which they were asked."""
    asked = []
    while (step := ladder.next_step(now)) is not None:
        if isinstance(step, Pause):
            now = step.until
            continue
        asked.append(step.way)
        ladder.record(step.way, [Result(one.identity, *verdicts[step.way]) for one in step.wanted], now)
    return asked


def reasons(gaps: list[Gap]) -> list[GapReason]:
    return [gap.reason for gap in gaps]


def test_what_recapi_brings_goes_no_farther() -> None:
    ladder = Ladder([wanted(1), wanted(2)], OPEN)
    assert answer(ladder, {Way.RECAPI: (Verdict.WON, None)}) == [Way.RECAPI, Way.RECAPI]
    assert ladder.gaps() == ladder.waiting() == []


def test_what_recapi_lacks_goes_into_one_batch_then_row_by_row() -> None:
    ladder = Ladder([wanted(1), wanted(2)], OPEN)
    failed = dict.fromkeys(RUNGS, (Verdict.FAILED, HALF))
    assert answer(ladder, failed) == [Way.RECAPI, Way.RECAPI, Way.BATCH, Way.ROW, Way.ROW]
    assert reasons(ladder.gaps()) == [GapReason.CORRUPT] * 2


def test_recordings_at_which_a_way_breaks_do_not_keep_it_from_the_others() -> None:
    ladder = Ladder([wanted(n, ways=frozenset({Way.RECAPI})) for n in range(12)], OPEN)
    won = set()
    while (step := ladder.next_step(NOW)) is not None:
        assert isinstance(step, Step)
        number = int(step.wanted[0].identity.name[:3])
        failed = number < BREAKS_AFTER
        ladder.record(step.way, [Result(step.wanted[0].identity, *((Verdict.WAY_FAILED, DOWN) if failed else (Verdict.WON, None)))], NOW)
        won |= set() if failed else {number}
    assert won == set(range(BREAKS_AFTER, 12))


def test_a_ladder_may_begin_higher_and_comes_to_the_lower_rungs_after_that() -> None:
    ladder = Ladder([wanted(1)], OPEN, first=Way.ROW)
    assert answer(ladder, dict.fromkeys(RUNGS, (Verdict.FAILED, HALF))) == [Way.ROW, Way.RECAPI, Way.BATCH]


def test_a_batch_takes_no_more_rows_than_it_may() -> None:
    ladder = Ladder([wanted(n, ways=frozenset({Way.BATCH})) for n in range(5)], OPEN, batch_rows=2)
    assert answer(ladder, {Way.BATCH: (Verdict.WON, None)}) == [Way.BATCH] * 3


def test_a_way_that_fails_again_and_again_is_left_alone_and_the_next_takes_over() -> None:
    ladder = Ladder([wanted(n) for n in range(20)], OPEN)
    asked = answer(ladder, {Way.RECAPI: (Verdict.WAY_FAILED, DOWN), Way.BATCH: (Verdict.WON, None)})
    assert asked == [Way.RECAPI] * BREAKS_AFTER + [Way.BATCH]
    assert ladder.gaps() == []


def test_a_recording_that_breaks_the_way_each_time_does_not_keep_the_others_from_it() -> None:
    ladder = Ladder([wanted(n, ways=frozenset({Way.RECAPI})) for n in range(6)], OPEN)
    asked = []
    while (step := ladder.next_step(NOW)) is not None:
        assert isinstance(step, Step)
        number = step.wanted[0].identity.name
        asked.append(number)
        bad = number == "000.wav"
        ladder.record(Way.RECAPI, [Result(step.wanted[0].identity, Verdict.WAY_FAILED if bad else Verdict.WON, DOWN if bad else None)], NOW)
    assert asked.count("000.wav") == STRIKES
    assert set(asked) == {f"{n:03}.wav" for n in range(6)}
    assert reasons(ladder.gaps()) == [GapReason.UNREACHABLE]


def test_each_way_may_fail_as_often_at_one_recording_whatever_the_way_before_did() -> None:
    ladder = Ladder([wanted(1)], OPEN)
    assert answer(ladder, dict.fromkeys(RUNGS, (Verdict.WAY_FAILED, DOWN))) == [way for way in RUNGS for _ in range(STRIKES)]


def test_a_way_closed_in_the_middle_is_not_asked_again() -> None:
    ladder = Ladder([wanted(n) for n in range(3)], OPEN)
    ladder.close_way(Way.RECAPI, REFUSED)
    assert answer(ladder, {Way.BATCH: (Verdict.WON, None)}) == [Way.BATCH]


def test_the_same_step_is_asked_for_until_it_was_told_how_it_went() -> None:
    ladder = Ladder([wanted(1)], OPEN)
    assert ladder.next_step(NOW) == ladder.next_step(NOW)
    assert [one.identity for one in ladder.waiting()] == [wanted(1).identity]


def test_a_way_keeps_its_pace_and_what_the_pbx_asks_for() -> None:
    ladder = Ladder([wanted(n) for n in range(3)], OPEN, paces={Way.RECAPI: timedelta(seconds=2)})
    step = ladder.next_step(NOW)
    assert isinstance(step, Step)
    ladder.record(Way.RECAPI, [Result(step.wanted[0].identity, Verdict.WON)], NOW)
    assert ladder.next_step(NOW) == Pause(NOW + timedelta(seconds=2))
    later = NOW + timedelta(seconds=2)
    step = ladder.next_step(later)
    assert isinstance(step, Step)
    ladder.record(Way.RECAPI, [Result(step.wanted[0].identity, Verdict.WAY_FAILED, BUSY)], later, wait=timedelta(seconds=15))
    assert ladder.next_step(later) == Pause(later + timedelta(seconds=15))


def test_a_throttled_way_slows_down_and_recovers_slowly() -> None:
    ladder = Ladder([wanted(n, ways=frozenset({Way.ROW})) for n in range(60)], OPEN)
    now, pauses = NOW, []
    for verdict in [Verdict.WAY_FAILED, Verdict.WAY_FAILED, *[Verdict.WON] * 40]:
        step = ladder.next_step(now)
        assert isinstance(step, Step)
        ladder.record(Way.ROW, [Result(step.wanted[0].identity, verdict, BUSY if verdict is Verdict.WAY_FAILED else None)], now)
        pause = ladder.next_step(now)
        assert isinstance(pause, Pause)
        pauses.append((pause.until - now).total_seconds())
        now = pause.until
    assert pauses[:2] == [1, 2]
    assert pauses[2:] == sorted(pauses[2:], reverse=True)
    assert 1.5 < pauses[3] < 2
    assert pauses[-1] < 0.1


def test_gone_is_believed_of_recapi_only_where_the_list_does_not_contradict() -> None:
    gone = dict.fromkeys(RUNGS, (Verdict.GONE, None))
    unlisted = Ladder([wanted(1, ways=frozenset({Way.RECAPI}), listed=False)], OPEN)
    answer(unlisted, gone)
    assert reasons(unlisted.gaps()) == [GapReason.GONE]
    web_is_shut = OPEN | {way: WayState(ALL, REFUSED) for way in (Way.BATCH, Way.ROW)}
    listed = Ladder([wanted(1, ways=frozenset({Way.RECAPI}))], web_is_shut)
    answer(listed, gone)
    assert reasons(listed.gaps()) == [GapReason.SIGN_IN]


def test_gone_is_believed_of_a_listed_recordings_own_row() -> None:
    ladder = Ladder([wanted(1)], OPEN)
    answer(ladder, {Way.RECAPI: (Verdict.GONE, None), Way.BATCH: (Verdict.FAILED, HALF), Way.ROW: (Verdict.GONE, None)})
    assert reasons(ladder.gaps()) == [GapReason.GONE]


def test_a_short_copy_that_no_way_betters_stays_too_short() -> None:
    ladder = Ladder([wanted(1, short=True)], OPEN)
    answer(ladder, dict.fromkeys(RUNGS, (Verdict.GONE, None)))
    assert reasons(ladder.gaps()) == [GapReason.TOO_SHORT]


def test_every_way_that_was_tried_stands_in_the_detail() -> None:
    ladder = Ladder([wanted(1, ways=frozenset({Way.RECAPI, Way.ROW}))], OPEN)
    answer(ladder, {Way.RECAPI: (Verdict.FAILED, HALF), Way.ROW: (Verdict.WAY_FAILED, REFUSED)})
    [gap] = ladder.gaps()
    assert (gap.reason, gap.remedy) == (GapReason.CORRUPT, "try again")
    assert gap.detail == "half a file; the password is refused"


@given(st.data(), st.integers(0, 12), st.integers(1, 4))
def test_whatever_the_ways_answer_the_walk_ends_and_every_recording_is_won_or_explained_once(
    data: st.DataObject, count: int, rows: int
) -> None:
    ways = {way: WayState(ALL, data.draw(st.sampled_from([None, REFUSED]))) for way in data.draw(st.sets(st.sampled_from(RUNGS)))}
    sets = st.frozensets(st.sampled_from(Way))
    asked_for = [wanted(n, ways=data.draw(sets), listed=data.draw(st.booleans())) for n in range(count)]
    ladder, now, won, steps = Ladder(asked_for, ways, batch_rows=rows), NOW, set(), 0
    while (step := ladder.next_step(now)) is not None:
        if isinstance(step, Pause):
            assert step.until > now
            now = step.until
            continue
        steps += 1
        assert ways[step.way].available
        results = []
        for one in step.wanted:
            assert step.way in one.ways
            verdict = data.draw(st.sampled_from(Verdict))
            results.append(Result(one.identity, verdict, data.draw(st.sampled_from([HALF, DOWN, BUSY]))))
            if verdict is Verdict.WON:
                assert one.identity not in won
                won.add(one.identity)
        ladder.record(step.way, results, now)
    explained = [gap.identity for gap in ladder.gaps()]
    assert sorted([*won, *explained]) == sorted(one.identity for one in asked_for)
    assert steps <= count * len(RUNGS) * STRIKES
