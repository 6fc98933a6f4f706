"""Jobs with web UI and API: what the archive of *Download All* lacks is fetched gap by gap, and what can't be had has its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scraper.models import RecordingClass, Source

pytestmark = pytest.mark.browser

#: Every shape of call records, both forms of names, every place of recapi's month and every family of the API, in few combinations.
PBXES = {
    "flat-dying-cookie": {
        "cdr_shape": "flat", "recordfiles": "month", "recapi_month": "bare", "api_new": True, "faults": {"cookie_dies_every": "5"},
    },
    "hollow-repeating-pages": {
        "cdr_shape": "hollow", "recordfiles": "bare", "recapi_month": "path", "api_new": True, "api_max_records": 7,
        "faults": {"pages_repeat": ""},
    },
    "array-silent-busy": {
        "cdr_shape": "array", "recordfiles": "empty", "recapi_month": "filedir", "api_new": True, "faults": {"api_busy": "-45*2"},
    },
    "deep-digest-silent": {"cdr_shape": "deep", "recordfiles": "empty", "recapi_month": "path", "api_old": True},
    "flat-basic-busy": {
        "cdr_shape": "flat", "recordfiles": "bare", "recapi_month": "filedir", "api_old": True, "api_old_auth": "basic",
        "faults": {"api_busy": "-57*1"},
    },
    "mixed-everything": {
        "cdr_shape": "mixed", "recordfiles": "mixed", "recapi_month": "path", "api_new": True, "api_max_records": 5,
        "faults": {"cookie_dies_every": "5", "pages_repeat": "", "api_busy": "-46*1"},
    },
}  # fmt: skip
#: Those of which each part is in another as well.
REPEATED = ("hollow-repeating-pages", "flat-basic-busy")


def calls_per_second(place):
    """How fast the API was asked, from the first call to the last."""
    calls = [action.at for action in place.ucm.state.actions if action.way != "web" and action.name not in ("challenge", "login")]
    return (len(calls) - 1) / (calls[-1] - calls[0])


# --- a third of the recordings is left out of the archive ---


@pytest.mark.fault(
    "api",
    "a third is missing from the archive (several kinds of PBX)",
    "recapi brings each, asked for no faster than it may",
    exit_code=0,
    promise="gap",
    simulated="missing_from_archive=0.33",
)
@pytest.mark.fault(
    "api", "the API's cookie dies every five calls", "it is renewed", exit_code=0, promise="ban", simulated="cookie_dies_every=5"
)
@pytest.mark.fault(
    "api", "the API says that it is busy (-45, -46)", "it is given the time it asks for", exit_code=0, simulated="api_busy=-45*2"
)
@pytest.mark.fault(
    "cdr",
    "cdrapi repeats its first page for ever",
    "it is noticed, and the calls are read in smaller windows",
    exit_code=0,
    promise="hang",
    simulated="pages_repeat",
)
@pytest.mark.parametrize("pbx", [pytest.param(pbx, id=name, marks=[pytest.mark.long] * (name in REPEATED)) for name, pbx in PBXES.items()])
def test_what_the_archive_lacks_is_fetched_from_every_pbx(branch, pbx):
    place = branch(paced=True, recordings=18, queue_recordings=4, meetme_recordings=3, **pbx)
    place.ucm.state.faults.set("missing_from_archive", "0.33")
    report = place.run()
    assert (report.exit_code, report.gaps, report.error) == (0, [], None)
    assert place.adds_up(report)
    assert (report.recordings.expected, report.recordings.new) == (25, 25)
    assert report.sources["recapi"] >= 6
    assert place.all_is_exact()
    assert calls_per_second(place) < 11
    assert place.sign_ins("web") == 1
    assert all(attempt.ok for attempt in place.ucm.state.sign_ins)
    mark = len(place.ucm.state.actions)
    again = place.run()
    assert (again.exit_code, again.recordings.archived, again.recordings.new) == (0, 25, 0)
    assert place.moved_since(mark) == []
    assert place.sign_ins("web") == 1


# --- what is gone ---


@pytest.mark.fault(
    "audio",
    "a tenth of the recordings is gone (`{fault}`)",
    "a gap until the PBX has said so twice, hours apart; then counted as gone, and the run is complete",
    exit_code=3,
    promise="gap",
    simulated="{fault}=0.1",
)
@pytest.mark.parametrize("fault", ["gone", "gone_but_listed"])
def test_what_is_gone_is_a_gap_until_the_pbx_has_said_so_twice_hours_apart(branch, fault):
    place = branch(recordings=20)
    place.ucm.state.faults.set(fault, "0.1")
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.recordings.expected, report.recordings.archived) == (3, 20, 18)
    assert [gap.reason for gap in report.gaps] == ["gone", "gone"]
    missing = {gap.identity.path for gap in report.gaps}
    assert missing == set(place.held_by_pbx()) - set(place.archived())
    mark = len(place.ucm.state.actions)
    soon = place.run()
    assert (soon.exit_code, len(soon.gaps), place.moved_since(mark)) == (3, 2, [])
    place.let_hours_pass()
    later = place.run()
    assert place.adds_up(later)
    assert (later.exit_code, later.gaps) == (0, [])
    counts = later.recordings
    assert (counts.expected, counts.archived, counts.gone, counts.new) == (20, 18, 2, 0)
    mark = len(place.ucm.state.actions)
    assert (place.run().exit_code, place.moved_since(mark)) == (0, [])


@pytest.mark.fault("audio", "a recording comes back after it was gone", "it is fetched", exit_code=0, promise="gap", simulated="gone=0.1")
def test_what_is_listed_again_after_it_was_gone_is_fetched(branch):
    place = branch(recordings=12, faults={"gone": "0.1"})
    assert place.run().exit_code == 3
    place.let_hours_pass()
    assert place.run().recordings.gone == 1
    place.ucm.state.faults.clear()
    report = place.reconcile()
    place.let_hours_pass(30)
    report = place.reconcile()
    assert (report.exit_code, report.recordings.gone, report.recordings.archived) == (0, 0, 12)
    assert place.all_is_exact()


# --- nothing new, and a few new ones ---


def test_few_new_ones_come_over_the_api_without_a_browser(branch):
    place = branch(recordings=20, queue_recordings=3)
    assert place.run().exit_code == 0
    mark = len(place.ucm.state.actions)
    report = place.run()
    assert (report.exit_code, report.recordings.new, report.bytes_downloaded, place.moved_since(mark)) == (0, 0, 0, [])
    new = place.ucm.state.add(3)
    report = place.run()
    assert (report.exit_code, report.recordings.new, report.sources[Source.RECAPI]) == (0, 3, 3)
    assert place.adds_up(report)
    assert {path.rpartition("/")[2] for path in place.moved_since(mark)} == {recording.name for recording in new}
    assert report.bytes_downloaded <= 1.1 * sum(len(recording.riff()) for recording in new)
    assert {action.way for action in place.ucm.state.actions[mark:]} == {"api"}
    assert place.sign_ins("web") == 1
    assert place.all_is_exact()


def test_few_new_ones_come_as_ticked_rows_where_there_is_no_api(office):
    place = office(recordings=30, today=None)
    assert place.run().exit_code == 0
    mark = len(place.ucm.state.actions)
    report = place.run()
    assert (report.exit_code, report.recordings.new, report.bytes_downloaded, place.moved_since(mark)) == (0, 0, 0, [])
    new = place.ucm.state.add(3)
    report = place.run()
    assert (report.exit_code, report.recordings.new) == (0, 3)
    assert report.sources[Source.BATCH] + report.sources[Source.ROW] == 3
    assert place.adds_up(report)
    assert "allCdrRecordFiles.tgz" not in place.moved_since(mark)
    assert report.bytes_downloaded <= 1.1 * sum(len(recording.stored()) + 2048 for recording in new)
    assert place.sign_ins("web") == 1
    assert place.all_is_exact()


# --- chosen recordings, a window, a plan ---


def test_fetch_brings_what_it_is_told_and_nothing_else(branch):
    place = branch(recordings=12, queue_recordings=2)
    names = sorted(place.held_by_pbx())
    with_month, bare = names[0], names[1].rpartition("/")[2]
    report = place.fetch(with_month, bare)
    assert (report.exit_code, report.gaps) == (0, [])
    assert place.adds_up(report)
    assert (report.recordings.expected, report.recordings.new) == (2, 2)
    assert set(place.archived()) == set(names[:2])
    mark = len(place.ucm.state.actions)
    again = place.fetch(with_month, bare)
    assert (again.exit_code, again.recordings.already, len(place.ucm.state.actions)) == (0, 2, mark)
    unknown = place.fetch("2026-02/auto-1770000000-1000-5555550100.wav", with_month)
    assert (unknown.exit_code, [gap.identity.path for gap in unknown.gaps]) == (3, ["2026-02/auto-1770000000-1000-5555550100.wav"])
    assert place.adds_up(unknown)
    queue = next(recording.path for recording in place.ucm.state.all_recordings if recording.klass is RecordingClass.QUEUE)
    assert place.fetch(queue).exit_code == 0
    held = place.held_by_pbx()
    assert all(held[path] == sound for path, sound in place.archived().items())
    assert place.sign_ins("api") <= 4


def test_fetch_finds_the_row_where_there_is_no_api(office):
    place = office(recordings=12, today=None)
    path = sorted(place.held_by_pbx())[3]
    report = place.fetch(path)
    assert (report.exit_code, report.recordings.expected, report.recordings.new) == (0, 1, 1)
    assert set(place.archived()) == {path}
    assert "allCdrRecordFiles.tgz" not in place.moved_since(0)


def test_reconcile_of_a_window_counts_and_fetches_that_window_only(branch):
    place = branch(recordings=24)
    third, *_, sixth = place.ucm.state.all_recordings[2:6]
    since, until = third.start.date(), sixth.start.date() + timedelta(days=1)
    inside = {recording.path for recording in place.ucm.state.all_recordings if since <= recording.start.date() < until}
    code, report, _ = place.finish(place.command("reconcile", "--since", f"{since}", "--until", f"{until}", "--json"))
    counts = report["recordings"]
    assert (code, counts["expected"], counts["archived"], counts["new"], counts["already"]) == (0, len(inside), len(inside), len(inside), 0)
    assert set(place.archived()) == inside
    assert report["window"] == {"since": f"{since}", "until": f"{until}"}
    assert place.reconcile(since, until).recordings.already == len(inside)
    whole = place.run()
    assert (whole.exit_code, whole.recordings.expected) == (0, 24)
    assert place.all_is_exact()


def test_dry_run_shows_the_plan_and_fetches_nothing(branch):
    place = branch(recordings=14, queue_recordings=2)
    code, report, _ = place.finish(place.command("run", "--dry-run", "--json"))
    assert (code, report["recordings"]["expected"], report["recordings"]["archived"], report["recordings"]["new"]) == (3, 16, 0, 0)
    assert sum(line["recordings"] for line in report["plan"]) == 16
    assert all(set(line) == {"way", "class", "recordings", "fetches", "bytes"} for line in report["plan"])
    assert place.moved_since(0) == []
    assert not place.store.exists() or place.archived() == {}
    assert place.run().exit_code == 0
    assert place.all_is_exact()
    done = place.plan()
    assert (done.exit_code, done.plan, done.recordings.expected) == (0, [], 16)
