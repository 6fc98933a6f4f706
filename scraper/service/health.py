"""How each UCM is doing, by what its jobs left in the catalog: the same answer for pages, metrics, health checks and notifications.

A *good* run asked the UCM for all, learned what should exist, and left no gap that a way was to blame for: what stays missing is explained
by the recordings themselves (gone, not listed, too short, undecodable, corrupt). A UCM without a good run for ``watch.stale_hours`` is
stale, whatever its jobs say: with gaps for ever that somebody could close, such as a missing permission, it is stale as well.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.catalog.watching import RunLine
from scraper.errors import ExitCode
from scraper.fleet.hold import is_worked_on, worked_on
from scraper.models import GapReason, Status, for_ucm, utc
from scraper.reconcile.reasons import WAY_REASONS
from scraper.settings import Settings

#: A run that began so much later than now was dated by a clock that was wrong.
_FUTURE = timedelta(minutes=5)
_PAGE = 100
#: So many runs are looked through for the last good one; with one every half hour, six weeks.
_MOST_RUNS = 2000
_MOST_VERDICTS = 20_000
#: How long a UCM's health is remembered where nothing is known to have changed, in seconds.
_KEPT_SECONDS = 300.0


class Verdict(StrEnum):
    """What one run says of its UCM. ``open``: it worked, and a way kept something from being fetched; ``silent``: nothing."""

    GOOD = "good"
    OPEN = "open"
    FAILED = "failed"
    SILENT = "silent"


class State(StrEnum):
    """How a UCM is doing, what matters most first."""

    NEVER_RAN = "never-ran"
    RUNNING = "running"  # its first job
    NEEDS_PERSON = "needs-person"
    FAILING = "failing"
    STALE = "stale"
    GAPS = "gaps"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class UcmHealth:
    """One UCM. Times are aware; ``age`` is since the last good run, never negative; ``expected`` is None where it is not known.

    ``running``: a job works on it now. ``stale``: it is unhealthy, whatever its state. ``what_now`` is a sentence, empty where nothing is
    to be done.
    """

    ucm: str
    state: State
    running: bool = False
    stale: bool = False
    last_success: datetime | None = None
    last_run: datetime | None = None
    exit_code: int | None = None
    seconds: float | None = None
    age: timedelta | None = None
    archived: int = 0
    expected: int | None = None
    gone: int = 0
    stored_bytes: int = 0
    gaps: Mapping[GapReason, int] = field(default_factory=dict)
    failed_in_a_row: int = 0
    what_now: str = ""

    @property
    def coverage(self) -> float | None:
        """The archived part of what should exist, 0 to 1; None where that is not known or nothing."""
        return self.archived / self.expected if self.expected else None

    def as_json(self) -> dict[str, Any]:
        """The object that the JSON API answers; times as UTC text, ``age_seconds`` whole seconds."""
        return {
            "ucm": self.ucm,
            "state": self.state.value,
            "running": self.running,
            "stale": self.stale,
            "last_success": utc(self.last_success),
            "age_seconds": None if self.age is None else int(self.age.total_seconds()),
            "last_run": utc(self.last_run),
            "exit_code": self.exit_code,
            "failed_in_a_row": self.failed_in_a_row,
            "recordings": {"archived": self.archived, "expected": self.expected, "gone": self.gone},
            "gaps": {reason.value: count for reason, count in self.gaps.items()},
            "what_now": self.what_now,
        }


def verdict(report: Mapping[str, Any]) -> Verdict:
    """What a run's report (the documented object) says of its UCM."""
    if report.get("partial") or "plan" in report:
        return Verdict.SILENT
    if report["status"] == Status.FAILED:
        return Verdict.FAILED
    if report["status"] == Status.COMPLETE:
        return Verdict.GOOD
    if report["status"] == Status.STOPPED:
        return Verdict.SILENT
    blamed = any(gap["reason"] in WAY_REASONS for gap in report["gaps"])
    return Verdict.OPEN if blamed or report["recordings"]["expected"] is None else Verdict.GOOD


@dataclass(frozen=True, slots=True)
class _History:
    """What a UCM's runs say together: ``last`` ended last, ``told`` is the last that did not fail, ``good`` the last good one."""

    last: RunLine | None
    told: RunLine | None
    good: RunLine | None
    failed_in_a_row: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A UCM's health as it was worked out ``at`` a time of a clock that nobody sets; its silence counts since ``silent``."""

    health: UcmHealth
    silent: datetime
    at: float


