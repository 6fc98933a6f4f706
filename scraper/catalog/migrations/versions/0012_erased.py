"""Sinks may be told what was erased: such a delivery outlives its recording, and knows its tombstone instead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SAME = "id, sink, recording_id, event, state, at, attempts, queued_at, lease, detail"
_TO_TOMBSTONE = ("fk_deliveries_tombstone_id", ["tombstone_id"], ["id"])


def upgrade() -> None:
    """From 0011."""
    op.add_column("sinks", sa.Column("erased", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "sqlite":
        _anew()
    else:
        op.alter_column("deliveries", "recording_id", nullable=True)
        op.add_column("deliveries", sa.Column("tombstone_id", _KEY, nullable=True))
        name, mine, other = _TO_TOMBSTONE
        op.create_foreign_key(op.f(name), "deliveries", "tombstones", mine, other, ondelete="CASCADE")
    op.create_index(op.f("ix_deliveries_state_sink_id"), "deliveries", ["state", "sink", "id"], unique=False)


def _anew() -> None:
    """SQLite changes no column. The numbers go on where they were: none is given twice."""
    for index in ("ix_deliveries_recording_id", "ix_deliveries_state_id", "ix_deliveries_due"):
        op.drop_index(index, "deliveries")
    op.rename_table("deliveries", "deliveries_before")
    op.create_table(
        "deliveries",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("sink", sa.String(), nullable=False),
        sa.Column("recording_id", _KEY, nullable=True),
        sa.Column("tombstone_id", _KEY, nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.String(), nullable=False),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], name=op.f("fk_deliveries_recording_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tombstone_id"], ["tombstones.id"], name=op.f("fk_deliveries_tombstone_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_autoincrement=True,
    )
    run = op.get_bind().exec_driver_sql
    run(f"INSERT INTO deliveries ({_SAME}) SELECT {_SAME} FROM deliveries_before")  # noqa: S608 -- ours
    run("DELETE FROM sqlite_sequence WHERE name = 'deliveries'")
    run("INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries', seq FROM sqlite_sequence WHERE name = 'deliveries_before'")
    op.drop_table("deliveries_before")
    op.create_index(op.f("ix_deliveries_recording_id"), "deliveries", ["recording_id"], unique=False)
    op.create_index(op.f("ix_deliveries_state_id"), "deliveries", ["state", "id"], unique=False)
    op.create_index("ix_deliveries_due", "deliveries", ["state", "sink", "at", "id"], unique=False)
