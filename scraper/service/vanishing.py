"""What the PBX will soon delete by age although it is not archived.

Nobody tells how long a PBX keeps its recordings: it is derived from its own list. Where older recordings are known (from earlier lists, or
named by call records that the PBX keeps longer, field guide 3) than the oldest that it lists, it deletes by age, and keeps recordings for
as long as that oldest one's age was when the list was read. Where none are known, nothing is foretold: a PBX that has deleted nothing
yet only looks as if its oldest recording were about to go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scraper.catalog import Catalog
from scraper.catalog.watching import Missing, Reach
from scraper.cdr.clock import read_time
from scraper.models import RecordingClass, time_in_name

#: So many older recordings must be known before age is believed to be why they are not listed: people delete a few by hand.
_LEAST_BEFORE = 3


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long a PBX was seen to keep recordings; ``before``: how many older ones are known that it does not list any more."""

    kept: timedelta
    before: int

    def leave(self, called: datetime, now: datetime) -> timedelta:
        """How long a recording of a call at ``called`` is still there; zero where it can vanish any moment."""
        return max(called + self.kept - now, timedelta())

    def patience(self, within: timedelta) -> timedelta:
        """How soon something must vanish to be worth a word: ``within`` so long, but not while half of its time is still to come."""
        return min(within, self.kept / 2)


@dataclass(frozen=True, slots=True)
class Vanishing:
    """``count`` recordings that are missing here will be deleted there within the time asked for, the first in ``first``."""

    count: int
    first: timedelta
    horizon: Horizon


def horizon(catalog: Catalog, ucm: str, zone: ZoneInfo) -> Horizon | None:
    """How far back a UCM's list of ordinary recordings reaches, if that is because it deletes by age; else None."""
    reading = catalog.last_listing(ucm, RecordingClass.MONITOR)
    reach = catalog.reach(ucm, reading) if reading else None
    return horizon_of(reach, zone) if reach else None


def horizon_of(reach: Reach, zone: ZoneInfo) -> Horizon | None:
    """The same of what the catalog says."""
    oldest = _aware(read_time(reach.oldest), zone)
    if reach.before < _LEAST_BEFORE or oldest is None:
        return None
    return Horizon(max(datetime.fromisoformat(reach.read_at) - oldest, timedelta()), reach.before)


def vanishing(found: Horizon, missing: Iterable[Missing], zone: ZoneInfo, now: datetime, within: timedelta) -> Vanishing | None:
    """Which ``missing`` recordings will go ``within`` so long (:meth:`Horizon.patience`)."""
    patience = found.patience(within)
    times = [when for one in missing if (when := _called(one, zone)) is not None]
    left = [span for when in times if (span := found.leave(when, now)) <= patience]
    return Vanishing(len(left), min(left), found) if left else None


def _called(one: Missing, zone: ZoneInfo) -> datetime | None:
    return _aware(read_time(one.call_time or "") or time_in_name(one.name, zone), zone)


def _aware(when: datetime | None, zone: ZoneInfo) -> datetime | None:
    """In UTC, where a day added is 24 hours whatever the zone's clocks do."""
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC) if when else None
