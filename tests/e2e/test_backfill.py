"""Backfills in a real browser: exactly the window, whatever the web UI offers, and on again after a crash."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from datetime import date

import pytest
from waiting import wait_until

from scraper.catalog import Catalog, SliceState

pytestmark = pytest.mark.browser

#: Five weeks, from a Wednesday to a Wednesday, in the middle of what the simulated UCM holds.
SINCE, UNTIL = date(2026, 1, 7), date(2026, 2, 11)
#: Each with whether the second go takes whole archives, and how many are asked for in all: one of them dies with the first go.
PBXES = [
    pytest.param({"date_filter": True, "pack_follows_filter": True}, (True, 3), id="filter"),
    pytest.param(
        {"date_filter": True, "labels": "old", "modal": False}, (False, 2), id="filter-that-no-pack-follows", marks=pytest.mark.long
    ),
    pytest.param({}, (False, 0), id="no-filter", marks=pytest.mark.long),
]


def inside(place, since=SINCE, until=UNTIL):
    return {path: sound for path, sound in place.held_by_pbx().items() if since <= day_of(place, path) < until}


def day_of(place, path):
    return next(recording.start.date() for recording in place.ucm.state.all_recordings if recording.path == path)


def backfill(place, *words):
    return place.command("backfill", "--ucm", "office", "--since", f"{SINCE}", "--until", f"{UNTIL}", "--json", *words)


def slices(place):
    with Catalog.open(f"sqlite:///{place.folder}/data/catalog.db") as catalog:
        (found,) = catalog.find_backfills()
        return catalog.backfill_slices(found.id)


def recordings_moved(place):
    """How often each recording was packed, or sent by itself."""
    moved = []
    state = place.ucm.state
    for action in state.actions:
        if action.name == "packFile" and not action.params["data"].startswith("all"):
            moved += action.params["data"].split(",")
        elif action.name == "downloadFile" and action.params.get("type") == "voice_recording":
            moved.append(action.params["data"])
    return moved


def whole_archives(place):
    return sum(action.name == "packFile" and action.params["data"].startswith("all") for action in place.ucm.state.actions)


@pytest.mark.fault("process", "SIGKILL in the middle of a backfill", "it goes on where it was; no slice is done twice", promise="loss")
@pytest.mark.parametrize(("pbx", "archives"), PBXES)
def test_five_weeks_killed_midway_are_fetched_exactly_and_no_slice_twice(office, pbx, archives):
    place = office(recordings=70, months=3, seconds=(0.1, 0.3), pack_seconds=0.05, **pbx)
    process = backfill(place)
    wait_until(lambda: count_done(place) >= 1)
    packed = place.ucm.state.count("packFile")
    wait_until(lambda: place.ucm.state.count("packFile") > packed)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = {(one.since, one.until): one.run_id for one in slices(place) if one.state is SliceState.DONE}
    assert done
    code, report, _ = place.finish(backfill(place))
    assert (code, report["status"], report["trigger"], report["window"]) == (
        0, "complete", "backfill", {"since": f"{SINCE}", "until": f"{UNTIL}"},
    )  # fmt: skip
    wanted = inside(place)
    assert place.archived() == wanted
    counts = report["recordings"]
    assert (counts["expected"], counts["archived"], report["gaps"]) == (len(wanted), len(wanted), [])
    assert report["coverage"]["days"] == {"done": 35, "open": 0}
    assert all({(one.since, one.until): one.run_id for one in slices(place)}[span] == run for span, run in done.items())
    moved = [path for path in recordings_moved(place) if any(since <= day_of(place, path) < until for since, until in done)]
    assert len(moved) == len(set(moved))
    assert (report["sources"]["bulk"] == counts["new"], whole_archives(place)) == archives
    mark = len(place.ucm.state.actions)
    assert place.finish(backfill(place))[0] == 0
    assert len(place.ucm.state.actions) == mark


def count_done(place):
    try:
        with closing(sqlite3.connect(f"file:{place.folder}/data/catalog.db?mode=ro", uri=True)) as catalog:
            return catalog.execute("SELECT count(*) FROM backfill_slices WHERE state = 'done'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_sigterm_stops_in_order_and_a_dry_run_shows_what_is_left(office, monkeypatch):
    monkeypatch.setenv("UCM_SCRAPER__LIMITS__BANDWIDTH_MBIT", "50")  # all goes through the relay
    place = office(recordings=70, months=3, seconds=(0.1, 0.3), pack_seconds=0.3)
    process = backfill(place, "--oldest-first")
    wait_until(lambda: count_done(place) >= 1)
    process.send_signal(signal.SIGTERM)
    code, report, _ = place.finish(process)
    assert (code, report["status"], report["recordings"]["expected"]) == (3, "stopped", None)
    held = place.archived()
    assert held.items() <= inside(place).items()
    assert {one.state for one in slices(place)} == {SliceState.DONE, SliceState.WAITING}
    code, planned, _ = place.finish(backfill(place, "--dry-run"))
    assert (code, sum(line["recordings"] for line in planned["plan"])) == (3, len(inside(place)) - len(held))
    assert place.archived() == held
