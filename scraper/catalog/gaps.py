"""The catalog's gaps: what should be in the archive and is not, with its reason, until it is archived, gone for good, or withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select

from scraper.catalog.database import Database, now
from scraper.catalog.recordings import identity_columns, identity_of, is_of
from scraper.catalog.schema import OPEN_GAP, gaps
from scraper.clock import utcnow
from scraper.models import GONE_CONFIRMED_AFTER, Gap, GapReason, Identity, utc

#: ``confirmed``: what was held in doubt is all there is.
ClosedAs = Literal["archived", "confirmed", "gone", "withdrawn"]


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap with its history. Times are UTC text; ``closed_as`` is None while it is open."""

    gap: Gap
    first_seen: str
    last_seen: str
    attempts: int
    gone_at: str | None
    closed_at: str | None
    closed_as: str | None
    quarantine_path: str | None
    source_sha256: str | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Where a gap's bytes lie (relative to the quarantine folder) and what their hash is."""

    path: str
    source_sha256: str


class Gaps(Database):
    """Gaps, by identity; at most one open gap each."""

    def open_gaps(self, ucm: str) -> list[OpenGap]:
        """What is open now, oldest first."""
        return self._gaps(and_(gaps.c.ucm == ucm, OPEN_GAP))

    def closed_gaps(self, ucm: str, closed_as: ClosedAs) -> list[OpenGap]:
        """What was closed this way, oldest first."""
        return self._gaps(and_(gaps.c.ucm == ucm, gaps.c.closed_as == closed_as))

    def record_gap(self, gap: Gap, quarantined: Quarantined | None = None, *, at: datetime | None = None, attempt: bool = True) -> None:
        """Note that a recording is (still) missing, and why. ``attempt``: all was tried to get it; else only this is known so far.

        ``gone`` said twice, :data:`GONE_CONFIRMED_AFTER` apart, closes the gap; what was closed so isn't opened by being said again.
        """
        with self.transaction(of=gap.identity.ucm) as connection:
            _record(connection, gap, quarantined, _Note(utc(at or utcnow()) or now(), int(attempt)))

    def record_gaps(self, found: Iterable[Gap]) -> None:
        """The same for many, in one transaction."""
        note, several = _Note(now(), 1), list(found)
        ucms = {gap.identity.ucm for gap in several}
        with self.transaction(of=ucms.pop() if len(ucms) == 1 else None) as connection:
            for gap in several:
                _record(connection, gap, None, note)

    def close_gap(self, identity: Identity, as_: ClosedAs) -> bool:
        """Close the open gap of a recording; whether there was one."""
        query = gaps.update().where(is_of(gaps, identity), gaps.c.closed_at.is_(None)).values(closed_at=now(), closed_as=as_)
        with self.transaction(of=identity.ucm) as connection:
            return connection.execute(query).rowcount > 0

    def _gaps(self, condition: ColumnElement[bool]) -> list[OpenGap]:
        with self.reading() as connection:
            return [gap_of(row) for row in connection.execute(select(gaps).where(condition).order_by(gaps.c.id)).mappings()]


class _Note(NamedTuple):
    """When a gap is noted (UTC text), and how many attempts that stands for."""

    when: str
    attempts: int


def _record(connection: Connection, gap: Gap, quarantined: Quarantined | None, note: _Note) -> None:
    when, attempts = note
    found = connection.execute(select(gaps).where(is_of(gaps, gap.identity), gaps.c.closed_at.is_(None))).mappings().one_or_none()
    gone = gap.reason is GapReason.GONE
    values = {"reason": gap.reason.value, "detail": gap.detail, "remedy": gap.remedy, "last_seen": when}
    if quarantined:
        values |= {"quarantine_path": quarantined.path, "source_sha256": quarantined.source_sha256}
    if found is None:
        closed = _closed_as_gone(connection, gap.identity) if gone else None
        if closed is not None:  # said once more: it is asked for less and less often
            connection.execute(gaps.update().where(gaps.c.id == closed).values(last_seen=when, attempts=gaps.c.attempts + attempts))
        else:
            key = identity_columns(gap.identity)
            connection.execute(gaps.insert().values(**key, **values, first_seen=when, attempts=attempts, gone_at=when if gone else None))
        return
    first_gone = found["gone_at"] if gone else None
    confirmed = first_gone is not None and _between(first_gone, when) >= GONE_CONFIRMED_AFTER
    closing = {"closed_at": when, "closed_as": "gone"} if confirmed else {}
    connection.execute(
        gaps.update()
        .where(gaps.c.id == found["id"])
        .values(**values, **closing, attempts=found["attempts"] + attempts, gone_at=(first_gone or when) if gone else None)
    )


def _closed_as_gone(connection: Connection, identity: Identity) -> int | None:
    query = select(gaps.c.id).where(is_of(gaps, identity), gaps.c.closed_as == "gone").order_by(gaps.c.id.desc()).limit(1)
    found: int | None = connection.scalar(query)
    return found


def _between(earlier: str, later: str) -> timedelta:
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier)


def gap_of(row: RowMapping) -> OpenGap:
    """The gap in a row."""
    history = ("first_seen", "last_seen", "attempts", "gone_at", "closed_at", "closed_as", "quarantine_path", "source_sha256")
    gap = Gap(identity_of(row), GapReason(row["reason"]), row["detail"], row["remedy"])
    return OpenGap(gap, **{name: row[name] for name in history})
