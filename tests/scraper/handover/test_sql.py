"""SQL sinks, on a real PostgreSQL of the user's own."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from scraper.handover.sql import _verified
from scraper.handover.statement import PARAMETERS, for_psycopg, like, unknown_parameter
from scraper.handover.subject import Subject

UPDATE = (
    "UPDATE cdr_records SET recording_local_path = :remote_path, recording_downloaded = TRUE, recording_downloaded_at = now()"
    " WHERE recordfiles LIKE :recording_file"
)


@pytest.fixture
def theirs(postgres: str) -> str:
    """The user's database: as psycopg takes it."""
    url = make_url(postgres)
    conninfo = f"postgresql://postgres@/{url.database}?host={url.query['host']}"
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "CREATE TABLE cdr_records (recordfiles text, recording_local_path text, recording_downloaded bool, recording_downloaded_at"
            " timestamptz)"
        )
    return conninfo


def rows(theirs: str, query: str) -> list[Any]:
    with psycopg.connect(theirs) as connection:
        return connection.execute(query).fetchall()


def sink(theirs: str, **changes: Any) -> dict[str, Any]:
    return {"sql": {"url": theirs, "statement": UPDATE, **changes}, "timeout_seconds": 20}


def test_statement_of_the_issue_marks_the_call_and_no_other(make_office, kit, theirs):
    office = make_office(db=sink(theirs))
    with psycopg.connect(theirs) as connection:
        connection.execute("INSERT INTO cdr_records VALUES (%s), ('2026-02/auto-1.wav@')", [f"2026-02/{kit.NAME}@"])
    office.archive(kit.NAME)
    office.hand_over()
    assert office.states() == [("db", "archived", "delivered")]
    found = rows(theirs, "SELECT recording_local_path, recording_downloaded FROM cdr_records ORDER BY recording_downloaded")
    assert found == [(f"office/2026-02/{kit.NAME}", True), (None, None)]


def test_row_that_is_not_there_yet_is_waited_for(make_office, kit, theirs):
    office = make_office(db=sink(theirs))
    office.archive(kit.NAME)
    office.hand_over()
    assert office.states() == [("db", "archived", "waiting")]
    assert office.details() == ["The statement concerned 0 rows, and expect_rows asks for 1."]


def test_values_are_bound_whatever_they_hold(make_office, kit, theirs):
    name = "auto-1770400000-'; DROP TABLE cdr_records; --%s%(x)s.wav"
    office = make_office(db=sink(theirs, statement="INSERT INTO cdr_records (recordfiles) VALUES (:name || '100%' || ':path')"))
    office.archive(name)
    office.hand_over()
    assert rows(theirs, "SELECT recordfiles FROM cdr_records") == [(name + "100%:path",)]


def test_missing_call_is_null_and_types_fit(make_office, kit, theirs):
    statement = "INSERT INTO cdr_records (recordfiles, recording_local_path) VALUES (:src, (:seconds + :size)::text)"
    office = make_office(db=sink(theirs, statement=statement))
    office.archive(kit.NAME)
    office.hand_over()
    assert rows(theirs, "SELECT recordfiles FROM cdr_records") == [(None,)]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE no_such_table SET a = :name", "The database refused it: UndefinedTable (42P01)."),
        ("SELECT pg_sleep(20)", "The database refused it: QueryCanceled (57014)."),
        ("UPDATE cdr_records SET recordfiles = :name; SELECT :name", "The database refused it: SyntaxError (42601)."),
    ],
)
def test_statement_that_fails_is_told_without_its_values(make_office, kit, theirs, statement, why):
    office = make_office(db=sink(theirs, statement=statement) | {"timeout_seconds": 1})
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details() == [why] or office.details() == ["It took longer than 1 s."]


def test_nothing_half_done_stays(make_office, kit, theirs):
    office = make_office(db=sink(theirs, statement="INSERT INTO cdr_records (recordfiles) VALUES (:name)", expect_rows=2))
    office.archive(kit.NAME)
    office.hand_over()
    assert rows(theirs, "SELECT * FROM cdr_records") == [] and office.states()[0][2] == "waiting"


def test_database_that_is_away_is_no_error_of_ours(make_office, kit):
    office = make_office(db=sink("postgresql://u:secret-password@127.0.0.1:9/x"))
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details()[0].startswith("The database can't be reached") and "secret" not in office.details()[0]


def test_server_over_a_network_must_prove_who_it_is():
    assert _verified("postgresql://u:p@db.example.com/x")["sslmode"] == "verify-full"
    assert _verified("postgresql://u:p@db.example.com/x?sslmode=require") == {}
    assert _verified("postgresql://u:p@127.0.0.1/x") == _verified("postgresql://u@/x?host=/run/postgresql") == {}


# --- parameters ---


def test_parameters_are_those_that_are_documented(kit):
    from scraper.catalog import Delivery

    delivery = Delivery(1, "db", 1, "archived", "waiting", "", 0, "", None, "")
    assert set(Subject(delivery, "u-1", kit.recording(), "/x").parameters()) - {"action_type", "lastapp", "session"} == set(PARAMETERS)


def test_only_parameters_are_parameters():
    statement = "SELECT ':a', \":b\", x::text, $t$:c$t$, :name /* :d */, a[1:2], '100%' -- :e\n, 5 % 2"
    assert unknown_parameter(statement) is None
    assert for_psycopg(statement) == (
        "SELECT ':a', \":b\", x::text, $t$:c$t$, %(name)s /* :d */, a[1:2], '100%%' -- :e\n, 5 %% 2"
    )  # fmt: skip
    assert unknown_parameter("SELECT :nmae") == "nmae"


def test_pattern_finds_signs_as_they_are():
    assert like("a_b%c\\d") == "%a\\_b\\%c\\\\d%"
