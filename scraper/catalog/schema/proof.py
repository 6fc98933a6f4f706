"""What the manifests tell and have still to tell."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, UniqueConstraint

from scraper.catalog.schema.base import Key, metadata

#: What the manifests have still to tell: a row a recording that was archived, replaced or lost. Copied here: it may be gone by then.
manifest_lines = Table(
    "manifest_lines",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recording_id", BigInteger, nullable=False),
    Column("sha256", String, nullable=False),
    Column("wav_sha256", String),
    Column("size", BigInteger, nullable=False),
    Column("frames", BigInteger),
    Column("sample_rate", Integer),
    Column("replaces", String),  # the hash that it had before
    Column("gone", Integer, nullable=False),  # 1: its file was lost, and it is no recording of the archive any more
    Index(None, "ucm", "at"),
)

#: The manifests written, each chained to its UCM's one before.
manifests = Table(
    "manifests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, …
    Column("day", String, nullable=False),  # UTC, '2026-02-06'
    Column("path", String, nullable=False),  # relative to the store
    Column("sha256", String, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("written_at", String, nullable=False),
    UniqueConstraint("ucm", "number"),
)
