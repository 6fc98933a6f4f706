"""What a UCM's jobs remember of how far they looked: short texts in the catalog, by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scraper.catalog import Catalog
from scraper.cdr.clock import read_time

#: Whether the Recordings page has a date filter that works, and whether its *Download All* packs only what the filter shows.
HAS_FILTER, PACK_FOLLOWS_FILTER = "has-date-filter", "pack-follows-filter"
#: When the last job began that could compare what was stored with what the call records say of it.
LENGTHS_COMPARED = "lengths-compared"
#: What began so long before the last look may still be new: a CDR appears when its call ends, and a PBX's clock may be a day off.
OVERLAP = timedelta(days=2)
#: For how long it is believed that a PBX can't do something: its firmware may be renewed, or the one time have been an accident.
_BELIEVED = timedelta(days=30)


def recall(catalog: Catalog, ucm: str, key: str) -> Any:
    """What a UCM's jobs remembered under ``key``, or None."""
    text = catalog.get_meta(f"survey:{ucm}:{key}")
    return json.loads(text) if text else None


class Remembered:
    """One UCM's memory."""

    def __init__(self, catalog: Catalog, ucm: str, zone: ZoneInfo) -> None:
        self._catalog = catalog
        self._ucm = ucm
        self._zone = zone

    def get(self, key: str) -> Any:
        """What was remembered under ``key``, or None."""
        return recall(self._catalog, self._ucm, key)

    def set(self, key: str, value: Any) -> None:
        """Remember anything that JSON can hold."""
        self._catalog.set_meta(f"survey:{self._ucm}:{key}", json.dumps(value))

    def refuse(self, key: str) -> None:
        """The PBX was seen just now not to do what ``key`` stands for."""
        self.set(key, {"refused_at": datetime.now(UTC).isoformat()})

    def is_refused(self, key: str) -> bool:
        """Whether that was lately; else it is worth another try. A clock that was set back counts as long ago."""
        found = self.get(key)
        if not isinstance(found, dict):
            return False
        return timedelta() <= datetime.now(UTC) - datetime.fromisoformat(found["refused_at"]) < _BELIEVED

    def time(self, key: str) -> datetime | None:
        """A time (aware) that was remembered."""
        text = self.get(key)
        return datetime.fromisoformat(text) if text else None

    def news_since(self, key: str, newest: str | None, there: datetime | None = None) -> datetime | None:
        """From which call start (PBX local, naive) something can be new to who last looked at the remembered time; None: everything is.

        ``newest``: the start of the newest call known by then, PBX local text. It counts as well, for the PBX's clock may be far behind; so
        does the time that it is ``there`` (aware), for it may have been set back since.
        """
        looked_at, seen = self.time(key), read_time(newest or "")
        if looked_at is None:
            return None
        times = (when for when in (looked_at, seen, there) if when)
        return min(self.local(when) if when.tzinfo else when for when in times) - OVERLAP

    def local(self, when: datetime) -> datetime:
        """An aware time as the PBX's clock shows it, naive."""
        return when.astimezone(self._zone).replace(tzinfo=None)
