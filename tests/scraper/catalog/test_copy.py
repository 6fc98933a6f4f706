"""Looking after the catalog: upgrade, check, copy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from postgres_server import PostgresServer
from sqlalchemy import Float, Integer, LargeBinary, select, text

from scraper.catalog import Catalog, Lease, schema
from scraper.catalog.checking import check
from scraper.catalog.copying import copy
from scraper.cli.app import cli
from scraper.errors import ConfigError, StorageError
from scraper.lock import service_lock

TEXT = "é\t\\N\n'\"\U0001f4de"


def fill(catalog: Catalog, rows: int = 3) -> None:
    """Rows in each table, with all that is hard to carry over; they belong to one another as they must."""
    with catalog.transaction() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name.startswith("recording_"):
                continue  # kept by triggers
            for number in range(1, rows + 1):
                connection.execute(table.insert().values({column.name: value(column, number) for column in table.columns}))


def value(column: Any, number: int) -> Any:
    if column.nullable and number == 2:
        return None
    if isinstance(column.type, LargeBinary):
        return bytes(range(256)) * number
    if isinstance(column.type, Float):
        return number / 3
    if column.foreign_keys or not isinstance(column.type, Integer):
        text = isinstance(column.type, type(schema.meta.c.key.type)) or column.type.python_type is str
        return f"{number}{TEXT}" if text else number
    return number


def content(catalog: Catalog) -> dict[str, list[tuple[Any, ...]]]:
    with catalog.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in schema.metadata.sorted_tables
        }


@pytest.fixture
def target(request: pytest.FixtureRequest, catalog_url: str, tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog on the other kind of database."""
    url = request.getfixturevalue("postgres") if catalog_url.startswith("sqlite") else f"sqlite:///{tmp_path}/target.db"
    with Catalog.open(url) as opened:
        yield opened


def test_a_full_catalog_is_copied_to_the_other_kind_of_database_with_all_it_holds(catalog: Catalog, target: Catalog) -> None:
    fill(catalog)
    counts = copy(catalog, target)
    assert set(counts) == set(schema.metadata.tables) and all(counts[name] == 3 for name in counts if not name.startswith("recording_"))
    assert content(target) == content(catalog)
    target.note_audit("somebody", "started")
    assert [entry.id for entry in target.audit_entries()] == [4, 3, 2, 1]


def test_a_target_that_is_not_empty_is_refused_untouched(catalog: Catalog, target: Catalog) -> None:
    fill(catalog)
    target.set_meta("mine", "yes")
    with pytest.raises(ConfigError, match="not empty: it has rows in meta"):
        copy(catalog, target)
    assert target.audit_entries() == []


def test_what_arrives_as_something_else_is_told_and_nothing_stays(catalog: Catalog, target: Catalog) -> None:
    fill(catalog)
    if target._engine.dialect.name == "sqlite":
        change = ["CREATE TRIGGER lie AFTER INSERT ON audit BEGIN UPDATE audit SET who = 'else' WHERE id = NEW.id; END"]
    else:
        lie = "CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.who = 'else'; RETURN NEW; END $$"
        change = [lie, "CREATE TRIGGER lie BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION lie()"]
    with target.transaction() as connection:
        for statement in change:
            connection.exec_driver_sql(statement)
    with pytest.raises(StorageError, match="audit"):
        copy(catalog, target)
    assert not any(content(target).values())


# --- check ---


def test_an_archive_as_jobs_leave_it_is_sound(shop: Any, make: Any) -> None:
    shop.ingest(make.tgz(make.recordings(3)))
    shop.catalog.index_some({})
    with shop.catalog.reading() as connection:
        assert connection.scalar(select(schema.recording_sums.c.recordings)) == 3
    assert check(shop.catalog) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE recordings SET state = 'lost'", ("recordings", 1, "have a state that there is not")),
        ("UPDATE recordings SET size = size + 1", ("recordings", 1, "are not as long as their samples")),
        ("UPDATE recordings SET source_size = source_size + 1", ("recordings", 1, "don't make their original again")),
        ("UPDATE recordings SET sha256 = ''", ("recordings", 1, "have no path or no hash")),
        ("UPDATE recording_sums SET recordings = 7", ("recording_sums", 1, "are not what counting gives")),
        (
            "UPDATE alembic_version SET version_num = '0003'",
            ("alembic_version", 1, f"has revision 0003; this version works with {schema.HEAD}"),
        ),
    ],
)
def test_what_can_not_be_is_told(catalog: Catalog, change: str, told: tuple[str, int, str]) -> None:
    row = {
        "ucm": "office", "class": "monitor", "month": "2026-02", "name": "a.wav", "suffix": "", "state": "archived", "path": "x",
        "size": 44 + 8000, "sha256": "a" * 64, "frames": 4000, "channels": 1, "sample_rate": 8000, "source": "bulk",
        "source_format": "gsff", "source_size": 8064, "source_header": b"\0" * 64, "source_sha256": "b" * 64, "run_id": "r",
        "stored_at": "2026-02-06T16:21:36Z",
    }  # fmt: skip
    with catalog.transaction() as connection:
        connection.execute(schema.recordings.insert().values(row))
    assert check(catalog) == []
    with catalog.transaction() as connection:
        connection.exec_driver_sql(change)
    assert [(one.table, one.rows, one.what) for one in check(catalog)] == [told]
    with catalog.transaction() as connection:  # tests share a database
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": schema.HEAD})


