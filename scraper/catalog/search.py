"""Finding recordings by who spoke, when, how long and where, page by page, in an archive of any size.

A search looks where it has to look at least: at the recordings of a word or of a rare length where they are few; at those of a word, from
the newest on, where they are many; else at all, from the newest on. Where what is wanted is rare among what it looks at, it stops after so
many, and the page says how far back that was: no search takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, and_, func, literal_column, or_, select, tuple_, union_all

from scraper.catalog.calls import StoredCall
from scraper.catalog.findable import Findable, seconds_of
from scraper.catalog.recordings import Recording, recording_of
from scraper.catalog.schema import call_files, calls, recording_sums, recordings, search_index, search_places, search_words
from scraper.catalog.words import wanted, words_of
from scraper.models import RecordingClass

#: So few recordings are all looked at, in whatever order.
_FEW = 2000
#: So many are looked at for one page, more only where the page isn't full by then: in an index alone, or each looked up.
_IN_INDEX, _LOOKED_UP = (2000, 30_000), (1000,)
#: So many words that begin or end alike are told apart; of so few, the recordings are brought into one order as they are read.
_WORDS, _MERGED = 1000, 30
#: Legs that are shown of one recording.
_MOST_LEGS = 100
_CURSOR = re.compile(r"([0-9T:-]{0,19})_([0-9]{1,18})")
#: After all text, as databases sort it here.
_LAST = "\U0010ffff"

_Conditions = list[ColumnElement[bool]]
#: ``at`` and number of a recording: no two have the same.
_Place = tuple[str, int]


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
    """Some of what was found, the newest first; ``more``: the place where the next page begins, None at the end.

    ``looked_back_to``: where it stopped looking before the page was full, as a hit's ``at``.
    """

    hits: list[Hit]
    more: str | None
    looked_back_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """Where to look: ``rows`` have the columns ``at`` and ``recording_id``; ``left``: what is to be asked of each in the search index.

    ``most``: so many of them are looked at, the newest first, then so many; none: all. ``own``: they are the search index's own rows.
    """

    rows: Select[Any]
    left: _Conditions
    most: tuple[int, ...] = ()
    own: bool = False


class Search(Findable):
    """Archived recordings by what is known of them."""

    def search(self, wish: Wish, *, after: str | None = None, limit: int = 50) -> Page:
        """What is found, from ``after`` (an earlier page's ``more``) on. What no page could have said is taken as the beginning."""
        with self.reading() as connection:
            way = _way(connection, wish, _place(after))
            if way is None:
                return Page([], None)
            for most in way.most if way.left and way.most else (None,):
                end = _end(connection, way, most) if most else None
                found = connection.execute(_newest(way, end).limit(limit + 1)).all()
                if end is None or len(found) > limit:
                    break
            rows = _rows(connection, found[:limit])
        # What is on its way into the store, or just being exchanged, is there a moment later.
        hits = [_hit(row) for row in rows if row["state"] == "archived"]
        if len(found) > limit:
            return Page(hits, _told(*found[limit - 1]))
        return Page(hits, _told(*end), end[0]) if end else Page(hits, None)

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


def _way(connection: Connection, wish: Wish, after: _Place | None) -> _Way | None:
    """Where to look for this; None where nothing can be found."""
    looked_for = wanted(wish.text)
    ucms = [wish.ucm] if wish.ucm is not None else connection.scalars(select(recording_sums.c.ucm)).all()
    words = [_words(connection, ucms, texts) for texts in looked_for]
    if not all(words):
        return None
    ways = [*_few_ways(connection, wish, words, after)]
    if ways:
        return min(ways, key=lambda found: found[0])[1]
    if words and len(fewest := min(words, key=len)) <= _MERGED:
        when = [*_when(search_places.c, wish), *_before(search_places.c, after)]
        columns = search_places.c.at, search_places.c.recording_id
        each = [select(*columns).where(search_places.c.word_id == word, *when) for word in fewest]
        others = [texts for texts, found in zip(looked_for, words, strict=True) if found is not fewest]
        left = [*_is_said(search_index.c, others), *_is_of(search_index.c, wish, ucm=False), *_lasts(search_index.c, wish)]
        return _Way(each[0] if len(each) == 1 else select(union_all(*each).subquery()), left, _LOOKED_UP)
    return _through_all(wish, looked_for, after)


def _few_ways(connection: Connection, wish: Wish, words: Sequence[set[int]], after: _Place | None) -> Iterator[tuple[int, _Way]]:
    """The ways that lead to few recordings, each with how many these are."""
    place, entry, looked_for = search_places.c, search_index.c, wanted(wish.text)
    for which, mine in enumerate(words):
        said = select(place.at, place.recording_id).where(place.word_id.in_(mine), *_when(place, wish), *_before(place, after))
        if len(mine) <= _WORDS and (count := _count(connection, said)) <= _FEW:
            others = [texts for number, texts in enumerate(looked_for) if number != which]
            left = [*_is_of(entry, wish, ucm=False), *_lasts(entry, wish), *_is_said(entry, others)]
            # The limit keeps databases from looking at all recordings in their order instead.
            yield count, _Way(said.limit(_FEW), left)
    lasting = select(search_index).where(*_within(entry.seconds, wish)).order_by(entry.seconds)
    if (wish.shortest is not None or wish.longest is not None) and (count := _count(connection, lasting)) <= _FEW:
        few = lasting.limit(_FEW).subquery().c
        left = [*_is_of(few, wish), *_when(few, wish), *_before(few, after), *_is_said(few, looked_for)]
        yield count, _Way(select(few.at, few.recording_id), left, own=True)


def _count(connection: Connection, rows: Select[Any]) -> int:
    """How many these are, as far as that matters here."""
    counted = rows.with_only_columns(rows.selected_columns["recording_id"]).limit(_FEW + 1)
    return connection.scalar(select(func.count()).select_from(counted.subquery())) or 0


def _through_all(wish: Wish, looked_for: Sequence[list[str]], after: _Place | None) -> _Way:
    """Look at all recordings, or at all of a UCM or of a rarer class."""
    entry = search_index.c
    within: _Conditions = [*_when(entry, wish), *_before(entry, after)]
    left = [*_lasts(entry, wish), *_is_said(entry, looked_for)]
    rarer = wish.klass not in (None, RecordingClass.MONITOR)
    if rarer:
        # The second so that SQLite sees that the index of those serves.
        within += [entry["class"] == (wish.klass and wish.klass.value), entry["class"] != literal_column("'monitor'")]
        left += _is_of(entry, wish, klass=False)
    else:
        within += [entry.ucm == wish.ucm] if wish.ucm is not None else []
        left += _is_of(entry, wish, ucm=False)
    in_index = not looked_for or (wish.ucm is None and not rarer)
    return _Way(select(entry.at, entry.recording_id).where(*within), left, _IN_INDEX if in_index else _LOOKED_UP, own=True)


def _end(connection: Connection, way: _Way, most: int) -> _Place | None:
    """The place of the last recording of so many; None where there are no more than that."""
    found = connection.execute(_in_order(way.rows).limit(2).offset(most - 1)).all()
    return (found[0][0], found[0][1]) if len(found) == 2 else None


def _newest(way: _Way, end: _Place | None) -> Select[Any]:
    """What is found on this way, down to its end."""
    if way.own:
        down = [search_index.c.at >= end[0], _place_of(search_index.c) >= end] if end else []
        return _in_order(way.rows.where(*way.left, *down))
    rows = way.rows.subquery()
    found = _in_order(select(rows.c.at, rows.c.recording_id))
    if not way.left:
        return found
    down = [rows.c.at >= end[0], _place_of(rows.c) >= end] if end else []
    return found.join(search_index, search_index.c.recording_id == rows.c.recording_id).where(*way.left, *down)


def _rows(connection: Connection, found: Sequence[Row[Any]]) -> list[RowMapping]:
    """Only now the few are looked up, in the order in which they were found."""
    numbers = [row.recording_id for row in found]
    query = select(recordings, search_index.c.at, search_index.c.words).join(search_index, search_index.c.recording_id == recordings.c.id)
    by_number = {row["id"]: row for row in connection.execute(query.where(recordings.c.id.in_(numbers))).mappings()}
    return [by_number[number] for number in numbers]


def _in_order(rows: Select[Any]) -> Select[Any]:
    at, number = rows.selected_columns["at"], rows.selected_columns["recording_id"]
    return rows.order_by(at.desc(), number.desc())


def _words(connection: Connection, ucms: Sequence[str], texts: list[str]) -> set[int]:
    """The words, by their numbers, that are one of these texts, begin or end with it; where they are too many, not all."""
    found: set[int] = set()
    word, backwards = search_words.c.word, search_words.c.backwards
    for one in texts:
        said = one.strip()
        if one.startswith(" ") and one.endswith(" "):
            alike = word == said
        else:
            column, start = (word, said) if one.startswith(" ") else (backwards, said[::-1])
            alike = and_(column >= start, column < start + _LAST)
        found.update(connection.scalars(select(search_words.c.id).where(search_words.c.ucm.in_(ucms), alike).limit(_WORDS + 1)))
    return found


def _when(table: Any, wish: Wish) -> _Conditions:
    found: _Conditions = []
    if wish.since is not None:
        # One of which only the month is known is in the window if all of the month is.
        found.append(table.at >= wish.since.isoformat()[: 7 if wish.since.day == 1 else 10])
    if wish.until is not None:
        found += [table.at < wish.until.isoformat(), table.at.not_in(("", wish.until.isoformat()[:7]))]
    return found


def _before(table: Any, after: _Place | None) -> _Conditions:
    return [] if after is None else [table.at <= after[0], _place_of(table) < after]


def _place_of(table: Any) -> Any:
    return tuple_(table.at, table.recording_id)


# What is asked of each recording on the way is written so that no index seems to serve it: the way is chosen.


def _is_of(table: Any, wish: Wish, *, ucm: bool = True, klass: bool = True) -> _Conditions:
    asked = [(table.ucm, wish.ucm if ucm else None), (table["class"], wish.klass.value if klass and wish.klass else None)]
    return [column + "" == value for column, value in asked if value is not None]


def _lasts(table: Any, wish: Wish) -> _Conditions:
    return _within(table.seconds + 0, wish)


def _within(seconds: Any, wish: Wish) -> _Conditions:
    bounds = (
        (seconds >= wish.shortest) if wish.shortest is not None else None,
        (seconds <= wish.longest) if wish.longest is not None else None,
    )
    return [bound for bound in bounds if bound is not None]


def _is_said(table: Any, looked_for: Sequence[list[str]]) -> _Conditions:
    return [or_(*(table.words.contains(one, autoescape=True) for one in texts)) for texts in looked_for]


def _place(cursor: str | None) -> _Place | None:
    found = _CURSOR.fullmatch(cursor or "")
    return (found[1].replace("T", " "), int(found[2])) if found else None


def _told(at: str, number: int) -> str:
    return f"{at.replace(' ', 'T')}_{number}"


def _hit(row: RowMapping) -> Hit:
    recording = recording_of(row)
    at, words = row["at"] or row["month"], row["words"] or words_of(recording.identity.name)
    return Hit(recording, at, seconds_of(recording.frames, recording.sample_rate), words.strip())
