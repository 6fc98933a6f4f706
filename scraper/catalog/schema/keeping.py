"""What is let go of on purpose, and what may not be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from scraper.catalog.schema.base import Key, metadata

#: What was let go of on purpose, so that nothing brings it back: keyed hashes, no name and no number.
tombstones = Table(
    "tombstones",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("kind", String, nullable=False),  # 'recording' | 'call'
    Column("identity_hash", String, nullable=False),  # HMAC-SHA256, keyed by the salt in the table meta
    Column("recording_id", BigInteger),  # its row's, where it was archived
    Column("sha256", String),  # of the file that was stored
    Column("why", String, nullable=False),  # 'erased' | 'retention'
    Column("at", String, nullable=False),
    Column("by_whom", String, nullable=False),
    Index(None, "ucm", "id"),
    Index(None, "recording_id"),
)

#: What is being let go of: it has its tombstone, and its files and rows are about to go. Empty but for a moment, or after a crash.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("month", String, nullable=False),  # '': whatever its month, for its name has the call's time
    Column("name", String, nullable=False),
    Column("call_id", BigInteger),  # a call record, then month and name are ''
    Index(None, "ucm"),
)

#: What may not be let go of. A part that is null holds whatever it is.
holds = Table(
    "holds",
    metadata,
    Column("id", Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("number", String),
    Column("since", String),  # '2026-02-01', PBX local
    Column("until", String),  # exclusive
    Column("name", String),  # of one recording, 'YYYY-MM/NAME' or 'NAME'
    Column("reason", Text, nullable=False),
    Column("by_whom", String, nullable=False),
    Column("at", String, nullable=False),
    Column("lifted_at", String),
    Column("lifted_by", String),
    Index(None, "ucm"),
)