class _Changes:
    """Of which UCMs a job has begun, gone on or ended since it was last asked."""

    def __init__(self, catalog: Catalog, clock: Callable[[], datetime]) -> None:
        self._catalog, self._clock = catalog, clock
        self._asked = clock()
        self._known: dict[str, str | None] = {}

    def __call__(self) -> set[str]:
        open_ids = [run for run, ended in self._known.items() if ended is None]
        since, self._asked = self._asked - _FUTURE, self._clock()
        moved = self._catalog.moved_runs(utc(since) or "", open_ids)
        changed = {ucm for run, ucm, ended in moved if ended is None or self._known.get(run) != ended}
        self._known = {run: ended for run, _, ended in moved}
        return changed


class Health:
    """The health of all configured UCMs. ``clock``: aware now. Safe to share between threads."""

    def __init__(self, catalog: Catalog, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._catalog = catalog
        self._settings = settings
        self._clock = clock
        self._since = clock()
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self._changes = _Changes(catalog, clock)
        self._seen: dict[str, _Seen] = {}
        self._all = threading.Lock()

    def all(self) -> list[UcmHealth]:
        """All configured UCMs, in the configuration's order. Each is worked out where a job or a person did something, else remembered.

        What changes a UCM's counts otherwise, such as an erasure, shows within some minutes. Raises as :meth:`of`.
        """
        with self._all:
            changed, working = self._changes(), worked_on(self._settings, self._catalog)
            needy = {notice.ucm for notice in self._catalog.open_notices(kind=PERSON_NEEDED)}
            return [self._up_to_date(ucm, ucm in changed, ucm in needy, ucm in working) for ucm in self._settings.ucms]

    def _up_to_date(self, ucm: str, changed: bool, needy: bool, running: bool) -> UcmHealth:
        seen, now = self._seen.get(ucm), self._clock()
        if seen is not None and not changed and time.monotonic() - seen.at < _KEPT_SECONDS:
            health, stale = seen.health, self._is_long_ago(seen.silent, now)
            if (health.stale, health.running, health.state is State.NEEDS_PERSON) == (stale, running, needy):
                age = max(now - health.last_success, timedelta()) if health.last_success else None
                return replace(health, age=age)
        return self.of(ucm)

    def of(self, ucm: str) -> UcmHealth:
        """One UCM, as it is now. Raises the catalog's :class:`~scraper.errors.StorageError` where it can't be read."""
        now, history, at = self._clock(), self._history(ucm), time.monotonic()
        totals, gaps = self._catalog.totals(ucm), self._catalog.gap_counts(ucm)
        told = self._catalog.report_of(history.told.id) if history.told else None
        known = told is not None and told["recordings"]["expected"] is not None
        last_success = _time(history.good.finished_at) if history.good else None
        silent = self._silent_since(ucm, history)
        stale = self._is_long_ago(silent, now)
        running = is_worked_on(self._settings, self._catalog, ucm)
        last = history.last
        state = self._state(ucm, history, gaps, running=running, stale=stale)
        health = UcmHealth(
            ucm=ucm,
            state=state,
            running=running,
            stale=stale,
            last_success=last_success,
            last_run=_time(last.finished_at) if last else None,
            exit_code=last.exit_code if last else None,
            seconds=_seconds(last) if last else None,
            age=max(now - last_success, timedelta()) if last_success else None,
            archived=totals.archived,
            expected=totals.archived + totals.gone + sum(gaps.values()) if known else None,
            gone=totals.gone,
            stored_bytes=totals.size,
            gaps=gaps,
            failed_in_a_row=history.failed_in_a_row,
            what_now=self._what_now(ucm, state, last, gaps),
        )
        self._seen[ucm] = _Seen(health, silent, at)
        return health

    def stale(self) -> list[str]:
        """The UCMs that are stale."""
        return [health.ucm for health in self.all() if health.stale]

    def _silent_since(self, ucm: str, history: _History) -> datetime:
        """A UCM's silence counts from its last good run on, else from its first job, else from this service's start."""
        if history.good:
            return _time(history.good.finished_at)
        first = self._catalog.first_run(ucm)
        return min(self._since, _time(first)) if first else self._since

    def _is_long_ago(self, since: datetime, now: datetime) -> bool:
        return now - since > timedelta(hours=self._settings.watch.stale_hours)

    def _state(self, ucm: str, history: _History, gaps: Mapping[GapReason, int], *, running: bool, stale: bool) -> State:
        if self._catalog.open_notices(ucm, PERSON_NEEDED):
            return State.NEEDS_PERSON
        if history.last is None and not stale:
            return State.RUNNING if running else State.NEVER_RAN
        if history.failed_in_a_row and not self._was_signed_in_since(ucm, history.last):
            return State.FAILING
        if stale:
            return State.STALE
        return State.GAPS if gaps or history.good is not history.last else State.HEALTHY

    def _was_signed_in_since(self, ucm: str, last: RunLine | None) -> bool:
        """Whether a person has signed in since the last run, which failed for want of one: the next goes on."""
        if last is None or last.exit_code != ExitCode.PERSON_NEEDED:
            return False
        ended = next(iter(self._catalog.notices(ucm, PERSON_NEEDED)), None)
        return ended is not None and (ended.ended_at or "") >= (last.finished_at or "")

    def _history(self, ucm: str) -> _History:
        last = told = None
        failed = 0
        for run in self._ended_runs(ucm):
            found = self._verdict(run)
            if found is Verdict.SILENT:
                continue
            last = last or run
            if found is Verdict.FAILED:
                failed += told is None
                continue
            told = told or run
            if found is Verdict.GOOD:
                return _History(last, told, run, failed)
        return _History(last, told, None, failed)

    def _ended_runs(self, ucm: str) -> Iterator[RunLine]:
        """The newest first. Those from the future are left out: a clock that was wrong once must not hide what came since."""
        until = utc(self._clock() + _FUTURE) or ""
        for offset in range(0, _MOST_RUNS, _PAGE):
            page = self._catalog.whole_runs(ucm, until, _PAGE, offset)
            yield from (run for run in page if run.finished_at is not None)
            if len(page) < _PAGE:
                return

    def _verdict(self, run: RunLine) -> Verdict:
        """Remembered: a run that has ended never changes, and a report may hold thousands of gaps."""
        known = self._verdicts.get(run.id)
        if known is None:
            report = self._catalog.report_of(run.id)
            known = verdict(report) if report else Verdict.FAILED
            self._verdicts[run.id] = known
            if len(self._verdicts) > _MOST_VERDICTS:
                self._verdicts.popitem(last=False)
        return known

    def _what_now(self, ucm: str, state: State, last: RunLine | None, gaps: Mapping[GapReason, int]) -> str:
        if state in (State.HEALTHY, State.RUNNING):
            return ""
        if state is State.NEVER_RAN:
            return f"No job has asked this UCM yet: the schedule will, or `ucm-scraper run --ucm {ucm}` does it now."
        if state is State.NEEDS_PERSON:
            return (
                f"Sign in by hand, on the admin page or with `ucm-scraper login --ucm {ucm}`; the session is kept for the runs that follow."
            )
        if self._was_signed_in_since(ucm, last):
            return "Somebody has signed in since the last run: the next one goes on."
        report = self._catalog.report_of(last.id) if last else None
        if report and report["error"]:
            return f"{report['error']['message']} {report['error']['remedy']}"
        found = self._catalog.a_gap(ucm, _to_blame(gaps)) if gaps else None
        if found:
            return for_ucm(f"{found.gap.detail.rstrip('.')}. {found.gap.remedy}", ucm)
        if last is None:
            return "No job could even start: look at the service's log."
        if report is None:
            return "The last job was killed in the middle: look at the service's log, and at the machine's memory."
        return f"No run has come to a good end lately: `ucm-scraper runs --ucm {ucm}` shows them."


def _to_blame(gaps: Mapping[GapReason, int]) -> GapReason:
    """The reason to act on first: what a way is to blame for, the most frequent first."""
    return min(gaps, key=lambda reason: (reason not in WAY_REASONS, -gaps[reason]))


def _time(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def _seconds(run: RunLine) -> float:
    return max((_time(run.finished_at) - _time(run.started_at)).total_seconds(), 0.0)
