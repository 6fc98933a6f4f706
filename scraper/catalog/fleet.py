"""What the machines of a fleet share beside the archive: kept sessions, and leases that keep two jobs from working on one UCM.

A lease is a row with a number that grows with each holder (``fence``) and the time of its last beat, by the database's clock. Whoever lost
the database for longer than a lease lasts must stop; until it has noticed, no transaction of its catalog gets through: each first proves
that the number is still its own, and keeps it so until it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, Connection, Float, Insert, and_, delete, insert, literal_column, or_, select, text, update

from scraper.catalog.database import Database, now
from scraper.catalog.schema import leases, sessions
from scraper.errors import Busy, LeaseLost

_FLEET = "fleet:name"

#: The database's clock, in seconds: whoever compares times with others' goes by it.
_CLOCK = literal_column("extract(epoch FROM clock_timestamp())", Float)


def _known(name: str) -> Insert:
    """Let a lease have its row, held by nobody; unless it has one."""
    from sqlalchemy.dialects.postgresql import insert as insert_here  # where it is needed: it takes a while to import

    return insert_here(leases).values(name=name, fence=0, beat=0.0).on_conflict_do_nothing()


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.name == lease.name, leases.c.fence == lease.fence)


def _is_held(seconds: float) -> ColumnElement[bool]:
    return and_(leases.c.holder.is_not(None), leases.c.beat >= _CLOCK - seconds)


_STOP_IT = "Stop its schedulers and workers first; they give back what they hold."


@dataclass(frozen=True, slots=True)
class Lease:
    """A hold on ``name``, such as a UCM: ``fence`` is its number."""

    name: str
    fence: int


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a lease, in words for people, and for how many seconds the database has not heard of them."""

    holder: str
    silent: float


class FleetRecords(Database):
    """Sessions and leases. Leases need PostgreSQL."""

    _own: Lease | None = None

    # --- kept sessions ---

    def kept_session(self, ucm: str) -> bytes | None:
        """A UCM's kept session, as it was sealed."""
        with self.reading() as connection:
            found: bytes | None = connection.scalar(select(sessions.c.sealed).where(sessions.c.ucm == ucm))
            return found

    def keep_session(self, ucm: str, sealed: bytes) -> None:
        """Keep a UCM's session in place of the one before."""
        values = {"sealed": sealed, "saved_at": now()}
        with self.transaction(of=f"session:{ucm}") as connection:
            if not connection.execute(update(sessions).where(sessions.c.ucm == ucm).values(**values)).rowcount:
                connection.execute(insert(sessions).values(ucm=ucm, **values))

    def forget_session(self, ucm: str) -> None:
        """Keep none."""
        with self.transaction(of=f"session:{ucm}") as connection:
            connection.execute(delete(sessions).where(sessions.c.ucm == ucm))

    def session_kept_at(self, ucm: str) -> float | None:
        """When a UCM's session was kept (epoch); None where none is."""
        with self.reading() as connection:
            text = connection.scalar(select(sessions.c.saved_at).where(sessions.c.ucm == ucm))
        return datetime.fromisoformat(text).timestamp() if text else None

    # --- the fleet ---

    def fleet(self) -> str | None:
        """The fleet that this catalog belongs to; None: none."""
        return self.get_meta(_FLEET)

    def join_fleet(self, name: str) -> str:
        """The fleet that this catalog belongs to from now on: ``name``, unless it belongs to another already."""
        return self.set_meta_once(_FLEET, name)

    # --- leases ---

    def seconds_behind(self) -> float:
        """By how much this machine's clock is behind the database's; negative: ahead."""
        with self.reading() as connection:
            there = connection.scalar(select(_CLOCK))
            return float(there or 0) - datetime.now().timestamp()

    def take_lease(self, name: str, holder: str, seconds: float) -> Lease | Held:
        """Take a lease, where nobody holds it or its holder has been silent for more than ``seconds``; else who holds it."""
        free = or_(leases.c.holder.is_(None), leases.c.beat < _CLOCK - seconds)
        taken = {"fence": leases.c.fence + 1, "holder": holder, "beat": _CLOCK}
        with self._at_once() as connection:
            connection.execute(_known(name))
            took = update(leases).where(leases.c.name == name, free).values(taken).returning(leases.c.fence)
            fence = connection.scalar(took)
            if fence is not None:
                return Lease(name, fence)
            row = connection.execute(select(leases.c.holder, (_CLOCK - leases.c.beat).label("silent")).where(leases.c.name == name)).one()
            return Held(row.holder or "", float(row.silent or 0))

    def renew_lease(self, lease: Lease) -> bool:
        """Let the database hear of the holder; False where somebody else holds it now."""
        with self._at_once() as connection:
            return bool(connection.execute(update(leases).where(_is(lease)).values(beat=_CLOCK)).rowcount)

    def release_lease(self, lease: Lease) -> None:
        """Give it back; nothing happens where it was lost."""
        with self._at_once() as connection:
            connection.execute(update(leases).where(_is(lease)).values(holder=None))

    def holder_of(self, name: str, seconds: float) -> str | None:
        """Who holds a lease and has been heard of within ``seconds``."""
        with self.reading() as connection:
            found: str | None = connection.scalar(select(leases.c.holder).where(leases.c.name == name, _is_held(seconds)))
            return found

    def held(self, seconds: float) -> set[str]:
        """The names of all leases whose holders have been heard of within ``seconds``."""
        with self.reading() as connection:
            return set(connection.scalars(select(leases.c.name).where(_is_held(seconds))))

    @contextmanager
    def unleased(self, seconds: float) -> Iterator[None]:
        """Let nobody take a lease while the block runs; without PostgreSQL nobody can anyway.

        Raises :class:`Busy` where somebody holds one and has been heard of within ``seconds``.
        """
        if self._engine.dialect.name == "sqlite":
            yield
            return
        with self._at_once() as connection:
            connection.execute(text(f"LOCK TABLE {leases.name} IN EXCLUSIVE MODE"))
            found = connection.execute(select(leases.c.name, leases.c.holder).where(_is_held(seconds)).limit(1)).first()
            if found is not None:
                raise Busy(f"The fleet works with the catalog: {found.holder} holds {found.name}.", remedy=_STOP_IT, holder=found.holder)
            yield

    def under(self, lease: Lease) -> Self:
        """The same catalog, but that each of its writing transactions first proves that ``lease`` is held."""
        clone = type(self)(self._engine)
        clone._own = lease
        return clone

    @contextmanager
    def _at_once(self) -> Iterator[Connection]:
        """A transaction of one statement that counts, which waits for nobody's turn: a lease must not run out for others' work."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def transaction(self, of: str | None = None) -> Iterator[Connection]:
        """See :meth:`Database.transaction`. Raises :class:`LeaseLost` where it may not write any more."""
        with super().transaction(of) as connection:
            # The row stays locked until the commit: nobody takes the lease meanwhile.
            if (own := self._own) and connection.scalar(select(leases.c.fence).where(_is(own)).with_for_update(read=True)) is None:
                raise LeaseLost
            yield connection
