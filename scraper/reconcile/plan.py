"""Three inventories in, a plan out: what becomes of each recording, what to fetch, and why the rest can't be had. No I/O, no clock."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from scraper.models import Gap, Identity, PlannedFetch, RecordingClass
from scraper.reconcile.fetches import Fetch, Group, Wanted, choose
from scraper.reconcile.index import LISTED, NAMED, SIZE_SHIFT, Index, Missing, State
from scraper.reconcile.inventory import Inventories, KnownGap, Listing, Situation, Way
from scraper.reconcile.moves import Move, reunite
from scraper.reconcile.reasons import OF_THE_RECORDING, blocked, not_asked, not_listed, too_short
from scraper.reconcile.retries import is_due

#: A minute of sound: what a recording takes whose size nobody knows, while no other's is known.
_TYPICAL_BYTES = 960_000
#: Without the PBX's list, batch and row may still find it: the page is searched.
_LISTED_ONLY = frozenset({Way.BULK, Way.BATCH, Way.ROW})


@dataclass(slots=True)
class Tally:
    """Recordings in the window: each is archived, gone, to be fetched, or an open gap. ``unexpected``: those of them that no CDR names.

    A recording of which only too short a copy is held is not ``archived`` here, unless the PBX has no better one any more.
    """

    archived: int = 0
    gone: int = 0
    to_fetch: int = 0
    gaps: int = 0
    unexpected: int = 0

    @property
    def expected(self) -> int:
        """What should exist."""
        return self.archived + self.gone + self.to_fetch + self.gaps


@dataclass(frozen=True)
class Plan:
    """What to do. ``gaps``: what can't or needn't be asked for now; of these, ``to_record`` differ from what the catalog says already.

    Recording only those keeps the distance between attempts: a gap that waits must not be noted as seen again. ``withdrawn``: open gaps
    whose recordings are archived or listed under another identity, which ``same_as`` gives. ``expected_known``: something could say what
    should exist; without it nothing is complete.
    """

    fetches: tuple[Fetch, ...]
    gaps: tuple[Gap, ...]
    to_record: tuple[Gap, ...]
    withdrawn: tuple[Identity, ...]
    same_as: dict[Identity, Identity]
    tally: Tally
    expected_known: bool
    _ucm: str
    _index: Index
    _calls_known: bool

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, as far as anybody can know."""
        return self.expected_known and not self.fetches and not self.gaps

    @property
    def expected(self) -> int | None:
        """How many recordings should exist; None where nothing could say."""
        return self.tally.expected if self.expected_known else None

    def state_of(self, identity: Identity) -> State | None:
        """What becomes of this recording; None if nobody knows it, or it lies outside the window."""
        identity = self.same_as.get(identity, identity)
        folder = self._index.find(identity.klass, identity.month)
        if folder is None:
            return None
        if identity.name in folder.held:
            return State.ARCHIVED if self._index.inside(folder.held[identity.name]) else None
        entry = folder.missing.get(identity.name)
        return entry.state if entry else None

    def states(self) -> Iterator[tuple[Identity, State]]:
        """Every recording in the window, by class, month and name."""
        for identity, _, state in self._all():
            yield identity, state

    def unexpected(self) -> Iterator[Identity]:
        """Archived or listed, but no CDR names it; nothing where CDRs could not be read."""
        for identity, unexpected, _ in self._all():
            if unexpected:
                yield identity

    def _all(self) -> Iterator[tuple[Identity, bool, State]]:
        for folder in self._index:
            for name in sorted(folder.held.keys() | folder.missing.keys()):
                entry = folder.missing.get(name)
                flags = folder.held[name] if entry is None else entry.flags
                state = State.ARCHIVED if entry is None else entry.state
                unexpected = self._calls_known and not flags & NAMED and (entry is None or entry.short or bool(flags & LISTED))
                if state is not None and self._index.inside(flags):
                    yield Identity(self._ucm, folder.klass, folder.month, name), unexpected, state


def make_plan(inventories: Inventories, situation: Situation) -> Plan:
    """Compare the inventories, each of which is read once, and decide. Equal inventories in any order give the same plan."""
    with _collector_paused():
        index = Index(situation)
        index.add_held(inventories.held)
        archived = index.add_gaps(inventories.gaps)
        if inventories.listing is not None:
            index.add_listed(inventories.listing.rows)
        if inventories.calls is not None:
            index.add_called(inventories.calls)
        moves = reunite(index, situation.zone)
        return _Planner(index, situation, inventories).plan(archived, moves)


