"""Finding recordings by who spoke, when, how long and where, page by page, in an archive of any size.

The table ``search_index`` holds what is asked for in one row a recording, made from file names, lists and call records: one index serves
every search, the newest first. It is only derived: :meth:`Search.index_some` brings it up to date, a batch at a time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select, tuple_

from scraper.catalog.calls import Calls, StoredCall
from scraper.catalog.recordings import Recording, recording_of
from scraper.catalog.schema import call_files, calls, inventory, meta, recordings, search_index
from scraper.catalog.upserts import Upsert
from scraper.catalog.words import wanted, words_of
from scraper.models import UNDATED, RecordingClass, time_in_name

#: Recordings that are indexed in one transaction.
BATCH = 1000
#: Legs that are shown of one recording.
_MOST_LEGS = 100
_WATERMARK = "search:call-files"
_UTC = ZoneInfo("UTC")
_CURSOR = re.compile(r"([0-9T:-]{0,19})_([0-9]{1,18})")

#: (ucm, class, month, name).
_Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody looks for. ``since`` and ``until`` (exclusive) are days of calls, PBX local; ``shortest`` and ``longest`` seconds."""

    text: str = ""
    ucm: str | None = None
    klass: RecordingClass | None = None
    since: date | None = None
    until: date | None = None
    shortest: float | None = None
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A recording that was found. ``at``: when it was made, PBX local (``2026-02-06 16:21:36``), or as much of that as is known.

    ``seconds`` of sound, None where it was stored as it came. ``words``: the numbers and names by which it is found.
    """

    recording: Recording
    at: str
    seconds: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was found, the newest first; ``more``: the place where the next page begins, None at the end."""

    hits: list[Hit]
    more: str | None


class Search(Calls):
    """Archived recordings by what is known of them."""

    def search(self, wish: Wish, *, after: str | None = None, limit: int = 50) -> Page:
        """What is found, from ``after`` (an earlier page's ``more``) on. What no page could have said is taken as the beginning."""
        place = tuple_(search_index.c.at, search_index.c.recording_id)
        conditions = _conditions(wish)
        if (last := _place(after)) is not None:
            conditions.append(place < last)
        newest = select(search_index.c.recording_id, search_index.c.at, search_index.c.words).where(and_(True, *conditions))
        # Found in the index alone; only then are the few rows looked up.
        found = newest.order_by(search_index.c.at.desc(), search_index.c.recording_id.desc()).limit(limit + 1).subquery()
        query = select(recordings, found.c.at, found.c.words).join(found, found.c.recording_id == recordings.c.id)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(found.c.at.desc(), found.c.recording_id.desc())).mappings().all()
        more = f"{rows[limit - 1]['at'].replace(' ', 'T')}_{rows[limit - 1]['id']}" if len(rows) > limit else None
        # What is on its way into the store, or just being exchanged, is there a moment later.
        hits = [_hit(row) for row in rows[:limit] if row["state"] == "archived"]
        return Page(hits, more)

    def recording(self, identifier: int) -> Hit | None:
        """One archived recording by its number in the catalog."""
        query = select(recordings, search_index.c.at, search_index.c.words).outerjoin(
            search_index, search_index.c.recording_id == recordings.c.id
        )
        with self.reading() as connection:
            row = connection.execute(query.where(recordings.c.id == identifier, recordings.c.state == "archived")).mappings().one_or_none()
            return _hit(row) if row else None

    def calls_of(self, recording: Recording) -> list[StoredCall]:
        """The legs of calls that name a recording, the oldest first."""
        identity = recording.identity
        file = (
            call_files.c.name == identity.name,
            call_files.c["class"] == identity.klass.value,
            call_files.c.month.in_((identity.month, "")),
        )
        named = select(call_files.c.call_id).where(*file)
        return list(islice(self._calls(and_(calls.c.ucm == identity.ucm, calls.c.id.in_(named))), _MOST_LEGS))

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


def _conditions(wish: Wish) -> list[ColumnElement[bool]]:
    """Each on columns of the one index."""
    table = search_index.c
    found: list[ColumnElement[bool]] = []
    if texts := wanted(wish.text):
        found.append(or_(*(table.words.contains(text, autoescape=True) for text in texts)))
    if wish.ucm is not None:
        found.append(table.ucm == wish.ucm)
    if wish.klass is not None:
        found.append(table["class"] == wish.klass.value)
    if wish.since is not None:
        # One of which only the month is known is in the window if all of the month is.
        found.append(table.at >= wish.since.isoformat()[: 7 if wish.since.day == 1 else 10])
    if wish.until is not None:
        found += [table.at < wish.until.isoformat(), table.at.not_in(("", wish.until.isoformat()[:7]))]
    if wish.shortest is not None:
        found.append(table.seconds >= wish.shortest)
    if wish.longest is not None:
        found.append(table.seconds <= wish.longest)
    return found


def _place(cursor: str | None) -> tuple[str, int] | None:
    found = _CURSOR.fullmatch(cursor or "")
    return (found[1].replace("T", " "), int(found[2])) if found else None


def _hit(row: RowMapping) -> Hit:
    recording = recording_of(row)
    at, words = row["at"] or row["month"], row["words"] or words_of(recording.identity.name)
    return Hit(recording, at, _seconds(recording.frames, recording.sample_rate), words.strip())


def _seconds(frames: int | None, rate: int | None) -> float | None:
    return round(frames / rate, 3) if frames is not None and rate else None


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


def _entry(row: Mapping[Any, Any], zone: ZoneInfo, legs: Sequence[Mapping[Any, Any]], listed: str | None) -> dict[str, Any]:
    named = time_in_name(row["name"], zone)
    month = "" if row["month"] == UNDATED else row["month"]
    at = f"{named:%Y-%m-%d %H:%M:%S}" if named else listed or next((leg["start"] for leg in legs if leg["start"]), month)
    return {
        "recording_id": row["id"],
        "ucm": row["ucm"],
        "class": row["class"],
        "at": at[:19],
        "seconds": _seconds(row["frames"], row["sample_rate"]),
        "words": words_of(row["name"], (leg[name] for leg in legs for name in _PEOPLE)),
    }


_PEOPLE = ("src", "dst", "answered_by", "caller_name")
_ROWS = select(*(recordings.c[name] for name in ("id", "ucm", "class", "month", "name", "frames", "sample_rate")))
_KNOWN = [column.name for column in search_index.c if column.name != "recording_id"]
_UPSERT = Upsert(search_index, ("recording_id",), lambda new: {name: new[name] for name in _KNOWN})
