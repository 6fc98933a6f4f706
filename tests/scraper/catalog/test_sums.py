"""The sums that pages show, counted as the archive changes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from scraper.catalog import Catalog, Recording
from scraper.catalog.schema import recording_days, recording_sums, recordings, search_index
from scraper.catalog.sums import COUNTED_DAYS, COUNTED_SUMS
from scraper.models import Identity, RecordingClass, Source

ZONES = {name: ZoneInfo("UTC") for name in ("office", "branch")}


def recording(number: int, ucm: str = "office", **changes: Any) -> Recording:
    name = f"auto-{1770416496 + number * 40_000}-1000-555555{number:04}.wav"
    values = {
        "identity": Identity(ucm, RecordingClass.MONITOR, "2026-02", name), "path": f"{ucm}/{name}", "size": 100 + number,
        "sha256": f"{number:064x}", "source": Source.BULK, "source_format": "gsff", "source_size": 64, "source_sha256": "b" * 64,
        "run_id": "r",
    }  # fmt: skip
    return Recording(**(values | changes))


def kept(catalog: Catalog) -> tuple[dict[Any, Any], dict[Any, Any]]:
    with catalog.reading() as connection:
        sums = {row.ucm: (row.recordings, row.size) for row in connection.execute(recording_sums.select())}
        days = {(row.ucm, row.day): (row.recordings, row.size) for row in connection.execute(recording_days.select())}
    return ({key: value for key, value in found.items() if value != (0, 0)} for found in (sums, days))


def counted(catalog: Catalog) -> tuple[dict[Any, Any], dict[Any, Any]]:
    with catalog.reading() as connection:
        sums = {row.ucm: (row.recordings, row.size) for row in connection.execute(text(COUNTED_SUMS))}
        days = {(row.ucm, row.day): (row.recordings, row.size) for row in connection.execute(text(COUNTED_DAYS))}
    return sums, days


def index(catalog: Catalog) -> None:
    while catalog.index_some(ZONES):
        pass


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_to_the_archive_its_sums_are_what_counting_gives(catalog: Catalog, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(1, 26):
        what, held = chance.randrange(8), list(catalog.recordings())
        one = chance.choice(held) if held else None
        if what <= 1 or one is None:
            ucm = chance.choice(list(ZONES))
            catalog.announce([recording(number, ucm), recording(number, ucm, suffix="0123abcd", path=f"{number}")])
            catalog.promote(ucm)
        elif what <= 3:
            index(catalog)
        elif what == 4:
            catalog.forget(one)
        elif what == 5:
            catalog.announce_replacement(replace(one, size=one.size * 3))
            catalog.finish_replacement(one.id)
        elif what == 6:
            with catalog.transaction() as connection:
                connection.execute(search_index.update().where(search_index.c.recording_id == one.id).values(at="2026-01-01 12:00:00"))
        else:
            with catalog.transaction() as connection:
                connection.execute(recordings.update().where(recordings.c.ucm == one.identity.ucm).values(size=recordings.c.size + 1))
        assert tuple(kept(catalog)) == counted(catalog), what
    with catalog.transaction() as connection:
        connection.execute(search_index.delete().where(search_index.c.recording_id.in_([row.id for row in held[::2]])))
        connection.execute(recordings.delete().where(recordings.c.id.in_([row.id for row in held[1::2]])))
    assert tuple(kept(catalog)) == counted(catalog)


def test_the_day_s_coverage_and_the_totals_are_the_sums(catalog: Catalog) -> None:
    catalog.announce([recording(0), recording(1), recording(9), recording(9, suffix="0123abcd", path="x")])
    catalog.promote("office")
    index(catalog)
    days = catalog.coverage_by_day(ZONES, "2026-02-06")
    assert {day: (one.archived, one.size) for day, one in days.items()} == {
        "2026-02-06": (1, 100),
        "2026-02-07": (1, 101),
        "2026-02-11": (1, 109),
    }
    assert list(catalog.coverage_by_day(ZONES, "2026-02-08")) == ["2026-02-11"]
    totals = catalog.totals("office")
    assert (totals.archived, totals.size) == (3, 419)
    assert catalog.totals("elsewhere").archived == 0
