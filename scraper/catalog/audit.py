"""The catalog's audit log: who did what in the admin service. Rows are only ever added; refusals, which anybody can cause, are counted."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import audit

#: Among so many of the newest rows an earlier refusal is looked for.
_NEWEST = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. ``at`` is UTC text; ``who`` an address and how they signed in; ``detail`` never holds a secret."""

    id: int
    at: str
    who: str
    action: str
    ucm: str | None
    detail: str


class Audit(Database):
    """The audit log."""

    def note_audit(self, who: str, action: str, ucm: str | None = None, detail: str = "") -> None:
        """Note that ``who`` did ``action`` (a stable word such as ``run-started``) just now."""
        with self.transaction() as connection:
            connection.execute(audit.insert().values(at=now(), who=who, action=action, ucm=ucm, detail=detail))

    def note_refusal(self, who: str, action: str) -> None:
        """The same of what was refused: one row an hour for each ``who``, whose ``detail`` says how often."""
        at, c = now(), audit.c
        lately = c.id > select(func.coalesce(func.max(c.id), 0) - _NEWEST).scalar_subquery()
        same = (c.who == who, c.action == action, c.at >= at[: len("2026-11-21T13")], lately)
        with self.transaction() as connection:
            found = connection.execute(select(c.id, c.detail).where(*same).order_by(c.id.desc()).limit(1)).first()
            if found is None:
                connection.execute(audit.insert().values(at=at, who=who, action=action, detail=""))
            else:
                count = int(found.detail.partition(" ")[0] or 1) + 1
                connection.execute(audit.update().where(c.id == found.id).values(detail=f"{count} times"))

    def audit_entries(self, limit: int = 50, before: int | None = None) -> list[AuditEntry]:
        """The newest first; ``before``: only those below this id."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query if before is None else query.where(audit.c.id < before)).mappings()
            return [AuditEntry(**row) for row in rows]
