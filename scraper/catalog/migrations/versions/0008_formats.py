"""Formats other than WAV, and the manifests."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From 0007; what was archived until now is all told by the first manifest."""
    for table in ("recordings", "replacements"):
        for name in ("format", "wav_sha256"):
            op.add_column(table, sa.Column(name, sa.String(), nullable=True))
    _manifest_lines()
    _manifests()
    told = sa.text(
        "INSERT INTO manifest_lines (ucm, at, recording_id, sha256, size, frames, sample_rate, gone)"
        " SELECT ucm, :now, id, sha256, size, frames, sample_rate, 0 FROM recordings WHERE state = 'archived' ORDER BY id"
    )
    op.execute(told.bindparams(now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))


def _manifest_lines() -> None:
    op.create_table(
        "manifest_lines",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("recording_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("wav_sha256", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=True),
        sa.Column("sample_rate", sa.Integer(), nullable=True),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifest_lines")),
    )
    op.create_index(op.f("ix_manifest_lines_ucm_at"), "manifest_lines", ["ucm", "at"])


def _manifests() -> None:
    op.create_table(
        "manifests",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifests")),
        sa.UniqueConstraint("ucm", "number", name=op.f("uq_manifests_ucm_number")),
    )
