"""The catalog's memory of the PBX's own lists: which recordings they have shown, when first, when last.

A page may list recordings of several classes, and a run reads several pages: what is written at once is a *reading*, named by its run
and its page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import inventory
from scraper.catalog.upserts import Upsert
from scraper.models import RecordingClass

#: (class, month or None, bare clean name, bytes or None, call time as listed or None)
ListedRow = tuple[RecordingClass, str | None, str, int | None, str | None]

_BATCH = 5000
_PAGE = 1000


class InventoryRow(NamedTuple):
    """A recording that a list of the PBX has shown; the first five as in :data:`ListedRow`. ``run_id``: the reading that saw it last."""

    klass: RecordingClass
    month: str | None
    name: str
    size: int | None
    call_time: str | None
    first_listed: str
    last_listed: str
    run_id: str


class Inventory(Database):
    """What was listed, by identity; and, for each page, the reading that last came to the list's end."""

    def upsert_listing(self, ucm: str, rows: Iterable[ListedRow], reading: str) -> int:
        """Enter rows of a list, a transaction a batch; how many rows there were. The last size and time stand."""
        waiting, when, count = iter(rows), now(), 0
        while batch := list(islice(waiting, _BATCH)):
            with self.transaction(of=ucm) as connection:
                connection.execute(
                    _UPSERT.on(connection),
                    [_row(ucm, row) | {"run_id": reading, "first_listed": when, "last_listed": when} for row in batch],
                )
            count += len(batch)
        return count

    def complete_listing(self, ucm: str, page: RecordingClass, reading: str) -> None:
        """This reading came to the end of the page's list: from now on what it didn't show counts as not listed there."""
        self.set_meta(_meta_key(ucm, page), reading)

    def last_listing(self, ucm: str, page: RecordingClass) -> str | None:
        """The reading that last came to the end of the page's list; None if none ever did."""
        return self.get_meta(_meta_key(ucm, page))

    def count_listed_before(self, ucm: str, reading: str, call_time: str) -> int:
        """How many recordings of calls before ``call_time`` (PBX local text) a reading saw, and none after it."""
        query = select(func.count()).where(_seen(ucm, reading), inventory.c.call_time < call_time)
        with self.reading() as connection:
            return connection.scalar(query) or 0

    def newest_listed(self, ucm: str, reading: str) -> str | None:
        """The newest call's time (PBX local text) that a reading saw."""
        with self.reading() as connection:
            newest: str | None = connection.scalar(select(func.max(inventory.c.call_time)).where(_seen(ucm, reading)))
        return newest

    def carry_over(self, ucm: str, reading: str, call_time: str, to: str) -> None:
        """What a reading saw of calls before ``call_time`` still stands: the reading ``to`` counts as having seen it."""
        query = inventory.update().where(_seen(ucm, reading), inventory.c.call_time < call_time)
        with self.transaction(of=ucm) as connection:
            connection.execute(query.values(run_id=to))

    def listing(self, ucm: str, reading: str | None = None) -> Iterator[InventoryRow]:
        """What the lists have ever shown, or what this reading saw and none after it; from one consistent state: read it soon."""
        condition = inventory.c.ucm == ucm if reading is None else _seen(ucm, reading)
        query = select(inventory.c["class"], *(inventory.c[name] for name in InventoryRow._fields[1:])).where(condition)
        with self.reading() as connection:
            for klass_value, month, *rest in connection.execution_options(yield_per=_PAGE).execute(query):
                yield InventoryRow(_CLASSES[klass_value], month or None, *rest)

    def listed_days(self, ucm: str, reading: str) -> dict[date, int]:
        """How many recordings of each day's calls (PBX local) a reading saw; those without a readable day are left out."""
        day = func.substr(inventory.c.call_time, 1, 10)
        query = select(day, func.count()).where(_seen(ucm, reading)).group_by(day)
        with self.reading() as connection:
            return {when: count for text, count in connection.execute(query) if (when := day_of(text))}


_CLASSES = {klass.value: klass for klass in RecordingClass}


def day_of(text: str | None) -> date | None:
    """A day as the PBX writes it; None where it is none."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _seen(ucm: str, reading: str) -> ColumnElement[bool]:
    return and_(inventory.c.ucm == ucm, inventory.c.run_id == reading)


def _meta_key(ucm: str, page: RecordingClass) -> str:
    return f"listing:{page.value}:{ucm}"


def _row(ucm: str, row: ListedRow) -> dict[str, Any]:
    klass, month, name, size, call_time = row
    return {"ucm": ucm, "class": klass.value, "month": month or "", "name": name, "size": size, "call_time": call_time or None}


def _kept(new: Any) -> dict[str, Any]:
    last_known = {name: func.coalesce(new[name], inventory.c[name]) for name in ("size", "call_time")}
    return last_known | {"last_listed": new.last_listed, "run_id": new.run_id}


_UPSERT = Upsert(inventory, ("ucm", "class", "month", "name"), _kept)
