"""The tables. Times are UTC text (``2026-02-06T16:21:36Z``), which sorts as time on every engine; sizes are bytes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

#: The newest migration in ``migrations/versions``; compared at every start without importing Alembic.
HEAD = "0011"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

_Key = BigInteger().with_variant(Integer, "sqlite")


def _identity() -> tuple[Column[str], ...]:
    return (
        Column("ucm", String, nullable=False),
        Column("class", String, nullable=False),
        Column("month", String, nullable=False),
        Column("name", String, nullable=False),
    )


meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))

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

recordings = Table(
    "recordings",
    metadata,
    Column("id", _Key, primary_key=True),
    *_identity(),
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

gaps = Table(
    "gaps",
    metadata,
    Column("id", _Key, primary_key=True),
    *_identity(),
    Column("reason", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("first_seen", String, nullable=False),
    Column("last_seen", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("gone_at", String),  # when the PBX first said so for this very file
    Column("closed_at", String),
    Column("closed_as", String),  # 'archived' | 'gone' | 'withdrawn'
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

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", _Key, primary_key=True),
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

#: The PBX's call records, a row a leg. Text is empty where the PBX gave none.
calls = Table(
    "calls",
    metadata,
    Column("id", _Key, primary_key=True),
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
    Column("id", _Key, primary_key=True),
    Column("call_id", _Key, ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
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
    Column("id", _Key, primary_key=True),
    *_identity(),
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
    Column("id", _Key, primary_key=True),
    *_identity(),
    Column("verdict", String, nullable=False),  # 'confirmed' | 'contradicted' | 'undecided'
    Column("signature", String, nullable=False),  # of the headers it holds for, as in converters.signature
    Column("layout", String),  # where it is confirmed
    Column("detail", Text, nullable=False),
    Column("decided_at", String, nullable=False),
    Index(None, "ucm", "verdict"),
)

#: Conversions that are about to be put in another's place; what is in place and what not, the file's hash tells.
replacements = Table(
    "replacements",
    metadata,
    Column("recording_id", _Key, ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
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

#: What the manifests have still to tell: a row a recording that was archived, replaced or lost. Copied here: it may be gone by then.
manifest_lines = Table(
    "manifest_lines",
    metadata,
    Column("id", _Key, primary_key=True),
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
    Column("id", _Key, primary_key=True),
    Column("ucm", String, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, …
    Column("day", String, nullable=False),  # UTC, '2026-02-06'
    Column("path", String, nullable=False),  # relative to the store
    Column("sha256", String, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("written_at", String, nullable=False),
    UniqueConstraint("ucm", "number"),
)

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
    Column("id", _Key, primary_key=True),
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

#: Who did what in the admin service; rows are only added, and those of refused sign-ins counted up.
audit = Table(
    "audit",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("ucm", String),
    Column("detail", Text, nullable=False),
)

#: Episodes that somebody is told of once, such as a person being needed; ``ucm`` is '' where it concerns the whole service.
notices = Table(
    "notices",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("kind", String, nullable=False),
    Column("ucm", String, nullable=False),
    Column("since", String, nullable=False),
    Column("told_at", String),
    Column("ended_at", String),
    Column("detail", Text, nullable=False),
)
#: One open notice of a kind and UCM; on PostgreSQL the migrations say the same.
Index("uq_notices_open", notices.c.kind, notices.c.ucm, unique=True, sqlite_where=notices.c.ended_at.is_(None))

#: What an archived recording is found by; derived from the tables above, and made anew where it is missing.
search_index = Table(
    "search_index",
    metadata,
    Column("recording_id", _Key, ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
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
    Column("id", _Key, primary_key=True, autoincrement=False),
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
    Column("word_id", _Key, primary_key=True, autoincrement=False),
    Column("at", String, primary_key=True),
    Column(
        "recording_id", _Key, ForeignKey("search_index.recording_id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    ),
    sqlite_with_rowid=False,
)

#: What was let go of on purpose, so that nothing brings it back: keyed hashes, no name and no number.
tombstones = Table(
    "tombstones",
    metadata,
    Column("id", _Key, primary_key=True),
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
    Column("id", _Key, primary_key=True),
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
    Column("id", _Key, primary_key=True),
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
    Column("id", _Key, primary_key=True),
    Column("sink", String, nullable=False),
    Column("recording_id", _Key, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("event", String, nullable=False),  # 'archived' | 'replaced'
    Column("state", String, nullable=False),  # 'held' by an earlier one of the recording | 'waiting' | 'parked' | 'delivered'
    Column("at", String, nullable=False),  # waiting: not before then; delivered, parked: since then
    Column("attempts", Integer, nullable=False),
    Column("queued_at", String, nullable=False),
    Column("lease", String),  # who is at it, until `at`
    Column("detail", Text, nullable=False),  # why the last attempt failed
    Index("ix_deliveries_due", "state", "sink", "at", "id"),
    Index(None, "state", "id"),
    sqlite_autoincrement=True,  # receivers tell deliveries apart by their numbers: none is given twice
)

#: Texts made of a recording, beside it in the store.
transcripts = Table(
    "transcripts",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("recording_id", _Key, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),  # 'text' | 'json' | 'summary'
    Column("path", String, nullable=False),  # relative to the store
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made_at", String, nullable=False),
    UniqueConstraint("recording_id", "kind"),
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
