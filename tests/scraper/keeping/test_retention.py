"""Retention: what is older than it is kept goes and stays away, but never what is held, undated, or too much at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from scraper.catalog import Hold
from scraper.catalog.schema import tombstones
from scraper.errors import SafetyStop
from scraper.keeping import retention
from scraper.settings.keeping import Retention

from .conftest import ANN, BOB, UCM, Archive, file_name

DAY = 1440
#: Three months after the first of the recordings.
NOW = datetime.fromtimestamp(1770000000, UTC) + timedelta(days=90)


def let_go(archive: Archive, rule: Retention, now: datetime = NOW) -> retention.Due:
    found = retention.due(archive.place, rule, now)
    retention.let_go(archive.place, archive.erasing, found, threading.Event())
    return found


def test_what_is_older_goes_with_its_call_and_stays_away_and_the_rest_stays(archive: Archive) -> None:
    old, new = file_name(0, ANN), file_name(40 * DAY, BOB)
    archive.keep(old)
    archive.keep(new)
    archive.miss(file_name(2, ANN))
    archive.call(src=ANN, dst="1000", start=1770000500)
    found = let_go(archive, Retention(keep_days=60))
    assert (found.recordings, found.chosen.files, found.chosen.size, found.kept, len(found.chosen.calls)) == (2, 1, 9, 1, 2)
    assert archive.paths() == [f"2026-02/{new}"]
    assert [leg.dst for leg in archive.catalog.calls(UCM)] == [BOB]
    assert archive.catalog.open_gaps(UCM) == []
    archive.call(src="1000", dst=ANN, start=1770000000, recordfiles=f"2026-02/{old}@")
    archive.call(src="2000", dst="3000", start=1770000900)  # another call of those days
    assert len(list(archive.catalog.calls(UCM))) == 1
    with archive.catalog.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tombstones).where(tombstones.c.kind == "call")) == 0
    assert let_go(archive, Retention(keep_days=60)).recordings == 0


def test_where_ucms_share_a_folder_another_s_recording_of_the_same_name_stays(archive: Archive) -> None:
    name = file_name(0, ANN)
    theirs = f"2026-02/{name.replace('.wav', '~1a2b3c4d.wav')}"
    archive.keep(name, path=f"2026-02/{name}")
    archive.keep(name, ucm="branch", path=theirs, call=False)
    assert let_go(archive, Retention(keep_days=60)).recordings == 1
    assert list(archive.store.paths("2026-02")) == [theirs]


def test_the_last_day_that_is_kept_is_kept_whole_by_the_pbx_own_calendar(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))  # on 1 February, 20:40 in Chicago; in UTC it is the second already
    midnight = datetime(2026, 2, 11, 6, 0, tzinfo=UTC)
    assert retention.due(archive.place, Retention(keep_days=9), midnight).recordings == 1
    assert retention.due(archive.place, Retention(keep_days=9), midnight - timedelta(seconds=1)).recordings == 0
    assert retention.due(archive.place, Retention(keep_days=10), midnight).recordings == 0


def test_without_a_rule_and_without_a_date_all_is_kept(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    archive.keep("some.wav", "undated", call=False)
    assert retention.due(archive.place, Retention(), NOW).recordings == 0
    let_go(archive, Retention(keep_days=1))
    assert archive.paths() == ["undated/some.wav"]


def test_a_month_alone_must_be_over_as_a_whole(archive: Archive) -> None:
    archive.keep("some.wav", "2026-02", call=False)
    assert retention.due(archive.place, Retention(keep_days=30), datetime(2026, 3, 30, tzinfo=UTC)).recordings == 0
    assert retention.due(archive.place, Retention(keep_days=30), datetime(2026, 4, 1, tzinfo=UTC)).recordings == 1


def test_queues_and_conferences_may_have_a_time_of_their_own(archive: Archive) -> None:
    queue = f"q6500-{ANN}-20260202-204000-1770000000.7-1000.wav"
    archive.keep(queue, call=False)
    archive.keep(file_name(0, ANN), call=False)
    archive.call(src=ANN, dst="1000", start=1770000500)
    let_go(archive, Retention(keep_days=30, queue_days=365))
    assert archive.paths() == [f"2026-02/{queue}"]
    assert len(list(archive.catalog.calls(UCM))) == 1  # a call may be a queue's: it goes with the last of them


@pytest.mark.parametrize(
    "hold",
    [
        {},
        {"number": ANN},
        {"since": "2026-02-01", "until": "2026-02-02"},
        {"since": "2026-01-01"},
        {"name": file_name(0, ANN)},
        {"name": f"2026-02/{file_name(0, ANN)}"},
    ],
    ids=str,
)
def test_what_is_under_a_hold_stays_with_its_call_until_the_hold_is_lifted(archive: Archive, hold: dict[str, str]) -> None:
    archive.keep(file_name(0, ANN))
    identifier = archive.catalog.add_hold(Hold(ucm=UCM, reason="case 12", by_whom="somebody", **hold))
    found = let_go(archive, Retention(keep_days=30))
    assert (found.held, found.recordings, found.chosen.calls) == (1, 0, set())
    assert archive.paths() == [f"2026-02/{file_name(0, ANN)}"]
    assert len(list(archive.catalog.calls(UCM))) == 1
    assert archive.catalog.lift_hold(identifier, "somebody")
    let_go(archive, Retention(keep_days=30))
    assert archive.paths() == []


def test_a_hold_on_somebody_else_protects_nothing(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    for hold in ({"number": BOB}, {"since": "2026-02-02"}, {"until": "2026-02-01"}, {"name": file_name(1, ANN)}):
        archive.catalog.add_hold(Hold(ucm=UCM, reason="case 12", by_whom="somebody", **hold))
    archive.catalog.add_hold(Hold(ucm="branch", reason="case 12", by_whom="somebody"))
    let_go(archive, Retention(keep_days=30))
    assert archive.paths() == []


@pytest.mark.fault("keeping", "a legal hold is added while retention is at work", "what it protects stays", promise="loss")
@pytest.mark.parametrize("hold", [{}, {"number": ANN}])
def test_what_is_put_on_hold_while_older_ones_are_let_go_stays(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, hold: dict[str, str]
) -> None:
    for number in range(3):
        archive.keep(file_name(number * DAY, ANN))
    found = retention.due(archive.place, Retention(keep_days=30), NOW)
    monkeypatch.setattr(retention, "_STEP", 1)
    erasing = archive.erasing
    erase = erasing.erase

    def erase_and_hold(*doomed: Any) -> Any:
        done = erase(*doomed)
        archive.catalog.add_hold(Hold(ucm=UCM, reason="case 12", by_whom="somebody", **hold))
        return done

    monkeypatch.setattr(erasing, "erase", erase_and_hold)
    gone = retention.let_go(archive.place, erasing, found, threading.Event())
    assert (len(gone.spans), len(gone.calls)) == (1, 1)
    assert archive.paths() == [f"2026-02/{file_name(number * DAY, ANN)}" for number in (1, 2)]
    assert len(list(archive.catalog.calls(UCM))) == 2


def test_a_call_without_recording_that_is_put_on_hold_while_older_ones_are_let_go_stays(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.keep(file_name(0, ANN))
    archive.call(src=BOB, dst="1000", start=1770000500)
    erasing = archive.erasing
    erase = erasing.erase

    def erase_and_hold(*doomed: Any) -> Any:
        done = erase(*doomed)
        archive.catalog.add_hold(Hold(ucm=UCM, reason="case 12", by_whom="somebody", number=BOB))
        return done

    monkeypatch.setattr(erasing, "erase", erase_and_hold)
    found = retention.due(archive.place, Retention(keep_days=30), NOW)
    retention.let_go(archive.place, erasing, found, threading.Event())
    assert (archive.paths(), [leg.src for leg in archive.catalog.calls(UCM)]) == ([], [BOB])


@pytest.mark.fault("keeping", "retention would let go of a large share at once", "safety stop", exit_code=10, promise="loss")
def test_too_large_a_share_at_once_is_a_safety_stop_and_a_few_are_not(archive: Archive) -> None:
    found, rule = retention.Due(kept=30), Retention(keep_days=30, most_share=0.5)
    found.chosen.files = 51
    with pytest.raises(SafetyStop, match="63%"):
        retention.check_safe(found, rule, UCM)
    found.chosen.files, found.kept = 50, 0
    retention.check_safe(found, rule, UCM)
    found.chosen.files, found.kept = 60, 60
    retention.check_safe(found, rule, UCM)


def test_the_oldest_go_first_and_no_more_than_allowed(archive: Archive) -> None:
    for number in (2, 0, 1):
        archive.keep(file_name(number * DAY, ANN))
    found = retention.due(archive.place, Retention(keep_days=30), NOW)
    retention.let_go(archive.place, archive.erasing, found, threading.Event(), at_most=2)
    assert archive.paths() == [f"2026-02/{file_name(2 * DAY, ANN)}"]
