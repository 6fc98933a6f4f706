"""The catalog's notices: what is wrong with a UCM so that somebody should be told, once an episode, also over restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import notices
from scraper.models import utc

#: The kind of an episode in which only a person can sign in to the web UI.
PERSON_NEEDED = "person-needed"


@dataclass(frozen=True, slots=True)
class Notice:
    """An episode: ``kind`` is a stable word. Times are UTC text; ``told_at`` is None until somebody was told."""

    id: int
    kind: str
    ucm: str
    since: str
    told_at: str | None
    ended_at: str | None
    detail: str


class Notices(Database):
    """Episodes; at most one open of each kind and UCM. Times that are given are aware."""

    def begin_notice(self, kind: str, ucm: str, at: datetime, detail: str = "") -> bool:
        """Begin an episode; False where one of this kind is open already, which stays as it is."""
        with self.transaction(of=ucm) as connection:
            if connection.scalar(select(notices.c.id).where(_open(kind, ucm))) is not None:
                return False
            connection.execute(notices.insert().values(kind=kind, ucm=ucm, since=utc(at) or now(), detail=detail))
            return True

    def end_notice(self, kind: str, ucm: str, at: datetime) -> bool:
        """End the open episode of this kind; False where none was open."""
        with self.transaction(of=ucm) as connection:
            return connection.execute(notices.update().where(_open(kind, ucm)).values(ended_at=utc(at) or now())).rowcount > 0

    def notice_told(self, notice_id: int, at: datetime) -> None:
        """Somebody was told of this episode."""
        with self.transaction(of=f"notice:{notice_id}") as connection:
            connection.execute(notices.update().where(notices.c.id == notice_id).values(told_at=utc(at) or now()))

    def open_notices(self, ucm: str | None = None, kind: str | None = None) -> list[Notice]:
        """The open episodes, the oldest first."""
        return self._notices(and_(notices.c.ended_at.is_(None), *_of(ucm, kind)))

    def notices(self, ucm: str, kind: str) -> list[Notice]:
        """All episodes of a kind, the newest first."""
        return self._notices(and_(*_of(ucm, kind)))[::-1]

    def _notices(self, condition: ColumnElement[bool]) -> list[Notice]:
        with self.reading() as connection:
            return [Notice(**row) for row in connection.execute(select(notices).where(condition).order_by(notices.c.id)).mappings()]


def _open(kind: str, ucm: str) -> ColumnElement[bool]:
    return and_(*_of(ucm, kind), notices.c.ended_at.is_(None))


def _of(ucm: str | None, kind: str | None) -> list[ColumnElement[bool]]:
    wanted = {"ucm": ucm, "kind": kind}
    return [notices.c[name] == value for name, value in wanted.items() if value is not None]
