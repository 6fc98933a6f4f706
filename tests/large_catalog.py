"""A catalog with as many recordings, calls, gaps and runs as a test wants, made fast: what an archive of years holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table

from scraper.catalog import Catalog, schema
from scraper.catalog.search import Wish
from scraper.models import RecordingClass

UCMS = tuple(f"ucm-{number:02}" for number in range(20))
#: The first recording; from then on they come evenly for two years.
SINCE = datetime(2024, 11, 1, tzinfo=UTC)
DAYS = 730
#: Of the one call that no other is like: old, long, and with a number that is in no other.
RARE_NUMBER, RARE_SECONDS = "5555550199", 7200.0
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Fact:
    """One call and its recording. ``at``: PBX local, which is UTC; ``stamp``: the same as the catalog writes times."""

    number: int
    ucm: str
    at: str
    stamp: str
    month: str
    extension: str
    other: str
    seconds: float
    name: str


def fact(number: int, recordings: int) -> Fact:
    """The call of this number of so many."""
    chance = random.Random(number)
    when = SINCE + timedelta(days=DAYS) * (number / recordings)
    ucm, extension = UCMS[number % len(UCMS)], str(1000 + chance.randrange(800))
    # A few numbers call often, most rarely.
    other, seconds = f"5{int(200_000 * chance.random() ** 3):06}0{chance.randrange(100, 199)}", round(chance.expovariate(1 / 120), 2) % 3600
    if number == recordings // 50:
        ucm, other, seconds = UCMS[3], RARE_NUMBER, RARE_SECONDS
    at = when.isoformat(" ", "seconds")[:19]
    name = f"auto-{int(when.timestamp())}-{extension}-{other}.{number}.wav"
    return Fact(number, ucm, at, f"{at[:10]}T{at[11:]}Z", at[:7], extension, other, seconds, name)


def fill(catalog: Catalog, recordings: int) -> None:
    """Enter so many recordings with their calls and search entries; of ten, one has had a gap; of a thousand, one is missing or gone."""
    with _indexed_afterwards(catalog):
        _fill(catalog, recordings)
    with catalog.transaction() as connection:
        connection.exec_driver_sql("ANALYZE")


@contextmanager
def _indexed_afterwards(catalog: Catalog) -> Iterator[None]:
    """Without the indexes that only speed up reading: at millions of rows they are made several times faster at once."""
    kept = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE INDEX%%'",
    }
    with catalog.transaction() as connection:
        indexes = connection.exec_driver_sql(kept[connection.dialect.name]).all()
        for name, _ in indexes:
            connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    for _, definition in indexes:
        with catalog.transaction() as connection:
            connection.exec_driver_sql(definition)


def _fill(catalog: Catalog, recordings: int) -> None:
    numbers, words, places = iter(range(1, recordings + 1)), dict[tuple[str, str], int](), list[tuple[int, str, int]]()
    while batch := [fact(number, recordings) for number in islice(numbers, _BATCH)]:
        tenth = [each for each in batch if each.number % 10 == 0]
        for table, rows in (
            (schema.calls, map(_call, batch)),
            (schema.recordings, map(_recording, batch)),
            (schema.call_files, map(_call_file, batch)),
            (schema.search_index, map(_entry, batch)),
            (schema.gaps, map(_gap, tenth)),
            (schema.runs, map(_run, tenth)),
            (schema.audit, map(_audit, tenth)),
        ):
            _load(catalog, table, list(rows))
        for each in batch:
            for word in (each.extension, each.other):
                places.append((words.setdefault((each.ucm, word), len(words) + 1), each.at, each.number))
    _load_words(catalog, words, sorted(places))


def _load(catalog: Catalog, table: Table, rows: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    with catalog.transaction() as connection:
        catalog.load(connection, table, [tuple(row.get(name) for name in names) for row in rows])


def _load_words(catalog: Catalog, words: dict[tuple[str, str], int], places: list[tuple[int, str, int]]) -> None:
    for table, rows in (
        (schema.search_words, ((number, *key, key[1][::-1]) for key, number in sorted(words.items()))),
        (schema.search_places, places),
    ):
        waiting = iter(rows)
        while batch := list(islice(waiting, _BATCH)):
            with catalog.transaction() as connection:
                catalog.load(connection, table, batch)


def _call(of: Fact) -> dict[str, Any]:
    return {
        "id": of.number, "ucm": of.ucm, "session": f"{of.number}", "acct_id": f"{of.number}", "start": of.at, "src": of.extension,
        "dst": of.other, "twin": "", "uniqueid": f"{of.number}", "start_utc": of.stamp, "talk_seconds": int(of.seconds),
        "duration": int(of.seconds) + 5, "disposition": "ANSWERED", "answered_by": of.other, "caller_name": "", "action_type": "DIAL",
        "lastapp": "Dial", "source": "api", "first_seen": of.stamp, "last_seen": of.stamp,
    }  # fmt: skip


def _recording(of: Fact) -> dict[str, Any]:
    frames, sha256 = int(of.seconds * 8000), f"{of.number:064x}"
    return {
        "id": of.number, "ucm": of.ucm, "class": "monitor", "month": of.month, "name": of.name, "suffix": "", "state": "archived",
        "path": f"{of.ucm}/{of.month}/{of.name}", "size": 44 + 2 * frames, "sha256": sha256, "frames": frames, "sample_rate": 8000,
        "channels": 1, "source": "bulk", "source_format": "gsff", "layout": "a", "confidence": "confirmed", "source_size": 64 + 2 * frames,
        "source_sha256": sha256, "source_header": bytes(64), "run_id": f"{of.number // 50}", "stored_at": of.stamp,
    }  # fmt: skip


def _call_file(of: Fact) -> dict[str, Any]:
    return {"id": of.number, "call_id": of.number, "class": "monitor", "month": of.month, "name": of.name}


def _entry(of: Fact) -> dict[str, Any]:
    words = f" {of.extension} {of.other} "
    return {"recording_id": of.number, "ucm": of.ucm, "class": "monitor", "at": of.at, "seconds": of.seconds, "words": words}


def _gap(of: Fact) -> dict[str, Any]:
    row = {
        "id": of.number, "ucm": of.ucm, "class": "monitor", "month": of.month, "name": of.name, "reason": "unreachable", "detail": "d",
        "remedy": "r", "first_seen": of.stamp, "last_seen": of.stamp, "attempts": 1, "closed_at": of.stamp, "closed_as": "archived",
    }  # fmt: skip
    missing = {"name": f"missing-{of.name}"}
    if of.number % 2000 == 0:
        return row | missing | {"reason": "gone", "gone_at": of.stamp, "closed_as": "gone"}
    if of.number % 2000 == 1000:
        return row | missing | {"reason": "throttled", "closed_at": None, "closed_as": None}
    return row


def _run(of: Fact) -> dict[str, Any]:
    return {
        "id": f"{of.number:032x}", "ucm": UCMS[of.number // 10 % len(UCMS)], "trigger": "schedule", "started_at": of.stamp,
        "finished_at": of.stamp, "status": "complete", "exit_code": 0, "report": '{"schema": 1}', "expected": 5, "archived": 5, "gone": 0,
        "new": 1,
    }  # fmt: skip


def _audit(of: Fact) -> dict[str, Any]:
    return {"id": of.number, "at": of.stamp, "who": "somebody", "action": "run-started", "ucm": of.ucm, "detail": ""}


def questions(recordings: int) -> Iterator[tuple[str, Any]]:
    """What the admin's pages ask, by name: each a function of the catalog."""
    zones = {ucm: ZoneInfo("UTC") for ucm in UCMS}
    last_year = f"{SINCE + timedelta(days=DAYS - 365):%Y-%m-%d}"
    day = (SINCE + timedelta(days=DAYS // 3)).date()
    often = fact(7, recordings).extension

    def searching(**wish: Any) -> Any:
        return lambda catalog: catalog.search(Wish(**wish))

    yield "overview: totals", lambda catalog: catalog.totals(UCMS[0])
    yield "overview: gaps", lambda catalog: catalog.gap_counts(UCMS[0])
    yield "overview: runs", lambda catalog: catalog.whole_runs(UCMS[0], "9", 20)
    yield "overview: heat map of all", lambda catalog: catalog.coverage_by_day(zones, last_year)
    yield "overview: heat map of one", lambda catalog: catalog.coverage_by_day({UCMS[0]: zones[UCMS[0]]}, last_year)
    yield "recordings: newest", searching()
    yield "recordings: far down", lambda catalog: catalog.search(Wish(), after=f"{day}T12:00:00_{recordings // 3}")
    yield "recordings: of a UCM", searching(ucm=UCMS[5])
    yield "recordings: of a day", searching(since=day, until=day + timedelta(days=1))
    yield "recordings: of a UCM's day", searching(ucm=UCMS[5], since=day, until=day + timedelta(days=1))
    yield "recordings: of a UCM that is not there", searching(ucm="elsewhere")
    yield "recordings: of a kind that is not there", searching(klass=RecordingClass.MEETME)
    yield "recordings: short ones", searching(longest=2.0)
    yield "recordings: short ones of a UCM", searching(longest=2.0, ucm=UCMS[5])
    yield "recordings: of a length that is rare", searching(shortest=60.01, longest=60.02)
    yield "recordings: very long ones", searching(shortest=RARE_SECONDS - 60)
    yield "recordings: a number", searching(text=RARE_NUMBER)
    yield "recordings: a number, with country code", searching(text="+1" + RARE_NUMBER)
    yield "recordings: end of a number", searching(text=RARE_NUMBER[-5:])
    yield "recordings: nobody's number", searching(text="0123456789")
    yield "recordings: an extension", searching(text=often)
    yield "recordings: an extension in one UCM", searching(text=often, ucm=UCMS[3])
    yield "recordings: an extension's long ones", searching(text=often, shortest=900.0)
    yield "recordings: an extension's of a kind that is not there", searching(text=often, klass=RecordingClass.QUEUE)
    yield "recordings: an extension's of a day", searching(text=often, since=day, until=day + timedelta(days=1))
    yield "recordings: an extension with a number", searching(text=f"{often} +1{RARE_NUMBER}")
    yield "recordings: a number in one UCM", searching(text=RARE_NUMBER, ucm=UCMS[3])
    yield "recordings: numbers that begin alike", searching(text="50012")
    yield "recordings: numbers that begin alike, of a day", searching(text="50012", since=day, until=day + timedelta(days=1))
    yield "recordings: numbers that end alike", searching(text="0150")
    yield "recordings: numbers that end alike, very long ones", searching(text="0150", shortest=RARE_SECONDS - 60)
    yield "recordings: numbers that end alike, of a kind that is not there", searching(text="0150", klass=RecordingClass.QUEUE)
    yield "recordings: most numbers, in one UCM", searching(text="5", ucm=UCMS[3], longest=0.5)
    yield "recording: one", lambda catalog: catalog.recording(recordings // 2)
    yield "recording: its calls", lambda catalog: catalog.calls_of(catalog.recording(recordings // 2).recording)
    yield "gaps: groups", lambda catalog: catalog.gap_groups(UCMS)
    yield "gaps: page", lambda catalog: catalog.gap_page(UCMS)
    yield "gaps: gone", lambda catalog: catalog.gap_page(UCMS, "gone")
    yield "gaps: gone, groups", lambda catalog: catalog.gap_groups(UCMS, "gone")
    yield "runs: all", lambda catalog: catalog.run_summaries()
    yield "runs: of a UCM", lambda catalog: catalog.run_summaries(UCMS[5])
    yield "audit", lambda catalog: catalog.audit_entries()
