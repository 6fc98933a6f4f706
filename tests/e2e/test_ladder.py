"""Gaps and the ways to fill them where answers are wrong: lists that lie, copies that are spoilt, recapi that sends nonsense, kills."""

from __future__ import annotations

import random
import signal
import time

import pytest
from waiting import wait_until

from scraper.models import Source

pytestmark = pytest.mark.browser


# --- lists ---


@pytest.mark.fault(
    "cdr",
    "the list says more than it shows, the API knows better",
    "all arrive, and the report says so",
    promise="gap",
    simulated="listing_total=3",
)
def test_list_that_says_more_than_it_shows_is_noted_and_call_records_count(branch):
    place = branch(recordings=12, faults={"listing_total": "3"})
    report = place.run()
    assert place.adds_up(report)
    assert report.recordings.archived == 12
    assert any("not as long as it says" in note for note in report.notes)
    assert place.all_is_exact()


@pytest.mark.fault(
    "cdr",
    "the list is suddenly empty",
    "safety stop, nothing is concluded; after a deletion on purpose `reconcile` goes on",
    exit_code=10,
    promise="gap",
    simulated="listing_empty",
)
@pytest.mark.parametrize("api", [True, False], ids=["api", "web-only"])
def test_list_that_is_suddenly_empty_stops_the_job_before_it_changes_anything(branch, office, api):
    place = branch(recordings=32) if api else office(recordings=32, today=None)
    assert place.run().exit_code == 0
    before = place.archived()
    place.ucm.state.faults.set("listing_empty")
    if api:
        place.let_lists_be_due()
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (10, "SafetyStop")
    assert "reconcile" in report.error["remedy"]
    assert place.archived() == before
    assert (report.recordings.archived, report.gaps, report.bytes_downloaded) == (32, [], 0)
    agreed = place.reconcile()
    assert (agreed.exit_code, agreed.recordings.archived, agreed.recordings.new) == (0, 32, 0)
    assert place.run().exit_code == 0
    place.ucm.state.faults.clear()
    assert (place.run().exit_code, place.archived()) == (0, before)


# --- copies ---


@pytest.mark.fault(
    "audio",
    "a quarter of the recordings is cut short in the archive",
    "whole ones are fetched another way, the short ones kept beside",
    exit_code=0,
    promise="success",
    simulated="short_in_archive=0.25",
)
def test_copies_too_short_in_the_archive_give_way_to_whole_ones(branch):
    place = branch(recordings=16, seconds=(8.0, 12.0), faults={"short_in_archive": "0.25"})
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.gaps, report.recordings.expected) == (0, [], 16)
    held, archived = place.held_by_pbx(), place.archived()
    assert {path: archived.get(path) for path in held} == held
    assert len(archived) == 20  # the short ones are kept beside them
    mark = len(place.ucm.state.actions)
    assert (place.run().exit_code, place.moved_since(mark)) == (0, [])


@pytest.mark.fault(
    "audio",
    "some recordings are shorter than their calls wherever they come from",
    "asked for once more, kept and noted",
    exit_code=0,
    promise="success",
    simulated="short=0.17",
)
def test_copies_that_are_short_everywhere_are_asked_for_once_more_and_kept(branch):
    place = branch(recordings=12, seconds=(8.0, 12.0), faults={"short": "0.17"})
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.recordings.archived, len(place.archived())) == (0, 12, 12)
    assert sum("no more sound" in note for note in report.notes) == 2
    mark = len(place.ucm.state.actions)
    assert (place.run().exit_code, place.moved_since(mark)) == (0, [])


@pytest.mark.fault(
    "audio",
    "noise instead of speech in the archive, with an API",
    "it goes to quarantine, and the recording comes over recapi",
    exit_code=0,
    promise="success",
    simulated="noise_in_archive=0.25",
)
def test_noise_in_the_archive_is_quarantined_and_fetched_elsewhere(branch):
    place = branch(recordings=16, seconds=(2.0, 4.0), faults={"noise_in_archive": "0.25"})
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.gaps, report.recordings.quarantined) == (0, [], 0)
    assert report.sources[Source.RECAPI] == 4
    assert place.all_is_exact()


# --- recapi ---


@pytest.mark.fault(
    "api",
    "recapi sends something else: {instead}",
    "nothing of it is archived; the rows bring the recordings",
    exit_code=0,
    promise="success",
    simulated="recapi_instead={instead}",
)
@pytest.mark.parametrize("instead", ["html", "empty", "other", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("json", "half"))])
def test_recapi_that_sends_something_else_leaves_it_to_the_rows(branch, instead):
    place = branch(recordings=12, faults={"missing_from_archive": "0.25", "recapi_instead": instead})
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.gaps, report.sources[Source.ROW]) == (0, [], 3)
    assert place.all_is_exact()
    assert not list((place.folder / "data").rglob("quarantine/*/*.wav")) or instead == "half"


