"""What only a catalog on a server can meet: other writers, and a server that is away, full, or older or newer than the program."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres_server import PostgresServer, database_of
from sqlalchemy import create_engine, inspect, text

from scraper.budget import LIMIT, SignInBudget
from scraper.catalog import Catalog, migrations, schema
from scraper.catalog.search import Wish
from scraper.errors import (
    BudgetExhausted,
    CatalogLocked,
    CatalogTooNew,
    CatalogUnreachable,
    ExitCode,
    ScraperError,
    StoreUnwritable,
)
from scraper.models import Gap, GapReason, Identity, RecordingClass

NOW = datetime(2026, 2, 6, 12, tzinfo=UTC)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


def side_by_side(*tasks: object) -> list[BaseException]:
    """Run all at once; what they raised."""
    together, raised = threading.Barrier(len(tasks)), []

    def run(task: object) -> None:
        try:
            together.wait(30)
            task()
        except ScraperError as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


# --- the schema ---


def test_the_migrations_make_what_the_program_expects_and_all_text_sorts_as_in_sqlite(postgres: str) -> None:
    with Catalog.open(postgres) as catalog, catalog.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in OURS})
        # The metadata leaves the conditions of partial indexes to the migrations.
        differing = [
            change for change in compare_metadata(context, schema.metadata) if "_open" not in str(change) and "_of_class" not in str(change)
        ]
        assert differing == []
        otherwise = "table_schema = 'public' AND collation_name IS DISTINCT FROM 'C' AND data_type IN ('text', 'character varying')"
        query = f"SELECT table_name, column_name FROM information_schema.columns WHERE {otherwise} AND table_name <> 'alembic_version'"
        assert connection.execute(text(query)).all() == []


OURS = set(schema.metadata.tables)


def test_many_processes_may_make_a_new_catalog_at_once(postgres: str) -> None:
    assert side_by_side(*[lambda: Catalog.open(postgres).close()] * 4) == []


@pytest.mark.parametrize("revision", ["0001", "0006"])
def test_an_older_catalog_is_brought_up_to_date(postgres: str, revision: str) -> None:
    engine = create_engine(postgres)
    with engine.begin() as connection:
        migrations.upgrade(connection, revision)
    engine.dispose()
    with Catalog.open(postgres) as catalog, catalog.reading() as connection:
        assert catalog.revision(connection) == schema.HEAD
        assert set(inspect(connection).get_table_names()) >= OURS


def test_a_newer_catalog_is_refused_untouched(postgres: str) -> None:
    with Catalog.open(postgres) as catalog, catalog.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogTooNew, match="9999"):
        Catalog.open(postgres)


# --- writing side by side ---


@pytest.mark.fault("catalog", "two machines ask for the last sign-in attempt at once", "one gets it", promise="ban")
def test_two_who_ask_for_the_last_attempt_at_once_get_one(postgres: str) -> None:
    with Catalog.open(postgres) as one, Catalog.open(postgres) as other:
        budgets = [SignInBudget(catalog, "https://pbx.example.com:8089", lambda: NOW) for catalog in (one, other)]
        for number in range(LIMIT - 1):
            with budgets[0].attempt("web", "backup", f"wrong {number}"):
                pass
        made = []

        def attempt(budget: SignInBudget) -> None:
            with budget.attempt("web", "backup", "another"):
                made.append(budget)

        raised = side_by_side(*[lambda budget=budget: attempt(budget) for budget in budgets * 4])
    assert len(made) == 1
    assert {type(error) for error in raised} == {BudgetExhausted}


def test_who_says_of_what_it_is_waits_for_the_same_and_for_whoever_writes_of_all(postgres: str) -> None:
    with Catalog.open(postgres, busy_seconds=0.2) as catalog:
        with catalog.transaction(of="office"):
            with catalog.transaction(of="branch"):
                pass
            for of in ("office", None):
                with pytest.raises(CatalogLocked), catalog.transaction(of=of):
                    pass
        with catalog.transaction(), pytest.raises(CatalogLocked), catalog.transaction(of="office"):
            pass


def test_a_value_is_remembered_once_whoever_comes_first(postgres: str) -> None:
    with Catalog.open(postgres) as catalog:
        said: list[str] = []
        assert side_by_side(*[lambda value=value: said.append(catalog.set_meta_once("salt", value)) for value in "abcd"]) == []
    assert len(said) == 4 and len(set(said)) == 1


def test_what_is_still_on_its_way_into_the_catalog_is_not_passed_over_by_the_search_index(postgres: str) -> None:
    with Catalog.open(postgres) as catalog, Catalog.open(postgres, busy_seconds=0.2) as other:
        with catalog.transaction(of="office") as connection:
            connection.execute(schema.recordings.insert().values(ROW))
            with other.transaction(of="branch") as theirs:
                theirs.execute(schema.recordings.insert().values(ROW | {"ucm": "branch"}))
            with pytest.raises(CatalogLocked):
                other.index_some({})
        assert other.index_some({}) is False
        assert {hit.recording.identity.ucm for hit in other.search(Wish()).hits} == {"office", "branch"}


ROW = {
    "ucm": "office", "class": "monitor", "month": "2026-02", "name": "auto-1770416496-1000-5555550100.wav", "suffix": "",
    "state": "archived", "path": "x", "size": 1, "sha256": "a", "source": "bulk", "source_format": "riff", "source_size": 1,
    "source_sha256": "b", "run_id": "r", "stored_at": "2026-02-06T16:21:36Z",
}  # fmt: skip


# --- a server in trouble ---


def gap() -> Gap:
    return Gap(Identity("office", RecordingClass.MONITOR, "2026-02", "a.wav"), GapReason.CORRUPT, "", "")


@pytest.mark.fault(
    "catalog", "the database server goes in the middle", "it is told, loses nothing, and is found again", exit_code=8, promise="loss"
)
def test_a_server_that_goes_in_the_middle_is_told_loses_nothing_and_is_found_again(own_server: PostgresServer) -> None:
    with Catalog.open(own_server.fresh()) as catalog:
        catalog.record_gap(gap())
        with pytest.raises(CatalogUnreachable) as caught, catalog.transaction() as connection:
            connection.execute(schema.gaps.delete())
            own_server.stop()
            connection.execute(schema.gaps.delete())
        assert caught.value.exit_code is ExitCode.STORAGE
        with pytest.raises(CatalogUnreachable):
            catalog.open_gaps("office")
        own_server.start()
        assert len(catalog.open_gaps("office")) == 1


def test_a_restart_between_two_transactions_goes_unnoticed(own_server: PostgresServer) -> None:
    with Catalog.open(own_server.fresh()) as catalog:
        catalog.record_gap(gap())
        own_server.stop()
        own_server.start()
        catalog.record_gap(gap())
        assert catalog.open_gaps("office")[0].attempts == 2


def test_a_session_ended_by_the_administrator_is_told(postgres: str) -> None:
    with Catalog.open(postgres) as catalog, pytest.raises(CatalogUnreachable), catalog.transaction() as connection:
        with psycopg.connect(str(catalog._engine.url).replace("+psycopg", "")) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ucm-scraper'")
        connection.execute(text("SELECT 1"))


@pytest.mark.fault("catalog", "no database server answers", "it is told, without the password", exit_code=8, promise="secret")
def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(CatalogUnreachable) as caught:
        Catalog.open("postgresql+psycopg://user:secret-word@127.0.0.1:1/catalog")
    assert "secret-word" not in f"{caught.value.message} {caught.value.remedy}"


def test_a_database_that_is_not_there_is_named(postgres_server: PostgresServer) -> None:
    with pytest.raises(CatalogUnreachable, match="nowhere"):
        Catalog.open(postgres_server.url("nowhere"))


def test_a_user_without_connections_left_is_told_so(postgres: str, postgres_server: PostgresServer) -> None:
    Catalog.open(postgres).close()
    with psycopg.connect(postgres_server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE crowded_{database_of(postgres)} LOGIN CONNECTION LIMIT 0")
        with pytest.raises(CatalogUnreachable, match="too many connections") as caught:
            Catalog.open(postgres_server.url(database_of(postgres), f"crowded_{database_of(postgres)}"))
        admin.execute(f"DROP ROLE crowded_{database_of(postgres)}")
    assert "max_connections" in caught.value.remedy


def test_a_read_only_server_can_be_read_and_says_that_it_can_t_be_written(postgres: str, postgres_server: PostgresServer) -> None:
    Catalog.open(postgres).close()
    with psycopg.connect(postgres_server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database_of(postgres)}" SET default_transaction_read_only = on')
    with Catalog.open(postgres) as catalog:
        assert catalog.open_gaps("office") == []
        with pytest.raises(StoreUnwritable, match="read-only"):
            catalog.record_gap(gap())


def test_a_user_who_may_not_write_is_told_so(postgres: str, postgres_server: PostgresServer) -> None:
    Catalog.open(postgres).close()
    name = database_of(postgres)
    with psycopg.connect(postgres_server.conninfo(name), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE guest_{name} LOGIN")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest_{name}")
        with Catalog.open(postgres_server.url(name, f"guest_{name}")) as catalog, pytest.raises(StoreUnwritable, match="may not"):
            catalog.record_gap(gap())
        admin.execute(f"DROP OWNED BY guest_{name}; DROP ROLE guest_{name}")


def test_what_only_reads_makes_nothing(postgres: str) -> None:
    with Catalog.open_to_read(postgres) as catalog, pytest.raises(ScraperError):
        catalog.totals("office")
    with Catalog.open(postgres) as catalog:
        catalog.record_gap(gap())
    with Catalog.open_to_read(postgres) as catalog:
        assert len(catalog.open_gaps("office")) == 1
        with pytest.raises(StoreUnwritable):
            catalog.record_gap(gap())
