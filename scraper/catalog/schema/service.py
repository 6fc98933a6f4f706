"""What the service remembers: sign-ins and sessions, who works on what, whom it told, who did what."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from scraper.catalog.schema.base import Key, metadata

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", Key, primary_key=True),
    Column("pbx", Text, nullable=False),
    Column("at", String, nullable=False),
    Column("way", String, nullable=False),  # 'web' | 'api'
    Column("username", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("outcome", String, nullable=False),  # 'pending' | 'ok' | 'refused' | 'locked' | 'unclear' | 'person'
    Column("remaining", Integer),
    Column("blocked_until", String),
    Index(None, "pbx", "at"),
)

#: Kept web sessions, where a fleet's machines share them; sealed with its key.
sessions = Table(
    "sessions",
    metadata,
    Column("ucm", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("saved_at", String, nullable=False),
)

#: Who in a fleet works on what; see ``fleet``.
leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("fence", BigInteger, nullable=False),  # grows with each holder
    Column("holder", Text),  # in words; null: nobody
    Column("beat", Float, nullable=False),  # when the holder was heard of, by the database's clock (epoch)
)

#: Episodes that somebody is told of once, such as a person being needed; ``ucm`` is '' where it concerns the whole service.
notices = Table(
    "notices",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String, nullable=False),
    Column("ucm", String, nullable=False),
    Column("since", String, nullable=False),
    Column("told_at", String),
    Column("ended_at", String),
    Column("detail", Text, nullable=False),
)
#: One open notice of a kind and UCM; on PostgreSQL the migrations say the same.
Index("uq_notices_open", notices.c.kind, notices.c.ucm, unique=True, sqlite_where=notices.c.ended_at.is_(None))

#: Who did what in the admin service; rows are only added, and those of refused sign-ins counted up.
audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("ucm", String),
    Column("detail", Text, nullable=False),
)
