"""A worker's place on its machine, and what it does while its database refuses it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from loguru import logger
from procrastinate import JobContext
from sqlalchemy.engine import make_url
from waiting import until

from scraper.bandwidth import Bandwidth
from scraper.errors import Busy
from scraper.fleet import worker
from scraper.fleet.crew import Again, Crew
from scraper.fleet.queue import JOB, Queue, conninfo
from scraper.lock import browser_lock
from scraper.models import Trigger
from scraper.service.process import home_of
from scraper.service.task import Kind, Task
from scraper.settings import Settings, load

from .conftest import settings_of

PATIENCE = 90.0


def test_limits_hold_for_each_worker_by_itself_also_for_two_on_one_machine(tmp_path: Path) -> None:
    limits = {"browsers": 1, "bandwidth_mbit": 0.008}  # 1,000 bytes a second
    with ExitStack() as stack:
        folders = [stack.enter_context(worker._place(tmp_path / "workers")) for _ in range(2)]
        for folder in folders:
            stack.enter_context(browser_lock(folder, 0))
            with pytest.raises(Busy), browser_lock(folder, 0):
                pass
            settings = settings_of(tmp_path, "postgresql+psycopg://db.example.com/ucm", data_dir=str(folder), limits=limits)
            own, same = Bandwidth.of(settings), Bandwidth.of(settings)
            assert own and same and own.spend(100_000) == pytest.approx(100, abs=30)
            assert same.spend(100_000) == pytest.approx(200, abs=30)


def test_what_a_command_line_says_of_jobs_counts_for_their_browsers_too(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA_DIR", "LIMITS__JOBS"):
        monkeypatch.setenv(f"UCM_SCRAPER__{name}", "1")  # so that they are put back
    seen: list[Settings] = []
    config = tmp_path / "config.yaml"
    config.write_text("ucms: {one: {url: 'https://pbx.example.com', web: {username: a, password: b}}}\n")

    async def work(*_: Any) -> None:
        seen.append(load(config, dict(os.environ)))  # as a job does

    monkeypatch.setattr(worker, "_work", work)
    worker.work(settings, (), jobs=5)
    assert (seen[0].limits.browser_places, seen[0].data_dir.parent) == (5, settings.data_dir / "workers")


#: Ends like a job that is complete.
_DONE = """
import sys
sys.stdin.readline()
print('{"event": "result", "exit_code": 0, "run_id": null, "result": {"schema": 1}}', flush=True)
"""
_TROUBLE = {
    "is read-only": ("ALTER DATABASE {database} SET default_transaction_read_only = on", "ALTER DATABASE {database} RESET ALL"),
    "has no connections left": ("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"),
}


@pytest.mark.fault("fleet", "the database {trouble} for a while", "workers wait for it and go on", promise="loss")
@pytest.mark.parametrize("trouble", _TROUBLE)
def test_a_worker_outlasts_a_database_that_refuses_it(settings: Settings, trouble: str, lines: list[str]) -> None:
    url = make_url(settings.catalog.url)
    role = f"worker_{uuid4().hex}"
    own = url.set(username=role).render_as_string(hide_password=False)
    with psycopg.connect(conninfo(settings.catalog.url), autocommit=True) as admin:

        def say(words: str) -> None:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(words.format(database=url.database, role=role).encode())

        async def story() -> None:
            asked, queue = Queue(settings.catalog.url), Queue(own)
            crew = Crew(settings, queue, (sys.executable, "-c", _DONE), home_of(settings.data_dir), 1)

            @queue.app.task(name=JOB, pass_context=True, retry=Again())
            async def job(context: JobContext, task: dict[str, Any]) -> None:
                await crew.do(context, Task.from_json(task))

            async with asked.opened():
                await asked.ask(Task(Kind.RUN, "one", Trigger.SCHEDULE))
                say(_TROUBLE[trouble][0])
                working = asyncio.ensure_future(worker._keep_working(queue, crew))
                await until(lambda: "queue-lost" in "".join(lines))
                assert len(await asked.all()) == 1
                say(_TROUBLE[trouble][1])
                while await asked.all():  # noqa: ASYNC110 -- another's doing
                    await asyncio.sleep(0.01)
                crew.leaving.set()
                await working

        settings.data_dir.mkdir()
        say("CREATE ROLE {role} LOGIN IN ROLE postgres")
        try:
            asyncio.run(asyncio.wait_for(story(), PATIENCE))
        finally:
            say(_TROUBLE[trouble][1])
            say("DROP ROLE {role}")
    assert ("read-only" if "read" in trouble else "too many connections") in "".join(lines)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged."""
    found: list[str] = []
    number = logger.add(found.append, format="{extra[action]} {message}", level="WARNING")
    yield found
    logger.remove(number)