def render(plan: Plan) -> list[PlannedFetch]:
    """What ``--dry-run`` shows of a plan's fetches, one line a way and class."""
    lines: dict[tuple[RecordingClass, Way], PlannedFetch] = {}
    for fetch in plan.fetches:
        line = lines.get((fetch.klass, fetch.way), PlannedFetch(fetch.way.value, fetch.klass, 0, 0, 0))
        lines[fetch.klass, fetch.way] = replace(
            line, count=line.count + len(fetch.wanted), fetches=line.fetches + 1, size=line.size + fetch.size
        )
    return list(lines.values())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A million objects without a cycle among them: looking for one again and again would take a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Planner:
    """Walks the index once and sorts what is missing into what to fetch and what to explain."""

    def __init__(self, index: Index, situation: Situation, inventories: Inventories) -> None:
        self._index = index
        self._situation = situation
        self._listing = inventories.listing or Listing((), frozenset())
        self._calls_known = inventories.calls is not None
        # Ordinary recordings are on every PBX; a list of queues alone says little.
        self._known = (self._calls_known and inventories.calls_current) or RecordingClass.MONITOR in self._listing.classes
        self._tally = Tally()
        self._groups: dict[tuple[str, frozenset[Way]], Group] = {}
        self._ends: dict[tuple[int, str, bool], Missing] = {}
        self._probes: list[tuple[Identity, Missing]] = []
        self._gaps: list[Gap] = []
        self._news: list[Gap] = []
        self._typical, self._archives = self._weigh()

    def plan(self, archived: list[KnownGap], moves: list[Move]) -> Plan:
        """The plan; ``archived``: gaps whose recordings are held by now."""
        self._walk()
        self._probe()
        fetches = choose(list(self._groups.values()), self._archives, self._situation.costs)
        if not self._known:
            fetches = self._first_look(fetches)
        gaps = [*(gap.identity for gap in archived), *(move.entry.gap.identity for move in moves if move.entry.gap)]
        same_as = {self._identity(move.klass, move.month, move.name): self._identity(move.klass, move.home, move.name) for move in moves}
        return Plan(
            fetches=tuple(fetches),
            gaps=tuple(sorted(self._gaps, key=_by_identity)),
            to_record=tuple(sorted(self._news, key=_by_identity)),
            withdrawn=tuple(sorted(gaps)),
            same_as=same_as,
            tally=self._tally,
            expected_known=self._known,
            _ucm=self._situation.ucm,
            _index=self._index,
            _calls_known=self._calls_known,
        )

    def _weigh(self) -> tuple[int, dict[RecordingClass, tuple[int, int]]]:
        """A recording's typical size in bytes, and (recordings, bytes) of what each class's whole archive would bring."""
        known = total = 0
        counts: dict[RecordingClass, tuple[int, int, int]] = {}
        for folder in self._index:
            listed_only = folder.klass in self._listing.classes
            count, size, unsized = counts.get(folder.klass, (0, 0, 0))
            for value in folder.held.values():
                known, total = known + 1, total + (value >> SIZE_SHIFT)
                if value & LISTED or not listed_only:
                    count, size = count + 1, size + (value >> SIZE_SHIFT)
            for entry in folder.missing.values():
                its = entry.bytes_or(-1)
                known, total = (known + 1, total + its) if its >= 0 else (known, total)
                if entry.flags & LISTED or not listed_only:
                    count, size, unsized = count + 1, size + max(its, 0), unsized + (its < 0)
            counts[folder.klass] = count, size, unsized
        typical = total // known if known else _TYPICAL_BYTES
        return typical, {klass: (count, size + unsized * typical) for klass, (count, size, unsized) in counts.items()}

    def _walk(self) -> None:
        tally, inside = self._tally, self._index.inside
        for folder in self._index:
            for value in folder.held.values():
                if inside(value):
                    tally.archived += 1
                    tally.unexpected += self._calls_known and not value & NAMED
            available = self._situation.available(folder.klass)
            for name in sorted(folder.missing):
                entry = folder.missing[name]
                if inside(entry.flags):
                    self._judge(self._identity(folder.klass, folder.month, name), entry, available)
                    folder.missing[name] = self._settled(entry)

    def _settled(self, entry: Missing) -> Missing:
        """One object for all recordings with this end: what was known of a million of them is not needed any more."""
        key = entry.flags, entry.state._value_ if entry.state else "", entry.short  # by value: hashing an enum's member is slow
        if key not in self._ends:
            self._ends[key] = end = Missing(short=entry.short)
            end.flags, end.state = entry.flags, entry.state
        return self._ends[key]

    def _judge(self, identity: Identity, entry: Missing, available: frozenset[Way]) -> None:
        """Decide what becomes of one recording that is missing."""
        gap, listed = entry.gap, bool(entry.flags & LISTED)
        lacking = not listed and self._covers(identity, entry)
        self._tally.unexpected += self._calls_known and not entry.flags & NAMED and (listed or entry.short)
        if gap is not None and gap.closed and not listed:
            self._close(entry)
            return
        ways = available - _LISTED_ONLY if lacking else available
        if entry.sources:
            ways = frozenset(way for way in ways if way.value not in entry.sources)
        entry.state = State.NOT_LISTED if lacking else State.RECOVERABLE if ways else State.BLOCKED
        if gap is not None and not is_due(gap, listed=listed, now=self._situation.now):
            self._wait(identity, entry, gap)
        elif not ways:
            self._explain(identity, entry, lacking=lacking)
        elif lacking:
            self._probes.append((identity, entry))
        else:
            self._want(identity, entry, ways)

    def _covers(self, identity: Identity, entry: Missing) -> bool:
        """Whether the PBX's list that was read would have to show this recording."""
        if identity.klass not in self._listing.classes or entry.short:
            return False
        if self._listing.since is None:
            return True
        made = self._index.local_time(identity.month, identity.name, entry.start)
        return made is not None and made >= self._listing.since

    def _wait(self, identity: Identity, entry: Missing, gap: KnownGap) -> None:
        """It was asked for a short while ago. What is closed as gone but listed again counts as gone meanwhile."""
        if gap.closed:
            self._close(entry)
            return
        self._gap(Gap(identity, gap.reason, gap.detail, gap.remedy), gap)

    def _close(self, entry: Missing) -> None:
        """The PBX has it no more; too short a copy is then the best there is."""
        entry.state = State.ARCHIVED if entry.short else State.GONE
        self._tally.archived += entry.short
        self._tally.gone += not entry.short

    def _explain(self, identity: Identity, entry: Missing, *, lacking: bool) -> None:
        """Why no way can bring it; what the recording itself was found to be outlasts what is wrong with the ways."""
        ways, known = self._situation.ways, entry.gap
        if known is not None and known.closed:
            self._wait(identity, entry, known)
            return
        if entry.short:
            why = too_short(ways, identity.klass)
        elif lacking:
            why = not_listed(ways, identity.klass)
        else:
            why = blocked(ways, identity.klass)
        self._gap(Gap(identity, why.reason, why.detail, why.remedy), known)

    def _gap(self, gap: Gap, known: KnownGap | None) -> None:
        self._tally.gaps += 1
        if known is not None and known.reason in OF_THE_RECORDING and gap.reason not in OF_THE_RECORDING:
            gap = Gap(gap.identity, known.reason, known.detail, known.remedy)
        self._gaps.append(gap)
        if known is None or Gap(known.identity, known.reason, known.detail, known.remedy) != gap:
            self._news.append(gap)

    def _probe(self) -> None:
        """Recordings that only CDRs or open gaps name: so many are asked for in this run, those never asked first, then the newest."""
        ranked = sorted(self._probes, key=lambda probe: (probe[0].month, probe[0].name), reverse=True)
        ranked.sort(key=lambda probe: probe[1].gap.attempts if probe[1].gap else 0)
        limit = self._situation.costs.probes
        for identity, entry in sorted(ranked[:limit], key=lambda probe: (probe[0].month, probe[0].name)):
            self._want(identity, entry, frozenset({Way.RECAPI}))
        for identity, entry in ranked[limit:]:
            why = not_asked()
            self._gap(Gap(identity, why.reason, why.detail, why.remedy), entry.gap)

    def _want(self, identity: Identity, entry: Missing, ways: frozenset[Way]) -> None:
        self._tally.to_fetch += 1
        key = identity.klass._value_, ways
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(identity.klass, ways, [])
        group.add(Wanted(identity, ways, entry.bytes_or(self._typical), entry.seconds, bool(entry.flags & LISTED), entry.short))

    def _first_look(self, fetches: list[Fetch]) -> list[Fetch]:
        """Nothing can say what the PBX has: its whole archive is the only answer, once a run."""
        taken = {fetch.klass for fetch in fetches if fetch.way is Way.BULK}
        bulk = self._situation.ways.get(Way.BULK)
        classes = bulk.classes - taken if bulk is not None and bulk.available else frozenset()
        return [*fetches, *(Fetch(Way.BULK, klass, (), self._archives.get(klass, (0, 0))[1]) for klass in sorted(classes))]

    def _identity(self, klass: RecordingClass, month: str, name: str) -> Identity:
        return Identity(self._situation.ucm, klass, month, name)


def _by_identity(gap: Gap) -> Identity:
    return gap.identity
