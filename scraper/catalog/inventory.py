"""The catalog's memory of the PBX's own lists: which recordings they have shown, when first, when last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.sqlite import insert

from scraper.catalog.database import Database, now
from scraper.catalog.schema import inventory
from scraper.models import RecordingClass

#: (class, month or None, bare clean name, bytes or None, call time as listed or None)
ListedRow = tuple[RecordingClass, str | None, str, int | None, str | None]

_BATCH = 5000
_PAGE = 1000


class InventoryRow(NamedTuple):
    """A recording that a list of the PBX has shown; the first five as in :data:`ListedRow`. ``run_id``: the run that saw it last."""

    klass: RecordingClass
    month: str | None
    name: str
    size: int | None
    call_time: str | None
    first_listed: str
    last_listed: str
    run_id: str


class Inventory(Database):
    """What was listed, by identity; and, for each class, which run last read a list to its end."""

    def upsert_listing(self, ucm: str, rows: Iterable[ListedRow], run_id: str) -> int:
        """Enter rows of a list that this run reads, a transaction a batch; how many rows there were. The last size and time stand."""
        waiting, when, count = iter(rows), now(), 0
        while batch := list(islice(waiting, _BATCH)):
            with self.transaction() as connection:
                connection.execute(
                    _UPSERT, [_row(ucm, row) | {"run_id": run_id, "first_listed": when, "last_listed": when} for row in batch]
                )
            count += len(batch)
        return count

    def complete_listing(self, ucm: str, klass: RecordingClass, run_id: str) -> None:
        """This run read the class's list to its end: from now on what it didn't show counts as not listed."""
        self.set_meta(_meta_key(ucm, klass), run_id)

    def count_listed_before(self, ucm: str, klass: RecordingClass, call_time: str) -> int:
        """How many recordings of calls before ``call_time`` (PBX local text) the last complete list of the class showed."""
        query = select(func.count()).where(_of_last(ucm, klass, self.last_listing(ucm, klass)), inventory.c.call_time < call_time)
        with self.reading() as connection:
            return connection.scalar(query) or 0

    def carry_over(self, ucm: str, klass: RecordingClass, call_time: str, run_id: str) -> None:
        """Of the last complete list, what was before ``call_time`` still stands: this run counts as having seen it."""
        query = inventory.update().where(_of_last(ucm, klass, self.last_listing(ucm, klass)), inventory.c.call_time < call_time)
        with self.transaction() as connection:
            connection.execute(query.values(run_id=run_id))

    def last_listing(self, ucm: str, klass: RecordingClass) -> str | None:
        """The run that last read the class's list to its end; None if none ever did."""
        return self.get_meta(_meta_key(ucm, klass))

    def listing(self, ucm: str, klass: RecordingClass | None = None, run_id: str | None = None) -> Iterator[InventoryRow]:
        """What the lists have ever shown, or what this run saw and none after it; streamed from one consistent state: read it soon."""
        wanted = {"ucm": ucm, "class": klass.value if klass else None, "run_id": run_id}
        condition = and_(*(inventory.c[name] == value for name, value in wanted.items() if value is not None))
        query = select(inventory.c["class"], *(inventory.c[name] for name in InventoryRow._fields[1:])).where(condition)
        with self.reading() as connection:
            for klass_value, month, *rest in connection.execution_options(yield_per=_PAGE).execute(query):
                yield InventoryRow(_CLASSES[klass_value], month or None, *rest)

    def listed_days(self, ucm: str, klass: RecordingClass, run_id: str) -> dict[date, int]:
        """How many recordings of each day's calls (PBX local) this run saw; those without a readable day are left out."""
        day = func.substr(inventory.c.call_time, 1, 10)
        query = select(day, func.count()).where(_of_last(ucm, klass, run_id)).group_by(day)
        with self.reading() as connection:
            return {when: count for text, count in connection.execute(query) if (when := _day(text))}

    def listed_count(self, ucm: str, klass: RecordingClass, run_id: str) -> int:
        """How many recordings of the class this run saw, and none after it."""
        mine = and_(inventory.c.ucm == ucm, inventory.c["class"] == klass.value, inventory.c.run_id == run_id)
        with self.reading() as connection:
            return connection.scalar(select(func.count()).where(mine)) or 0


_CLASSES = {klass.value: klass for klass in RecordingClass}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _of_last(ucm: str, klass: RecordingClass, run_id: str | None) -> ColumnElement[bool]:
    return and_(inventory.c.ucm == ucm, inventory.c["class"] == klass.value, inventory.c.run_id == (run_id or ""))


def _meta_key(ucm: str, klass: RecordingClass) -> str:
    return f"listing:{klass.value}:{ucm}"


def _row(ucm: str, row: ListedRow) -> dict[str, Any]:
    klass, month, name, size, call_time = row
    return {"ucm": ucm, "class": klass.value, "month": month or "", "name": name, "size": size, "call_time": call_time or None}


def _upsert() -> Any:
    statement = insert(inventory)
    new = statement.excluded
    kept = {name: func.coalesce(new[name], inventory.c[name]) for name in ("size", "call_time")}
    return statement.on_conflict_do_update(
        index_elements=("ucm", "class", "month", "name"), set_=kept | {"last_listed": new.last_listed, "run_id": new.run_id}
    )


_UPSERT = _upsert()
