"""Random histories of a PBX against whole jobs over its API: nothing is lost, nothing is doubled, nothing is called complete that isn't."""

from __future__ import annotations

import os
import shutil
import threading
from functools import partial

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from scraper.api.pace import Pace
from scraper.catalog import Catalog
from scraper.job import job
from scraper.models import Gap, GapReason, Identity, RecordingClass
from scraper.progress import NullProgress
from scraper.store import LocalStore

#: What goes wrong at the PBX for the next so many occasions.
TROUBLES = ["cookie_dies_every=2", "api_busy=-45*1", "single_cut=0.5*1", "recapi_instead=html*1", "recapi_instead=half*1", "unavailable=*1"]


class Killed(BaseException):
    """The process died here; no `except Exception` sees it."""


class Tripwire:
    """Kills the job at its so-manieth file that is put in place, before or after that."""

    def __init__(self, place, monkeypatch):
        self._place = place
        self._left = None
        self._after = False
        self._lock = threading.Lock()
        monkeypatch.setattr(LocalStore, "place", lambda store, incoming, path: self.trip(store, incoming, path))

    def arm(self, left, *, after):
        self._left, self._after = left, after

    def trip(self, store, incoming, path):
        with self._lock:
            due = self._left == 0
            self._left = self._left - 1 if self._left else self._left
        if due and not self._after:
            raise Killed
        placed = self._place(store, incoming, path)
        if due:
            raise Killed
        return placed


class StopAfter(NullProgress):
    """Asks the job to stop as its so-manieth recording is filed, and lets it notice before that is done."""

    def __init__(self, left, stop):
        self._left, self._stop = left, stop

    def recording(self, size):
        self._left -= 1
        if self._left == 0:
            self._stop.set()
            threading.Event().wait(10 * job._GLANCE_SECONDS)


class Histories(RuleBasedStateMachine):
    """The PBX and the jobs, in any order of events.

    The model: ``sounds`` of the recordings by the path that their call records name, where each ``lies_at`` now (None: nowhere), the
    sound ``under`` every name that a file ever had, and every path at which one ever ``lay``.
    """

    def __init__(self, alone, tripwire):
        super().__init__()
        self.alone, self.tripwire = alone, tripwire
        self.place = None
        self.sounds = {}
        self.lies_at = {}
        self.under = {}
        self.lay = set()
        self.archived = {}

    @initialize(
        rule=st.sampled_from(["path", "bare", "filedir"]),
        files=st.sampled_from(["month", "bare"]),
        family=st.sampled_from(["api_old", "api_new", "api_new, with lists"]),
    )
    def firmware(self, rule, files, family):
        old = family == "api_old"
        self.lists = family != "api_new"
        api = {"api_old": True} if old else {"api_new": True, "recapi_lists": self.lists}
        self.place = self.alone(recordings=2, tls=False, recapi_month=rule, recordfiles=files, unanswered_calls=1, **api)
        self.place.with_api(kind="legacy" if old else "https").configure(tls={"verify": False})
        self.note()

    @property
    def state(self):
        return self.place.ucm.state

    def note(self):
        """What is new at the PBX."""
        for path, sound in self.place.held_by_pbx().items():
            if path not in self.sounds:
                self.sounds[path], self.lies_at[path], self.under[path.partition("/")[2]] = sound, path, sound
                self.lay.add(path)

    def chosen(self, index):
        there = sorted(path for path, now in self.lies_at.items() if now is not None)
        return there[index % len(there)] if there else None

    # --- what happens at the PBX ---

    @rule(count=st.integers(1, 2), klass=st.sampled_from([RecordingClass.MONITOR, RecordingClass.MONITOR, RecordingClass.QUEUE]))
    def record(self, count, klass):
        self.state.add(count, klass)
        self.note()

    @rule(index=st.integers(0, 20))
    def vanish(self, index):
        if path := self.chosen(index):
            self.state.remove(path)
            self.lies_at[path] = None

    @rule(index=st.integers(0, 20), move=st.booleans())
    def rename_or_move(self, index, move):
        if path := self.chosen(index):
            month, name = path.split("/")
            month, name = ("2025-12", name) if move else (month, f"renamed-{name}")
            self.state.rename(path, month, name)
            self.lies_at[path] = f"{month}/{name}"
            self.under[name] = self.sounds[path]
            self.lay.add(self.lies_at[path])

    @rule(opened=st.booleans())
    def api_opens_or_shuts(self, opened):
        self.state.faults.clear("api_off")
        if not opened:
            self.state.faults.set("api_off")

    @rule(trouble=st.sampled_from(TROUBLES))
    def trouble(self, trouble):
        self.state.faults.set(*trouble.split("="))

    @rule(hours=st.sampled_from([3, 30]))
    def time_passes(self, hours):
        if (self.place.folder / "data" / "catalog.db").exists():
            self.place.let_hours_pass(hours)

    # --- jobs ---

    @rule()
    def run(self):
        self.look(self.place.run())

    @rule(everything=st.booleans(), left=st.integers(1, 3))
    def run_and_stop(self, everything, left):
        order = self.place.order()
        order.progress = StopAfter(left, order.stop)
        report = job.run(order, everything=everything)
        if report.status == "stopped":
            assert report.exit_code == 3
        self.look(report)

    @rule(left=st.integers(0, 3), after=st.booleans())
    def run_and_die(self, left, after):
        self.tripwire.arm(left, after=after)
        try:
            self.look(self.place.run())
        except Killed:
            self.look_at_files()
        finally:
            self.tripwire.arm(None, after=False)

    # --- what always holds ---

    def look_at_files(self):
        """What was archived is still there, every file is a recording of the PBX, and none is there twice under one name."""
        files = self.place.archived()
        assert self.archived.items() <= files.items()
        by_name = {path.partition("/")[2]: sound for path, sound in files.items()}
        assert by_name.items() <= self.under.items()
        assert len(by_name) == len(files)
        self.archived = files

    def look(self, report):
        self.look_at_files()
        counts = report.recordings
        assert counts.archived == len(self.archived)
        assert counts.expected is None or self.place.adds_up(report)
        if report.exit_code != 0:
            return
        assert report.status == "complete"
        lost = {path for path in self.sounds if path not in self.archived}
        assert not {path for path in lost if self.lies_at[path] == path}
        names = {path.partition("/")[2] for path in self.archived}
        for_good = {path for path in lost if path.partition("/")[2] not in names}
        assert len(for_good) <= counts.gone <= len(self.lay - self.archived.keys())

    def teardown(self):
        """Once the API works, all that can be had is archived, and the job ends complete."""
        if self.place is None:
            return
        try:
            self.state.faults.clear()
            report = self.place.reconcile()
            for calls_come in (False, False, False, False, True, False, False):
                if report.exit_code == 0:
                    break
                if calls_come:  # where all that was held is deleted, only news tell how this PBX finds a recording
                    self.record(1, RecordingClass.MONITOR)
                    self.record(1, RecordingClass.QUEUE)
                self.place.let_hours_pass(30)
                report = self.place.reconcile()
            assert report.exit_code == 0, report.gaps
            self.look(report)
            if self.lists:
                there = {self.sounds[path] for path, now in self.lies_at.items() if now is not None}
                assert there <= set(self.archived.values())
        finally:
            self.place.ucm.stop()
            shutil.rmtree(self.place.folder)


