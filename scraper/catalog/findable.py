"""Making recordings findable: fills what :mod:`scraper.catalog.search` reads, a batch at a time, when somebody searches.

The table ``search_index`` has a row a recording, made from file names, lists and call records; ``search_words`` has each single word of
them once, ``search_places`` in which recordings it is. All of it is only derived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from scraper.catalog.calls import Calls
from scraper.catalog.schema import call_files, calls, inventory, meta, recordings, search_index, search_places, search_words
from scraper.catalog.upserts import Upsert
from scraper.catalog.words import singles, words_of
from scraper.models import UNDATED, time_in_name

#: Recordings that are indexed in one transaction.
BATCH = 1000
_WATERMARK = "search:call-files"
_UTC = ZoneInfo("UTC")

#: (ucm, class, month, name).
_Key = tuple[str, str, str, str]


class Findable(Calls):
    """What recordings are found by."""

    def index_some(self, zones: Mapping[str, ZoneInfo]) -> bool:
        """Take one more batch into the index: new recordings, then what call records have told since; whether there was one.

        ``zones``: each UCM's own time zone.
        """
        with self.reading() as connection:
            newest = connection.scalar(select(func.max(call_files.c.id))) or 0
            known = connection.scalar(select(meta.c.value).where(meta.c.key == _WATERMARK))
            new = bool(_new_recordings(connection, 1))
        if not new:
            return known is not None and int(known) < newest and self._learn_from_calls(int(known), zones)
        # Nobody writes meanwhile: on PostgreSQL a smaller number may be on its way while a larger one is there already.
        with self.transaction() as connection:
            newest = connection.scalar(select(func.max(call_files.c.id))) or 0
            rows = _new_recordings(connection, BATCH)
        if known is None:
            self.set_meta(_WATERMARK, str(newest))
        self._index(rows, zones)
        return len(rows) == BATCH

    def _learn_from_calls(self, known: int, zones: Mapping[str, ZoneInfo]) -> bool:
        query = select(call_files.c.id, calls.c.ucm, call_files.c["class"], call_files.c.name).join(calls)
        with self.transaction() as connection:
            told = connection.execute(query.where(call_files.c.id > known).order_by(call_files.c.id).limit(BATCH)).all()
        with self.reading() as connection:
            rows = _recordings_named(connection, told)
        if rows:
            self._index(rows, zones)
        if told:
            self.set_meta(_WATERMARK, str(told[-1][0]))
        return len(told) == BATCH

    def _index(self, rows: Sequence[Mapping[Any, Any]], zones: Mapping[str, ZoneInfo]) -> None:
        with self.reading() as connection:
            said, listed = _said_by_calls(connection, rows), _listed(connection, rows)
        entries = [_entry(row, zones.get(row["ucm"], _UTC), said.get(_key(row), []), listed.get(_key(row))) for row in rows]
        with self.transaction() as connection:
            # A recording may have been withdrawn since it was read.
            there = set(connection.scalars(select(recordings.c.id).where(recordings.c.id.in_([row["id"] for row in rows]))))
            if entries := [entry for entry in entries if entry["recording_id"] in there]:
                connection.execute(_UPSERT.on(connection), entries)
                self._enter_words(connection, entries)

    def _enter_words(self, connection: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
        """In which of these recordings each word is. Nobody else writes meanwhile: so new words' numbers are given here."""
        words = {(entry["ucm"], word) for entry in entries for word in singles(entry["words"])}
        known = _known_words(connection, words)
        following = (connection.scalar(select(func.max(search_words.c.id))) or 0) + 1
        new = {key: number for number, key in enumerate(sorted(words - known.keys()), following)}
        if new:
            self.load(connection, search_words, [(number, ucm, word, word[::-1]) for (ucm, word), number in new.items()])
        known |= new
        ids = [entry["recording_id"] for entry in entries]
        connection.execute(search_places.delete().where(search_places.c.recording_id.in_(ids)))
        places = [(known[entry["ucm"], word], entry["at"], entry["recording_id"]) for entry in entries for word in singles(entry["words"])]
        if places:
            self.load(connection, search_places, sorted(places))


def forget_words(connection: Connection, ucm: str) -> None:
    """Remove the words of a UCM that no recording has any more."""
    used = select(search_places.c.word_id).where(search_places.c.word_id == search_words.c.id).correlate(search_words).exists()
    connection.execute(search_words.delete().where(search_words.c.ucm == ucm, ~used))


