"""Which stored recordings are doubted for being shorter than their calls, however much later somebody looks, and by whatever clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine

from converters.interface import FileSource
from scraper.cdr import Call, CallFile, Moment
from scraper.job.lengths import beginning_only, doubt_short_ones
from scraper.models import Gap, GapReason, RecordingClass, Source
from scraper.proof.verify import note_lost, verify

NOW = datetime(2026, 2, 6, 17, 0, tzinfo=UTC)
NAME = "a.wav"


def fetch(shop: Any, body: bytes, source: Source = Source.RECAPI) -> None:
    shop.fetch(body, shop.identity(NAME), source=source)


def tell(shop: Any, ended: datetime, talked: int = 60, waited: timedelta = timedelta()) -> None:
    """The record of a call that talked for so many seconds, ``waited`` before that, and ``ended`` then."""
    start = ended - timedelta(seconds=talked) - waited
    whens = [Moment(when.replace(tzinfo=None), when) for when in (start, ended)]
    files = (CallFile(NAME, "2026-02", RecordingClass.MONITOR),)
    call = Call(session="s", acct_id="1", start=whens[0], end=whens[1], talk_seconds=talked, disposition="ANSWERED", files=files)
    shop.catalog.upsert_calls(shop.identity(NAME).ucm, [call], "api")


@pytest.fixture
def doubts(shop: Any) -> Callable[..., int]:
    """How many recordings a job that begins now doubts."""

    def look(*, other_way: bool = True, compared: datetime | None = None) -> int:
        desk: Any = SimpleNamespace(catalog=shop.catalog, order=SimpleNamespace(ucm=shop.identity(NAME).ucm))
        return len(doubt_short_ones(desk, datetime.now(UTC), compared, lambda identity, source: other_way))

    return look


def reasons(shop: Any) -> list[GapReason]:
    return [found.gap.reason for found in shop.catalog.open_gaps(shop.identity(NAME).ucm)]


@pytest.mark.fault(
    "audio",
    "a job dies before it compares lengths, and the next one comes {days} days later",
    "what is too short is a gap all the same",
    promise="success",
)
@pytest.mark.parametrize("days", [1, 5])
@pytest.mark.parametrize("compared", [None, NOW - timedelta(days=9)])
def test_what_no_job_compared_yet_is_doubted_however_much_later(
    shop: Any, make: Any, doubts: Callable[..., int], days: int, compared: datetime | None
) -> None:
    with time_machine.travel(NOW, tick=False):
        fetch(shop, make.wav(1, 1))
    with time_machine.travel(NOW + timedelta(days=days), tick=False):
        tell(shop, NOW)
        assert doubts(compared=compared) == 1


@pytest.mark.parametrize("minutes", [0, 15])
def test_a_recording_is_still_written_after_a_call_that_waited_before_its_talk(
    shop: Any, make: Any, doubts: Callable[..., int], minutes: int, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(make.wav(1, 1))
    with time_machine.travel(NOW, tick=False):
        tell(shop, NOW - timedelta(seconds=20), waited=timedelta(minutes=minutes))
        with FileSource(tmp_path / NAME) as source:
            assert beginning_only(shop.catalog, shop.identity(NAME), source, pushed=False)
        fetch(shop, make.wav(1, 1))
        assert doubts(other_way=False) == 1


@pytest.mark.fault(
    "storage",
    "a recording that is too short is lost, and the same way brings it again",
    "it is a gap until another way was asked",
    promise="success",
)
def test_a_short_copy_that_was_lost_is_not_confirmed_by_the_way_it_came(shop: Any, make: Any, doubts: Callable[..., int]) -> None:
    ucm = shop.identity(NAME).ucm
    with time_machine.travel(NOW, tick=False):
        fetch(shop, make.wav(1, 1))
        tell(shop, NOW - timedelta(hours=3))
        assert doubts() == 1
    with time_machine.travel(NOW + timedelta(days=5), tick=False):
        (path,) = (stored.path for stored in shop.catalog.recordings(ucm))
        (shop.store.root / path).unlink()
        note_lost(shop.catalog, shop.store, ucm, verify(shop.catalog, shop.store, ucm))
        fetch(shop, make.wav(1, 1))
        assert (reasons(shop), doubts(compared=NOW)) == ([], 1)
        fetch(shop, make.wav(1, 1), Source.ROW)
        assert (reasons(shop), doubts(compared=NOW)) == ([], 0)


def test_a_beginning_that_comes_twice_is_doubted_while_it_may_be_written_and_then_no_more(
    shop: Any, make: Any, doubts: Callable[..., int]
) -> None:
    with time_machine.travel(NOW, tick=False):
        tell(shop, NOW - timedelta(seconds=20))
        fetch(shop, make.wav(1, 1))
        shop.catalog.record_gap(Gap(shop.identity(NAME), GapReason.CORRUPT, "it came in a damaged archive", ""))
        fetch(shop, make.wav(1, 1))
        assert (reasons(shop), doubts(other_way=False)) == ([], 1)
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        fetch(shop, make.wav(1, 1))
        assert (reasons(shop), doubts(other_way=False)) == ([], 0)


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=1)])
def test_a_copy_is_confirmed_once_whatever_the_clock_was_when_it_came(
    shop: Any, make: Any, doubts: Callable[..., int], ahead: timedelta
) -> None:
    tell(shop, NOW - timedelta(hours=3))
    with time_machine.travel(NOW + ahead, tick=False):
        fetch(shop, make.wav(1, 1))
    with time_machine.travel(NOW + timedelta(minutes=10), tick=False):
        assert doubts() == 1
        fetch(shop, make.wav(1, 1), Source.ROW)
        assert (reasons(shop), doubts()) == ([], 0)


def test_a_better_copy_is_not_confirmed_by_what_confirmed_the_one_before(shop: Any, make: Any, doubts: Callable[..., int]) -> None:
    with time_machine.travel(NOW, tick=False):
        tell(shop, NOW - timedelta(hours=3))
        fetch(shop, make.wav(1, 1))
        assert doubts() == 1
        fetch(shop, make.wav(1, 1), Source.ROW)
        shop.catalog.record_gap(Gap(shop.identity(NAME), GapReason.CORRUPT, "it is damaged", ""))
        fetch(shop, make.wav(1, 2))
        assert (reasons(shop), doubts()) == ([], 1)
