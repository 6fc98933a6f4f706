"""Random histories of an archive: what was erased never comes back, what is held never goes, crashes half forget nothing, counts add up."""

from __future__ import annotations

import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scraper.catalog import Catalog, Hold
from scraper.errors import ConfigError
from scraper.keeping import retention
from scraper.keeping.choosing import choose
from scraper.keeping.criteria import criteria
from scraper.keeping.holds import refuse_held
from scraper.models import Window
from scraper.settings.keeping import Retention
from scraper.store import open_store

from .conftest import ANN, BOB, EVE, UCM, Archive, file_name

DAY = 1440
PEOPLE = (ANN, BOB, EVE)
#: The PBX has these for ever: one a day.
EXISTING = {day: PEOPLE[day % 3] for day in range(9)}


class Killed(BaseException):
    """The process died here."""


class Histories(RuleBasedStateMachine):
    """``gone``: days whose recording must never be seen again; ``held``: open holds, with the days that they cover."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.catalog = Catalog.open(f"sqlite:///{self.folder.name}/catalog.db")
        place = {"url": f"{self.folder.name}/recordings", "template": "{ucm}/{month}/{name}"}
        made: Any = SimpleNamespace(**place, originals="auto", min_free_mb=0, shared=False)
        store: Any = open_store(made, self.catalog)
        self.archive = Archive(Path(self.folder.name), self.catalog, store)
        self.archived: set[int] = set()
        self.gone: set[int] = set()
        self.held: dict[int, set[int]] = {}

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    def protected(self) -> set[int]:
        return set().union(*self.held.values())

    @rule()
    def run(self) -> None:
        """A job: what a crash left is finished, the calls are read again, and what is missing comes, unless it is forgotten."""
        self.archive.erasing.finish()
        forgotten = self.catalog.forgotten(UCM)
        for day, person in EXISTING.items():
            name = file_name(day * DAY, person)
            self.archive.call(src="1000", dst=person, start=1770000000 + day * 86400, recordfiles=f"2026-02/{name}@")
            if day not in self.archived and self.archive.identity(name) not in forgotten:
                self.archive.keep(name, call=False)
                self.archived.add(day)
        named = {file.name for leg in self.catalog.calls(UCM) for file in leg.files}
        assert named == {file_name(day * DAY, EXISTING[day]) for day in self.archived}

    @rule(person=st.sampled_from(PEOPLE), dies_at=st.sampled_from([None, 0, 1, 2]))
    def erase(self, person: str, dies_at: int | None) -> None:
        days = {day for day, one in EXISTING.items() if one == person and day in self.archived}
        self.archive.erasing.finish()
        chosen = choose(self.archive.place, criteria(person, Window(), ()))
        try:
            refuse_held(self.archive.place, chosen)
        except ConfigError:
            assert days & self.protected()
            return
        assert not days & self.protected()
        self.gone |= days
        self.archived -= days
        self.dying(dies_at, lambda: self.archive.erasing.erase(chosen.doomed, "erased", "somebody"))

    @rule(kept=st.integers(0, 9), dies_at=st.sampled_from([None, 0, 1]))
    def retain(self, kept: int, dies_at: int | None) -> None:
        self.archive.erasing.finish()
        now = datetime.fromtimestamp(1770000000, UTC) + timedelta(days=kept + 1)
        found = retention.due(self.archive.place, Retention(keep_days=1), now)
        days = {day for day in self.archived if day < kept} - self.protected()
        assert {key.name for key in found.chosen.spans} == {file_name(day * DAY, EXISTING[day]) for day in days}
        self.gone |= days
        self.archived -= days
        self.dying(dies_at, lambda: retention.let_go(self.archive.place, self.archive.erasing, found, threading.Event()))

    @rule(person=st.sampled_from(PEOPLE))
    def hold(self, person: str) -> None:
        identifier = self.catalog.add_hold(Hold(ucm=UCM, number=person, reason="case", by_whom="somebody"))
        self.held[identifier] = {day for day, one in EXISTING.items() if one == person}

    @rule()
    def lift(self) -> None:
        if self.held:
            identifier, _ = self.held.popitem()
            assert self.catalog.lift_hold(identifier, "somebody")

    def dying(self, at: int | None, work: Any) -> None:
        """Do it, killed at the so-manieth file that is removed."""
        left, remove = at, self.archive.store.remove

        def trip(path: str) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left = left - 1 if left else left
            remove(path)

        self.archive.store.remove = trip
        try:
            work()
        except Killed:
            pass
        finally:
            self.archive.store.remove = remove

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        assert self.archive.paths() == sorted(f"2026-02/{file_name(day * DAY, EXISTING[day])}" for day in self.archived)
        assert not self.archived & self.gone
        assert self.catalog.totals(UCM).archived == len(self.archived)
        forgotten = self.catalog.forgotten(UCM)
        assert all(self.archive.identity(file_name(day * DAY, EXISTING[day])) in forgotten for day in self.gone)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
