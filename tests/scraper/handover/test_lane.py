"""The lanes: that one sink's trouble is not another's, and that what is in hand is given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from waiting import until

from scraper.handover.deliver import Handover
from scraper.handover.lane import Until
from scraper.service.parked import look_at_sinks


def hook(server: Any, kit: Any, **changes: Any) -> dict[str, Any]:
    return {"webhook": {"url": f"{server.url}/hook", "secret": kit.SECRET}, "timeout_seconds": 20, **changes}


def names(count: int) -> list[str]:
    return [f"auto-{1770400000 + number}-1000-5555550100.wav" for number in range(count)]


@pytest.mark.fault("handover", "a stop in the middle of a delivery", "it is given back and delivered later", promise="loss")
def test_stopped_in_the_middle_it_gives_back_what_is_in_hand(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(kit.NAME)
    server.answer = lambda asked: kit.Answer(hang=True)

    async def work() -> None:
        handing = asyncio.ensure_future(Handover(office.settings, office.catalog).run())
        await until(lambda: bool(server.asked))
        handing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handing

    asyncio.run(work())
    [one] = office.catalog.deliveries()
    assert (one.state, one.lease, one.attempts) == ("waiting", None, 0)
    assert office.catalog.seconds_to_next("crm") <= 1


def test_sink_that_hangs_keeps_no_other_waiting(make_office, server, kit):
    with kit.serving() as slow:
        slow.answer = lambda asked: kit.Answer(hang=True)
        office = make_office(slow=hook(slow, kit, parallel=1, ucms=["branch"]), quick=hook(server, kit))
        office.archive(*names(1), ucm="branch")
        office.archive(*names(5))

        async def work() -> None:
            handing = asyncio.ensure_future(Handover(office.settings, office.catalog).run())
            await until(lambda: bool(slow.asked) and [one.delivered for one in office.catalog.sink_counts()] == [0, 5])
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)

        asyncio.run(work())


def test_sink_that_fails_again_and_again_rests(make_office, server, kit):
    office = make_office(crm=hook(server, kit, parallel=1))
    office.archive(*names(20))
    server.answer = lambda asked: kit.Answer(503)
    office.hand_over()
    assert len(server.asked) == 5
    assert [one.attempts for one in reversed(office.catalog.deliveries())] == [1] * 5 + [0] * 15


def test_something_unforeseen_concerns_one_delivery_only(make_office, server, kit, monkeypatch):
    office = make_office(crm=hook(server, kit))
    office.archive(*names(2))
    build = Handover.run.__globals__["subject_of"]

    def broken(catalog: Any, store: Any, url: str, delivery: Any) -> Any:
        if delivery.id == 1:
            raise ZeroDivisionError
        return build(catalog, store, url, delivery)

    monkeypatch.setitem(Handover.run.__globals__, "subject_of", broken)
    office.hand_over()
    assert [state for _, _, state in office.states()] == ["waiting", "delivered"]
    assert office.details()[0] == "Internal error (ZeroDivisionError)."


@pytest.mark.fault("handover", "two deliverers at once", "each recording is delivered once", promise="apart")
def test_two_deliverers_side_by_side_deliver_each_once(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(*names(30))

    async def work() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(Handover(office.settings, office.catalog).run(Until.NOTHING_OWED) for _ in range(2)))

    asyncio.run(work())
    assert sorted(asked.json["recording"]["id"] for asked in server.asked) == list(range(1, 31))


def test_parked_is_told_once_an_episode(make_office, server, kit):
    office = make_office(crm=hook(server, kit))
    office.archive(*names(2))
    service: Any = type("Service", (), {"settings": office.settings, "catalog": office.catalog, "clock": staticmethod(_now)})
    told: list[Any] = []

    def tell(message: Any) -> bool:
        told.append(message)
        return len(told) > 1  # the first reaches nobody

    look_at_sinks(service, tell)
    assert told == []
    for one in office.catalog.claim("crm", 2, 60):
        office.catalog.failed(one, "It answered 500.", None)
    for _ in range(4):
        look_at_sinks(service, tell)
    assert len(told) == 2 and "2 deliveries failed too often" in told[1].body
    office.catalog.retry_deliveries()
    look_at_sinks(service, tell)
    assert office.catalog.open_notices("") == []


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)
