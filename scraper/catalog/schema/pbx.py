"""What a PBX has told: its call records, its lists of recordings, what its own format is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from scraper.catalog.schema.base import Key, identity, metadata

#: The PBX's call records, a row a leg. Text is empty where the PBX gave none.
calls = Table(
    "calls",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("session", String, nullable=False),
    Column("acct_id", String, nullable=False),
    Column("start", String, nullable=False),  # PBX local, '2026-02-06 16:21:36'
    Column("src", String, nullable=False),
    Column("dst", String, nullable=False),
    Column("twin", String, nullable=False),  # '' where there is an AcctId, else a hash of what the columns above don't tell apart
    Column("uniqueid", String, nullable=False),
    Column("start_utc", String),
    Column("answer_utc", String),
    Column("end_utc", String),
    Column("talk_seconds", Integer),
    Column("duration", Integer),
    Column("disposition", String, nullable=False),
    Column("answered_by", String, nullable=False),
    Column("caller_name", String, nullable=False),
    Column("action_type", String, nullable=False),
    Column("lastapp", String, nullable=False),
    Column("source", String, nullable=False),  # 'api' | 'csv' | 'push'
    Column("first_seen", String, nullable=False),
    Column("last_seen", String, nullable=False),
    Column("asked_at", String),  # when the PBX was last asked for its files
    UniqueConstraint("ucm", "session", "acct_id", "start", "src", "dst", "twin"),
    Index(None, "ucm", "start"),
)

#: The recordings that a call names; month is '' where the PBX wrote none.
call_files = Table(
    "call_files",
    metadata,
    Column("id", Key, primary_key=True),
    Column("call_id", Key, ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("class", String, nullable=False),
    Column("month", String, nullable=False),
    Column("name", String, nullable=False),
    Column("seconds", Integer),
    Column("size", BigInteger),
    UniqueConstraint("call_id", "class", "month", "name"),
    Index(None, "name"),
)

#: What the PBX's own lists of recordings have shown; month is '' where neither path nor time gave one.
inventory = Table(
    "inventory",
    metadata,
    Column("id", Key, primary_key=True),
    *identity(),
    Column("size", BigInteger),
    Column("call_time", String),  # PBX local, as listed
    Column("first_listed", String, nullable=False),
    Column("last_listed", String, nullable=False),
    Column("run_id", String, nullable=False),  # the run that saw it last
    UniqueConstraint("ucm", "class", "month", "name"),
)

#: What calibration found, a row a try: the same recording compared in both of its forms (field guide 4).
calibrations = Table(
    "calibrations",
    metadata,
    Column("id", Key, primary_key=True),
    *identity(),
    Column("verdict", String, nullable=False),  # 'confirmed' | 'contradicted' | 'undecided'
    Column("signature", String, nullable=False),  # of the headers it holds for, as in converters.signature
    Column("layout", String),  # where it is confirmed
    Column("detail", Text, nullable=False),
    Column("decided_at", String, nullable=False),
    Index(None, "ucm", "verdict"),
)
