"""What the pages ask for, counted and indexed so that it is found at once among millions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scraper.catalog import sums

revision = "0011"
down_revision = "0010"

_COUNTS = ("expected", "archived", "gone", "new")


def upgrade() -> None:
    """From 0010; what it holds is counted."""
    _sums()
    _runs()
    op.create_index(
        "ix_gaps_open", "gaps", ["id"], sqlite_where=sa.text("closed_at IS NULL"), postgresql_where=sa.text("closed_at IS NULL")
    )
    sums.create_triggers(op.get_bind())
    sums.count_anew(op.get_bind())


def _sums() -> None:
    numbers = (("recordings", sa.BigInteger()), ("size", sa.BigInteger()))
    op.create_table(
        "recording_sums",
        sa.Column("ucm", sa.String(), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in numbers),
        sa.PrimaryKeyConstraint("ucm", name=op.f("pk_recording_sums")),
    )
    op.create_table(
        "recording_days",
        sa.Column("ucm", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in numbers),
        sa.PrimaryKeyConstraint("ucm", "day", name=op.f("pk_recording_days")),
    )


def _runs() -> None:
    for name in _COUNTS:
        op.add_column("runs", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("error", sa.String(), nullable=True))
    op.create_index(op.f("ix_runs_started_at_id"), "runs", ["started_at", "id"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    count = "json_extract(report, '$.recordings.{0}')" if sqlite else "(report::json #>> '{{recordings,{0}}}')::integer"
    error = "json_extract(report, '$.error.kind')" if sqlite else "report::json #>> '{error,kind}'"
    counts = ", ".join(f"{name} = {count.format(name)}" for name in _COUNTS)
    op.get_bind().exec_driver_sql(f"UPDATE runs SET {counts}, error = {error} WHERE report IS NOT NULL")  # noqa: S608 -- ours
