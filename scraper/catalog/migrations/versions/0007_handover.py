"""Handing recordings over: sinks, deliveries, transcripts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From 0006, which stays as it is."""
    _sinks()
    _deliveries()
    _transcripts()


def _sinks() -> None:
    op.create_table(
        "sinks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("configured", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("last_delivered", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sinks")),
    )
    op.create_table(
        "sink_ucms",
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["sink"], ["sinks.name"], name=op.f("fk_sink_ucms_sink"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sink", "ucm", name=op.f("pk_sink_ucms")),
    )
    op.create_table(
        "sink_usage",
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sink", "day", name=op.f("pk_sink_usage")),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _Key, nullable=False),
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("recording_id", _Key, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.String(), nullable=False),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], name=op.f("fk_deliveries_recording_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_deliveries_recording_id"), "deliveries", ["recording_id"], unique=False)
    op.create_index(op.f("ix_deliveries_state_id"), "deliveries", ["state", "id"], unique=False)
    op.create_index("ix_deliveries_due", "deliveries", ["state", "sink", "at", "id"], unique=False)


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("id", _Key, nullable=False),
        sa.Column("recording_id", _Key, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], name=op.f("fk_transcripts_recording_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcripts")),
        sa.UniqueConstraint("recording_id", "kind", name=op.f("uq_transcripts_recording_id_kind")),
    )
