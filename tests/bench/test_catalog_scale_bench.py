"""How long the pages' questions take a catalog of five million recordings, on either kind of database."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from large_catalog import fill, questions
from postgres_server import PostgresServer

from scraper.catalog import Catalog

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

RECORDINGS = int(os.environ.get("BENCH_RECORDINGS", "5000000"))
LONGEST_MS = 50.0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/catalog.db"
        return
    # As a server of 2 GB would be set up; what is written need not survive here.
    server = PostgresServer(shared_buffers="512MB", max_wal_size="4GB", maintenance_work_mem="256MB", autovacuum="off")
    server.start()
    yield server.fresh()
    server.remove()


def took(question, catalog) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    question(catalog)
    return (time.perf_counter() - start) * 1000


def test_the_pages_questions_at_millions_of_recordings(url, capsys):
    with Catalog.open(url) as catalog:
        began = time.monotonic()
        fill(catalog, RECORDINGS)
        if url.startswith("postgresql"):
            with catalog._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM")  # as autovacuum would have by then
        made = time.monotonic() - began
        times = {name: [took(question, catalog) for _ in range(7)] for name, question in questions(RECORDINGS)}
    lines = [f"  {statistics.median(each):8.1f} ms  (first {each[0]:8.1f})  {name}" for name, each in times.items()]
    with capsys.disabled():
        kind = url.partition(":")[0]
        sys.stdout.write(f"\n{kind}: {RECORDINGS:,} recordings, made in {made:.0f} s\n" + "\n".join(lines) + "\n")
    slow = {name: each for name, each in times.items() if statistics.median(each) > LONGEST_MS}
    assert slow == {}