@pytest.fixture
def alone(branch, monkeypatch):
    """Makes an office without a web account, whose jobs soon notice that they should stop."""

    monkeypatch.setattr(job, "_GLANCE_SECONDS", 0.02)

    def make(**ucm):
        place = branch(**{"recordings": 3, "seconds": (0.2, 0.4), **ucm})
        place.configure(web=None)
        return place

    return make


def test_stop_while_a_recording_is_filed_leaves_no_gap_on_it(alone):
    place = alone()
    order = place.order()
    order.progress = StopAfter(1, order.stop)
    report = job.run(order)
    assert (report.status, report.exit_code) == ("stopped", 3)
    assert report.recordings.archived == len(place.archived()) == 1
    assert report.recordings.expected is None  # what it did not reach is not counted
    assert place.run().exit_code == 0
    assert place.all_is_exact()


def test_gap_of_a_way_on_an_archived_recording_closes(alone):
    place = alone()
    assert place.run().exit_code == 0
    recording = place.ucm.state.all_recordings[0]
    identity = Identity("office", recording.klass, recording.month, recording.name)
    with Catalog.open(f"sqlite:///{place.folder}/data/catalog.db") as catalog:
        catalog.record_gaps([Gap(identity, GapReason.UNREACHABLE, "the job was stopped before it was fetched", "The next run goes on.")])
    report = place.run()
    assert (report.exit_code, report.recordings.archived) == (0, 3)


@pytest.mark.parametrize(("others_too", "exit_code", "gone"), [(False, 0, 2), (True, 3, 1)])
def test_deleted_recording_without_a_month_is_gone_where_another_comes_by_its_bare_name(alone, others_too, exit_code, gone):
    """It was renamed beyond its date, listed once, and deleted; nothing new comes, by which one could tell how the PBX finds recordings."""
    place = alone(tls=False, recapi_month="bare", recordfiles="bare", api_new=True, recapi_lists=True)
    place.with_api(kind="https").configure(tls={"verify": False})
    assert place.run().exit_code == 0
    place.ucm.state.add(1)
    new = max(place.held_by_pbx())
    month, name = new.split("/")
    place.ucm.state.rename(new, month, f"renamed-{name}")
    place.ucm.state.faults.set("recapi_instead", "html")
    assert place.reconcile().exit_code == 3
    place.ucm.state.faults.clear()
    place.ucm.state.remove("*" if others_too else new)
    for _ in range(3):
        place.let_hours_pass(30)
        report = place.reconcile()
    assert (report.exit_code, report.recordings.gone) == (exit_code, gone)


def test_histories(alone, monkeypatch):
    monkeypatch.setattr("scraper.job.api_way.Pace", partial(Pace, fastest=0.0))
    tripwire = Tripwire(LocalStore.place, monkeypatch)
    few = settings(
        max_examples=int(os.environ.get("UCM_HISTORIES", "7")),
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=(Phase.generate,),  # shrinking would take many minutes of jobs
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Histories(alone, tripwire), settings=few)
