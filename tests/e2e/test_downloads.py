"""Downloads that go wrong: every whole recording is kept, every missing one is a gap, and no failure is called a success."""

from __future__ import annotations

from functools import partial

import pytest

from scraper.webui.pause import Pause

pytestmark = pytest.mark.browser


def check_ledger(place, report):
    """What holds after any run: the counts add up, and what is archived is exact."""
    counts = report.recordings
    assert counts.expected in (None, counts.archived + counts.gone + len(report.gaps))
    assert counts.already == counts.archived - counts.new
    held = place.held_by_pbx()
    assert all(held.get(path) == samples for path, samples in place.archived().items())


@pytest.mark.fault(
    "download",
    "something else comes than an archive: {instead}",
    "nothing of it is archived, and the job ends",
    exit_code=7,
    promise="success",
    simulated="archive_instead={instead}",
)
@pytest.mark.parametrize(
    ("instead", "modal"),
    [
        ("html", True),
        pytest.param("html", False, marks=pytest.mark.long),
        pytest.param("json", False, marks=pytest.mark.long),
        ("empty", True),
        pytest.param("zip", False, marks=pytest.mark.long),
        ("garbage", True),
    ],
)
def test_something_else_than_an_archive_ends_in_7(office, instead, modal):
    place = office(modal=modal, faults={"archive_instead": instead})
    report = place.run()
    assert report.exit_code == 7
    assert place.archived() == {}


@pytest.mark.fault(
    "download",
    "a gateway before the PBX gives up waiting for the first archive, whenever it is asked for",
    "the job ends; the next goes by rows",
    exit_code=6,
    simulated="archive_instead=504",
)
def test_gateway_that_never_waits_for_an_archive_holds_up_one_job_only(office):
    place = office(modal=False, faults={"archive_instead": "504"})
    assert place.run().exit_code == 6
    assert place.run().exit_code == 0
    assert place.all_is_exact()


@pytest.mark.fault(
    "download",
    "the PBX sends the browser on to the archive, by a web page with status 302",
    "every recording arrives",
    exit_code=0,
    simulated="archive_moved=file",
)
@pytest.mark.parametrize("modal", [True, pytest.param(False, marks=pytest.mark.long)])
def test_archive_that_lies_elsewhere_on_the_pbx_comes_from_there(office, modal):
    place = office(modal=modal, faults={"archive_moved": "file"})
    assert place.run().exit_code == 0
    assert place.all_is_exact()


@pytest.mark.fault(
    "download",
    "the PBX sends the browser on from the archive to a page",
    "the job ends at once, and does not wait as for a pack; the next one goes by rows",
    exit_code=7,
    promise="hang",
    simulated="archive_moved=page",
)
def test_archive_s_address_that_leads_to_a_page_is_told_at_once(office):
    place = office(modal=False, faults={"archive_moved": "page"})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (7, "DownloadFailed")
    assert place.run().exit_code == 0
    assert place.all_is_exact()


@pytest.mark.fault(
    "download",
    "the PBX sends the browser on from the archive to a deletion",
    "it never arrives, and the job stops",
    exit_code=10,
    promise="reading",
    simulated="archive_moved=deletion",
)
def test_archive_s_address_that_leads_to_a_deletion_ends_in_10(office):
    report = office(faults={"archive_moved": "deletion"}).run()
    assert (report.exit_code, report.error["kind"]) == (10, "SafetyStop")


@pytest.mark.fault(
    "download",
    "the archive breaks off at 60 % (`{fault}`)",
    "every whole recording is kept, the rest comes row by row or by the next run",
    exit_code=0,
    promise="loss",
    simulated="{fault}=0.6",
)
@pytest.mark.parametrize("fault", ["archive_cut", "archive_truncated", "archive_stalls"])
def test_broken_download_keeps_every_whole_recording_and_fetches_the_rest(office, fault):
    # Slow, because over this machine's own network the browser's five tries may be over before anybody opens its file.
    place = office(recordings=30, seconds=(2.0, 6.0), faults={fault: "0.6", "archive_slow": "5000000"})
    report = place.run()
    check_ledger(place, report)
    assert 15 <= report.sources["bulk"] <= 20
    assert report.recordings.expected == 30
    assert "did not arrive whole" in report.notes[0]
    place.ucm.state.faults.clear()
    if report.exit_code:  # whatever is packed breaks off like this
        assert {gap.reason for gap in report.gaps} == {"unreachable"}
        report = place.run()
    assert (report.exit_code, place.all_is_exact()) == (0, True)


