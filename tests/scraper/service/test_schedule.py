"""The schedule, with a clock that the test sets: what is due, what was missed, and clocks that jump."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import time_machine

from scraper.catalog import Catalog
from scraper.errors import DiskFull
from scraper.models import Trigger
from scraper.service import schedule
from scraper.service.schedule import Schedule
from scraper.service.task import Kind
from scraper.settings import Settings

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Office:
    """A schedule over a real catalog, kept; ``asked``: when which UCM's run was asked for."""

    def __init__(self, folder, loop, clock, **ucms):
        self.loop, self.clock = loop, clock
        self.keeping = None
        self.tasks, self.asked = [], []
        section = {"url": "https://pbx.example.com:8089", "web": {"username": "backup", "password": "x"}}
        configured = {name: {**section, "schedule": schedule} for name, schedule in (ucms or {"office": {"cron": "*/30 * * * *"}}).items()}
        self.settings = Settings.model_validate({"data_dir": str(folder), "ucms": configured})
        self.catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}")
        self.start()

    def start(self):
        self.stop()
        self.schedule = Schedule(self.settings, self.catalog, self.ask)
        self.loop.run(self.recall())

    async def recall(self):
        self.schedule.recall()
        self.keeping = asyncio.ensure_future(self.schedule.keep())

    def stop(self):
        if self.keeping:
            self.keeping.cancel()
            self.loop.run(asyncio.wait({self.keeping}))

    def ask(self, task):
        self.tasks.append(task)
        self.asked.append((task.ucm, datetime.now(UTC)))

    def set_clock(self, time):
        """To ``HH:MM`` of the day, or an aware time."""
        self.clock.move_to(time if isinstance(time, datetime) else NOON.replace(hour=int(time[:2]), minute=int(time[3:])))

    def look_at(self, *times):
        """What is asked for at these times."""
        before = len(self.asked)
        for time in times:
            self.set_clock(time)
            self.loop.run(self.look())
        assert {(task.kind, task.trigger) for task in self.tasks} <= {(Kind.RUN, Trigger.SCHEDULE)}
        return [f"{when:%H:%M}" for _, when in self.asked[before:]]

    async def look(self):
        self.schedule.look()
        for _ in range(5):
            await asyncio.sleep(0)

    def restarted(self, time):
        """What is asked for by a service that starts at ``time``, within its first minute."""
        self.set_clock(time)
        self.start()
        return self.look_at(time, time + timedelta(minutes=1))

    def done(self):
        self.loop.run(self.schedule.done("office"))


@pytest.fixture
def office(tmp_path):
    made = []

    def make(**ucms):
        made.append(Office(tmp_path, loop, clock, **ucms))
        return made[-1]

    with asyncio.Runner() as loop, time_machine.travel(NOON, tick=False) as clock:
        yield make
        for one in made:
            one.stop()
            one.catalog.close()


def test_run_is_asked_for_once_when_it_is_due(office):
    place = office()
    assert place.look_at("12:00", "12:10", "12:29", "12:30", "12:30", "12:31", "13:00") == ["12:30", "13:00"]
    assert place.schedule.next_run("office") == NOON.replace(hour=13, minute=30)


def test_late_looks_coalesce(office):
    assert office().look_at("17:40", "17:41", "18:00") == ["17:40", "18:00"]


def test_each_ucm_has_its_own(office):
    place = office(a={"cron": "0 13 * * *"}, b={"every": "1h"})
    place.look_at("12:00", "12:30", "13:00")
    assert [ucm for ucm, _ in place.asked] == ["b", "a", "b"]


def test_interval_begins_at_once_and_does_not_drift(office):
    place = office(office={"every": "30m"})
    assert place.look_at("12:00", "12:31", "13:04", "13:30") == ["12:00", "12:31", "13:04", "13:30"]


def test_jitter_starts_later_and_adds_up_to_nothing(office, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda least, most: (least + most) / 2)
    place = office(office={"cron": "*/30 * * * *", "jitter_seconds": 600})
    assert place.look_at("12:30", "12:34", "12:35") == ["12:35"]
    assert place.look_at("13:04", "13:05", "13:34", "13:35") == ["13:05", "13:35"]


def test_many_ucms_with_one_rule_do_not_start_at_once_and_keep_their_times(office):
    place = office(**{f"office{number}": {"cron": "*/30 * * * *"} for number in range(150)})
    starts = sorted(place.schedule.next_run(ucm) for ucm in place.settings.ucms)
    assert NOON.replace(minute=30) <= starts[0] <= starts[-1] < NOON.replace(minute=54)
    minutes = Counter(start.replace(second=0, microsecond=0) for start in starts)
    assert (len(minutes), max(minutes.values()) < 20) == (24, True)
    times = {ucm: place.schedule.next_run(ucm) for ucm in place.settings.ucms}
    place.restarted(NOON + timedelta(minutes=10))
    assert times == {ucm: place.schedule.next_run(ucm) for ucm in place.settings.ucms}
    place.look_at("13:00")
    assert {ucm for ucm, _ in place.asked} == set(times)


