"""The catalog: opening, migrating, runs, recordings, gaps."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select

from scraper.catalog import Catalog, Recording, migrations, schema
from scraper.errors import CatalogCorrupt, CatalogLocked, CatalogTooNew, ConfigError, StoreUnwritable
from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Source, Status, Trigger, Window

WHEN = datetime(2026, 2, 6, 16, 21, 36, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/catalog.db"


@pytest.fixture
def in_a_file(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        yield opened


def identity(name: str = "a.wav", ucm: str = "office") -> Identity:
    return Identity(ucm, RecordingClass.MONITOR, "2026-02", name)


def recording(name: str = "a.wav", **changes: Any) -> Recording:
    values = {
        "identity": identity(name), "path": f"office/2026-02/{name}", "size": 100, "sha256": "a" * 64, "source": Source.BULK,
        "source_format": "gsff", "source_size": 64, "source_sha256": "b" * 64, "source_header": b"GSFF", "run_id": "r",
    }  # fmt: skip
    return Recording(**(values | changes))


def gap(name: str = "a.wav", reason: GapReason = GapReason.CORRUPT) -> Gap:
    return Gap(identity(name), reason, "detail", "remedy")


def shape(url: str) -> dict[str, list[str]]:
    """What each table and index of a catalog is made of, line by line, and the revision."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        revision = connection.execute("SELECT 'revision', version_num FROM alembic_version").fetchall()
    # Columns that a migration added stand behind the last one, on its line.
    parts = {
        name: [part for line in text.splitlines() for part in ([line] if "(" in line else line.split(", "))]
        for name, text in made + revision
    }
    return {name: sorted(filter(None, (part.strip(" \t,") for part in found))) for name, found in parts.items()}


def migrated(folder: Path, revision: str) -> str:
    """The URL of a catalog as the program of that revision left it."""
    url = f"sqlite:///{folder}/{revision}.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, revision)
    engine.dispose()
    return url


def test_a_new_catalog_is_exactly_what_the_migrations_make(url: str, in_a_file: Catalog, tmp_path: Path) -> None:
    assert migrations.revisions()[0] == schema.HEAD
    assert shape(url) == shape(migrated(tmp_path, schema.HEAD))
    with in_a_file.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


@pytest.mark.parametrize("revision", migrations.revisions())
def test_a_catalog_of_each_older_revision_is_brought_up_to_date(url: str, in_a_file: Catalog, tmp_path: Path, revision: str) -> None:
    old = migrated(tmp_path, revision)
    Catalog.open(old).close()
    assert shape(old) == shape(url)


