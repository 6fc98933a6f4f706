"""What those who watch ask the catalog: how the jobs went that asked for all, what is missing, how far back the PBX's list reaches."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, and_, func, select

from scraper.catalog.database import Database
from scraper.catalog.gaps import OpenGap, gap_of
from scraper.catalog.schema import OPEN_GAP, call_files, calls, gaps, inventory, runs
from scraper.models import GapReason, RecordingClass, Trigger

#: A job of another trigger, or of a window, never asked for all.
_WHOLE = and_(runs.c.trigger.in_([Trigger.MANUAL.value, Trigger.SCHEDULE.value]), runs.c.since.is_(None), runs.c.until.is_(None))
#: Older recordings than a list shows, as far as they are counted.
MOST_BEFORE = 1000
#: Reasons that say the PBX has it no more: it can't vanish again.
_VANISHED = (GapReason.GONE.value, GapReason.NOT_LISTED.value)
_ORDINARY = inventory.c["class"] == RecordingClass.MONITOR.value


@dataclass(frozen=True, slots=True)
class RunLine:
    """A job without its report. Times are UTC text; ``status`` is ``running`` until it is finished."""

    id: str
    started_at: str
    finished_at: str | None
    status: str
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the PBX's list of ordinary recordings reached, when it was last read to its end.

    ``read_at``: UTC text; ``oldest``: the oldest call shown, PBX local text; ``before``: how many older recordings are known (from earlier
    lists, or named by calls) and are not listed any more, :data:`MOST_BEFORE` at most.
    """

    read_at: str
    oldest: str
    before: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap that another job may still fill, and the time of its call, PBX local text, as far as a list told it."""

    name: str
    call_time: str | None


class Watching(Database):
    """Questions that cost little: they are asked every few seconds."""

    def whole_runs(self, ucm: str, until: str, limit: int, offset: int = 0) -> list[RunLine]:
        """Jobs that asked for all and began by ``until`` (UTC text), the newest first."""
        columns = [runs.c[name] for name in ("id", "started_at", "finished_at", "status", "exit_code")]
        query = select(*columns).where(runs.c.ucm == ucm, _WHOLE, runs.c.started_at <= until)
        ordered = query.order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit).offset(offset)
        with self.reading() as connection:
            return [RunLine(*row) for row in connection.execute(ordered)]

    def moved_runs(self, since: str, open_ids: Collection[str]) -> list[tuple[str, str, str | None]]:
        """(id, UCM, end or None) of every job that began since then (UTC text), and of those of these ids."""
        columns = runs.c.id, runs.c.ucm, runs.c.finished_at
        with self.reading() as connection:
            begun = connection.execute(select(*columns).where(runs.c.started_at >= since))
            others = connection.execute(select(*columns).where(runs.c.id.in_(open_ids))) if open_ids else ()
            return [(row[0], row[1], row[2]) for row in {*map(tuple, begun), *map(tuple, others)}]

    def first_run(self, ucm: str) -> str | None:
        """When a UCM's first job began, UTC text."""
        with self.reading() as connection:
            first: str | None = connection.scalar(select(func.min(runs.c.started_at)).where(runs.c.ucm == ucm))
        return first

    def report_of(self, run_id: str) -> dict[str, Any] | None:
        """The documented object of a job; None while it has none."""
        with self.reading() as connection:
            text = connection.scalar(select(runs.c.report).where(runs.c.id == run_id))
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def gap_counts(self, ucm: str) -> dict[GapReason, int]:
        """How many gaps are open, by reason, the most frequent first."""
        count = func.count()
        query = select(gaps.c.reason, count).where(gaps.c.ucm == ucm, OPEN_GAP).group_by(gaps.c.reason)
        query = query.order_by(count.desc(), gaps.c.reason)
        with self.reading() as connection:
            return {GapReason(reason): number for reason, number in connection.execute(query)}

    def a_gap(self, ucm: str, reason: GapReason) -> OpenGap | None:
        """The newest open gap with this reason."""
        mine = and_(gaps.c.ucm == ucm, OPEN_GAP, gaps.c.reason == reason.value)
        with self.reading() as connection:
            row = connection.execute(select(gaps).where(mine).order_by(gaps.c.id.desc()).limit(1)).mappings().one_or_none()
            return gap_of(row) if row else None

    def reach(self, ucm: str, reading: str) -> Reach | None:
        """What the reading that last came to the list's end says of how far back the list reaches; None where it showed no times.

        What the reading showed is read once; from then on it costs little.
        """
        known = _SHOWN.setdefault(self._engine, {})
        with self.reading() as connection:
            if known.get(ucm, ("",))[0] != reading:
                shown = and_(inventory.c.ucm == ucm, inventory.c.run_id == reading, _ORDINARY)
                times = select(func.min(inventory.c.call_time), func.max(inventory.c.last_listed)).where(shown)
                first, read_at = connection.execute(times).one()
                known[ucm] = (reading, first, read_at)
            _, oldest, read_at = known[ucm]
            if not oldest or not read_at:
                return None
            before = max(connection.scalar(query) or 0 for query in (_listed_before(ucm, reading, oldest), _named_before(ucm, oldest)))
        return Reach(read_at, oldest, before)

    def still_missing(self, ucm: str) -> list[Missing]:
        """Open gaps of ordinary recordings that the PBX may still have; what lies in quarantine can't vanish any more."""
        same = and_(*(inventory.c[name] == gaps.c[name] for name in ("ucm", "class", "month", "name")))
        mine = and_(gaps.c.ucm == ucm, gaps.c["class"] == RecordingClass.MONITOR.value, OPEN_GAP)
        wanted = and_(mine, gaps.c.reason.not_in(_VANISHED), gaps.c.quarantine_path.is_(None))
        query = select(gaps.c.name, inventory.c.call_time).select_from(gaps.outerjoin(inventory, same)).where(wanted)
        with self.reading() as connection:
            return [Missing(*row) for row in connection.execute(query)]


def _listed_before(ucm: str, reading: str, oldest: str) -> Select[int]:
    """Those of earlier months come first in the index, so that few others are read."""
    within = and_(inventory.c.ucm == ucm, _ORDINARY, inventory.c.month <= oldest[:7])
    older = select(inventory.c.id).where(within, inventory.c.run_id != reading, inventory.c.call_time < oldest)
    return select(func.count()).select_from(older.order_by(inventory.c.month, inventory.c.name).limit(MOST_BEFORE).subquery())


def _named_before(ucm: str, oldest: str) -> Select[int]:
    """Of the newest of the older calls: nearly each names one."""
    older = select(calls.c.id).where(calls.c.ucm == ucm, calls.c.start < oldest, calls.c.start != "").order_by(calls.c.start.desc())
    some = older.limit(MOST_BEFORE).subquery()
    named = select(call_files.c.id).join(some, some.c.id == call_files.c.call_id)
    ordinary = named.where(call_files.c["class"] == RecordingClass.MONITOR.value).limit(MOST_BEFORE)
    return select(func.count()).select_from(ordinary.subquery())


#: What was read last, by engine and UCM: a reading, the oldest call that it showed, and when that was.
_SHOWN: WeakKeyDictionary[Engine, dict[str, tuple[str, str | None, str | None]]] = WeakKeyDictionary()
