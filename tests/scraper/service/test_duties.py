"""Background work: what fails is told and begun anew, and what nobody waits for does not fail unheard."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from loguru import logger

from scraper.service import duties
from scraper.service.duties import Aside, without_end


@pytest.fixture
def log():
    lines = []
    handler = logger.add(lambda message: lines.append(message.record["extra"].get("action")), level=0)
    yield lines
    logger.remove(handler)


def test_duty_that_fails_is_begun_anew_at_growing_distance(monkeypatch, log):
    monkeypatch.setattr(duties, "FIRST_REST", 0.01)
    begun = []

    async def play():
        enough = asyncio.Event()

        async def duty():
            begun.append(asyncio.get_running_loop().time())
            if len(begun) == 5:
                enough.set()
            raise RuntimeError

        working = asyncio.ensure_future(without_end(duty))
        async with asyncio.timeout(30):
            await enough.wait()
        working.cancel()
        await asyncio.wait({working})
        assert working.cancelled()

    asyncio.run(play())
    assert all(later - earlier >= 0.01 * 2**number for number, (earlier, later) in enumerate(itertools.pairwise(begun)))
    assert log == ["duty-failed"] * 5


def test_work_aside_that_fails_is_logged(log):
    async def fails():
        raise RuntimeError

    async def play():
        aside = Aside()
        aside.do(fails())
        async with asyncio.timeout(30):
            while not log:  # noqa: ASYNC110 -- what it waits for has no event
                await asyncio.sleep(0.01)

    asyncio.run(play())
    assert log == ["aside-failed"]
