"""Chooses the cheapest ways that bring everything that can be had. Costs are seconds (:class:`~scraper.reconcile.inventory.Costs`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scraper.models import Identity, RecordingClass
from scraper.reconcile.inventory import BROWSER_WAYS, Costs, Way

#: Which is tried first where two cost the same.
_PREFERENCE = (Way.RECAPI, Way.BATCH, Way.ROW)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recording to fetch, and the ways that may have it. ``size`` is an estimate in bytes; ``seconds`` what its sound should last.

    ``listed``: the PBX's list shows it, so that its row can be found. ``short``: too short a copy of it is held.
    """

    identity: Identity
    ways: frozenset[Way]
    size: int
    seconds: float | None
    listed: bool
    short: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """One thing to do: over this way, bring these recordings of one class.

    ``size``: bytes that will be moved; of a bulk, what the whole archive holds. A bulk that wants nothing in particular is the first look
    at a PBX that could say nothing else of what it has.
    """

    way: Way
    klass: RecordingClass
    wanted: tuple[Wanted, ...]
    size: int

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What it should bring."""
        return tuple(wanted.identity for wanted in self.wanted)


@dataclass(slots=True)
class Group:
    """Recordings of one class that the same ways may have, by month and name."""

    klass: RecordingClass
    ways: frozenset[Way]
    wanted: list[Wanted]
    size: int = 0

    def add(self, wanted: Wanted) -> None:
        """One more."""
        self.wanted.append(wanted)
        self.size += wanted.size


#: A group's way, and what all of a class's cost.
_Choice = tuple[float, list[tuple[Group, Way]]]


def seconds_for(way: Way, count: int, size: int, costs: Costs) -> float:
    """What it costs to fetch ``count`` recordings of together ``size`` bytes; for a bulk, those of the whole archive."""
    moving = (size + count * costs.overhead_bytes) / costs.bytes_per_second
    if way is Way.RECAPI:
        return moving + count * costs.recapi_seconds
    if way is Way.ROW:
        return moving + count * costs.row_seconds
    if way is Way.BATCH:
        return moving + math.ceil(count / costs.batch_rows) * costs.pack_seconds + count * costs.batch_row_seconds
    return moving + costs.pack_seconds


def choose(groups: Sequence[Group], archives: dict[RecordingClass, tuple[int, int]], costs: Costs) -> list[Fetch]:
    """The cheapest set of fetches that covers every group; ``archives``: (recordings, bytes) in each class's archive.

    A whole archive is fetched only where enough of it is missing (``bulk_share``), or nothing else can bring what is missing.
    """
    classes = sorted({group.klass for group in groups})
    best: _Choice = (math.inf, [])
    for browser in (False, True):
        total, chosen = (costs.browser_seconds if browser else 0.0), list[tuple[Group, Way]]()
        for klass in classes:
            cost, ways = _cheapest([group for group in groups if group.klass is klass], archives[klass], costs, browser=browser)
            total += cost
            chosen += ways
        if total < best[0]:
            best = total, chosen
    return list(_fetches(best[1], archives, costs))


def _cheapest(groups: Sequence[Group], archive: tuple[int, int], costs: Costs, *, browser: bool) -> _Choice:
    """One class's cheapest choice, with or without a browser; infinitely dear where some group can't be had so."""
    one_by_one = [_single(group, costs, browser=browser) for group in groups]
    single = sum(cost for cost, _ in one_by_one), [way for _, ways in one_by_one for way in ways]
    if not browser or not _bulk_is_worth_it(groups, archive, costs):
        return single
    rest = [_single(group, costs, browser=browser) for group in groups if Way.BULK not in group.ways]
    cost = seconds_for(Way.BULK, *archive, costs) + sum(cost for cost, _ in rest)
    together = cost, [(group, Way.BULK) for group in groups if Way.BULK in group.ways] + [way for _, ways in rest for way in ways]
    return min(single, together, key=lambda choice: choice[0])


def _single(group: Group, costs: Costs, *, browser: bool) -> _Choice:
    usable = [way for way in _PREFERENCE if way in group.ways and (browser or way not in BROWSER_WAYS)]
    if not usable:
        return math.inf, []
    priced = [(seconds_for(way, len(group.wanted), group.size, costs), way) for way in usable]
    cost, way = min(priced, key=lambda pair: pair[0])
    return cost, [(group, way)]


def _bulk_is_worth_it(groups: Iterable[Group], archive: tuple[int, int], costs: Costs) -> bool:
    covered = [group for group in groups if Way.BULK in group.ways]
    if any(group.ways == {Way.BULK} for group in covered):
        return True
    count, size = archive
    missing = sum(group.size + len(group.wanted) * costs.overhead_bytes for group in covered)
    return bool(covered) and missing >= costs.bulk_share * (size + count * costs.overhead_bytes)


def _fetches(chosen: list[tuple[Group, Way]], archives: dict[RecordingClass, tuple[int, int]], costs: Costs) -> Iterable[Fetch]:
    """One fetch for each class and way, a batch in as many as it has parts; oldest first, for a PBX deletes those first."""
    merged: dict[tuple[RecordingClass, Way], list[Group]] = {}
    for group, way in chosen:
        merged.setdefault((group.klass, way), []).append(group)
    for (klass, way), parts in sorted(merged.items()):
        wanted = parts[0].wanted
        if len(parts) > 1:
            wanted = sorted((one for group in parts for one in group.wanted), key=lambda one: (one.identity.month, one.identity.name))
        step = costs.batch_rows if way is Way.BATCH else len(wanted)
        for start in range(0, len(wanted), step):
            part = tuple(wanted[start : start + step])
            yield Fetch(way, klass, part, archives[klass][1] if way is Way.BULK else sum(one.size for one in part))
