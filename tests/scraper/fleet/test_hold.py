"""Holding a UCM over machines: what a job does when the database no longer hears of it, and which clock counts."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import text

from scraper import clock
from scraper.catalog import Catalog, Lease
from scraper.clock import utcnow
from scraper.errors import Busy, ConfigError, LeaseLost
from scraper.fleet.hold import check_fleet, held, is_worked_on
from scraper.models import Trigger, Window
from scraper.settings import Settings

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _own_clock() -> object:
    yield
    clock.follow(0)


@pytest.mark.fault("fleet", "two machines want one UCM", "one gets it", promise="apart")
def test_two_machines_never_hold_a_ucm_at_once(tmp_path: Path, settings: Settings, catalog: Catalog) -> None:
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    with held(settings, catalog, "one"):
        assert is_worked_on(elsewhere, catalog, "one") and not is_worked_on(elsewhere, catalog, "two")
        with pytest.raises(Busy, match="pid"), held(elsewhere, catalog, "one"):
            pass
        with held(elsewhere, catalog, "two"):
            pass
    with held(elsewhere, catalog, "one"):
        pass
    assert not is_worked_on(settings, catalog, "one")


def test_a_hold_lasts_longer_than_a_lease(settings: Settings, catalog: Catalog) -> None:
    quick = settings.model_copy(update={"fleet": settings.fleet.model_copy(update={"lease_seconds": 1.0})})
    with held(quick, catalog, "one") as own:
        assert not threading.Event().wait(1.5)
        own.set_meta("key", "still ours")
        assert catalog.holder_of("one", 1.0)


@pytest.mark.fault("fleet", "a job loses its hold on the UCM", "it writes nothing any more", promise="apart")
def test_a_job_whose_hold_was_taken_is_asked_to_stop_and_writes_nothing(settings: Settings, catalog: Catalog) -> None:
    stop = threading.Event()
    with held(settings, catalog, "one", stop) as own:
        with catalog.transaction() as connection:
            connection.execute(text("UPDATE leases SET beat = beat - 60, fence = fence + 1, holder = 'another'"))
        assert stop.wait(PATIENCE)
        with pytest.raises(LeaseLost):
            own.start_run("a" * 32, "one", Trigger.MANUAL, Window(), utcnow())
    assert catalog.last_runs() == []


_HANG = """
import sys, threading
from scraper.catalog import Catalog
from scraper.fleet.hold import held
from scraper.settings import load
from pathlib import Path
settings = load(Path(sys.argv[1]), {})
with Catalog.open(settings.catalog.url) as catalog, held(settings, catalog, "one"):
    catalog.renew_lease = lambda lease: threading.Event().wait()  # as where the network swallows it
    print("held", flush=True)
    threading.Event().wait(300)
"""


@pytest.mark.fault("fleet", "a job hangs while the database is out of reach", "it is ended before another may begin", promise="apart")
def test_a_job_that_hangs_while_the_database_is_out_of_reach_is_ended_before_another_may_begin(tmp_path: Path, database: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"store: {{url: ./store}}\ncatalog: {{url: '{database}'}}\nencryption: {{key: {'A' * 43}=}}\n"
        "fleet: {name: north, lease_seconds: 2}\nucms: {one: {url: 'https://pbx.example.com', api: {username: a, password: b}}}\n"
    )
    process = subprocess.Popen([sys.executable, "-c", _HANG, str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "held\n", process.communicate()
        assert process.wait(PATIENCE) == 8
    finally:
        process.kill()
        process.communicate()


@pytest.mark.fault("fleet", "a machine's clock is an hour {off}", "the database's clock counts", promise="apart")
@pytest.mark.parametrize(("off", "hours"), [("ahead", 1), ("behind", -1)])
def test_the_databases_clock_counts_where_a_machines_is_an_hour_off(settings: Settings, catalog: Catalog, off: str, hours: int) -> None:
    true = datetime.now(UTC)
    with time_machine.travel(true + timedelta(hours=hours), tick=True), held(settings, catalog, "one") as own:
        assert abs(utcnow() - true) < timedelta(minutes=2)
        own.start_run("b" * 32, "one", Trigger.MANUAL, Window(), utcnow())
        with pytest.raises(Busy), held(settings.model_copy(update={"data_dir": settings.data_dir / "other"}), catalog, "one"):
            pass
    assert abs(datetime.fromisoformat(catalog.last_runs()[0].started_at) - true) < timedelta(minutes=2)


@pytest.mark.fault("fleet", "a database of another fleet", "it is refused", promise="apart")
@pytest.mark.parametrize("fleet", [{"name": "south"}, {}])
def test_a_database_of_one_fleet_is_closed_to_others(settings: Settings, catalog: Catalog, fleet: dict[str, str]) -> None:
    other = settings.model_copy(update={"fleet": type(settings.fleet).model_validate(fleet)})
    with pytest.raises(ConfigError, match="'north'"), held(other, catalog, "one"):
        pass
    with pytest.raises(ConfigError, match="'north'"):
        check_fleet(other, catalog)


def test_a_lease_is_given_back_where_the_job_fails(settings: Settings, catalog: Catalog) -> None:
    with pytest.raises(KeyError), held(settings, catalog, "one"):
        raise KeyError
    assert isinstance(catalog.take_lease("one", "next", 3), Lease)
