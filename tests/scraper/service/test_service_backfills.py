"""How the service carries backfills on: no slice after another that dies at once, and none against the will of people and quiet hours."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest

from scraper.catalog import BackfillState, Catalog, Direction
from scraper.service.service import Service
from scraper.service.task import Kind, Stage
from scraper.settings import Settings

FRIDAY_AT_SEVEN = datetime(2026, 3, 6, 7, tzinfo=UTC)
DIES = "import sys; sys.exit(2)"
#: Works on until it is told to stop.
WORKS = """
import json, sys
sys.stdin.readline()
print(json.dumps({"event": "phase", "name": "working"}), flush=True)
sys.stdin.readline()
print(json.dumps({"event": "result", "exit_code": 3, "run_id": None, "result": {"schema": 1}}), flush=True)
"""


class House:
    """A service with one backfill, whose jobs run ``code``."""

    def __init__(self, folder, catalog, code):
        ucm = {"url": "https://192.0.2.1:8089", "timezone": "UTC", "web": {"username": "u", "password": "p", "keep_alive": "never"}}
        sections = {"schedule": {"cron": "0 0 1 1 *"}, "limits": {"quiet_hours": "fri 08:00-18:00"}}
        settings = Settings(data_dir=folder, ucms={"office": ucm}, admin={"listen": None}, **sections)
        self.now = FRIDAY_AT_SEVEN
        self.service = Service(settings, catalog, [sys.executable, "-c", code], lambda: self.now)
        days = (date(2026, 2, 1), date(2026, 3, 1))
        self.id = self.service.backfills.start("office", *days, Direction.NEWEST_FIRST, "a test", self.now.date())

    @property
    def slices(self):
        return [state for state in self.service.dispatch.states() if state.task.kind is Kind.BACKFILL]

    async def comes_to(self, stage, phase=""):
        events = self.service.dispatch.events()
        async with asyncio.timeout(60):
            while not any((state.stage, state.phase) == (stage, phase) for state in self.slices):
                await anext(events)


@pytest.fixture
def live(tmp_path):
    """Has ``part(house)`` done while a service serves whose jobs run ``code``."""

    def run(code, part):
        async def whole(catalog):
            house = House(tmp_path, catalog, code)
            serving = asyncio.ensure_future(house.service.serve())
            try:
                await part(house)
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving

        with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
            asyncio.run(whole(catalog))

    return run


def test_job_that_dies_at_once_is_not_begun_over_and_over(live):
    async def part(house):
        await house.comes_to(Stage.ENDED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):  # a process takes a tenth of that
                async for _ in house.service.dispatch.events():
                    pass
        assert len(house.slices) == 1

    live(DIES, part)


@pytest.mark.parametrize("why", ["cancelled", "quiet hours"])
def test_slice_in_hand_is_stopped_in_order(live, why):
    async def part(house):
        await house.comes_to(Stage.RUNNING, "working")
        if why == "cancelled":
            assert house.service.backfills.cancel(house.id)
        else:
            house.now = FRIDAY_AT_SEVEN.replace(hour=9)
        house.service.go_on_with_backfills()  # else it looks within a minute
        await house.comes_to(Stage.ENDED, "working")
        assert [state.exit_code for state in house.slices] == [3]

    live(WORKS, part)


def test_slice_in_hand_of_one_that_was_paused_is_finished(live):
    async def part(house):
        await house.comes_to(Stage.RUNNING, "working")
        assert house.service.backfills.pause(house.id)
        house.service.go_on_with_backfills()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await house.comes_to(Stage.STOPPING, "working")
        assert house.service.backfills.of(house.id).state is BackfillState.PAUSED

    live(WORKS, part)
