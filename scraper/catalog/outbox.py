"""The outbox's own rules: who is told of a recording, in the transaction that changes it, and which delivery may go.

Deliveries belong to a recording's first version, and follow it where another one takes its place: what a recording is called by is told
in the order in which it happened, whatever its bytes are by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal, select

from scraper.catalog.schema import deliveries, recordings, sink_ucms, sinks, tombstones, transcripts
from scraper.models import utc

#: After so many failed attempts of one sink the others that come after it wait no longer for it.
PATIENCE = 3

HELD, WAITING, PARKED, DELIVERED = "held", "waiting", "parked", "delivered"
OPEN = (HELD, WAITING, PARKED)
#: What is told of a recording that is there no more.
ERASED = "erased"


class Owed(NamedTuple):
    """A delivery that is not done, as far as the order is concerned."""

    id: int
    recording_id: int
    sink: str
    state: str
    attempts: int


def may_go(owed: Sequence[Owed]) -> list[int]:
    """Those held of one recording's deliveries, ``owed`` in their order, that need wait no longer for the ones before them.

    A sink's own keep their order, come what may. Of another sink's one that keeps failing, or is parked, holds nobody up.
    """
    return [
        one.id
        for number, one in enumerate(owed)
        if one.state == HELD
        and all(before.sink != one.sink and (before.state == PARKED or before.attempts >= PATIENCE) for before in owed[:number])
    ]


def queue_announced(connection: Connection, ucm: str, at: str) -> None:
    """Queue what is just becoming archived of this UCM, for each sink. Recordings' first versions only: others are kept beside them."""
    if connection.execute(_QUEUE_ANNOUNCED, {"of_ucm": ucm, "at": at}).rowcount > 0:
        release(connection, connection.scalars(_ANNOUNCED, {"of_ucm": ucm}).all())


def queue_replaced(connection: Connection, recording_id: int, at: str) -> None:
    """Queue that a stored file's bytes changed."""
    if connection.execute(_QUEUE_REPLACED, {"of_recording": recording_id, "at": at}).rowcount > 0:
        release(connection, [recording_id])


def hand_on(connection: Connection, old: int, new: int) -> None:
    """Another version becomes the recording's first one: what is owed and was told of the old one, and was made of it, is the new one's."""
    for table in (deliveries, transcripts):
        connection.execute(table.update().where(table.c.recording_id == old).values(recording_id=new))


def queue_erased(connection: Connection, ucm: str, after: int, at: str) -> None:
    """Queue that what is just being erased of this UCM (its tombstones have numbers above ``after``) is, for each sink that asked for it.

    It is held until :func:`bid_farewell`.
    """
    connection.execute(_QUEUE_ERASED, {"of_ucm": ucm, "after": after, "at": at})


def bid_farewell(connection: Connection, recording_ids: Collection[int]) -> None:
    """These recordings are about to be removed, with what was owed of them; that they were erased is told from now on.

    What a sink has in hand of one may still arrive until its lease ends: it is told after that.
    """
    mine, other = deliveries, deliveries.alias()
    of_them = and_(mine.c.recording_id.in_(recording_ids), mine.c.event == ERASED)
    in_hand = and_(other.c.recording_id == mine.c.recording_id, other.c.sink == mine.c.sink, other.c.lease.is_not(None))
    until = select(func.max(other.c.at)).where(in_hand, other.c.event != ERASED).correlate(mine).scalar_subquery()
    when = func.coalesce(until, utc(clock(connection)))
    connection.execute(mine.update().where(of_them, mine.c.state == HELD).values(state=WAITING, at=when))
    connection.execute(mine.update().where(of_them).values(recording_id=None))


def release(connection: Connection, recording_ids: Iterable[int]) -> None:
    """Let go what need not be held any more of these recordings' deliveries."""
    ids = list(recording_ids)
    # Two transactions that end a delivery each, or end one and queue another, must not both miss what the other does.
    connection.execute(select(recordings.c.id).where(recordings.c.id.in_(ids)).order_by(recordings.c.id).with_for_update(key_share=True))
    columns = (deliveries.c.id, deliveries.c.recording_id, deliveries.c.sink, deliveries.c.state, deliveries.c.attempts)
    query = select(*columns).where(deliveries.c.recording_id.in_(ids), deliveries.c.state.in_(OPEN), deliveries.c.event != ERASED)
    rows = [Owed(*row) for row in connection.execute(query.order_by(deliveries.c.recording_id, deliveries.c.id))]
    free = [number for _, group in groupby(rows, key=lambda row: row.recording_id) for number in may_go(list(group))]
    if free:
        connection.execute(deliveries.update().where(deliveries.c.id.in_(free)).values(state=WAITING, at=utc(clock(connection))))


def clock(connection: Connection) -> datetime:
    """This moment by the database's clock, aware: those of several machines may be hours apart."""
    found = connection.scalar(select(func.now()))
    assert isinstance(found, datetime)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def queueing(condition: ColumnElement[bool], event: ColumnElement[str]) -> Any:
    """The statement that queues ``event`` for the first versions of recordings that match, for each sink that wants their UCM's."""
    wanted = sink_ucms.c.ucm.in_(("", recordings.c.ucm))
    columns: tuple[Any, ...] = (sinks.c.name, recordings.c.id, event, literal(HELD), literal(""), literal(0), bindparam("at"), literal(""))
    found = select(*columns).select_from(sink_ucms.join(sinks)).join(recordings, wanted)
    names = ["sink", "recording_id", "event", "state", "at", "attempts", "queued_at", "detail"]
    found = found.where(recordings.c.suffix == "", condition).order_by(recordings.c.id, sinks.c.position)
    return deliveries.insert().from_select(names, found).inline().execution_options(preserve_rowcount=True)


def _was_told() -> ColumnElement[bool]:
    same = and_(deliveries.c.recording_id == recordings.c.id, deliveries.c.sink == sinks.c.name)
    return select(deliveries.c.id).where(same).correlate(recordings, sinks).exists()


# Built once: building a statement costs more than running it.
_IS_ANNOUNCED = and_(recordings.c.ucm == bindparam("of_ucm"), recordings.c.state == "storing")
_ANNOUNCED = select(recordings.c.id).where(_IS_ANNOUNCED, recordings.c.suffix == "")
_QUEUE_ANNOUNCED = queueing(_IS_ANNOUNCED, case((_was_told(), "replaced"), else_="archived"))
_QUEUE_REPLACED = queueing(recordings.c.id == bindparam("of_recording"), literal("replaced"))
_BURIED = and_(tombstones.c.ucm == bindparam("of_ucm"), tombstones.c.id > bindparam("after"), recordings.c.suffix == "")
_QUEUE_ERASED = deliveries.insert().from_select(
    ["sink", "recording_id", "tombstone_id", "event", "state", "at", "attempts", "queued_at", "detail"],
    select(
        sinks.c.name,
        recordings.c.id,
        tombstones.c.id,
        literal(ERASED),
        literal(HELD),
        literal(""),
        literal(0),
        bindparam("at"),
        literal(""),
    )
    .select_from(sink_ucms.join(sinks))
    .join(tombstones, sink_ucms.c.ucm.in_(("", tombstones.c.ucm)))
    .join(recordings, recordings.c.id == tombstones.c.recording_id)
    .where(_BURIED, sinks.c.erased == 1)
    .order_by(tombstones.c.id, sinks.c.position),
)
