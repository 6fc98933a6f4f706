"""How well each day's calls are covered: what is archived and what is missing, by the day of the call in the PBX's own zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select

from scraper.catalog.database import Database
from scraper.catalog.schema import OPEN_GAP, gaps, inventory, recording_days
from scraper.models import UNDATED, time_in_name


@dataclass(slots=True)
class DayCoverage:
    """One day's recordings. ``size``: bytes of what is archived; ``open``: gaps."""

    archived: int = 0
    size: int = 0
    open: int = 0


class CoverageByDay(Database):
    """Coverage by day. What only has a month stands under ``YYYY-MM``, what has nothing under ``undated``."""

    def coverage_by_day(self, zones: Mapping[str, ZoneInfo], since: str) -> dict[str, DayCoverage]:
        """Days (``2026-02-06``) from ``since`` on of the UCMs whose own ``zones`` these are; days without anything are left out.

        It knows of archived recordings what the search index knows (:meth:`~scraper.catalog.search.Search.index_some`).
        """
        days: defaultdict[str, DayCoverage] = defaultdict(DayCoverage)
        held = recording_days.c
        sums = (func.sum(held.recordings), func.sum(held.size))
        stored = select(held.day, *sums).where(held.ucm.in_(zones), held.day >= since).group_by(held.day).having(sums[0] > 0)
        listed = and_(*(inventory.c[name] == gaps.c[name] for name in ("ucm", "class", "month", "name")))
        columns = (gaps.c.ucm, gaps.c.month, gaps.c.name, inventory.c.call_time)
        missing = select(*columns).select_from(gaps.outerjoin(inventory, listed)).where(OPEN_GAP, gaps.c.ucm.in_(zones))
        with self.reading() as connection:
            for when, count, size in connection.execute(stored):
                days[when or UNDATED] = DayCoverage(int(count), int(size))
            for ucm, month, name, call_time in connection.execute(missing):
                when = _day(call_time, month, name, zones[ucm])
                if when >= since:
                    days[when].open += 1
        return dict(days)


def _day(call_time: str | None, month: str, name: str, zone: ZoneInfo) -> str:
    named = time_in_name(name, zone)
    return f"{named:%Y-%m-%d}" if named else (call_time or month)[:10]
