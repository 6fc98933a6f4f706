"""What somebody should know of a UCM, told once an episode.

Trouble is one of three kinds, and only the first that holds is told: a person is needed, runs fail, no run has been good for too long.
Coverage that fell and recordings that will vanish are told beside it. What was told is in the catalog's notices, so that a restart tells
nothing twice; what reached nobody is tried again at each look. After trouble that was told, the first good run is told too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from scraper.catalog import Catalog, Notice
from scraper.catalog.notices import PERSON_NEEDED
from scraper.models import utc
from scraper.service import messages
from scraper.service.health import Health, State, UcmHealth
from scraper.service.notify import Message
from scraper.service.vanishing import Vanishing, horizon, vanishing
from scraper.settings import Settings

FAILING, STALE, COVERAGE, VANISHING = "failing", "stale", "coverage", "vanishing"
_TROUBLE = (PERSON_NEEDED, FAILING, STALE)
#: Coverage must fall by this part, and by so many recordings, before somebody is told: a run's few gaps are its own business.
_FALL, _LEAST_FALLEN = 0.01, 5


class Watched(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog
    health: Health
    clock: Callable[[], datetime]


class Alarms:
    """Keeps the episodes, and has them told: ``tell`` sends a message, and returns whether it reached anybody."""

    def __init__(self, service: Watched, tell: Callable[[Message], bool]) -> None:
        self._service = service
        self._catalog = service.catalog
        self._tell = tell

    def look_at(self, ucm: str, unrecorded: int = 0) -> None:
        """Begin and end a UCM's episodes, and tell what nobody was told of. ``unrecorded``: failed jobs that the catalog never heard of.

        Raises the catalog's :class:`~scraper.errors.StorageError`.
        """
        health, now = self._service.health.of(ucm), self._service.clock()
        failed = health.failed_in_a_row + unrecorded
        self._note_trouble(health, failed, now)
        if not health.running:
            self._note_coverage(health, now)
        going = self._note_vanishing(health, now)
        for notice in self._to_tell(ucm):
            if self._tell(self._message(notice, health, failed, going)):
                self._catalog.notice_told(notice.id, now)
                if notice.kind in _TROUBLE:
                    self._catalog.set_meta(_told_key(ucm), utc(now) or "")
        self._tell_if_well_again(health)

    def _note_trouble(self, health: UcmHealth, failed: int, now: datetime) -> None:
        """Those of a person are begun and ended where somebody signs in."""
        holds = {FAILING: failed >= self._service.settings.watch.failed_runs, STALE: health.stale}
        over = {FAILING: failed == 0, STALE: not health.stale}
        for kind in (FAILING, STALE):
            if over[kind]:
                self._catalog.end_notice(kind, health.ucm, now)
            elif holds[kind]:
                self._catalog.begin_notice(kind, health.ucm, now)

    def _note_coverage(self, health: UcmHealth, now: datetime) -> None:
        """Coverage is compared with the best that it was; after a fall was noted, with what it had fallen to."""
        if health.coverage is None or health.expected is None:
            return
        ucm, coverage, text = health.ucm, health.coverage, self._catalog.get_meta(_best_key(health.ucm))
        best = float(text) if text else coverage
        noted = self._catalog.open_notices(ucm, COVERAGE)
        before = float(noted[0].detail) if noted else best
        if before - coverage >= _FALL and (before - coverage) * health.expected >= _LEAST_FALLEN:
            self._catalog.end_notice(COVERAGE, ucm, now)
            self._catalog.begin_notice(COVERAGE, ucm, now, f"{coverage:.6f}")
        elif noted and coverage > best - _FALL / 2:
            self._catalog.end_notice(COVERAGE, ucm, now)
        if text is None or coverage > best:
            self._catalog.set_meta(_best_key(ucm), f"{coverage:.6f}")

    def _note_vanishing(self, health: UcmHealth, now: datetime) -> Vanishing | None:
        ucm, settings = health.ucm, self._service.settings
        zone, within = settings.ucms[ucm].zone, timedelta(days=settings.watch.vanish_days)
        found = horizon(self._catalog, ucm, zone)
        going = vanishing(found, self._catalog.still_missing(ucm), zone, now, within) if found else None
        if going is None and found and health.last_success:  # what was recorded since may not even be known here
            left = found.leave(health.last_success, now)
            going = Vanishing(0, left, found) if left <= found.patience(within) else None
        if going:
            self._catalog.begin_notice(VANISHING, ucm, now)
        else:
            self._catalog.end_notice(VANISHING, ucm, now)
        return going

    def _to_tell(self, ucm: str) -> Iterator[Notice]:
        """What nobody was told of yet, of trouble only the first kind that is open."""
        noted = self._catalog.open_notices(ucm)
        first = min((notice.kind for notice in noted if notice.kind in _TROUBLE), key=_TROUBLE.index, default=None)
        yield from (one for one in noted if one.told_at is None and (one.kind == first or one.kind not in _TROUBLE))

    def _message(self, notice: Notice, health: UcmHealth, failed: int, going: Vanishing | None) -> Message:
        known = messages.Known(health, datetime.fromisoformat(notice.since), self._service.settings)
        if notice.kind == PERSON_NEEDED:
            return messages.person_needed(known)
        if notice.kind == FAILING:
            return messages.failing(known, failed)
        if notice.kind == VANISHING and going:
            return messages.vanishing(known, going)
        if notice.kind == COVERAGE:
            return messages.coverage_fell(known, float(self._catalog.get_meta(_best_key(health.ucm)) or 1))
        return messages.stale(known)

    def _tell_if_well_again(self, health: UcmHealth) -> None:
        ucm, told_at = health.ucm, self._catalog.get_meta(_told_key(health.ucm))
        if not told_at or health.last_success is None or health.last_success < datetime.fromisoformat(told_at):
            return
        if health.state not in (State.HEALTHY, State.GAPS) or any(one.kind in _TROUBLE for one in self._catalog.open_notices(ucm)):
            return
        known = messages.Known(health, datetime.fromisoformat(told_at), self._service.settings)
        if self._tell(messages.well_again(known)):
            self._catalog.set_meta(_told_key(ucm), "")


def _told_key(ucm: str) -> str:
    return f"watch:told:{ucm}"


def _best_key(ucm: str) -> str:
    return f"watch:coverage:{ucm}"
