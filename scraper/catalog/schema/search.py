"""What recordings are found by; all of it can be made anew from the other tables."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, String, Table, Text, UniqueConstraint, text

from scraper.catalog.schema.base import Key, metadata

#: What an archived recording is found by; derived from other tables, and made anew where it is missing.
search_index = Table(
    "search_index",
    metadata,
    Column("recording_id", Key, ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("ucm", String, nullable=False),
    Column("class", String, nullable=False),
    Column("at", String, nullable=False),  # PBX local, '2026-02-06 16:21:36', or its month, or ''
    Column("seconds", Float),
    Column("words", Text, nullable=False),  # numbers and names, ' 1000 5555550100 '
    # Each holds what a search asks for beside it, so that it reads nothing else.
    Index("ix_search_index_newest", "at", "recording_id", "ucm", "class", "seconds", "words"),
    Index("ix_search_index_of_ucm", "ucm", "at", "recording_id", "class", "seconds"),
    Index(None, "seconds"),
)
#: Of the few that are not ordinary; on PostgreSQL the migrations say the same.
Index(
    "ix_search_index_of_class",
    search_index.c["class"],
    search_index.c.at,
    search_index.c.recording_id,
    search_index.c.ucm,
    search_index.c.seconds,
    sqlite_where=text("class <> 'monitor'"),
)

#: Each single word of a UCM's recordings once, to be found by its beginning and by its end.
search_words = Table(
    "search_words",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    Column("ucm", String, nullable=False),
    Column("word", String, nullable=False),
    Column("backwards", String, nullable=False),
    UniqueConstraint("ucm", "word"),
    Index(None, "ucm", "backwards"),
)

#: In which recordings a word is; ``at`` is theirs in the search index.
search_places = Table(
    "search_places",
    metadata,
    Column("word_id", Key, primary_key=True, autoincrement=False),
    Column("at", String, primary_key=True),
    Column(
        "recording_id", Key, ForeignKey("search_index.recording_id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    ),
    sqlite_with_rowid=False,
)