def test_a_catalog_is_private_and_in_wal_with_each_commit_flushed(url: str, in_a_file: Catalog, tmp_path: Path) -> None:
    in_a_file.set_meta("a", "b")
    files = list((tmp_path / "data").iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    with in_a_file.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize("there", [True, False])
def test_opening_a_new_or_up_to_date_catalog_imports_neither_alembic_nor_another_database_s_dialect(url: str, there: bool) -> None:
    if there:
        Catalog.open(url).close()
    code = "import sys; from scraper.catalog import Catalog; Catalog.open(sys.argv[1]).close(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert not {"alembic", "sqlalchemy.dialects.postgresql"} & set(done.stdout.split())


def test_many_may_open_a_new_catalog_at_once(url: str) -> None:
    errors = []

    def opening() -> None:
        try:
            Catalog.open(url).close()
        except CatalogLocked as error:
            errors.append(error)

    threads = [threading.Thread(target=opening) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.fault("catalog", "another program holds the catalog's lock", "the job ends after its patience", exit_code=8, promise="hang")
def test_a_catalog_locked_by_another_program_is_told(url: str, tmp_path: Path) -> None:
    Catalog.open(url).close()
    with Catalog.open(url, busy_seconds=0.1) as catalog:
        other = sqlite3.connect(tmp_path / "data" / "catalog.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogLocked):
            catalog.set_meta("a", "b")
        other.execute("ROLLBACK")
        other.close()
        catalog.set_meta("a", "b")


@pytest.mark.fault("catalog", "the catalog's file is no database", "it is said, and left untouched", exit_code=8, promise="loss")
@pytest.mark.parametrize("body", [b"this is no database, whatever its name says " * 50, b"SQLite format 3\0" + b"\xff" * 4000])
def test_what_is_no_database_is_corrupt(url: str, tmp_path: Path, body: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.db").write_bytes(body)
    with pytest.raises(CatalogCorrupt):
        Catalog.open(url)
    assert (tmp_path / "data" / "catalog.db").read_bytes() == body


@pytest.mark.fault("catalog", "pages of the catalog are damaged", "it is said", exit_code=8, promise="loss")
def test_a_catalog_with_damaged_pages_is_corrupt(url: str, tmp_path: Path) -> None:
    with Catalog.open(url) as catalog:
        catalog.announce([recording(f"{number}.wav") for number in range(500)])
    path = tmp_path / "data" / "catalog.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = b"\xa5" * (len(data) - 4096 * 3)
    path.write_bytes(data)
    with pytest.raises(CatalogCorrupt), Catalog.open(url) as catalog:
        list(catalog.recordings("office", state="storing"))


@pytest.mark.fault("catalog", "the catalog is of a newer version", "refused, untouched", exit_code=8, promise="loss")
def test_a_newer_catalog_is_refused_untouched(url: str) -> None:
    with Catalog.open(url) as catalog, catalog.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogTooNew, match="9999"):
        Catalog.open(url)


def test_a_catalog_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable):
        Catalog.open(f"sqlite:///{tmp_path}/file/catalog.db")


@pytest.mark.parametrize("bad", ["nonsense", "postgresql+asyncpg://u:secret@host/db", "mysql://u:secret@host/db"])
def test_another_kind_of_url_is_a_configuration_error_that_does_not_repeat_it(bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Catalog.open(bad)
    assert "secret" not in caught.value.message


def test_a_failed_transaction_leaves_nothing(catalog: Catalog) -> None:
    with pytest.raises(KeyError), catalog.transaction() as connection:
        connection.execute(schema.meta.insert().values(key="a", value="b"))
        raise KeyError
    assert catalog.get_meta("a") is None


def test_meta_remembers_the_last_value(catalog: Catalog) -> None:
    catalog.set_meta("a", "1")
    catalog.set_meta("a", "2")
    assert catalog.get_meta("a") == "2"


def test_a_recording_comes_back_as_it_went_in(catalog: Catalog) -> None:
    catalog.announce([recording(frames=5, sample_rate=8000, channels=1, layout="x", confidence="claimed", call_time="t")])
    (row,) = catalog.find_recordings(identity())
    assert row.state == "storing"
    catalog.promote("office")
    (row,) = catalog.recordings("office")
    assert (row.state, row.source, row.source_header, row.frames, row.call_time) == ("archived", Source.BULK, b"GSFF", 5, "t")
    assert catalog.is_archived(identity())
    assert not catalog.is_archived(identity("b.wav"))
    assert catalog.knows_path("office/2026-02/a.wav")


def test_promoting_one_ucm_leaves_the_other_alone(catalog: Catalog) -> None:
    catalog.announce([recording(), recording(identity=identity(ucm="other"))])
    catalog.promote("office")
    assert [row.identity.ucm for row in catalog.recordings(state="storing")] == ["other"]


def test_only_what_is_announced_can_be_withdrawn(catalog: Catalog) -> None:
    catalog.announce([recording()])
    catalog.promote("office")
    catalog.announce([recording("b.wav")])
    catalog.withdraw([row.id for name in ("a.wav", "b.wav") for row in catalog.find_recordings(identity(name))])
    assert [row.identity.name for row in catalog.recordings()] == ["a.wav"]


def test_more_recordings_than_a_page_are_listed_once_each(catalog: Catalog) -> None:
    catalog.announce([recording(f"{number}.wav") for number in range(2500)])
    catalog.promote("office")
    assert [row.identity.name for row in catalog.recordings("office", month="2026-02", klass=RecordingClass.MONITOR)] == [
        f"{number}.wav" for number in range(2500)
    ]
    assert list(catalog.recordings("office", month="2026-03")) == []


def test_totals_count_identities_once_and_gone_apart(catalog: Catalog) -> None:
    catalog.announce([recording(), recording(suffix="0123abcd", path="x"), recording("b.wav", size=7)])
    catalog.promote("office")
    for name in ("a.wav", "c.wav"):
        catalog.record_gap(gap(name, GapReason.GONE), at=WHEN)
        catalog.record_gap(gap(name, GapReason.GONE), at=WHEN + timedelta(days=1))
    totals = catalog.totals("office")
    assert (totals.archived, totals.gone, totals.size) == (2, 1, 207)


def test_a_recording_with_an_open_gap_counts_as_missing_though_copies_of_it_are_held(catalog: Catalog) -> None:
    catalog.announce([recording(), recording(suffix="0123abcd", path="x"), recording("b.wav")])
    catalog.promote("office")
    catalog.record_gaps([gap(), gap("c.wav"), Gap(identity(ucm="other"), GapReason.CORRUPT, "", "")])
    assert catalog.doubted("office") == catalog.doubted("office", identity()) == {identity(): GapReason.CORRUPT}
    assert catalog.doubted("office", identity("b.wav")) == {}
    assert catalog.totals("office").archived == 1


def test_another_version_leaves_the_gap_of_the_first_one_open(catalog: Catalog) -> None:
    catalog.record_gap(gap())
    catalog.announce([recording(suffix="0123abcd")])
    catalog.promote("office")
    assert len(catalog.open_gaps("office")) == 1


def test_promoting_closes_the_open_gap_of_that_identity_only(catalog: Catalog) -> None:
    catalog.record_gap(gap())
    catalog.record_gap(gap("b.wav"))
    catalog.announce([recording()])
    catalog.promote("office")
    assert [row.gap.identity.name for row in catalog.open_gaps("office")] == ["b.wav"]
    assert [row.closed_as for row in catalog.closed_gaps("office", "archived")] == ["archived"]


def test_a_gap_seen_again_is_the_same_gap(catalog: Catalog) -> None:
    catalog.record_gap(gap(), at=WHEN)
    catalog.record_gap(gap(reason=GapReason.UNREACHABLE), at=WHEN + timedelta(hours=1))
    (row,) = catalog.open_gaps("office")
    assert (row.gap.reason, row.attempts, row.first_seen, row.last_seen) == (
        GapReason.UNREACHABLE, 2, "2026-02-06T16:21:36Z", "2026-02-06T17:21:36Z",
    )  # fmt: skip


def test_a_closed_gap_can_open_again(catalog: Catalog) -> None:
    catalog.record_gap(gap())
    assert catalog.close_gap(identity(), "withdrawn")
    assert not catalog.close_gap(identity(), "withdrawn")
    catalog.record_gap(gap())
    assert len(catalog.open_gaps("office")) == 1


@pytest.mark.parametrize(("hours", "closed"), [(0.1, False), (1.9, False), (2, True), (50, True)])
def test_gone_is_believed_when_said_twice_hours_apart(catalog: Catalog, hours: float, closed: bool) -> None:
    catalog.record_gap(gap(reason=GapReason.GONE), at=WHEN)
    assert len(catalog.open_gaps("office")) == 1
    catalog.record_gap(gap(reason=GapReason.GONE), at=WHEN + timedelta(hours=hours))
    assert (catalog.open_gaps("office") == []) is closed
    assert len(catalog.closed_gaps("office", "gone")) == closed


def test_gone_that_is_contradicted_in_between_starts_anew(catalog: Catalog) -> None:
    for hours, reason in ((0, GapReason.GONE), (3, GapReason.THROTTLED), (6, GapReason.GONE)):
        catalog.record_gap(gap(reason=reason), at=WHEN + timedelta(hours=hours))
    assert len(catalog.open_gaps("office")) == 1


def test_gone_for_good_is_not_opened_by_being_said_again(catalog: Catalog) -> None:
    for days in range(3):
        catalog.record_gap(gap(reason=GapReason.GONE), at=WHEN + timedelta(days=days))
    assert catalog.open_gaps("office") == []


def test_runs_are_told_newest_first_and_a_dead_one_is_failed(catalog: Catalog) -> None:
    catalog.start_run("1", "office", Trigger.MANUAL, Window(), WHEN)
    catalog.start_run("2", "office", Trigger.SCHEDULE, Window(), WHEN + timedelta(hours=1))
    catalog.start_run("3", "other", Trigger.SCHEDULE, Window(), WHEN)
    report = Report("2", "office", Trigger.SCHEDULE, WHEN, finished_at=WHEN, status=Status.COMPLETE, exit_code=0)
    catalog.finish_run(report)
    newest, dead = catalog.last_runs("office")
    assert (newest.id, newest.status, newest.exit_code) == ("2", "complete", 0)
    assert newest.report == report.as_json()
    assert (dead.id, dead.status, dead.report) == ("1", "failed", None)
    assert len(catalog.last_runs()) == 3
    assert len(catalog.last_runs(limit=1)) == 1


def test_sign_ins_can_be_kept_in_a_transaction(catalog: Catalog) -> None:
    row = {"pbx": "p", "at": "2026-02-06T16:21:36Z", "way": "web", "username": "u", "fingerprint": "f", "outcome": "pending"}
    with catalog.transaction() as connection:
        connection.execute(schema.sign_ins.insert().values(**row))
    with catalog.reading() as connection:
        assert connection.execute(select(schema.sign_ins.c.outcome)).scalar_one() == "pending"


def test_what_runs_for_each_recording_is_answered_by_an_index_however_many_there_are(in_a_file: Catalog) -> None:
    plans = []
    with in_a_file.transaction() as connection:
        real = connection.connection.driver_connection
        real.set_trace_callback(plans.append)
    calls = (
        lambda: in_a_file.find_recordings(identity()),
        lambda: in_a_file.is_archived(identity()),
        lambda: in_a_file.knows_path("x"),
        lambda: in_a_file.promote("office"),
        lambda: in_a_file.record_gap(gap()),
    )
    for call in calls:
        call()
    real.set_trace_callback(None)
    statements = [text for text in plans if text.startswith(("SELECT", "UPDATE"))]
    assert len(statements) >= len(calls)
    with in_a_file.reading() as connection:
        for statement in statements:
            steps = [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement.replace("%", "%%"))]
            assert all("SEARCH" in step or "SUBQUERY" in step for step in steps), (statement, steps)
            if "FROM recordings" in statement and "name = " in statement and "EXISTS" not in statement:
                assert any("name=?" in step for step in steps), (statement, steps)
