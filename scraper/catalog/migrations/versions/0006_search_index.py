"""What recordings are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """From 0005, which stays as it is; the table is filled when somebody searches."""
    op.create_table(
        "search_index",
        sa.Column("recording_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], name=op.f("fk_search_index_recording_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_search_index")),
    )
    op.create_index("ix_search_index_newest", "search_index", ["at", "recording_id", "ucm", "class", "seconds", "words"], unique=False)
