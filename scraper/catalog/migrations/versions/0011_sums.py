"""What the pages ask for, counted and indexed so that it is found at once among millions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scraper.catalog import sums

revision = "0011"
down_revision = "0010"

_COUNTS = ("expected", "archived", "gone", "new")


def upgrade() -> None:
    """From 0010; what it holds is counted. What recordings are found by is made anew as people search."""
    _search()
    _sums()
    _runs()
    op.create_index(
        "ix_gaps_open", "gaps", ["id"], sqlite_where=sa.text("closed_at IS NULL"), postgresql_where=sa.text("closed_at IS NULL")
    )
    sums.create_triggers(op.get_bind())
    sums.count_anew(op.get_bind())


def _search() -> None:
    op.get_bind().exec_driver_sql("DELETE FROM search_index")
    op.create_index("ix_search_index_of_ucm", "search_index", ["ucm", "at", "recording_id", "class", "seconds"], unique=False)
    op.create_index(op.f("ix_search_index_seconds"), "search_index", ["seconds"], unique=False)
    few = sa.text("class <> 'monitor'")
    columns = ["class", "at", "recording_id", "ucm", "seconds"]
    op.create_index("ix_search_index_of_class", "search_index", columns, unique=False, sqlite_where=few, postgresql_where=few)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "search_words",
        sa.Column("id", number, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("ucm", "word", "backwards")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_words")),
        sa.UniqueConstraint("ucm", "word", name=op.f("uq_search_words_ucm_word")),
    )
    op.create_index(op.f("ix_search_words_ucm_backwards"), "search_words", ["ucm", "backwards"], unique=False)
    op.create_table(
        "search_places",
        sa.Column("word_id", number, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("recording_id", number, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["search_index.recording_id"], name=op.f("fk_search_places_recording_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("word_id", "at", "recording_id", name=op.f("pk_search_places")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_search_places_recording_id"), "search_places", ["recording_id"], unique=False)


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
