"""When pushed recordings are tried, and what is asked of the dispatcher: over a real catalog, with times of a hundredth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from scraper.catalog import Catalog, Recording
from scraper.cdr import CallFile, parse_groups
from scraper.errors import ExitCode
from scraper.models import Gap, GapReason, Identity, RecordingClass, Source, Trigger
from scraper.service import push
from scraper.service.push import Line, Pace, Pushes
from scraper.service.task import Event, Kind, Stage, Task, TaskState
from scraper.settings import Settings, load

NAMES = [f"auto-17704165{number:02d}-5555550100-1000.wav" for number in range(5)]
PACE = Pace(tries=(10, 20, 40), between=15, rest=300)
FAST = Pace(tries=(0.02, 0.02, 0.02), between=0.01, rest=0.05)


# --- the line ---


def test_a_push_is_tried_after_a_moment_and_those_of_a_moment_together() -> None:
    line = Line(PACE)
    assert line.wait(0) is None
    line.add(["a"], 0)
    line.add(["b", "a"], 4)
    assert line.wait(4) == 6 and line.take(9) == []
    assert line.take(14) == ["a", "b"]


def test_what_does_not_come_is_tried_at_growing_distance_and_then_left() -> None:
    line = Line(PACE)
    line.add(["a"], 0)
    assert line.take(10) == ["a"] and line.did_not_come(["a"], 10) == 0
    assert line.wait(10) == 20
    assert line.take(30) == ["a"] and line.did_not_come(["a"], 30) == 0
    assert line.wait(30) == 40
    assert line.take(70) == ["a"] and line.did_not_come(["a"], 70) == 1
    assert line.wait(70) is None


def test_two_tasks_of_one_ucm_keep_their_distance() -> None:
    line = Line(PACE)
    line.add(["a"], 0)
    line.take(10)
    line.came(["a"])
    line.add(["b"], 1)
    assert line.wait(11) == 14 and line.take(12) == []
    assert line.take(25) == ["b"]


def test_after_a_failure_nothing_is_tried_for_a_while() -> None:
    line = Line(PACE)
    line.add(["a", "b"], 0)
    line.take(10)
    assert line.rest(["a", "b"], 10) == 2
    line.add(["c"], 20)
    assert line.wait(20) == 290 and line.take(309) == []
    assert line.take(310) == ["c"]


def test_more_than_the_line_holds_is_left_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "MOST_WAITING", 3)
    monkeypatch.setattr(push, "_MOST_AT_ONCE", 2)
    line = Line(PACE)
    assert line.add("abcab", 0) == 0
    assert line.add("cdef", 0) == 3
    assert line.take(10) == ["a", "b"]


# --- the pushes ---


@dataclass
class Dispatch:
    """Ends each task as ``act`` says, a moment later."""

    act: Any
    asked: list[Task] = field(default_factory=list)

    def ask(self, task: Task) -> TaskState:
        self.asked.append(task)
        return self.states.setdefault(task.id, TaskState(task, datetime.now(UTC)))

    async def events(self, task_id: str) -> AsyncIterator[Event]:
        state = self.states[task_id]
        await asyncio.sleep(0.01)
        state.exit_code, state.stage = self.act(state.task), Stage.ENDED
        yield Event(task_id, state.task.ucm, "stage", {})

    def __post_init__(self) -> None:
        self.states: dict[str, TaskState] = {}


@dataclass
class Place:
    settings: Settings
    catalog: Catalog

    def push(self, *names: str) -> list[Any]:
        """These names' calls are in the catalog; what the listener would tell."""
        legs = [
            {"AcctId": name, "session": name, "start": "2026-02-06 16:21:36", "billsec": "9", "recordfiles": f"2026-02/{name}@"}
            for name in names
        ]
        calls = parse_groups(legs, self.settings.ucms["office"].zone).calls
        self.catalog.upsert_calls("office", calls, "push")
        return calls

    def store(self, name: str) -> None:
        identity = Identity("office", RecordingClass.MONITOR, "2026-02", name)
        row = Recording(
            identity=identity, path=f"office/{name}", size=10, sha256="0" * 64, source=Source.RECAPI, source_format="riff", source_size=10,
            source_sha256="0" * 64, run_id="run",
        )  # fmt: skip
        self.catalog.announce([row])
        self.catalog.promote("office")

    def follow(self, act: Any, *names: str, told: bool = True) -> tuple[Pushes, list[Task]]:
        """What is asked after these were pushed, until nothing more is; ``told``: by the listener, else before the service started."""
        dispatch = Dispatch(act)

        async def run() -> Pushes:
            service = SimpleNamespace(settings=self.settings, catalog=self.catalog, dispatch=dispatch, clock=lambda: datetime.now(UTC))
            pushes = Pushes(service, FAST)
            calls = self.push(*names)
            running = asyncio.ensure_future(pushes.run())
            if told:
                pushes.noted("office", calls)
            for _ in range(3000):
                await asyncio.sleep(0.01)
                if not any(line._waiting for line in pushes._lines.values()) and (told or dispatch.asked):
                    break
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return pushes

        return asyncio.run(run()), dispatch.asked


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from _place(tmp_path, {"username": "cdrapi", "password": "not-asked"})


