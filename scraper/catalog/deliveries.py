"""The catalog's deliveries: what is owed to which sink, who is at it, and what became of it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, RowMapping, and_, bindparam, exists, func, literal, or_, select

from scraper.catalog.database import Database, now
from scraper.catalog.outbox import DELIVERED, HELD, OPEN, PARKED, WAITING, clock, queueing, release
from scraper.catalog.schema import deliveries, meta, recordings, sink_ucms, sinks
from scraper.models import utc

#: Pages ask every few seconds, and a sink may be owed millions: that many are counted, which takes some hundredths of a second.
COUNTED = 50_000

_BATCH = 500
_HANDOVER_ID = "handover.id"
_NOT_CONFIGURED = "The configuration has this sink no more."


@dataclass(frozen=True, slots=True)
class KnownSink:
    """A sink as it is configured; ``ucms`` empty: of all UCMs; ``erased``: it is told, too, what was erased of them."""

    name: str
    kind: str
    ucms: tuple[str, ...] = ()
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that a sink is to be told of a recording. Times are UTC text; ``at`` see the schema; ``lease`` is its taker's token.

    Of one that was erased ``recording_id`` is None, and ``tombstone_id`` is its tombstone.
    """

    id: int
    sink: str
    recording_id: int | None
    event: str
    state: str
    at: str
    attempts: int
    queued_at: str
    lease: str | None
    detail: str
    tombstone_id: int | None = None


@dataclass(frozen=True, slots=True)
class SinkCounts:
    """How a sink is doing: how many are ``held`` by others, ``waiting``, ``parked``; ``oldest``: when the first of these was queued.

    Of each no more than :data:`COUNTED` are counted.
    """

    name: str
    kind: str
    configured: bool
    held: int
    waiting: int
    parked: int
    delivered: int
    last_delivered: str | None
    oldest: str | None

    @property
    def owed(self) -> int:
        """What will be delivered by itself."""
        return self.held + self.waiting