def test_offset_is_shorter_than_the_shortest_pause_and_jitter_that_is_given_counts_alone(office):
    often = {"cron": "0,5 * * * *"}
    place = office(**{f"a{number}": often for number in range(100)}, **{f"b{number}": often | {"jitter_seconds": 0} for number in range(5)})
    starts = {ucm: place.schedule.next_run(ucm) for ucm in place.settings.ucms}
    assert NOON.replace(minute=8) < max(starts.values()) < NOON.replace(minute=9)
    assert {start for ucm, start in starts.items() if ucm[0] == "b"} == {NOON.replace(minute=5)}


def test_next_time_survives_a_restart_and_what_was_missed_is_made_up_once(office):
    place = office(office={"cron": "0 3 * * *"})
    assert place.restarted(NOON + timedelta(hours=2)) == []
    assert place.restarted(NOON + timedelta(hours=16)) == ["04:00"]
    place.done()
    assert place.restarted(NOON + timedelta(hours=17)) == []


def test_made_up_run_that_ends_with_the_service_is_tried_once_more(office):
    place = office(office={"cron": "0 3 * * *"})
    assert place.restarted(NOON + timedelta(hours=16)) == ["04:00"]
    assert place.restarted(NOON + timedelta(hours=17)) == ["05:00"]
    assert place.restarted(NOON + timedelta(hours=18)) == []
    assert place.schedule.next_run("office") == NOON + timedelta(hours=39)
    assert place.restarted(NOON + timedelta(hours=40)) == ["04:00"]


def test_run_that_a_stop_broke_off_is_made_up_for_and_one_that_ended_is_not(office):
    place = office(office={"cron": "0 13 * * *"})
    assert place.look_at("13:00") == ["13:00"]
    assert place.restarted(NOON.replace(hour=14)) == ["14:00"]
    place.done()
    place.look_at(NOON.replace(day=2, hour=13))
    place.done()
    assert place.restarted(NOON.replace(day=2, hour=14)) == []


@pytest.mark.fault("service", "the clock is set forward or back", "one run, and no silence", promise="silence")
def test_clock_set_forward_brings_one_run_and_set_back_no_silence(office):
    place = office()
    assert place.look_at("12:30") == ["12:30"]
    years = NOON + timedelta(days=3000)
    assert place.look_at(years, years + timedelta(minutes=1)) == ["12:00"]
    assert place.look_at("12:31", "12:59", "13:00", "13:30") == ["13:00", "13:30"]


def test_interval_survives_a_clock_that_is_set_back(office):
    place = office(office={"every": "6h"})
    place.look_at("12:00", NOON + timedelta(days=3000))
    assert place.look_at("12:01") == []
    assert place.schedule.next_run("office") == NOON.replace(hour=18)


def test_clock_that_jumps_to_and_fro_starts_no_storm(office):
    place = office()
    looks = [NOON + timedelta(minutes=minute + (60 if minute % 2 else 0)) for minute in range(60)]
    assert len(place.look_at(*looks)) <= 31  # one a jump that passes a start, never more


def test_other_rule_than_before_a_restart_counts_at_once(office):
    office(office={"cron": "0 3 * * *"})
    changed = office(office={"every": "1h"})
    assert changed.look_at("12:00", "12:30", "13:00") == ["12:00", "13:00"]


def test_memory_that_is_rubbish_is_no_memory(office):
    place = office()
    for text in ("", "[]", "{}", '{"rule": 1, "base": 5}', "{", '{"base": "tomorrow"}'):
        place.catalog.set_meta("schedule:office", text)
        assert place.restarted(NOON + timedelta(minutes=1)) == []


def test_full_disk_keeps_nobody_from_starting_nor_from_running(office, monkeypatch):
    place = office()

    def full(key, value):
        raise DiskFull

    monkeypatch.setattr(place.catalog, "set_meta", full)
    assert place.restarted(NOON + timedelta(minutes=29)) == ["12:30"]
    place.done()


def test_clock_that_is_set_is_noticed_by_itself(office, monkeypatch):
    monkeypatch.setattr(schedule, "_LOOK_SECONDS", 0.01)
    place = office()

    def notices(time, *expected):
        place.set_clock(time)
        deadline = monotonic() + 10
        while (place.schedule.next_run("office"), len(place.asked)) != expected:
            assert monotonic() < deadline, "not noticed"
            place.loop.run(asyncio.sleep(0.01))

    years = NOON + timedelta(days=3000)
    notices("12:30", NOON.replace(hour=13), 1)
    notices(years, years + timedelta(minutes=30), 2)
    notices("12:31", NOON.replace(hour=13), 2)


def test_schedule_that_is_kept_anew_goes_on(office):
    place = office()
    place.stop()
    assert place.look_at("12:30") == []

    async def keep():
        place.keeping = asyncio.ensure_future(place.schedule.keep())

    place.loop.run(keep())
    assert place.look_at("12:31", "13:00") == ["12:31", "13:00"]