@pytest.fixture
def place_without_api(tmp_path: Path) -> Iterator[Place]:
    yield from _place(tmp_path, None)


def _place(folder: Path, api: dict[str, str] | None) -> Iterator[Place]:
    config = folder / "config.yaml"
    section = {"url": "https://pbx.example.com:8089", "web": {"username": "backup", "password": "not-asked"}, "api": api}
    config.write_text(yaml.safe_dump({"data_dir": "./data", "ucms": {"office": section}}))
    settings = load(config, {})
    with Catalog.open(settings.catalog.url) as catalog:
        yield Place(settings, catalog)


def test_what_is_pushed_together_is_fetched_by_one_task(place: Place) -> None:
    def bring(task: Task) -> int:
        for name in NAMES:
            place.store(name)
        return ExitCode.COMPLETE

    pushes, asked = place.follow(bring, *NAMES)
    assert [(task.kind, task.trigger, task.ucm) for task in asked] == [(Kind.FETCH, Trigger.PUSH, "office")]
    assert set(asked[0].names) == {f"2026-02/{name}" for name in NAMES}
    assert (pushes.counts.fetched, pushes.counts.left) == (5, 0)


def test_what_is_held_already_is_not_asked_for(place: Place) -> None:
    for name in NAMES:
        place.store(name)
    assert place.follow(lambda _: ExitCode.COMPLETE, *NAMES)[1] == []


def test_a_copy_in_doubt_is_asked_for(place: Place) -> None:
    place.store(NAMES[0])
    identity = Identity("office", RecordingClass.MONITOR, "2026-02", NAMES[0])
    place.catalog.record_gap(Gap(identity, GapReason.TOO_SHORT, "it is too short", "Wait."))
    assert place.follow(lambda _: ExitCode.GAPS, NAMES[0])[1]


@pytest.mark.parametrize("end", [ExitCode.GAPS, ExitCode.COMPLETE, ExitCode.BUSY])
def test_what_is_not_written_yet_is_asked_for_again_and_then_left(place: Place, end: ExitCode) -> None:
    pushes, asked = place.follow(lambda _: end, NAMES[0])
    assert len(asked) == len(FAST.tries)
    assert (pushes.counts.fetched, pushes.counts.left) == (0, 1)


@pytest.mark.parametrize("end", [ExitCode.SIGN_IN, ExitCode.UNREACHABLE, ExitCode.STORAGE, ExitCode.INTERNAL, None])
def test_where_the_api_fails_it_is_left_to_the_next_run(place: Place, end: ExitCode | None) -> None:
    pushes, asked = place.follow(lambda _: end, *NAMES)
    assert len(asked) == 1 and pushes.counts.left == len(NAMES)


def test_without_an_api_nothing_is_asked(place_without_api: Place) -> None:
    assert place_without_api.follow(lambda _: ExitCode.COMPLETE, *NAMES)[1] == []


def test_what_was_pushed_before_a_restart_is_fetched(place: Place) -> None:
    _, asked = place.follow(lambda _: ExitCode.GAPS, NAMES[0], told=False)
    assert asked and asked[0].names == (f"2026-02/{NAMES[0]}",)


def test_only_what_pushes_alone_told_lately_counts_as_pushed(place: Place) -> None:
    calls, now = place.push(*NAMES[:2]), datetime.now(UTC)
    place.catalog.upsert_calls("office", calls[:1], "api")
    pushed = [CallFile(NAMES[1], "2026-02", RecordingClass.MONITOR)]
    assert place.catalog.pushed_files("office", now - timedelta(minutes=1)) == pushed
    assert place.catalog.pushed_files("office", now + timedelta(minutes=1)) == []
    assert place.catalog.pushed_files("branch", now - timedelta(minutes=1)) == []


def test_a_persons_fetch_is_not_covered_by_one_for_a_push() -> None:
    pushed = Task(Kind.FETCH, "office", Trigger.PUSH, names=("a", "b"))
    by_hand = Task(Kind.FETCH, "office", Trigger.MANUAL, names=("a",))
    assert not by_hand.is_covered_by(pushed)
    assert Task(Kind.FETCH, "office", Trigger.PUSH, names=("a",)).is_covered_by(pushed)
    assert Task(Kind.FETCH, "office", Trigger.PUSH, names=("a",)).is_covered_by(by_hand)