@pytest.mark.fault("api", "recapi sends a tar with the recording in it", "it is unpacked", exit_code=0, simulated="recapi_instead=tar")
def test_recapi_that_sends_a_tar_is_unpacked(branch):
    place = branch(recordings=12, faults={"missing_from_archive": "0.25", "recapi_instead": "tar"})
    report = place.run()
    assert (report.exit_code, report.sources[Source.RECAPI]) == (0, 3)
    assert place.all_is_exact()


@pytest.mark.fault(
    "api",
    "recapi sends something else and there is no other way: {fault}",
    "nothing of it is archived, each recording is a gap; later all arrive",
    exit_code=3,
    promise="success",
    simulated="recapi_instead={fault}",
)
@pytest.mark.parametrize(("fault", "reasons"), [("html", {"throttled"}), ("json", {"unreachable"}), ("half", {"corrupt", "too-short"})])
def test_api_alone_that_sends_nonsense_archives_nothing_of_it_and_says_why(branch, fault, reasons):
    place = branch(recordings=5, seconds=(2.0, 4.0), faults={"recapi_instead": fault})
    place.configure(web=None)
    report = place.run()
    assert place.adds_up(report)
    assert (report.exit_code, report.recordings.archived, len(report.gaps)) == (3, 0, 5)
    assert {gap.reason for gap in report.gaps} <= reasons
    place.ucm.state.faults.clear()
    later = place.run()
    assert (later.exit_code, later.recordings.archived) == (0, 5)
    held, archived = place.held_by_pbx(), place.archived()
    assert {path: archived.get(path) for path in held} == held


# --- rows ---


@pytest.mark.fault(
    "download",
    "a single download yields something else at first: {instead}",
    "it comes in this run, or is a gap that the next run closes",
    promise="success",
    simulated="single_instead={instead}",
)
@pytest.mark.parametrize("instead", ["html*2", "empty*1", pytest.param("json*1", marks=pytest.mark.long)])
def test_row_that_yields_something_else_at_first_comes_in_this_run_or_the_next(office, instead):
    place = office(recordings=12, today=None, faults={"missing_from_archive": "0.17", "single_instead": instead})
    report = place.run()
    assert place.adds_up(report)
    assert report.recordings.archived + len(report.gaps) == 12
    assert report.exit_code == (3 if report.gaps else 0)
    if instead.startswith("html"):  # too fast: after a pause it comes
        assert report.gaps == []
    later = place.run()
    assert (later.exit_code, later.recordings.archived) == (0, 12)
    assert place.all_is_exact()


# --- stopped and killed on the ladder ---


@pytest.mark.fault(
    "process",
    "SIGTERM while gaps are fetched one by one",
    "what is in hand is finished; the next run completes",
    exit_code=3,
    promise="loss",
)
def test_sigterm_on_the_ladder_stops_and_the_next_run_completes(branch):
    place = branch(recordings=40, faults={"missing_from_archive": "0.6"})
    process = place.command("run", "--json")
    wait_until(lambda: place.ucm.state.count("recapi") >= 3)
    process.send_signal(signal.SIGTERM)
    code, report, _ = place.finish(process)
    assert (code, report["status"]) == (3, "stopped")
    counts = report["recordings"]
    assert 16 <= counts["archived"] == len(place.archived()) < 40
    assert counts["expected"] in (None, counts["archived"] + counts["gone"] + len(report["gaps"]))
    again = place.run()
    assert (again.exit_code, again.recordings.archived, again.recordings.already) == (0, 40, counts["archived"])
    assert place.adds_up(again)
    assert place.all_is_exact()
    assert place.sign_ins("web") == 1


@pytest.mark.fault(
    "process",
    "SIGKILL at random moments while packing and fetching",
    "all that is archived is whole and there once; the next run completes",
    exit_code=0,
    promise="loss",
)
def test_sigkill_at_any_moment_loses_and_doubles_nothing(branch):
    place = branch(recordings=40, faults={"missing_from_archive": "0.6"})
    rng = random.Random(3)
    for action in ("packFile", "recapi", "recapi"):
        before = place.ucm.state.count(action)
        process = place.command("run", "--json")
        wait_until(lambda: place.ucm.state.count(action) > before or process.poll() is not None)  # noqa: B023 -- called before the loop goes on
        time.sleep(rng.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        held = place.held_by_pbx()
        assert all(held[path] == sound for path, sound in place.archived().items())
    report = place.run()
    assert (report.exit_code, report.recordings.expected, report.recordings.archived) == (0, 40, 40)
    assert place.adds_up(report)
    assert place.all_is_exact()
    assert not [path for path in (place.store.parent / ".incoming").rglob("*") if path.is_file()]