def _known_words(connection: Connection, words: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of those that are there."""
    by_ucm: dict[str, list[str]] = defaultdict(list)
    for ucm, word in words:
        by_ucm[ucm].append(word)
    found: dict[tuple[str, str], int] = {}
    for ucm, mine in by_ucm.items():
        query = select(search_words.c.word, search_words.c.id).where(search_words.c.ucm == ucm, search_words.c.word.in_(mine))
        found |= {(ucm, word): number for word, number in connection.execute(query)}
    return found


def _new_recordings(connection: Connection, most: int) -> Sequence[Mapping[Any, Any]]:
    """The next that are not in the index. Numbers only grow; the last may be given anew, but then its entry went with its recording."""
    last = select(func.coalesce(func.max(search_index.c.recording_id), 0)).scalar_subquery()
    return connection.execute(_ROWS.where(recordings.c.id > last).order_by(recordings.c.id).limit(most)).mappings().all()


def _recordings_named(connection: Connection, told: Iterable[Sequence[Any]]) -> Sequence[Mapping[Any, Any]]:
    """The recordings of these names that the index has."""
    rows: list[Mapping[Any, Any]] = []
    by_place: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, ucm, klass, name in told:
        by_place[ucm, klass].add(name)
    for (ucm, klass), names in by_place.items():
        months = select(recordings.c.month).where(recordings.c.ucm == ucm).distinct()
        mine = and_(recordings.c.ucm == ucm, recordings.c["class"] == klass, recordings.c.month.in_(months), recordings.c.name.in_(names))
        rows += connection.execute(_ROWS.join(search_index, search_index.c.recording_id == recordings.c.id).where(mine)).mappings()
    return rows


def _key(row: Mapping[Any, Any]) -> _Key:
    return row["ucm"], row["class"], row["month"], row["name"]


def _said_by_calls(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> dict[_Key, list[Mapping[Any, Any]]]:
    """The legs of calls that name each recording."""
    columns = (
        calls.c.ucm,
        call_files.c["class"],
        call_files.c.month,
        call_files.c.name,
        calls.c.start,
        *(calls.c[name] for name in _PEOPLE),
    )
    query = select(*columns).join_from(call_files, calls).where(call_files.c.name.in_({row["name"] for row in rows}))
    by_name: dict[tuple[str, str, str], list[Mapping[Any, Any]]] = defaultdict(list)
    for leg in connection.execute(query.order_by(calls.c.start)).mappings():
        by_name[leg["ucm"], leg["class"], leg["name"]].append(leg)
    return {
        _key(row): [leg for leg in by_name.get((row["ucm"], row["class"], row["name"]), ()) if leg["month"] in ("", row["month"])]
        for row in rows
    }


def _listed(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> dict[_Key, str]:
    """The call times that the PBX's lists show for those whose names carry none."""
    silent = [row for row in rows if time_in_name(row["name"], _UTC) is None]
    if not silent:
        return {}
    keys = {name: {row[name] for row in silent} for name in ("ucm", "class", "month", "name")}
    shown = and_(*(inventory.c[name].in_(values) for name, values in keys.items()), inventory.c.call_time.is_not(None))
    return {_key(row): row["call_time"] for row in connection.execute(select(inventory).where(shown)).mappings()}


def seconds_of(frames: int | None, rate: int | None) -> float | None:
    """How long so many frames are; None where that is not known."""
    return round(frames / rate, 3) if frames is not None and rate else None


def _entry(row: Mapping[Any, Any], zone: ZoneInfo, legs: Sequence[Mapping[Any, Any]], listed: str | None) -> dict[str, Any]:
    named = time_in_name(row["name"], zone)
    month = "" if row["month"] == UNDATED else row["month"]
    at = f"{named:%Y-%m-%d %H:%M:%S}" if named else listed or next((leg["start"] for leg in legs if leg["start"]), month)
    return {
        "recording_id": row["id"],
        "ucm": row["ucm"],
        "class": row["class"],
        "at": at[:19],
        "seconds": seconds_of(row["frames"], row["sample_rate"]),
        "words": words_of(row["name"], (leg[name] for leg in legs for name in _PEOPLE)),
    }


_PEOPLE = ("src", "dst", "answered_by", "caller_name")
_ROWS = select(*(recordings.c[name] for name in ("id", "ucm", "class", "month", "name", "frames", "sample_rate")))
_KNOWN = [column.name for column in search_index.c if column.name != "recording_id"]
_UPSERT = Upsert(search_index, ("recording_id",), lambda new: {name: new[name] for name in _KNOWN})