@pytest.mark.fault(
    "download", "the connection is cut once", "the download is asked for again in the same job", exit_code=0, simulated="archive_cut=0.6*1"
)
def test_download_cut_once_goes_on_by_itself(office):
    place = office(recordings=30, seconds=(2.0, 6.0))
    place.ucm.state.faults.set("archive_cut", 0.6, times=1)
    report = place.run()
    assert (report.exit_code, report.recordings.new) == (0, 30)


@pytest.mark.fault(
    "download",
    "a third of the listed recordings is not in the archive",
    "they come as ticked rows",
    exit_code=0,
    promise="gap",
    simulated="missing_from_archive=0.33",
)
def test_listed_recordings_that_the_archive_lacks_are_fetched_by_themselves(office):
    place = office(recordings=30, faults={"missing_from_archive": "0.33"})
    report = place.run()
    check_ledger(place, report)
    assert (report.exit_code, report.recordings.expected, place.all_is_exact()) == (0, 30, True)
    assert report.sources["batch"] + report.sources["row"] == 30 - report.sources["bulk"] > 5


@pytest.mark.fault(
    "download",
    "what the archive lacks comes in no other way either",
    "each is a gap by name",
    promise="gap",
    simulated="missing_from_archive=0.33, single_instead=html",
)
@pytest.mark.fault("web", "Download All shows a toast and no dialogue", "the download is followed all the same", simulated="no_modal")
def test_listed_recordings_that_no_way_brings_are_gaps_by_name(office, monkeypatch):
    monkeypatch.setattr("scraper.job.web_fetch.Pause", partial(Pause, longest=2.0))  # in place of a minute
    place = office(recordings=9, faults={"missing_from_archive": "0.33", "single_instead": "html"})
    place.configure(web={"pack_timeout_seconds": 5, "labels": {"download": []}})
    place.ucm.state.faults.set("no_modal")
    report = place.run()
    check_ledger(place, report)
    assert report.recordings.expected == 9
    assert {gap.identity.path for gap in report.gaps} == set(place.held_by_pbx()) - set(place.archived())


@pytest.mark.fault(
    "download",
    "the archive holds links, devices, climbing and odd paths",
    "nothing is written outside the store, and every honest recording is archived or a gap",
    promise="loss",
    simulated="hostile=dotdot+absolute+symlink+hardlink+device+fifo+duplicate+longname+nonutf8+case+control",
)
def test_hostile_members_harm_nothing_and_hide_nothing(office):
    place = office(faults={"hostile": "dotdot+absolute+symlink+hardlink+device+fifo+duplicate+longname+nonutf8+case+control"})
    report = place.run()
    paths = {gap.identity.path for gap in report.gaps}
    assert set(place.held_by_pbx()) <= set(place.archived()) | paths
    outside = [path for path in place.folder.rglob("*") if path.is_file() and "data" not in path.relative_to(place.folder).parts[:1]]
    assert outside == [place.config]


@pytest.mark.fault(
    "download",
    "a symbolic link, a device or a pipe in the archive bears a recording's name that nothing else names",
    "it is refused and noted, and no recording that would be missing for ever",
    exit_code=0,
    promise="gap",
    simulated="hostile=symlink+device+fifo",
)
def test_what_holds_no_recording_and_nobody_names_is_refused_and_not_missing(office):
    place = office(faults={"hostile": "symlink+device+fifo"})
    report = place.run()
    assert (report.exit_code, report.gaps, place.all_is_exact()) == (0, [], True)
    assert any(note.endswith(": a symbolic link") for note in report.notes)


