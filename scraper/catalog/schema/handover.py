"""To whom recordings are handed over, and what they have still to be told."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from scraper.catalog.schema.base import Key, metadata

#: To whom recordings are handed over, as the configuration last said.
sinks = Table(
    "sinks",
    metadata,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("position", Integer, nullable=False),  # in the configuration: a recording's deliveries go in this order
    Column("configured", Integer, nullable=False),  # 0: the configuration has it no more
    Column("since", String, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("last_delivered", String),
    Column("erased", Integer, nullable=False, server_default="0"),  # 1: it is told, too, what of its UCMs was erased
)

#: Whose recordings are queued for which sink; ucm is '' for all. Empty while nothing is to be handed over, so that it costs nothing then.
sink_ucms = Table(
    "sink_ucms",
    metadata,
    Column("sink", String, ForeignKey("sinks.name", ondelete="CASCADE"), primary_key=True),
    Column("ucm", String, primary_key=True),
)

#: What a sink that costs has taken on a day.
sink_usage = Table(
    "sink_usage",
    metadata,
    Column("sink", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)

#: The outbox: what a sink is to be told of a recording. What exactly, is found out when it is delivered.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("sink", String, nullable=False),
    Column("recording_id", Key, ForeignKey("recordings.id", ondelete="CASCADE"), index=True),  # null: it was erased
    Column("tombstone_id", Key, ForeignKey("tombstones.id", ondelete="CASCADE")),  # of what was erased
    Column("event", String, nullable=False),  # 'archived' | 'replaced' | 'erased'
    Column("state", String, nullable=False),  # 'held' by an earlier one of the recording | 'waiting' | 'parked' | 'delivered'
    Column("at", String, nullable=False),  # waiting: not before then; delivered, parked: since then
    Column("attempts", Integer, nullable=False),
    Column("queued_at", String, nullable=False),
    Column("lease", String),  # who is at it, until `at`
    Column("detail", Text, nullable=False),  # why the last attempt failed
    Index("ix_deliveries_due", "state", "sink", "at", "id"),
    Index(None, "state", "id"),
    Index(None, "state", "sink", "id"),
    sqlite_autoincrement=True,  # receivers tell deliveries apart by their numbers: none is given twice
)
