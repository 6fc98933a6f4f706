"""Carries a backfill out: a step is one slice, one slice is one job. Whoever asks for steps decides when, and how many."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from loguru import logger

from scraper.backfill.backfills import Backfills
from scraper.backfill.rests import Rest, next_slice, quiet_until
from scraper.backfill.slices import Span, halve
from scraper.catalog import Backfill, BackfillSlice, BackfillState, Catalog, SliceState
from scraper.clock import utcnow
from scraper.errors import ConfigError, ExitCode
from scraper.fleet.hold import held
from scraper.models import GapReason, Report, Status, Trigger, Window, utc
from scraper.progress import NullProgress, Progress
from scraper.service.task import Kind, Task
from scraper.settings import Settings

#: A day that keeps failing is given up after so many jobs; until then it is tried again after a while, each time a longer one.
MOST_ATTEMPTS = 4
_RETRY_AFTER = timedelta(minutes=15)
#: What concerns the PBX, the storage or the sign-in is no slice's fault: all of them rest so long.
_TROUBLE_AFTER = timedelta(minutes=15)
#: A job that ended in one of these may have been asked for too much at once.
_TOO_MUCH = frozenset({"PackFailed", "DownloadFailed", "NotAnArchive", "AnswerCut", "BrowserFailed", "InternalError"})
#: Gaps that another, smaller job may not have.
_PASSING = frozenset({GapReason.UNREACHABLE, GapReason.THROTTLED})


class Verdict(StrEnum):
    """What a job's report means for its slice."""

    DONE = "done"
    STOPPED = "stopped"
    #: Not this slice's fault: the others would fare no better now.
    TROUBLE = "trouble"
    TOO_MUCH = "too-much"


@dataclass(frozen=True, slots=True)
class Errand:
    """What the steps of a backfill share: the configuration, whom to tell how it goes, a signal to stop, and the time (aware)."""

    settings: Settings
    progress: Progress = field(default_factory=NullProgress)
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = utcnow


def judge(report: Report) -> Verdict:
    """What becomes of the slice that ``report`` is of."""
    if report.status is Status.STOPPED:
        return Verdict.STOPPED
    if report.error:
        return Verdict.TOO_MUCH if report.error["kind"] in _TOO_MUCH else Verdict.TROUBLE
    if report.recordings.expected is None or any(gap.reason in _PASSING for gap in report.gaps):
        return Verdict.TOO_MUCH
    return Verdict.DONE


def next_step(catalog: Catalog, backfill_id: str, now: datetime, settings: Settings) -> BackfillSlice | Rest | None:
    """The slice that is to be done now, or when to ask again; None where nothing is left, or somebody paused or cancelled it."""
    found = catalog.backfill(backfill_id)
    if found is None or found.state is not BackfillState.ACTIVE:
        return None
    if until := quiet_until(settings.limits.quiet_hours, now, _zone_of_schedule(settings, found.ucm)):
        return Rest(until, "quiet hours")
    return next_slice(catalog.backfill_slices(backfill_id), found.order, now)


def must_stop(catalog: Catalog, backfill_id: str, now: datetime, settings: Settings) -> bool:
    """Whether the slice in hand is to be broken off: its backfill was cancelled, or quiet hours have begun. What was fetched stays."""
    found = catalog.backfill(backfill_id)
    if found is None or found.state is BackfillState.CANCELLED:
        return True
    return quiet_until(settings.limits.quiet_hours, now, _zone_of_schedule(settings, found.ucm)) is not None


def due(catalog: Catalog, settings: Settings, now: datetime) -> tuple[list[Task], datetime | None]:
    """A task for each UCM that has a step to do now, its oldest backfill first; and when to ask again at the latest, None: no need."""
    tasks: dict[str, Task] = {}
    rests: list[datetime] = []
    for found in reversed(catalog.find_backfills(state=BackfillState.ACTIVE)):
        if found.ucm not in settings.ucms or found.ucm in tasks:
            continue
        step = next_step(catalog, found.id, now, settings)
        if isinstance(step, Rest):
            rests.append(step.until)
        elif step is not None:
            tasks[found.ucm] = Task(Kind.BACKFILL, found.ucm, Trigger.BACKFILL, backfill=found.id)
    return list(tasks.values()), min(rests, default=None)


def step(errand: Errand, backfill_id: str, run_id: str | None = None) -> Report | None:
    """Do the next slice, as the run ``run_id`` (unless given, a new one); its job's report. None where there is nothing to do now.

    The job never raises: what failed is in its report. Raises :class:`ConfigError` for a backfill that nobody knows,
    :class:`~scraper.errors.Busy` while another process is at a slice of this UCM, and what the catalog raises.
    """
    with Catalog.open(errand.settings.catalog.url) as catalog:
        found = catalog.backfill(backfill_id)
        if found is None:
            raise ConfigError("There is no such backfill.", remedy="The admin service's page of backfills lists them.")
        with held(errand.settings, catalog, f"{found.ucm} backfill", errand.stop) as own:  # no UCM's name holds a space
            return _step(errand, own, backfill_id, run_id or uuid.uuid4().hex)