@pytest.mark.fault(
    "download",
    "the archive holds as many strange members as honest ones are missing",
    "what is missing is found by name, not by number",
    promise="gap",
    simulated="hostile=duplicate+case+longname+absolute, missing_from_archive=0.33",
)
def test_members_too_many_do_not_hide_one_too_few(office):
    place = office(recordings=30, faults={"missing_from_archive": "0.33", "hostile": "duplicate+case+longname+absolute"})
    report = place.run()
    missing = {gap.identity.path for gap in report.gaps}
    assert set(place.held_by_pbx()) <= set(place.archived()) | missing
    assert report.sources["bulk"] < report.recordings.archived


@pytest.mark.fault(
    "audio",
    "noise instead of speech in the archive, without an API",
    "it goes to quarantine, and the recording comes as a row",
    exit_code=0,
    promise="success",
    simulated="noise_in_archive=0.2",
)
def test_noise_is_quarantined_and_the_recording_fetched_another_way(office):
    place = office(recordings=20, seconds=(2.0, 4.0), faults={"noise_in_archive": "0.2"})
    report = place.run()
    quarantined = [path for path in (place.folder / "data" / "quarantine").rglob("*") if path.suffix == ".json"]
    assert quarantined
    assert (report.exit_code, report.sources["bulk"]) == (0, 20 - len(quarantined))
    assert place.all_is_exact()


@pytest.mark.fault(
    "audio",
    "noise instead of speech, whichever way it comes",
    "quarantine, and a gap `undecodable`",
    exit_code=3,
    promise="success",
    simulated="noise=0.2",
)
def test_noise_wherever_it_comes_from_is_a_gap(office):
    place = office(recordings=20, seconds=(2.0, 4.0), single="gsff", faults={"noise": "0.2"})
    report = place.run()
    check_ledger(place, report)
    assert report.exit_code == 3
    assert {gap.reason for gap in report.gaps} == {"undecodable"}
    assert report.recordings.quarantined == len(report.gaps) > 0
    assert place.run().recordings.new == 0


@pytest.mark.fault(
    "download",
    "the PBX can't pack its recordings",
    "the job ends; from the next on they come row by row",
    exit_code=7,
    simulated="pack_fails=-9",
)
def test_pack_that_fails_ends_in_7_and_from_then_on_goes_by_rows(office):
    place = office(recordings=4, faults={"pack_fails": "-9"})
    assert place.run().error["kind"] == "PackFailed"
    report = place.run()
    assert (report.exit_code, report.sources["row"], place.all_is_exact()) == (0, 4, True)


@pytest.mark.fault(
    "download", "packing never ends", "the job ends by its deadline", exit_code=7, promise="hang", simulated="pack_never_ends"
)
def test_pack_that_never_ends_ends_by_its_deadline(office):
    place = office(faults={"pack_never_ends": ""})
    place.configure(web={"pack_timeout_seconds": 3})
    assert place.run().error["kind"] == "PackFailed"


@pytest.mark.fault(
    "web", "the web UI says that it is busy (-51)", "it is asked again after the time it wants", exit_code=0, simulated="web_busy=-51*2"
)
def test_busy_pbx_is_given_the_time_it_asks_for(office, monkeypatch):
    from scraper.webui import wire

    monkeypatch.setitem(wire.PATIENCE_SECONDS, -51, 0.3)
    place = office()
    place.ucm.state.faults.set("web_busy", "-51", times=2)
    assert place.run().exit_code == 0


@pytest.mark.fault(
    "cdr",
    "the list says more than it shows, and no API knows",
    "what should exist is unknown; the job is not complete",
    exit_code=3,
    promise="success",
    simulated="listing_total=3",
)
def test_list_that_says_more_than_it_shows_is_never_complete(office):
    report = office(faults={"listing_total": "3"}).run()
    assert (report.exit_code, report.recordings.expected) == (3, None)
