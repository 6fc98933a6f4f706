"""What is meant by criteria: the recordings, and the calls that go with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from scraper.catalog import Catalog, StoredCall
from scraper.catalog.keeping import Doomed, KnownName
from scraper.catalog.tombstones import Key, row_key
from scraper.keeping.criteria import Criteria, Span, span_of
from scraper.models import Window


@dataclass(frozen=True, slots=True)
class Place:
    """One UCM in the catalog; ``zone`` is the PBX's."""

    catalog: Catalog
    ucm: str
    zone: ZoneInfo


@dataclass(slots=True)
class Chosen:
    """Recordings, by key, with when they were made; and calls, by number. ``files``: how many are stored, of ``size`` bytes.

    ``sessions``: those of the calls of which no leg stays.
    """

    spans: dict[Key, Span | None] = field(default_factory=dict)
    calls: set[int] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    files: int = 0
    size: int = 0

    def add(self, row: KnownName, zone: ZoneInfo) -> None:
        """One more that some table knows."""
        key = row_key(row.month, row.name, row.call_time)
        self.spans[key] = span_of(row.month, row.name, row.call_time, zone) or self.spans.get(key)
        self.files += row.size > 0
        self.size += row.size

    @property
    def doomed(self) -> Doomed:
        """The same for the catalog."""
        return Doomed(frozenset(self.spans), frozenset(self.calls), frozenset(self.sessions))


def choose(place: Place, wanted: Criteria) -> Chosen:
    """Recordings and calls of which all the criteria hold; of a span of days, those that surely lie in it.

    With a number, or days alone, also calls that have no recording. All recordings of such a call are meant, and with each recording the
    calls that name it, unless they name one that is not meant.
    """
    chosen, spoken = Chosen(), list(calls_of(place, wanted))
    theirs = {row_key(file.month, file.name, leg.start): leg.start for leg in spoken for file in leg.files}
    for row in _rows(place, wanted):
        span = span_of(row.month, row.name, row.call_time, place.zone)
        if wanted.wants_file(row.month, row.name) and wanted.is_named_by(row.name) and wanted.covers(span):
            chosen.add(row, place.zone)
    others = theirs.keys() - chosen.spans.keys()
    for row in place.catalog.known_by_name(place.ucm, {key.name for key in others}):
        if row_key(row.month, row.name, row.call_time) in others:
            chosen.add(row, place.zone)
    for key in others - chosen.spans.keys():
        chosen.spans[key] = span_of(key.month, key.name, theirs[key], place.zone)
    known = {key.name for key in chosen.spans}
    for name, key in wanted.named.items():
        if name not in known:  # not yet: it never comes
            chosen.spans[key] = span_of(key.month, name, None, place.zone)
    chosen.calls |= {leg.id for leg in spoken}
    add_calls(place, chosen, spoken)
    return chosen


def add_calls(place: Place, chosen: Chosen, spoken: Iterable[StoredCall] = ()) -> None:
    """Add the calls that go with the chosen recordings: those that name them, with all their legs.

    Not those that name a recording that stays, too, or of which a leg does.
    """
    keys = chosen.spans.keys()
    naming = {leg.id: leg for leg in place.catalog.legs_naming(place.ucm, {key.name for key in keys})}
    going = [leg for leg in naming.values() if names_only(leg, keys)]
    chosen.calls |= {leg.id for leg in going}
    days = {(leg.session, leg.start[:10]) for leg in (*going, *spoken) if leg.session}
    sessions: dict[tuple[str, str], list[StoredCall]] = {}
    for leg in place.catalog.legs_of_sessions(place.ucm, {session for session, _ in days}):
        if (leg.session, leg.start[:10]) in days:
            sessions.setdefault((leg.session, leg.start[:10]), []).append(leg)
    for (session, _), legs in sessions.items():
        if all(names_only(leg, keys) for leg in legs):
            chosen.calls |= {leg.id for leg in legs}
            chosen.sessions.add(session)


def calls_of(place: Place, wanted: Criteria) -> Iterator[StoredCall]:
    """The legs of calls of which number and days hold; none where files are named."""
    if wanted.files:
        return
    since, until = wanted.window.since, wanted.window.until
    days = {"since": since.isoformat() if since else "", "until": until.isoformat() if until else ""}
    for leg in place.catalog.legs(place.ucm, **days, like=wanted.like):
        if wanted.is_spoken_by((leg.src, leg.dst, leg.answered_by, leg.caller_name)):
            yield leg


def _rows(place: Place, wanted: Criteria) -> Iterator[KnownName]:
    if wanted.files:
        return place.catalog.known_by_name(place.ucm, wanted.named.keys())
    months = None
    if wanted.window != Window():
        since, until = wanted.window.since, wanted.window.until
        months = (since.strftime("%Y-%m") if since else "0", until.strftime("%Y-%m") if until else "9")
    return place.catalog.known_names(place.ucm, months=months, like=wanted.like)


def names_only(leg: StoredCall, keys: Iterable[Key]) -> bool:
    """Whether all recordings that a leg names are among these."""
    return all(row_key(file.month, file.name, leg.start) in keys for file in leg.files)