class Deliveries(Database):
    """The outbox. Whoever delivers takes with :meth:`claim` and says what became of it; one that says nothing loses it to others."""

    def sync_sinks(self, wanted: Sequence[KnownSink]) -> None:
        """Make the catalog's sinks those of the configuration, in its order. What a sink that it has no more is owed is parked."""
        with self.reading() as connection:
            if _known(connection) == list(wanted):
                return
        with self.transaction() as connection:
            names = [sink.name for sink in wanted]
            connection.execute(sink_ucms.delete())
            connection.execute(sinks.update().where(sinks.c.name.not_in(names)).values(configured=0))
            for position, sink in enumerate(wanted):
                _enter(connection, position, sink)
            _park_orphans(connection, names)
            if connection.scalar(select(meta.c.value).where(meta.c.key == _HANDOVER_ID)) is None:
                connection.execute(meta.insert().values(key=_HANDOVER_ID, value=secrets.token_hex(8)))

    def delivery_uid(self, delivery: Delivery) -> str:
        """What tells this delivery from any other, also of other catalogs; the same at each attempt."""
        return f"{self.get_meta(_HANDOVER_ID)}-{delivery.id}"

    def claim(self, sink: str, limit: int, lease_seconds: float) -> list[Delivery]:
        """Take the deliveries that are due longest, at most ``limit``: nobody else gets them for so long, by the database's clock."""
        token = secrets.token_hex(8)
        with self.transaction(of=_turn(sink)) as connection:
            when = clock(connection)
            due = and_(deliveries.c.state == WAITING, deliveries.c.sink == sink, deliveries.c.at <= utc(when))
            query = select(deliveries.c.id).where(due).order_by(deliveries.c.at, deliveries.c.id).limit(limit)
            taken = list(connection.scalars(query))
            if not taken:
                return []
            until = utc(when + timedelta(seconds=lease_seconds + 1))  # the text has whole seconds
            connection.execute(deliveries.update().where(deliveries.c.id.in_(taken)).values(lease=token, at=until))
            rows = connection.execute(select(deliveries).where(deliveries.c.id.in_(taken)).order_by(deliveries.c.id)).mappings()
            return [Delivery(**row) for row in rows]

    def seconds_to_next(self, sink: str | None) -> float | None:
        """How long until something is due for this sink (None: any), 0 where something is; None where nothing waits."""
        with self.reading() as connection:
            query = select(func.min(deliveries.c.at)).where(deliveries.c.state == WAITING)
            first = connection.scalar(query if sink is None else query.where(deliveries.c.sink == sink))
            if first is None:
                return None
            return max((datetime.fromisoformat(first) - clock(connection)).total_seconds(), 0.0)

    def delivered(self, delivery: Delivery, detail: str = "") -> None:
        """It arrived; what waited for it may go. Of one that was taken by somebody else meanwhile nothing changes."""
        with self.transaction(of=_turn(delivery.sink)) as connection:
            when = utc(clock(connection))
            values = {"state": DELIVERED, "at": when, "attempts": deliveries.c.attempts + 1, "detail": detail}
            if _settle(connection, delivery, values):
                counted = {"delivered": sinks.c.delivered + 1, "last_delivered": when}
                connection.execute(sinks.update().where(sinks.c.name == delivery.sink).values(**counted))
                _release(connection, delivery)

    def failed(self, delivery: Delivery, detail: str, again_in: float | None) -> None:
        """An attempt failed: it is due again ``again_in`` seconds from now, or parked with None. As :meth:`delivered`."""
        with self.transaction(of=_turn(delivery.sink)) as connection:
            when, state = clock(connection), PARKED if again_in is None else WAITING
            at = utc(when + timedelta(seconds=again_in or 0))
            values = {"state": state, "at": at, "attempts": deliveries.c.attempts + 1, "detail": detail}
            if _settle(connection, delivery, values):
                _release(connection, delivery)

    def give_back(self, delivery: Delivery, detail: str, again_in: float = 0.0) -> None:
        """It was not tried, or not to count: it is due again ``again_in`` seconds from now."""
        with self.transaction(of=_turn(delivery.sink)) as connection:
            at = utc(clock(connection) + timedelta(seconds=again_in))
            _settle(connection, delivery, {"at": at, "detail": detail})

    def sink_counts(self) -> list[SinkCounts]:
        """Every sink that was ever configured, in the order of the configuration."""
        with self.reading() as connection:
            known = connection.execute(select(sinks).order_by(sinks.c.configured.desc(), sinks.c.position)).mappings().all()
            return [_counts(connection, sink) for sink in known]

    def deliveries(
        self, states: Collection[str] = OPEN, sink: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Those in these states, the newest first; ``before``: only those below this number."""
        query = select(deliveries).where(deliveries.c.state == bindparam("of_state")).order_by(deliveries.c.id.desc()).limit(limit)
        query = query if sink is None else query.where(deliveries.c.sink == sink)
        query = query if before is None else query.where(deliveries.c.id < before)
        with self.reading() as connection:  # a state at a time: each is a stretch of an index that is in order
            found = [Delivery(**row) for state in states for row in connection.execute(query, {"of_state": state}).mappings()]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def deliveries_of(self, recording_id: int) -> list[Delivery]:
        """What is owed and was told of one recording, in its order."""
        query = select(deliveries).where(deliveries.c.recording_id == recording_id).order_by(deliveries.c.id)
        with self.reading() as connection:
            return [Delivery(**row) for row in connection.execute(query).mappings()]

    def delivery(self, identifier: int) -> Delivery | None:
        """One of them."""
        with self.reading() as connection:
            row = connection.execute(select(deliveries).where(deliveries.c.id == identifier)).mappings().one_or_none()
            return Delivery(**row) if row else None

    def retry_deliveries(self, sink: str | None = None, identifier: int | None = None) -> int:
        """Let parked deliveries, or this one, begin anew, where their sink is configured; those that rest after a failure are due now.

        How many there were.
        """
        known = exists().where(sinks.c.name == deliveries.c.sink, sinks.c.configured == 1)
        # What somebody is just at has a lease, and is left to them.
        # One whose sink was not configured for a while is parked without an attempt.
        failed = or_(deliveries.c.state == PARKED, and_(deliveries.c.state == WAITING, deliveries.c.attempts > 0))
        again = and_(failed, deliveries.c.lease.is_(None), known)
        if sink is not None:
            again = and_(again, deliveries.c.sink == sink)
        if identifier is not None:
            again = and_(again, deliveries.c.id == identifier)
        with self.transaction() as connection:
            values = {"state": WAITING, "attempts": 0, "at": utc(clock(connection))}
            return connection.execute(deliveries.update().where(again).values(**values)).rowcount

    def replay(self, sink: str, since: date, until: date | None = None) -> int:
        """Queue what was archived from a day on (UTC; ``until`` exclusive) for a sink that is configured, unless it is owed already.

        How many were queued, in batches: cut off, the same call goes on.
        """
        period = recordings.c.stored_at >= since.isoformat()
        if until is not None:
            period = and_(period, recordings.c.stored_at < until.isoformat())
        same = and_(deliveries.c.recording_id == recordings.c.id, deliveries.c.sink == sink, deliveries.c.state.in_(OPEN))
        owed = select(deliveries.c.id).where(same).correlate(recordings).exists()
        queued, last = 0, 0
        while True:
            page = select(recordings.c.id).where(period, recordings.c.state == "archived", recordings.c.id > last)
            with self.reading() as connection:
                ids = list(connection.scalars(page.order_by(recordings.c.id).limit(_BATCH)))
            if not ids:
                return queued
            with self.transaction(of=_turn(sink)) as connection:
                wanted = and_(recordings.c.id.in_(ids), recordings.c.state == "archived", sinks.c.name == sink, ~owed)
                queued += connection.execute(queueing(wanted, literal("archived")), {"at": now()}).rowcount
                release(connection, ids)
            last = ids[-1]

    def prune_deliveries(self, sink: str, days: float) -> int:
        """Forget what was delivered more than so many days ago, at most some hundreds; how many."""
        with self.transaction(of=_turn(sink)) as connection:
            before = utc(clock(connection) - timedelta(days=days))
            old = select(deliveries.c.id).where(deliveries.c.state == DELIVERED, deliveries.c.sink == sink, deliveries.c.at < before)
            ids = list(connection.scalars(old.limit(_BATCH)))
            return connection.execute(deliveries.delete().where(deliveries.c.id.in_(ids))).rowcount if ids else 0


def _turn(sink: str) -> str:
    """Of what a transaction is that concerns one sink; what one recording's have in common, :func:`release` sees to."""
    return f"sink:{sink}"


def _counts(connection: Connection, sink: RowMapping) -> SinkCounts:
    mine = {"of_sink": sink["name"]}
    many = {state: connection.execute(_MANY, mine | {"of_state": state}).scalar_one() for state in OPEN}
    first = [connection.scalar(_FIRST, mine | {"of_state": state}) for state in OPEN if many[state]]
    return SinkCounts(
        name=sink["name"],
        kind=sink["kind"],
        configured=bool(sink["configured"]),
        held=many[HELD],
        waiting=many[WAITING],
        parked=many[PARKED],
        delivered=sink["delivered"],
        last_delivered=sink["last_delivered"],
        oldest=min((at for at in first if at), default=None),
    )


_MINE = and_(deliveries.c.state == bindparam("of_state"), deliveries.c.sink == bindparam("of_sink"))
_MANY = select(func.count()).select_from(select(deliveries.c.id).where(_MINE).limit(COUNTED).subquery())
_FIRST = select(deliveries.c.queued_at).where(_MINE).order_by(deliveries.c.id).limit(1)


def _known(connection: Connection) -> list[KnownSink]:
    ucms: dict[str, list[str]] = {}
    for sink, ucm in connection.execute(select(sink_ucms).order_by(sink_ucms.c.sink, sink_ucms.c.ucm)):
        ucms.setdefault(sink, []).extend([ucm] if ucm else [])
    rows = connection.execute(select(sinks).where(sinks.c.configured == 1).order_by(sinks.c.position)).mappings()
    return [KnownSink(row["name"], row["kind"], tuple(ucms.get(row["name"], ())), bool(row["erased"])) for row in rows]


def _enter(connection: Connection, position: int, sink: KnownSink) -> None:
    values = {"kind": sink.kind, "position": position, "configured": 1, "erased": int(sink.erased)}
    if not connection.execute(sinks.update().where(sinks.c.name == sink.name).values(**values)).rowcount:
        connection.execute(sinks.insert().values(name=sink.name, since=now(), delivered=0, **values))
    connection.execute(sink_ucms.insert(), [{"sink": sink.name, "ucm": ucm} for ucm in sink.ucms or ("",)])


def _park_orphans(connection: Connection, names: Collection[str]) -> None:
    """What sinks are owed that the configuration has no more; others wait no longer for it."""
    gone = and_(deliveries.c.state.in_((HELD, WAITING)), deliveries.c.sink.not_in(names))
    ids = list(connection.scalars(select(deliveries.c.recording_id).distinct().where(gone, deliveries.c.recording_id.is_not(None))))
    values = {"state": PARKED, "at": utc(clock(connection)), "lease": None, "detail": _NOT_CONFIGURED}
    connection.execute(deliveries.update().where(gone).values(**values))
    for start in range(0, len(ids), _BATCH):
        release(connection, ids[start : start + _BATCH])


def _release(connection: Connection, delivery: Delivery) -> None:
    if delivery.recording_id is not None:
        release(connection, [delivery.recording_id])


def _settle(connection: Connection, delivery: Delivery, values: Mapping[str, object]) -> bool:
    """Enter what became of a delivery and end its lease, unless it is somebody else's by now."""
    mine = and_(deliveries.c.id == delivery.id, deliveries.c.lease == delivery.lease)
    return connection.execute(deliveries.update().where(mine).values(lease=None, **values)).rowcount > 0
