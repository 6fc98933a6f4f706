"""When a gap is due again: each run at first, then at growing distance. Time is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta

from scraper.models import GONE_CONFIRMED_AFTER, GapReason
from scraper.reconcile.inventory import KnownGap
from scraper.reconcile.reasons import WAY_REASONS

#: After so many attempts the next one waits; after more of them, as long as after the last named here.
_DISTANCES = {3: timedelta(hours=1), 4: timedelta(hours=4), 5: timedelta(hours=12), 6: timedelta(days=1)}


def distance(attempts: int) -> timedelta:
    """How long after its last attempt a recording is due again: the first three come in every run, then 1 h, 4 h, 12 h, daily."""
    return _DISTANCES.get(min(attempts, max(_DISTANCES)), timedelta())


def next_due(gap: KnownGap) -> datetime:
    """When it makes sense to ask for it again; the second ``gone`` must come hours after the first."""
    if gap.closed or gap.reason not in (*WAY_REASONS, GapReason.GONE):
        return gap.last_seen + distance(gap.attempts)
    if gap.reason is GapReason.GONE:
        return (gap.gone_at or gap.last_seen) + GONE_CONFIRMED_AFTER
    return gap.last_seen


def is_due(gap: KnownGap, *, listed: bool, now: datetime) -> bool:
    """Whether a recording may be asked for now; one that only the list lacked is due as soon as it is listed."""
    if gap.reason is GapReason.NOT_LISTED and listed:
        return True
    return now >= next_due(gap) or gap.last_seen > now  # a clock was ahead then, and its times may be far off