def _step(errand: Errand, catalog: Catalog, backfill_id: str, run_id: str) -> Report | None:
    backfills = Backfills(catalog)
    backfills.settle(backfill_id)
    found = catalog.backfill(backfill_id)
    assert found is not None
    chosen = _choose(catalog, found, errand.clock()) if found.state is BackfillState.ACTIVE else None
    if chosen is None:
        return None
    report = _fetch(errand, catalog, found, chosen, run_id)
    if judge(report) is Verdict.DONE:
        backfills.recut(backfill_id)
    backfills.settle(backfill_id)
    return report


def steps(errand: Errand, backfill_id: str) -> Iterator[Report]:
    """Step after step, until nothing can be done now, somebody asks to stop, or trouble would meet every other slice as well."""
    while not errand.stop.is_set() and (report := step(errand, backfill_id)) is not None:
        yield report
        if judge(report) in (Verdict.STOPPED, Verdict.TROUBLE):
            return


def _choose(catalog: Catalog, found: Backfill, now: datetime) -> BackfillSlice | None:
    """The next slice. One on which a job died twice is halved before a third one begins."""
    while True:
        chosen = next_slice(catalog.backfill_slices(found.id), found.order, now)
        if chosen is None or isinstance(chosen, Rest):
            return None
        if chosen.state is SliceState.RUNNING and chosen.attempts > 1 and (chosen.until - chosen.since).days > 1:
            _halve(catalog, chosen)
            continue
        return chosen


def _fetch(errand: Errand, catalog: Catalog, found: Backfill, chosen: BackfillSlice, run_id: str) -> Report:
    from scraper.job import job
    from scraper.job.desk import Order

    window = Window(chosen.since, chosen.until)
    logger.bind(action="slice-started", ucm=found.ucm).info("Backfill: {} to {} (exclusive)", chosen.since, chosen.until)
    catalog.begin_slice(chosen.id, _text(errand.clock()))
    order = Order(errand.settings, found.ucm, Trigger.BACKFILL, errand.progress, errand.stop, window, run_id)
    report = job.run(order, everything=True)
    _enter(catalog, chosen, report, errand.clock())
    return report


def _enter(catalog: Catalog, chosen: BackfillSlice, report: Report, now: datetime) -> None:
    """What a job on a slice means for the slice."""
    verdict, counts = judge(report), report.recordings
    detail = report.error["message"] if report.error else ""
    if report.exit_code == ExitCode.BUSY:
        catalog.update_slice(
            chosen.id, state=chosen.state.value, attempts=chosen.attempts, retry_at=_text(now + _TROUBLE_AFTER), detail=detail
        )
        return
    catalog.update_slice(chosen.id, run_id=report.run_id, detail=detail)
    if verdict is Verdict.DONE:
        known = {"expected": counts.expected, "archived": counts.archived, "gone": counts.gone, "open": len(report.gaps)}
        catalog.update_slice(chosen.id, state=SliceState.DONE.value, ended_at=_text(now), **known)
    elif verdict is Verdict.STOPPED:
        catalog.update_slice(chosen.id, state=SliceState.WAITING.value, attempts=chosen.attempts)
    elif verdict is Verdict.TROUBLE:
        catalog.update_slice(chosen.id, state=SliceState.WAITING.value, attempts=chosen.attempts)
        catalog.rest_slices(chosen.backfill_id, _text(now + _TROUBLE_AFTER))
    else:
        _again(catalog, chosen, report, now)


def _again(catalog: Catalog, chosen: BackfillSlice, report: Report, now: datetime) -> None:
    """A slice that was too much is halved; a day is tried again later, and given up in the end."""
    if (chosen.until - chosen.since).days > 1:
        logger.bind(action="slice-halved", ucm=report.ucm).info("Backfill: {} to {} was too much at once", chosen.since, chosen.until)
        _halve(catalog, chosen)
        return
    attempts = chosen.attempts + 1
    why = report.error["message"] if report.error else f"{len(report.gaps)} recordings could not be fetched, or what exists not be known"
    if attempts >= MOST_ATTEMPTS:
        counts = report.recordings
        known = {"expected": counts.expected, "archived": counts.archived, "gone": counts.gone, "open": len(report.gaps)}
        catalog.update_slice(chosen.id, state=SliceState.FAILED.value, detail=why, ended_at=_text(now), **known)
        return
    retry_at = _text(now + _RETRY_AFTER * 2 ** (attempts - 1))
    catalog.update_slice(chosen.id, state=SliceState.WAITING.value, detail=why, retry_at=retry_at)


def _halve(catalog: Catalog, chosen: BackfillSlice) -> None:
    catalog.replace_slices([chosen], halve(Span(chosen.since, chosen.until)), attempts=1)  # tried: nothing joins the halves again


def _zone_of_schedule(settings: Settings, ucm: str) -> ZoneInfo:
    return ZoneInfo((settings.ucms[ucm].schedule or settings.schedule).timezone)


def _text(when: datetime) -> str:
    text = utc(when)
    assert text is not None
    return text
