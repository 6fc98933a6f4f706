"""Stop when the PBX suddenly lists nothing or far less: a broken list must not turn an archive's worth of recordings into gaps.

A list is remembered as a :class:`Census`: how many recordings of each day it showed. Whatever the PBX deletes by age explains itself: no
recording is missed that is older than any the list has shown before. So neither a PBX that deletes after three days stops a job, nor a new
one, nor one where few calls are recorded. A census of the CDRs can be judged in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from scraper.errors import SafetyStop

#: Fewer than this can be one person tidying up, or one lively day.
LEAST_LOST = 20
#: People delete some, a full disk costs a PBX its oldest third; half of all at once is something else.
LEAST_LEFT = 0.5
#: A PBX that deletes by age does it once a day, and its clock or zone may be a day off.
GRACE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Census:
    """What a list showed at ``at`` (PBX local, naive, as the days are): recordings by the day of their call."""

    at: datetime
    by_day: Mapping[date, int]

    @property
    def total(self) -> int:
        """All that it showed."""
        return sum(self.by_day.values())

    @property
    def oldest_age(self) -> timedelta:
        """How old the oldest recording shown was, in whole days; zero for an empty list."""
        return self.at.date() - min(self.by_day, default=self.at.date())


def take_census(at: datetime, days: Iterable[date]) -> Census:
    """Count a list: the day of each of its recordings' calls."""
    return Census(at, dict(Counter(days)))


def retention(history: Sequence[Census]) -> timedelta:
    """How long the PBX has kept recordings, as far as it was seen: the greatest age that any list has shown."""
    return max((census.oldest_age for census in history), default=timedelta())


def safety(history: Sequence[Census], now: Census) -> SafetyStop | None:
    """Why the job should stop, or None. ``history``: earlier lists that were trusted, the last one last; empty at the first run.

    Only days that the last list and this one both must show are compared. Where somebody really deleted the recordings, the caller starts
    a new history once a person has said so.
    """
    expected, left = _still_due(history, now)
    if expected - left < LEAST_LOST or left >= expected * LEAST_LEFT:
        return None
    what = "nothing" if now.total == 0 else "far less than before"
    return SafetyStop(
        f"The PBX suddenly lists {what}: {left} of {expected} recordings that its last list showed and that it should still have.",
        remedy="Compare the Recordings page with your own eyes; if they were deleted on purpose, run `ucm-scraper reconcile` to go on.",
        expected=expected,
        left=left,
        listed=now.total,
    )


def vanished(history: Sequence[Census], now: Census) -> int:
    """How many recordings that the last list showed, and that are too young to have been deleted by age, are not listed any more."""
    expected, left = _still_due(history, now)
    return expected - left


def _still_due(history: Sequence[Census], now: Census) -> tuple[int, int]:
    """(how many recordings of the last list should still be shown, how many of these days' are)."""
    if not history:
        return 0, 0
    before, kept_for = history[-1], retention(history)
    oldest = now.at.date() - (kept_for - GRACE if kept_for > GRACE else timedelta())
    due = {day: count for day, count in before.by_day.items() if oldest <= day <= before.at.date()}
    return sum(due.values()), sum(min(count, now.by_day.get(day, 0)) for day, count in due.items())
