"""Walks gaps from recapi over batches of rows to single rows. A state machine: it says what to do next, and is told how that went.

Each way has its own pace, and a breaker that opens when the way itself (not a recording) fails again and again; what waited there climbs
on, with the way's obstacle as its reason. Time is an argument, and nothing is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from scraper.models import Gap, GapReason, Identity
from scraper.reconcile.fetches import Wanted
from scraper.reconcile.inventory import Obstacle, Way, Ways
from scraper.reconcile.reasons import OF_THE_RECORDING, most_telling

#: The rungs, from the cheapest for the PBX to the dearest.
RUNGS = (Way.RECAPI, Way.BATCH, Way.ROW)
#: A way that failed so often in a row is left alone for the rest of the run.
BREAKS_AFTER = 3
#: A recording at which the way itself fails climbs on after so many times: it may be what breaks the way.
STRIKES = 2
_SLOWER, _FASTER, _SLOWEST = 2.0, 0.9, timedelta(minutes=1)
#: Where a way that had no pace is throttled, it starts at this.
_FIRST_PACE = timedelta(seconds=1)


class Verdict(Enum):
    """How it went with one recording."""

    WON = "won"
    #: The PBX said so for this very file: -16, -25, 404, checkFile 2.
    GONE = "gone"
    #: It came, and is not what it should be; or the way does not have it.
    FAILED = "failed"
    #: The way itself failed: no connection, no session, throttled.
    WAY_FAILED = "way-failed"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recording on one way; ``why`` unless it was won."""

    identity: Identity
    verdict: Verdict
    why: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Fetch these over this way, then tell how it went. The same step is asked for again until then."""

    way: Way
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Ask for nothing before this time."""

    until: datetime


@dataclass(slots=True)
class _Climber:
    """A recording on its way up."""

    wanted: Wanted
    said: dict[Way, Obstacle] = field(default_factory=dict)
    gone: set[Way] = field(default_factory=set)
    strikes: int = 0


@dataclass(slots=True)
class _Rung:
    """One way: who waits at it, its pace, and its breaker (``obstacle`` is set once it is open)."""

    way: Way
    floor: timedelta
    pace: timedelta
    obstacle: Obstacle | None
    waiting: dict[Identity, _Climber] = field(default_factory=dict)
    failures: int = 0
    not_before: datetime | None = None

    def worked(self) -> None:
        """An answer came, whatever it was."""
        self.failures = 0
        self.pace = max(self.floor, self.pace * _FASTER)

    def failed(self, why: Obstacle) -> None:
        """The way itself failed."""
        self.failures += 1
        if why.reason is GapReason.THROTTLED:
            self.pace = min(max(self.pace * _SLOWER, _FIRST_PACE), _SLOWEST)
        if self.failures >= BREAKS_AFTER:
            self.obstacle = why


