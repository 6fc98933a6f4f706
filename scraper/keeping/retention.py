"""Lets go of recordings and call records by age, as the configuration says, but not of what a legal hold protects.

What has no date is kept. Only the archive's own copies go; tombstones see to it that the next run doesn't fetch them again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from scraper.catalog import Catalog, Hold
from scraper.catalog.tombstones import Key, row_key
from scraper.clock import utcnow
from scraper.errors import SafetyStop
from scraper.fleet.hold import held
from scraper.ingest.filing import recover
from scraper.keeping.choosing import Chosen, Place, add_calls, names_only
from scraper.keeping.criteria import span_of
from scraper.keeping.erase import Erasing
from scraper.keeping.holds import Protection
from scraper.models import RecordingClass
from scraper.settings import Settings
from scraper.settings.keeping import Retention
from scraper.store import open_store

#: Fewer than these never stop for safety: a share of a few says little.
_FEW = 50
#: What goes in one step, between two looks at whether to stop.
_STEP = 1000


@dataclass(slots=True)
class Due:
    """What is too old. ``held``: how many recordings a hold keeps; ``kept``: how many stored files stay.

    ``calls_before``: from now on older call records are left out; empty where the rule says nothing of some.
    """

    chosen: Chosen = field(default_factory=Chosen)
    held: int = 0
    kept: int = 0
    calls_before: str = ""

    @property
    def recordings(self) -> int:
        """How many recordings go."""
        return len(self.chosen.spans)

    @property
    def oldest(self) -> date | None:
        """The day of the oldest recording that goes."""
        return min((span.since for span in self.chosen.spans.values() if span), default=None)

    @property
    def newest(self) -> date | None:
        """The day of the newest recording that goes."""
        return max((span.until - timedelta(days=1) for span in self.chosen.spans.values() if span), default=None)

    @property
    def share(self) -> float:
        """Which part of the stored files goes."""
        return self.chosen.files / (self.chosen.files + self.kept or 1)


def due(place: Place, rule: Retention, now: datetime) -> Due:
    """What a rule lets go of at ``now`` (aware), as the PBX's calendar has it."""
    found, today = Due(), now.astimezone(place.zone).date()
    limits = {klass.value: today - timedelta(days=days) for klass in RecordingClass if (days := rule.days(klass))}
    if not limits:
        return found
    protection = Protection.of(place, place.catalog.holds([place.ucm]))
    on_hold: set[Key] = set()
    for row in place.catalog.known_names(place.ucm, months=("0", f"{max(limits.values()):%Y-%m}")):
        span = span_of(row.month, row.name, row.call_time, place.zone)
        if span is None or row.klass not in limits or span.until > limits[row.klass]:
            continue
        key = row_key(row.month, row.name, row.call_time)
        if protection.protects(key, span):
            on_hold.add(key)
        else:
            found.chosen.add(row, place.zone)
    found.held, found.kept = len(on_hold), place.catalog.stored_files(place.ucm) - found.chosen.files
    add_calls(place, found.chosen)
    if len(limits) == len(RecordingClass):
        found.calls_before = min(limits.values()).isoformat()
        old = place.catalog.legs(place.ucm, until=found.calls_before)
        found.chosen.calls |= {leg.id for leg in old if names_only(leg, found.chosen.spans.keys())}
    found.chosen.calls -= protection.held(found.chosen)[1]
    return found


def is_too_much(found: Due, rule: Retention) -> bool:
    """Whether a larger share of the archive would go at once than the rule allows."""
    return found.chosen.files > _FEW and found.share > rule.most_share


def check_safe(found: Due, rule: Retention, ucm: str) -> None:
    """Raise :class:`SafetyStop` where a larger share of the archive would go at once than the rule allows."""
    if is_too_much(found, rule):
        raise SafetyStop(
            f"Retention would let go of {found.share:.0%} of {ucm}'s {found.chosen.files + found.kept:,} stored recordings at once.",
            remedy="Look at `ucm-scraper retention`; if that is meant, `ucm-scraper retention --apply --force` does it.",
        )


class _Holds:
    """What the holds protect that a UCM has now: somebody may add one while others are let go."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known = list[Hold]()
        self._protection = Protection()

    def now(self) -> Protection:
        """Worked out anew where they are not the same any more."""
        if (found := self._place.catalog.holds([self._place.ucm])) != self._known:
            self._known, self._protection = found, Protection.of(self._place, found)
        return self._protection


def let_go(place: Place, erasing: Erasing, found: Due, stop: threading.Event, at_most: int | None = None) -> Chosen:
    """Remove what is due, the oldest first, and say what was removed; the caller holds the UCM's lock. ``stop`` ends it between two steps.

    Raises :class:`~scraper.errors.StorageError`; the next time goes on.
    """
    gone, calls = Chosen(), set(found.chosen.calls)
    oldest_first = sorted(found.chosen.spans.items(), key=lambda item: (item[1].since if item[1] else date.max, item[0]))[:at_most]
    waiting, holds = iter(oldest_first), _Holds(place)
    while (step := dict(islice(waiting, _STEP))) and not stop.is_set():
        protection = holds.now()
        for key in protection.held(Chosen(step))[0]:
            del step[key]
        part = Chosen(step)
        add_calls(place, part)
        part.calls = (part.calls & found.chosen.calls) - protection.held(part)[1]
        _erase(erasing, part, found)
        gone.spans |= part.spans
        gone.calls |= part.calls
        calls -= part.calls
    calls -= holds.now().held(Chosen(calls=calls))[1]
    if len(gone.spans) == len(found.chosen.spans) and calls and not stop.is_set():
        _erase(erasing, Chosen(calls=calls), found)
        gone.calls |= calls
    return gone


def _erase(erasing: Erasing, part: Chosen, found: Due) -> None:
    erasing.erase(replace(part.doomed, calls_before=found.calls_before), "retention", "retention")


def place_of(settings: Settings, catalog: Catalog, ucm: str) -> Place:
    """A configured UCM in the catalog."""
    return Place(catalog, ucm, settings.ucms[ucm].zone)


def rule_of(settings: Settings, ucm: str) -> Retention:
    """How long a UCM's recordings are kept."""
    return settings.ucms[ucm].retention or settings.retention


def retain(
    settings: Settings, catalog: Catalog, ucm: str, stop: threading.Event, *, force: bool = False, at_most: int | None = None
) -> tuple[Due, Chosen]:
    """Under the UCM's lock, let go of what is due now: (what was due, what went).

    Raises :class:`~scraper.errors.Busy`, :class:`SafetyStop` unless with ``force``, and the storage errors.
    """
    rule = rule_of(settings, ucm)
    with held(settings, catalog, ucm, stop) as ours:
        place, store = place_of(settings, ours, ucm), open_store(settings.store, ours)
        recover(store, ours, ucm)
        erasing = Erasing(ours, store, settings.data_dir, ucm)
        erasing.finish()
        found = due(place, rule, utcnow())
        if not force:
            check_safe(found, rule, ucm)
        return found, let_go(place, erasing, found, stop, at_most)
