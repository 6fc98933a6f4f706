"""Random histories of a PBX against a small model of a job: nothing is lost, nothing is doubled, nothing is called complete that isn't.

The model's job plans, fetches, walks the ladder and records gaps as the catalog does, with plan and ladder as they are; it may be killed
between any two of its steps. The PBX records, deletes, renames and moves; its API and its web UI open and shut, and fail in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scraper.models import GONE_CONFIRMED_AFTER, Gap, GapReason, Identity, RecordingClass, Source, time_in_name
from scraper.reconcile import (
    CalledFile,
    Costs,
    HeldFile,
    Inventories,
    KnownGap,
    Ladder,
    ListedFile,
    Listing,
    Obstacle,
    Pause,
    Plan,
    Result,
    Situation,
    Verdict,
    Wanted,
    Way,
    WayState,
    make_plan,
)

MONITOR, QUEUE = RecordingClass.MONITOR, RecordingClass.QUEUE
ZONE = ZoneInfo("America/Chicago")
API_OFF = Obstacle(GapReason.API_OFF, "the API is off", "switch it on")
WEB_SHUT = Obstacle(GapReason.SIGN_IN, "the password is refused", "correct it")
BROKEN = Obstacle(GapReason.UNREACHABLE, "no connection", "check the network")
COSTS = Costs(batch_rows=2, probes=2, browser_seconds=3)


class Killed(Exception):
    """The job died here."""


@dataclass(frozen=True)
class File:
    """A recording as the PBX has it; ``sound`` stands for its samples, its size follows from it."""

    klass: RecordingClass
    month: str
    name: str
    sound: int

    @property
    def size(self) -> int:
        return 100_000 + 10_000 * self.sound


@dataclass
class Pbx:
    """What it has, what its CDRs say, and what works."""

    bare_cdrs: bool = False
    files: list[File] = field(default_factory=list)
    cdrs: list[CalledFile] = field(default_factory=list)
    sounds: int = 0
    #: Sounds that a CDR tells of.
    called: set[int] = field(default_factory=set)
    renamed: int = 0
    moved: int = 0
    api: bool = True
    web: bool = True
    #: Its ways fail at each so-manieth request; 0: never.
    fails_at: int = 0
    requests: int = 0

    def breaks(self) -> bool:
        self.requests += 1
        return self.fails_at > 0 and self.requests % self.fails_at == 0

    def over_recapi(self, identity: Identity) -> File | None:
        """By directory and month; where its CDRs have no months, a name with a time is found wherever it lies (field guide 2a)."""
        for file in self.files:
            anywhere = self.bare_cdrs and time_in_name(file.name, ZONE) is not None
            if (file.klass, file.name) == (identity.klass, identity.name) and (anywhere or file.month == identity.month):
                return file
        return None

    def by_row(self, identity: Identity) -> File | None:
        found = [file for file in self.files if file.klass is MONITOR is identity.klass]
        return next((file for file in found if (file.month, file.name) == (identity.month, identity.name)), None)


@dataclass
class Archive:
    """What outlives a job: recordings, gaps as :class:`scraper.catalog.gaps.Gaps` keeps them, the CDRs that were read."""

    held: dict[Identity, File] = field(default_factory=dict)
    gaps: dict[Identity, KnownGap] = field(default_factory=dict)
    calls: list[CalledFile] | None = None

    def keep(self, identity: Identity, file: File) -> None:
        self.held.setdefault(identity, file)
        gap = self.gaps.get(identity)
        if gap is not None and not gap.closed:
            del self.gaps[identity]

    def record(self, gap: Gap, now: datetime) -> None:
        before = self.gaps.get(gap.identity)
        gone = gap.reason is GapReason.GONE
        if before is None:
            self.gaps[gap.identity] = KnownGap(gap.identity, gap.reason, gap.detail, gap.remedy, 1, now, now if gone else None)
        elif not (before.closed and gone):
            gone_at = (before.gone_at or now) if gone else None
            closed = gone and before.gone_at is not None and now - before.gone_at >= GONE_CONFIRMED_AFTER
            said = {"reason": gap.reason, "detail": gap.detail, "remedy": gap.remedy}
            self.gaps[gap.identity] = replace(before, **said, attempts=before.attempts + 1, last_seen=now, gone_at=gone_at, closed=closed)


@dataclass
class Job:
    """One run: killed after so many steps, if at all."""

    pbx: Pbx
    archive: Archive
    now: datetime
    lives_for: int = 10_000

    def run(self) -> Plan:
        if self.pbx.api:
            self.archive.calls = list(self.pbx.cdrs)
        made = self.plan()
        same_as = made.same_as
        for fetch in made.fetches:
            if fetch.way is Way.BULK:
                self.bulk(fetch.klass, same_as)
                made = self.plan()
                break
        self.walk(made)
        final = self.plan()
        for gap in final.to_record:
            self.step()
            self.archive.record(gap, self.now)
        for identity in final.withdrawn:
            self.archive.gaps.pop(identity, None)
        return self.plan()

    def plan(self) -> Plan:
        rows = [ListedFile(file.klass, file.month, file.name, file.size) for file in self.pbx.files if file.klass is MONITOR]
        held = [HeldFile(one.klass, one.month, one.name, file.size, source=Source.BULK) for one, file in self.archive.held.items()]
        listing = Listing(rows) if self.pbx.web else None
        inventories = Inventories(self.archive.calls, listing, held, self.archive.gaps.values(), calls_current=self.pbx.api)
        return make_plan(inventories, Situation("office", ZONE, self.now, self.ways(), COSTS))

    def ways(self) -> dict[Way, WayState]:
        web = WayState(frozenset({MONITOR}), None if self.pbx.web else WEB_SHUT)
        return {
            Way.RECAPI: WayState(frozenset(RecordingClass), None if self.pbx.api else API_OFF),
            Way.BATCH: web,
            Way.ROW: web,
            Way.BULK: web,
        }

    def step(self) -> None:
        self.lives_for -= 1
        if self.lives_for < 0:
            raise Killed

    def bulk(self, klass: RecordingClass, same_as: dict[Identity, Identity]) -> None:
        for file in [file for file in self.pbx.files if file.klass is klass]:
            self.step()
            if self.pbx.breaks():
                return  # the download was cut
            identity = Identity("office", file.klass, file.month, file.name)
            self.archive.keep(same_as.get(identity, identity), file)

    def walk(self, made: Plan) -> None:
        ladder = Ladder([one for fetch in made.fetches for one in fetch.wanted], self.ways(), batch_rows=COSTS.batch_rows)
        now = self.now
        while (step := ladder.next_step(now)) is not None:
            self.step()
            if isinstance(step, Pause):
                now = step.until
                continue
            ladder.record(step.way, list(self.ask(step.way, step.wanted)), now)
        for gap in ladder.gaps():
            self.step()
            self.archive.record(gap, self.now)

    def ask(self, way: Way, wanted: tuple[Wanted, ...]) -> Iterator[Result]:
        broken = self.pbx.breaks()
        for one in wanted:
            file = self.pbx.over_recapi(one.identity) if way is Way.RECAPI else self.pbx.by_row(one.identity)
            if broken:
                yield Result(one.identity, Verdict.WAY_FAILED, BROKEN)
            elif file is not None:
                self.archive.keep(one.identity, file)
                yield Result(one.identity, Verdict.WON)
            elif way is Way.BATCH:
                yield Result(one.identity, Verdict.FAILED, Obstacle(GapReason.NOT_LISTED, "no such row", "-"))
            else:
                yield Result(one.identity, Verdict.GONE)


class Histories(RuleBasedStateMachine):
    """The PBX and the job, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.pbx, self.archive = Pbx(), Archive()
        self.now = datetime(2026, 1, 30, 20, tzinfo=UTC)
        self.paths: set[tuple[str, str]] = set()

    @initialize(bare=st.booleans())
    def firmware(self, bare: bool) -> None:
        self.pbx.bare_cdrs = bare

    @rule(queue=st.booleans(), room=st.booleans(), count=st.integers(1, 4))
    def record(self, queue: bool, room: bool, count: int) -> None:
        """Calls are recorded; a conference's file has the same name each month."""
        for _ in range(count):
            self.now += timedelta(seconds=61)
            self.pbx.sounds += 1
            local = self.now.astimezone(ZONE)
            month, name = local.strftime("%Y-%m"), f"auto-{int(self.now.timestamp())}-1001-5550100.wav"
            if queue:
                name = f"q6500-5550100-{local:%Y%m%d-%H%M%S}-{int(self.now.timestamp())}.1-1001.wav"
            elif room:
                name = "room-6300.wav"
            if (month, name) not in self.paths:
                self.add(File(QUEUE if queue else MONITOR, month, name, self.pbx.sounds))

    def add(self, file: File) -> None:
        self.paths.add((file.month, file.name))
        self.pbx.files.append(file)
        month = None if self.pbx.bare_cdrs else file.month
        self.pbx.called.add(file.sound)
        self.pbx.cdrs.append(CalledFile(file.klass, month, file.name, None, file.size, self.now))

    @rule(index=st.integers(0, 30))
    def vanish(self, index: int) -> None:
        if self.pbx.files:
            self.pbx.files.pop(index % len(self.pbx.files))

    @rule(index=st.integers(0, 30))
    def rename(self, index: int) -> None:
        """A recording under a name that no CDR knows: another recording, as far as anybody can tell."""
        if self.pbx.files:
            at = index % len(self.pbx.files)
            self.pbx.sounds += 1
            self.pbx.renamed += 1
            self.pbx.files[at] = replace(self.pbx.files[at], name=f"renamed-{self.pbx.sounds}.wav", sound=self.pbx.sounds)

    @rule(index=st.integers(0, 30))
    def move(self, index: int) -> None:
        if self.pbx.files:
            at = index % len(self.pbx.files)
            moved = replace(self.pbx.files[at], month="2026-12")
            if (moved.month, moved.name) not in self.paths:
                self.paths.add((moved.month, moved.name))
                self.pbx.moved += 1
                self.pbx.files[at] = moved

    @rule(api=st.booleans(), web=st.booleans(), fails_at=st.sampled_from([0, 0, 2, 3, 7]))
    def weather(self, api: bool, web: bool, fails_at: int) -> None:
        self.pbx.api, self.pbx.web, self.pbx.fails_at = api, web, fails_at

    @rule(hours=st.sampled_from([1, 3, 30, 24 * 20]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(lives_for=st.sampled_from([0, 1, 2, 3, 5, 8, 13]))
    def run_and_die(self, lives_for: int) -> None:
        try:
            Job(self.pbx, self.archive, self.now, lives_for).run()
        except Killed:
            return

    @rule()
    def run(self) -> None:
        made = Job(self.pbx, self.archive, self.now).run()
        if not made.expected_known:
            assert not made.complete
        if made.complete:
            self.nothing_known_is_missing()

    def nothing_known_is_missing(self) -> None:
        """What list or CDRs show is archived, or the PBX said twice that it is gone."""
        sounds = {file.sound for file in self.archive.held.values()}
        if self.pbx.web:
            assert {file.sound for file in self.pbx.files if file.klass is MONITOR} <= sounds
        if self.pbx.api:
            out_of_reach = {file.sound for file in self.pbx.files if file.month == "2026-12" and not self.pbx.bare_cdrs}
            there = {file.sound for file in self.pbx.files if file.klass is QUEUE} & self.pbx.called
            assert there - out_of_reach <= sounds
            closed = sum(gap.closed for gap in self.archive.gaps.values())
            assert len(self.archive.held) + closed >= len(self.pbx.called)

    @invariant()
    def nothing_is_doubled(self) -> None:
        sounds = [file.sound for file in self.archive.held.values()]
        assert len(sounds) == len(set(sounds))

    @invariant()
    def what_is_archived_stays_counted(self) -> None:
        made = Job(self.pbx, self.archive, self.now).plan()
        assert made.tally.archived == len(self.archive.held)
        if self.pbx.web and self.pbx.api:
            assert made.expected is not None

    def teardown(self) -> None:
        """Once everything works, all that a way can reach is archived, and the job ends complete."""
        self.pbx.api, self.pbx.web, self.pbx.fails_at = True, True, 0
        made = None
        for _ in range(2 + 2 * (1 + len(self.pbx.cdrs))):
            self.now += timedelta(days=1, hours=1)
            made = Job(self.pbx, self.archive, self.now).run()
            if made.complete:
                break
        assert made is not None
        assert made.complete
        self.nothing_known_is_missing()
        self.nothing_is_doubled()
        assert made.expected == len(self.archive.held) + made.tally.gone
        least = len(self.pbx.called | {file.sound for file in self.archive.held.values()})
        assert least <= made.expected <= least + self.pbx.renamed + self.pbx.moved


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