class Ladder:
    """The gaps of one run. ``first``: the way to begin with, be it not the lowest; a batch takes ``batch_rows`` of one class.

    ``paces``: the least time between two requests of a way.
    """

    def __init__(
        self,
        wanted: Iterable[Wanted],
        ways: Ways,
        *,
        first: Way | None = None,
        paces: Mapping[Way, timedelta] | None = None,
        batch_rows: int = 50,
    ) -> None:
        self._ways = ways
        self._batch_rows = batch_rows
        self._order = RUNGS if first is None else (first, *(way for way in RUNGS if way is not first))
        self._stranded: list[_Climber] = []
        self._rungs: dict[Way, _Rung] = {}
        for way in self._order:
            if way in ways:
                floor = (paces or {}).get(way, timedelta())
                self._rungs[way] = _Rung(way, floor, floor, ways[way].obstacle)
        for one in sorted(wanted, key=lambda one: one.identity):
            self._climb(_Climber(one), self._order)

    def next_step(self, now: datetime) -> Step | Pause | None:
        """What to do at this time; None: nothing more can be had in this run."""
        for rung in self._rungs.values():
            while rung.waiting and rung.obstacle is not None:
                self._move_on(rung, next(iter(rung.waiting.values())), rung.obstacle)
            if rung.waiting:
                if rung.not_before is not None and now < rung.not_before:
                    return Pause(rung.not_before)
                return Step(rung.way, self._next_of(rung))
        return None

    def record(self, way: Way, results: Iterable[Result], now: datetime, *, wait: timedelta = timedelta()) -> None:
        """How a step went; what it took and isn't told of here is asked for again. ``wait``: what the PBX asked for, at least.

        One failure of the way itself counts once, however many recordings the step took.
        """
        rung = self._rungs[way]
        way_failed: Obstacle | None = None
        answered = False
        for result in results:
            climber = rung.waiting.get(result.identity)
            if climber is None:
                continue
            if result.verdict is Verdict.WAY_FAILED:
                way_failed = result.why or _UNEXPLAINED
                self._strike(rung, climber, way_failed)
                continue
            answered = True
            if result.verdict is Verdict.WON:
                del rung.waiting[result.identity]
                continue
            if result.verdict is Verdict.GONE:
                climber.gone.add(way)
            self._move_on(rung, climber, result.why or (_GONE if result.verdict is Verdict.GONE else _UNEXPLAINED))
        if answered:
            rung.worked()
        if way_failed is not None:
            rung.failed(way_failed)
        rung.not_before = now + max(rung.pace, wait)

    def close_way(self, way: Way, why: Obstacle) -> None:
        """This way can't work any more in this run: a password refused, a permission missing. Nothing more is asked of it."""
        if way in self._rungs:
            self._rungs[way].obstacle = why

    def gaps(self) -> list[Gap]:
        """What could not be had on any way, and why; not what still waits."""
        stranded = sorted(self._stranded, key=lambda climber: climber.wanted.identity)
        found = [(climber.wanted.identity, self._why(climber)) for climber in stranded]
        return [Gap(identity, why.reason, why.detail, why.remedy) for identity, why in found]

    def waiting(self) -> list[Wanted]:
        """What has not been settled, one way or the other."""
        return [climber.wanted for rung in self._rungs.values() for climber in rung.waiting.values()]

    def _next_of(self, rung: _Rung) -> tuple[Wanted, ...]:
        first = self._candidate(rung).wanted
        if rung.way is not Way.BATCH:
            return (first,)
        same = [climber.wanted for climber in rung.waiting.values() if climber.wanted.identity.klass is first.identity.klass]
        return tuple(same[: self._batch_rows])

    @staticmethod
    def _candidate(rung: _Rung) -> _Climber:
        """The first that waits; after a failure of the way, the last that it has not failed at: a way that lives shows it there."""
        if not rung.failures:
            return next(iter(rung.waiting.values()))
        waiting = list(rung.waiting.values())
        return next((climber for climber in reversed(waiting) if not climber.strikes), waiting[0])

    def _strike(self, rung: _Rung, climber: _Climber, why: Obstacle) -> None:
        """The way failed at this recording: the others come first next time, and it climbs on if that happens again."""
        climber.strikes += 1
        if climber.strikes >= STRIKES:
            self._move_on(rung, climber, why)
        else:
            rung.waiting[climber.wanted.identity] = rung.waiting.pop(climber.wanted.identity)

    def _move_on(self, rung: _Rung, climber: _Climber, why: Obstacle) -> None:
        del rung.waiting[climber.wanted.identity]
        climber.said[rung.way] = why
        self._climb(climber, self._order[self._order.index(rung.way) + 1 :])

    def _climb(self, climber: _Climber, above: tuple[Way, ...]) -> None:
        climber.strikes = 0
        for way in above:
            if way in climber.wanted.ways and way in self._rungs:
                self._rungs[way].waiting[climber.wanted.identity] = climber
                return
        self._stranded.append(climber)

    def _why(self, climber: _Climber) -> Obstacle:
        """The reason that stands for all that was said."""
        wanted, said = climber.wanted, list(climber.said.values())
        others = [
            state.obstacle
            for way, state in self._ways.items()
            if way in RUNGS and way not in wanted.ways and wanted.identity.klass in state.classes and state.obstacle is not None
        ]
        told = "; ".join(dict.fromkeys(why.detail for why in said)) or "no way can fetch it"
        if wanted.short:
            return Obstacle(GapReason.TOO_SHORT, f"no better copy than the short one that is held: {told}", said[-1].remedy if said else "")
        if climber.gone:
            # Where the list still shows it, only its own row can tell: recapi says the same of a file that it looks for in another folder.
            unheard = [why for way, why in climber.said.items() if way not in climber.gone] + others
            if not wanted.listed or Way.ROW in climber.gone or not unheard:
                return Obstacle(GapReason.GONE, told, _GONE.remedy)
            said = unheard
        of_it = [why for why in said if why.reason in OF_THE_RECORDING and why.reason is not GapReason.GONE]
        if of_it:
            return Obstacle(of_it[-1].reason, told, of_it[-1].remedy)
        return most_telling([*said, *others] or [_UNEXPLAINED])


_GONE = Obstacle(GapReason.GONE, "the PBX says that it does not exist any more", "If the PBX deletes recordings too soon, run more often.")
_UNEXPLAINED = Obstacle(GapReason.UNREACHABLE, "it did not arrive", "The next run tries again; if it repeats, look at the log.")
