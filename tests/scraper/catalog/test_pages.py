"""What the pages ask of the catalog is answered by its indexes, on either kind of database."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).parents[2]))
from large_catalog import fill, questions

from scraper.catalog import Catalog

#: Enough that an index is the planner's own choice.
RECORDINGS = 10_000
#: By which index (a pattern), in SQLite and in PostgreSQL.
INDEXES = {
    "overview: totals": (r"recording_sums_1 \(ucm=\?\)", None),
    "overview: gaps": (r"\(ucm=\? AND closed_as=\?\)|ix_gaps_open", "(uq|ix)_gaps_open"),
    "overview: runs": ("ix_runs_ucm_started_at", "ix_runs_ucm_started_at"),
    "overview: heat map of one": ("recording_days", "pk_recording_days"),
    "recordings: newest": ("ix_search_index_newest", "ix_search_index_newest"),
    "recordings: far down": ("ix_search_index_newest", "ix_search_index_newest"),
    "recordings: of a UCM": ("ix_search_index_of_ucm", "ix_search_index_of_ucm"),
    "recordings: of a kind that is not there": ("ix_search_index_of_class", "ix_search_index_of_class"),
    "recordings: of a day": ("ix_search_index_newest", "ix_search_index_newest"),
    "recordings: short ones": ("ix_search_index_seconds", "ix_search_index_seconds"),
    "recordings: very long ones": ("ix_search_index_seconds", "ix_search_index_seconds"),
    "recordings: a number": ("uq_search_words|search_words USING COVERING INDEX", "uq_search_words_ucm_word"),
    "recordings: end of a number": ("ix_search_words_ucm_backwards", "ix_search_words_ucm_backwards"),
    "recordings: an extension": (r"search_places USING PRIMARY KEY \(word_id=\?", "pk_search_places"),
    "recordings: an extension's long ones": (r"search_places USING PRIMARY KEY \(word_id=\?", "pk_search_places"),
    "recording: one": ("INTEGER PRIMARY KEY", "pk_recordings"),
    "recording: its calls": ("ix_call_files_name", "ix_call_files_name"),
    "gaps: groups": (r"(uq|ix)_gaps_open|\(ucm=\? AND closed_as=\?\)", None),
    "gaps: page": ("(uq|ix)_gaps_open", "ix_gaps_open"),
    "gaps: gone": (None, None),
    "runs: all": ("ix_runs_started_at_id", "ix_runs_started_at_id"),
    "runs: of a UCM": ("ix_runs_ucm_started_at", "ix_runs_ucm_started_at"),
    "audit": ("audit", "pk_audit"),
}
#: How reading a large table whole is told. Of so few rows, PostgreSQL rather reads the search index than looks up fifty.
WHOLE = (
    r"SCAN (recordings|search_(index|places|words))\b(?! USING INDEX| USING COVERING INDEX ix_search_index_newest)"
    r"|ix_gaps_closed_as \(ucm=\?\)",  # all that a UCM ever missed
    r'"Seq Scan"[^{}]*"Relation Name": "(recordings|search_places|search_words|calls|runs)"',
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_server").fresh() if postgres else f"sqlite:///{tmp_path_factory.mktemp('large')}/catalog.db"
    with Catalog.open(url) as catalog:
        fill(catalog, RECORDINGS)
        if postgres:
            with catalog._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        yield catalog


def plans(catalog: Catalog, question: Any) -> str:
    """How the database answers a question, in its own words."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(catalog._engine, "before_cursor_execute", note)
    question(catalog)
    event.remove(catalog._engine, "before_cursor_execute", note)
    found = []
    explain = "EXPLAIN QUERY PLAN " if catalog._engine.dialect.name == "sqlite" else "EXPLAIN (FORMAT JSON) "
    with catalog.reading() as connection:
        for statement, parameters in asked:
            if statement.lstrip().startswith("SELECT"):
                found += [
                    str(json.dumps(row[-1]) if explain.endswith(") ") else row[-1])
                    for row in connection.exec_driver_sql(explain + statement, parameters)
                ]
    return "\n".join(found)


def test_each_question_of_the_pages_is_answered_by_its_index(large: Catalog) -> None:
    sqlite = large._engine.dialect.name == "sqlite"
    asked = {name: question for name, question in questions(RECORDINGS) if name in INDEXES}
    assert asked.keys() == INDEXES.keys()
    wrong = []
    for name, question in asked.items():
        plan, index = plans(large, question), INDEXES[name][0 if sqlite else 1]
        if re.search(WHOLE[0 if sqlite else 1], plan) or (index and not re.search(index, plan)):
            wrong.append((name, plan))
    assert wrong == []
