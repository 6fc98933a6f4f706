"""What the archive lets go of, and what it may not: tombstones and legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From 0008."""
    _tombstones()
    _erasures()
    _holds()


def _tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("identity_hash", sa.String(), nullable=False),
        sa.Column("recording_id", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by_whom", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_ucm_id"), "tombstones", ["ucm", "id"])
    op.create_index(op.f("ix_tombstones_recording_id"), "tombstones", ["recording_id"])


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_ucm"), "erasures", ["ucm"])


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("since", sa.String(), nullable=True),
        sa.Column("until", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_whom", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("lifted_at", sa.String(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_ucm"), "holds", ["ucm"])