def test_a_row_that_belongs_to_none_is_told(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        with catalog._engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("INSERT INTO call_files (call_id, class, month, name) VALUES (9, 'monitor', '', 'a.wav')")
            connection.exec_driver_sql("BEGIN")
        assert [(one.table, one.rows) for one in check(catalog)] == [("call_files", 1)]


# --- the commands ---


def run(folder: Path, *words: str, url: str | None = None) -> Result:
    config = {"data_dir": "./data", "ucms": {"office": {"url": "https://pbx.example.com", "web": {"username": "u", "password": "p"}}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config | ({"catalog": {"url": url}} if url else {})))
    return CliRunner().invoke(cli, ["--config", str(folder / "config.yaml"), "catalog", *words])


def test_upgrade_makes_a_catalog_and_then_says_that_it_is_up_to_date(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "upgrade", "--json").stdout) == {"schema": 1, "from": None, "to": schema.HEAD}
    assert run(tmp_path, "upgrade").stdout == f"The catalog is up to date: revision {schema.HEAD}.\n"


def test_check_ends_with_8_where_something_is_wrong_and_2_where_there_is_no_catalog(tmp_path: Path) -> None:
    assert run(tmp_path, "check").exit_code == 2
    run(tmp_path, "upgrade")
    assert run(tmp_path, "check").stdout == "The catalog is sound.\n"
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog, catalog.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO recording_sums VALUES ('office', 1, 2)")
    result = run(tmp_path, "check", "--json")
    assert result.exit_code == 8
    assert json.loads(result.stdout)["problems"][0]["table"] == "recording_sums"


def test_copy_moves_to_postgresql_and_back_but_not_beside_a_service(tmp_path: Path, postgres: str) -> None:
    run(tmp_path, "upgrade")
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog:
        fill(catalog)
    with service_lock(tmp_path / "data"):
        assert run(tmp_path, "copy", "--to", postgres).exit_code == 9
    there = run(tmp_path, "copy", "--to", postgres, "--json")
    assert there.exit_code == 0, there.output
    assert json.loads(there.stdout)["rows"]["audit"] == 3
    assert run(tmp_path, "copy", "--to", postgres).exit_code == 2
    back = f"sqlite:///{tmp_path}/back.db"
    assert run(tmp_path, "copy", "--to", back, url=postgres).exit_code == 0
    with Catalog.open(back) as copied, Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as original:
        assert content(copied) == content(original)


@pytest.mark.fault("fleet", "the catalog is copied while a worker holds a lease", "it is refused", exit_code=9, promise="apart")
def test_copy_waits_for_no_fleet_that_works_with_either_catalog(tmp_path: Path, postgres: str, postgres_server: PostgresServer) -> None:
    other, file = postgres_server.fresh(), f"sqlite:///{tmp_path}/copy.db"
    with Catalog.open(postgres) as here, Catalog.open(other) as there:
        lease = here.take_lease("branch", "pid 1 on a worker", 30)
        refused = run(tmp_path, "copy", "--to", file, url=postgres)
        assert (refused.exit_code, "pid 1 on a worker holds branch" in refused.output) == (9, True), refused.output
        assert isinstance(lease, Lease)
        here.release_lease(lease)
        assert isinstance(there.take_lease("branch", "pid 2 on a worker", 30), Lease)
        assert run(tmp_path, "copy", "--to", other, url=postgres).exit_code == 9
    assert run(tmp_path, "copy", "--to", file, url=postgres).exit_code == 0
