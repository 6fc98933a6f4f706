"""The catalog's audit log: who did what in the admin service. Rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import audit


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

    def audit_entries(self, limit: int = 50, before: int | None = None) -> list[AuditEntry]:
        """The newest first; ``before``: only those below this id."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query if before is None else query.where(audit.c.id < before)).mappings()
            return [AuditEntry(**row) for row in rows]
