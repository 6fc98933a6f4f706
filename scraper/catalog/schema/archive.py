"""What is archived: each recording, what replaces it, what is made of it, and how much it is in all."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from scraper.catalog.schema.base import Key, identity, metadata

recordings = Table(
    "recordings",
    metadata,
    Column("id", Key, primary_key=True),
    *identity(),
    Column("suffix", String, nullable=False),  # '' for the first bytes seen under this identity, sha8 for each other version
    Column("state", String, nullable=False),  # 'storing' until its file is in place, then 'archived'
    Column("path", String, nullable=False),  # relative to the store
    Column("size", BigInteger, nullable=False),
    # Of the stored file. The header of ours follows from the samples, so that this proves the sound as well.
    Column("sha256", String, nullable=False),
    Column("frames", BigInteger),
    Column("sample_rate", Integer),
    Column("channels", Integer),
    Column("source", String, nullable=False),
    Column("source_format", String, nullable=False),
    Column("layout", String),
    Column("confidence", String),
    Column("source_size", BigInteger, nullable=False),
    Column("source_sha256", String, nullable=False),
    Column("source_header", LargeBinary),  # header + samples + trailer are the original, where decoding only copied
    Column("source_trailer", LargeBinary),
    Column("original_path", String),
    Column("run_id", String, nullable=False),
    Column("stored_at", String, nullable=False),
    Column("call_time", String),
    Column("format", String),  # 'flac' | 'opus'; null: WAV, or as it came
    Column("wav_sha256", String),  # of the WAV file that these samples were recorded as, where they are stored as another
    UniqueConstraint("ucm", "class", "month", "name", "suffix"),
    Index(None, "state", "ucm"),
    Index(None, "path"),
    Index(None, "ucm", "month"),
)

#: Conversions that are about to be put in another's place; what is in place and what not, the file's hash tells.
replacements = Table(
    "replacements",
    metadata,
    Column("recording_id", Key, ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String, nullable=False),
    Column("frames", BigInteger),
    Column("sample_rate", Integer),
    Column("channels", Integer),
    Column("layout", String),
    Column("confidence", String),
    Column("source_header", LargeBinary),
    Column("source_trailer", LargeBinary),
    Column("original_path", String),
    Column("format", String),
    Column("wav_sha256", String),
)

#: Texts made of a recording, beside it in the store.
transcripts = Table(
    "transcripts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("recording_id", Key, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),  # 'text' | 'json' | 'summary'
    Column("path", String, nullable=False),  # relative to the store
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made_at", String, nullable=False),
    UniqueConstraint("recording_id", "kind"),
)

#: What is archived, counted as it changes (:mod:`scraper.catalog.sums`). ``recordings``: first versions; ``size``: of all versions.
recording_sums = Table(
    "recording_sums",
    metadata,
    Column("ucm", String, primary_key=True),
    Column("recordings", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
)

#: The same by the day of the call, of first versions only; as the search index knows it.
recording_days = Table(
    "recording_days",
    metadata,
    Column("ucm", String, primary_key=True),
    Column("day", String, primary_key=True),  # '2026-02-06', or its month, or ''
    Column("recordings", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
)
