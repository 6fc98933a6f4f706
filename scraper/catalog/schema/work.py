"""What is done and what is left to do: runs, gaps, backfills."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, and_

from scraper.catalog.schema.base import Key, identity, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("trigger", String, nullable=False),
    Column("since", String),
    Column("until", String),
    Column("started_at", String, nullable=False),
    Column("finished_at", String),
    Column("status", String, nullable=False),
    Column("exit_code", Integer),
    Column("report", Text),
    Column("expected", Integer),  # as the report counts, so that nobody reads it for that
    Column("archived", Integer),
    Column("gone", Integer),
    Column("new", Integer),
    Column("error", String),  # its kind
    Index(None, "ucm", "started_at"),
    Index(None, "started_at", "id"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", Key, primary_key=True),
    *identity(),
    Column("reason", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("first_seen", String, nullable=False),
    Column("last_seen", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("gone_at", String),  # when the PBX first said so for this very file
    Column("closed_at", String),
    Column("closed_as", String),  # 'archived' | 'confirmed' | 'gone' | 'withdrawn'
    Column("quarantine_path", String),
    Column("source_sha256", String),
)
#: One open gap an identity. On PostgreSQL the migrations say the same; here it would import that dialect at every start (40 ms).
Index(
    "uq_gaps_open",
    gaps.c.ucm,
    gaps.c["class"],
    gaps.c.month,
    gaps.c.name,
    unique=True,
    sqlite_where=gaps.c.closed_at.is_(None),
)
Index("ix_gaps_closed_as", gaps.c.ucm, gaps.c.closed_as)
Index("ix_gaps_open", gaps.c.id, sqlite_where=gaps.c.closed_at.is_(None))

#: Of a gap that is open both are null, else neither: said so, SQLite reads no closed ones, whichever index it takes.
OPEN_GAP = and_(gaps.c.closed_at.is_(None), gaps.c.closed_as.is_(None))

#: Windows of call times that somebody wants fetched. Dates are PBX local, ``until`` exclusive.
backfills = Table(
    "backfills",
    metadata,
    Column("id", String, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("since", String, nullable=False),  # '2026-02-01'
    Column("until", String, nullable=False),
    Column("order", String, nullable=False),  # 'newest-first' | 'oldest-first'
    Column("state", String, nullable=False),  # 'active' | 'paused' | 'cancelled' | 'done'
    Column("asked_by", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("ended_at", String),
    Index(None, "ucm", "state"),
)

#: A backfill's window in pieces, each one job; together they are the window, without overlap or gap.
backfill_slices = Table(
    "backfill_slices",
    metadata,
    Column("id", Key, primary_key=True),
    Column("backfill_id", String, ForeignKey("backfills.id", ondelete="CASCADE"), nullable=False),
    Column("since", String, nullable=False),
    Column("until", String, nullable=False),
    Column("state", String, nullable=False),  # 'waiting' | 'running' | 'done' | 'failed'
    Column("attempts", Integer, nullable=False),
    Column("run_id", String),  # its newest job
    Column("expected", Integer),  # as that job's report counts; null: not known
    Column("archived", Integer),
    Column("gone", Integer),
    Column("open", Integer),
    Column("detail", Text, nullable=False),  # why it failed
    Column("started_at", String),
    Column("ended_at", String),
    Column("retry_at", String),  # not before
    UniqueConstraint("backfill_id", "since"),
)
