"""The catalog's legal holds: what may not be let go of, why, and who said so. A hold that was lifted stays on record."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import holds

_HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Recordings of a UCM of which all of these hold: a number (digits), days of calls (PBX local, ``until`` exclusive), a file name.

    A part that is None means any. Times are UTC text; ``lifted_at`` is None while it holds.
    """

    ucm: str
    number: str | None = None
    since: str | None = None
    until: str | None = None
    name: str | None = None
    reason: str
    by_whom: str
    at: str = ""
    lifted_at: str | None = None
    lifted_by: str | None = None
    id: int = 0


class Holds(Database):
    """Holds, by number in the catalog."""

    def add_hold(self, hold: Hold) -> int:
        """Put a hold on record; its number."""
        given = ("ucm", "number", "since", "until", "name", "reason", "by_whom")
        with self.transaction(of=hold.ucm) as connection:
            key = connection.execute(holds.insert().values(**{name: getattr(hold, name) for name in given}, at=now())).inserted_primary_key
        return int(key[0]) if key else 0

    def lift_hold(self, identifier: int, by_whom: str) -> bool:
        """Lift a hold; whether there was one to lift. On record it stays without number and name: an erasure would miss them here."""
        mine = and_(holds.c.id == identifier, holds.c.lifted_at.is_(None))
        with self.transaction() as connection:
            found = connection.execute(select(holds.c.number, holds.c.name).where(mine)).one_or_none()
            if found is None:
                return False
            hidden = {"number": _HIDDEN if found.number else None, "name": _HIDDEN if found.name else None}
            connection.execute(holds.update().where(mine).values(**hidden, lifted_at=now(), lifted_by=by_whom))
            return True

    def holds(self, ucms: Collection[str], *, lifted: bool = False) -> list[Hold]:
        """The holds of these UCMs, the oldest first; ``lifted``: also those that hold no more."""
        query = select(holds).where(holds.c.ucm.in_(ucms)).order_by(holds.c.id)
        with self.reading() as connection:
            rows = connection.execute(query if lifted else query.where(holds.c.lifted_at.is_(None))).mappings()
            return [Hold(**row) for row in rows]

    def hold(self, identifier: int) -> Hold | None:
        """One hold, lifted or not."""
        with self.reading() as connection:
            row = connection.execute(select(holds).where(holds.c.id == identifier)).mappings().one_or_none()
            return Hold(**row) if row else None
