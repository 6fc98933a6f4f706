"""The catalog's backfills: windows that somebody wants fetched, in slices, with how far each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, select

from scraper.catalog.database import Database
from scraper.catalog.inventory import day_of
from scraper.catalog.schema import backfill_slices, backfills, call_files, calls, inventory


class Direction(StrEnum):
    """Which slices come first."""

    NEWEST_FIRST = "newest-first"
    OLDEST_FIRST = "oldest-first"


class BackfillState(StrEnum):
    """Whether a backfill goes on."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class SliceState(StrEnum):
    """How far a slice is. One that a crash left running is taken up again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A window (days PBX local, ``until`` exclusive) that somebody wants fetched. Times are UTC text."""

    id: str
    ucm: str
    since: date
    until: date
    order: Direction
    state: BackfillState
    asked_by: str
    asked_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class BackfillSlice:
    """Some days of a backfill, fetched by one job. Counts are its newest job's; ``detail`` says why it failed. Times are UTC text.

    ``attempts``: jobs that began on it, or on the longer slice that it is a half of. ``retry_at``: not to be tried before.
    """

    id: int
    backfill_id: str
    since: date
    until: date
    state: SliceState
    attempts: int
    run_id: str | None
    expected: int | None
    archived: int | None
    gone: int | None
    open: int | None
    detail: str
    started_at: str | None
    ended_at: str | None
    retry_at: str | None


class BackfillRecords(Database):
    """Backfills by id, slices by their backfill. Whoever changes a slice holds its UCM's lock, or is the only one to ask for its job."""

    def add_backfill(self, backfill: Backfill, slices: Iterable[tuple[date, date]]) -> None:
        """Enter a backfill with its slices, none of which has begun."""
        with self.transaction() as connection:
            connection.execute(
                backfills.insert().values(
                    id=backfill.id,
                    ucm=backfill.ucm,
                    since=backfill.since.isoformat(),
                    until=backfill.until.isoformat(),
                    order=backfill.order.value,
                    state=backfill.state.value,
                    asked_by=backfill.asked_by,
                    asked_at=backfill.asked_at,
                )
            )
            _insert_slices(connection, backfill.id, slices, 0)

    def find_backfills(self, ucm: str | None = None, state: BackfillState | None = None) -> list[Backfill]:
        """Backfills, of one UCM or in one state where that is asked for; the newest first."""
        query = select(backfills).order_by(backfills.c.asked_at.desc(), backfills.c.id)
        query = query if ucm is None else query.where(backfills.c.ucm == ucm)
        query = query if state is None else query.where(backfills.c.state == state.value)
        with self.reading() as connection:
            return [_backfill(row) for row in connection.execute(query).mappings()]

    def backfill(self, backfill_id: str) -> Backfill | None:
        """A backfill by its id."""
        with self.reading() as connection:
            row = connection.execute(select(backfills).where(backfills.c.id == backfill_id)).mappings().first()
        return _backfill(row) if row else None

    def set_backfill_state(self, backfill_id: str, state: BackfillState, ended_at: str | None = None) -> None:
        """Let a backfill go on, rest or end."""
        with self.transaction() as connection:
            connection.execute(backfills.update().where(backfills.c.id == backfill_id).values(state=state.value, ended_at=ended_at))

    def backfill_slices(self, backfill_id: str) -> list[BackfillSlice]:
        """A backfill's slices, the oldest days first."""
        query = select(backfill_slices).where(backfill_slices.c.backfill_id == backfill_id).order_by(backfill_slices.c.since)
        with self.reading() as connection:
            return [_slice(row) for row in connection.execute(query).mappings()]

    def begin_slice(self, slice_id: int, when: str) -> None:
        """A job begins on a slice."""
        values = {"state": SliceState.RUNNING.value, "started_at": when, "ended_at": None, "retry_at": None}
        self._update(backfill_slices.c.id == slice_id, **values, attempts=backfill_slices.c.attempts + 1)

    def update_slice(self, slice_id: int, **values: Any) -> None:
        """Enter what is known of a slice now, by the names of :class:`BackfillSlice`'s fields."""
        self._update(backfill_slices.c.id == slice_id, **values)

    def rest_slices(self, backfill_id: str, until: str | None) -> None:
        """Let none of a backfill's slices that wait be tried before ``until``; None: they may all be tried now."""
        waits = backfill_slices.c.state == SliceState.WAITING.value
        self._update(and_(backfill_slices.c.backfill_id == backfill_id, waits), retry_at=until)

    def replace_slices(self, old: Iterable[BackfillSlice], new: Iterable[tuple[date, date]], attempts: int = 0) -> None:
        """Cut the days of some slices of one backfill anew; the new ones wait."""
        gone = list(old)
        if not gone:
            return
        with self.transaction() as connection:
            connection.execute(backfill_slices.delete().where(backfill_slices.c.id.in_([one.id for one in gone])))
            _insert_slices(connection, gone[0].backfill_id, new, attempts)

    def recorded_days(self, ucm: str) -> dict[date, tuple[int, int]]:
        """(recordings, bytes) of each day (PBX local) that the PBX's lists have shown; if nothing, that call records name."""
        listed = _by_day(inventory.c.call_time, inventory.c.size).where(inventory.c.ucm == ucm)
        called = _by_day(calls.c.start, call_files.c.size).join_from(calls, call_files).where(calls.c.ucm == ucm)
        with self.reading() as connection:
            for query in (listed, called):
                rows = connection.execute(query).all()
                found = {day: (count, int(size or 0)) for text, count, size in rows if (day := day_of(text))}
                if found:
                    return found
        return {}

    def _update(self, condition: ColumnElement[bool], **values: Any) -> None:
        with self.transaction() as connection:
            connection.execute(backfill_slices.update().where(condition).values(**values))


def _by_day(when: ColumnElement[str], size: ColumnElement[int]) -> Select[Any]:
    day = func.substr(when, 1, 10)
    return select(day, func.count(), func.sum(size)).group_by(day)


def _insert_slices(connection: Connection, backfill_id: str, slices: Iterable[tuple[date, date]], attempts: int) -> None:
    rows = [
        {
            "backfill_id": backfill_id,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "state": SliceState.WAITING.value,
            "attempts": attempts,
            "detail": "",
        }
        for since, until in slices
    ]
    connection.execute(backfill_slices.insert(), rows)


def _backfill(row: RowMapping) -> Backfill:
    days = {name: date.fromisoformat(row[name]) for name in ("since", "until")}
    return Backfill(**{**row, **days, "order": Direction(row["order"]), "state": BackfillState(row["state"])})


def _slice(row: RowMapping) -> BackfillSlice:
    days = {name: date.fromisoformat(row[name]) for name in ("since", "until")}
    return BackfillSlice(**{**row, **days, "state": SliceState(row["state"])})
