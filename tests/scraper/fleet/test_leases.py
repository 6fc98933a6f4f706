"""Leases: one holder at a time by the database's clock, and no write of one that lost it."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from scraper.catalog import Catalog, Held, Lease
from scraper.catalog.schema import leases
from scraper.errors import Busy, CatalogLocked, LeaseLost


def silence(catalog: Catalog, name: str, seconds: float) -> None:
    """The holder was heard of so long ago."""
    with catalog.transaction() as connection:
        connection.execute(update(leases).where(leases.c.name == name).values(beat=leases.c.beat - seconds))


def test_a_lease_has_one_holder_until_it_is_given_back(catalog: Catalog) -> None:
    first = catalog.take_lease("office", "worker one", 30)
    assert isinstance(first, Lease)
    other = catalog.take_lease("office", "worker two", 30)
    assert isinstance(other, Held) and other.holder == "worker one" and other.silent < 5
    assert catalog.holder_of("office", 30) == "worker one"
    assert isinstance(catalog.take_lease("branch", "worker two", 30), Lease)
    catalog.release_lease(first)
    assert catalog.holder_of("office", 30) is None
    second = catalog.take_lease("office", "worker two", 30)
    assert isinstance(second, Lease) and second.fence > first.fence


def test_a_holder_that_was_silent_for_too_long_has_lost_it(catalog: Catalog) -> None:
    first = catalog.take_lease("office", "worker one", 30)
    assert isinstance(first, Lease) and catalog.renew_lease(first)
    silence(catalog, "office", 29)
    assert isinstance(catalog.take_lease("office", "worker two", 30), Held)
    silence(catalog, "office", 2)
    assert catalog.holder_of("office", 30) is None
    assert isinstance(catalog.take_lease("office", "worker two", 30), Lease)
    assert not catalog.renew_lease(first)
    catalog.release_lease(first)
    assert catalog.holder_of("office", 30) == "worker two"


def test_many_that_want_a_lease_at_once_are_told_who_has_it(catalog: Catalog) -> None:
    found: list[Lease | Held] = []
    start = threading.Barrier(8)

    def take(number: int) -> None:
        start.wait(20)
        found.append(catalog.take_lease("office", f"worker {number}", 30))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(isinstance(one, Lease) for one in found) == 1 and len(found) == 8


def test_whoever_lost_a_lease_writes_nothing_any_more(catalog: Catalog) -> None:
    first = catalog.take_lease("office", "worker one", 30)
    assert isinstance(first, Lease)
    under = catalog.under(first)
    under.set_meta("key", "of the first")
    silence(catalog, "office", 31)
    assert isinstance(catalog.take_lease("office", "worker two", 30), Lease)
    with pytest.raises(LeaseLost):
        under.set_meta("key", "of one that should be dead")
    assert catalog.get_meta("key") == "of the first"


def test_nobody_takes_a_lease_while_its_holders_transaction_is_under_way(database: str, catalog: Catalog) -> None:
    first = catalog.take_lease("office", "worker one", 30)
    assert isinstance(first, Lease)
    silence(catalog, "office", 31)
    under = catalog.under(first)
    taken: list[Lease | Held] = []
    with Catalog.open(database) as others:
        thread = threading.Thread(target=lambda: taken.append(others.take_lease("office", "worker two", 30)))
        with under.transaction(of="office"):
            thread.start()
            thread.join(0.5)
            assert thread.is_alive() and not taken
        thread.join(30)
        assert isinstance(taken[0], Lease)


def test_what_was_given_back_is_held_by_nobody(catalog: Catalog) -> None:
    lease = catalog.take_lease("office", "worker one", 30)
    assert isinstance(lease, Lease) and catalog.held(30) == {"office"}
    catalog.release_lease(lease)
    assert catalog.held(30) == set()


def test_nobody_takes_a_lease_while_none_may_be_held(database: str, catalog: Catalog) -> None:
    lease = catalog.take_lease("office", "worker one", 30)
    assert isinstance(lease, Lease)
    with pytest.raises(Busy, match="worker one holds office"), catalog.unleased(30):
        pass
    catalog.release_lease(lease)
    with Catalog.open(database, busy_seconds=0.2) as others:
        with catalog.unleased(30), pytest.raises(CatalogLocked):
            others.take_lease("office", "worker two", 30)
        assert isinstance(others.take_lease("office", "worker two", 30), Lease)


def test_the_databases_clock_is_told(catalog: Catalog) -> None:
    assert abs(catalog.seconds_behind()) < 60
