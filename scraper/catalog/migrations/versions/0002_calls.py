"""Call records with the recordings they name, and what the PBX's own lists have shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From 0001, which stays as it is."""
    _calls()
    _call_files()
    _inventory()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("acct_id", sa.String(), nullable=False),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("src", sa.String(), nullable=False),
        sa.Column("dst", sa.String(), nullable=False),
        sa.Column("twin", sa.String(), nullable=False),
        sa.Column("uniqueid", sa.String(), nullable=False),
        sa.Column("start_utc", sa.String(), nullable=True),
        sa.Column("answer_utc", sa.String(), nullable=True),
        sa.Column("end_utc", sa.String(), nullable=True),
        sa.Column("talk_seconds", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("disposition", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("caller_name", sa.String(), nullable=False),
        sa.Column("action_type", sa.String(), nullable=False),
        sa.Column("lastapp", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen", sa.String(), nullable=False),
        sa.Column("last_seen", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint(
            "ucm", "session", "acct_id", "start", "src", "dst", "twin", name=op.f("uq_calls_ucm_session_acct_id_start_src_dst_twin")
        ),
    )
    op.create_index(op.f("ix_calls_ucm_start"), "calls", ["ucm", "start"], unique=False)


def _call_files() -> None:
    op.create_table(
        "call_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_files_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_files")),
        sa.UniqueConstraint("call_id", "class", "month", "name", name=op.f("uq_call_files_call_id_class_month_name")),
    )
    op.create_index(op.f("ix_call_files_name"), "call_files", ["name"], unique=False)


def _inventory() -> None:
    op.create_table(
        "inventory",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("call_time", sa.String(), nullable=True),
        sa.Column("first_listed", sa.String(), nullable=False),
        sa.Column("last_listed", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory")),
        sa.UniqueConstraint("ucm", "class", "month", "name", name=op.f("uq_inventory_ucm_class_month_name")),
    )
