"""The main job in a real browser against the simulated UCM: everything arrives, exactly, and nothing but reading is sent."""

from __future__ import annotations

import json
import stat

import pytest

from scraper.simulator import WEB_PASSWORD
from scraper.webui.guard import READING

pytestmark = pytest.mark.browser


def test_first_run_archives_every_recording_sample_for_sample(ran):
    assert (ran.code, ran.report["status"], ran.report["error"]) == (0, "complete", None)
    counts = {"expected": 24, "archived": 24, "gone": 0, "new": 24, "already": 0, "quarantined": 0}
    assert ran.report["recordings"] == counts
    assert ran.office.all_is_exact()


def test_second_run_stores_nothing_new_and_signs_in_no_second_time(office):
    place = office()
    place.run()
    before = {path: path.stat().st_mtime_ns for path in place.store.rglob("*.wav")}
    counts = place.run().as_json()["recordings"]
    assert counts == {"expected": 12, "archived": 12, "gone": 0, "new": 0, "already": 12, "quarantined": 0}
    assert {path: path.stat().st_mtime_ns for path in place.store.rglob("*.wav")} == before
    assert len(place.ucm.state.sign_ins) == 1


def test_recordings_made_between_two_runs_are_new_in_the_second(office):
    place = office()
    place.run()
    place.ucm.state.add(3)
    counts = place.run().recordings
    assert (counts.expected, counts.new, counts.already) == (15, 3, 12)
    assert place.all_is_exact()


@pytest.mark.fault(
    "audio", "the PBX removes a recording that is archived", "it stays archived, and the job is complete", exit_code=0, promise="loss"
)
def test_recording_that_the_pbx_removed_stays_archived_and_complete(office):
    place = office()
    place.run()
    place.ucm.state.remove(place.ucm.state.all_recordings[0].path)
    report = place.run()
    assert (report.exit_code, report.recordings.expected, report.recordings.archived) == (0, 12, 12)


@pytest.mark.fault(
    "web", "buttons, dialogue, archive and audio as other firmware has them (several builds)", "every recording arrives", exit_code=0
)
@pytest.mark.fault(
    "web",
    "the buttons for deleting and for downloading have changed places",
    "every recording arrives, nothing is deleted",
    exit_code=0,
    promise="reading",
    simulated="delete_moved",
)
@pytest.mark.fault("web", "each page is loaded anew, and answers go with the page that asked", "every recording arrives", exit_code=0)
@pytest.mark.fault("web", "banner, toast and Apply Changes lie over the page", "every recording arrives", exit_code=0, simulated="overlay")
@pytest.mark.fault("web", "the buttons have older firmware's labels", "every recording arrives", exit_code=0, simulated="labels=old")
@pytest.mark.fault("download", "the archive is a tar under the name .tgz", "every recording arrives", exit_code=0, simulated="plain_tar")
@pytest.mark.parametrize(
    "build",
    [
        {"modal": False, "archive_paths": "none", "gsff": "mixed"},
        pytest.param({"labels": "old", "archive_paths": "dir", "gsff": "none"}, marks=pytest.mark.long),
        {"labels": "old", "modal": False, "overlay": True, "gsff_layout": "bare8"},
        {"overlay": True, "archive_paths": "absolute", "gsff_layout": "riff44"},
        {"pack_mode": "poll", "gsff_layout": "alaw8", "reloads": True},
        {"date_filter": True, "recordings": 70},
        {"faults": {"plain_tar": ""}},
        {"faults": {"delete_moved": ""}},
    ],
    ids=lambda build: "-".join(f"{key}={value}" for key, value in build.items()),
)
def test_every_build_of_the_web_ui_gives_every_recording(office, build):
    place = office(**build)
    report = place.run()
    assert (report.exit_code, report.recordings.new, report.gaps) == (0, len(place.ucm.state.all_recordings), [])
    if build.get("gsff_layout") != "alaw8":
        assert place.all_is_exact()


@pytest.mark.fault(
    "web",
    "the web UI is in another language",
    "the job ends and names the buttons it saw; with their labels configured it works",
    exit_code=7,
    simulated="language=de",
)
def test_other_language_works_once_its_label_is_configured(office):
    place = office(language="de", page_seconds=4)
    assert place.run().exit_code == 7
    place.configure(web={"labels": {"download_all": "Alle herunterladen", "download": "Herunterladen"}})
    assert place.run().exit_code == 0


@pytest.mark.fault(
    "web",
    "the Recordings page comes up with the current month only, and packs what it lists",
    "its filter is set to all days; every recording arrives",
    exit_code=0,
    promise="success",
)
def test_page_that_comes_up_with_the_current_month_is_asked_for_all_days(office):
    place = office(recordings=20, date_filter=True, date_preset=True, pack_follows_filter=True)
    report = place.run()
    assert (report.exit_code, report.recordings.expected) == (0, 20)
    assert place.all_is_exact()


@pytest.mark.fault(
    "web",
    "the same, and its filter can't be set",
    "what came is archived; what should exist is not known",
    exit_code=3,
    promise="success",
)
def test_page_that_lists_some_days_and_can_not_be_asked_for_all_is_never_complete(office):
    place = office(recordings=20, page_seconds=3, language="de", date_filter=True, date_preset=True, pack_follows_filter=True)
    place.configure(web={"labels": {"download_all": "Alle herunterladen", "download": "Herunterladen"}})
    report = place.run()
    assert (report.exit_code, report.recordings.expected) == (3, None)
    assert 0 < report.recordings.archived < 20
    assert any("chose itself" in note for note in report.notes)
    place.ucm.state.add(2)
    report = place.run()
    assert (report.exit_code, report.recordings.expected, report.recordings.new) == (3, None, 2)


def test_pbx_without_recordings_is_complete(office):
    report = office(recordings=0).run()
    assert (report.exit_code, report.recordings.expected) == (0, 0)


@pytest.mark.fault("sign-in", "the PBX ended the kept session", "one more sign-in", exit_code=0)
def test_session_that_the_pbx_ended_costs_one_more_sign_in_and_nothing_else(office):
    place = office()
    place.run()
    place.ucm.state.end_sessions()
    assert place.run().exit_code == 0
    assert len(place.ucm.state.sign_ins) == 2


@pytest.mark.fault(
    "sign-in", "the session ends as the download begins", "one more sign-in", exit_code=0, simulated="session_ends_before_download=*1"
)
@pytest.mark.parametrize("modal", [True, pytest.param(False, marks=pytest.mark.long)])
def test_session_that_ends_between_page_and_download_costs_one_more_sign_in(office, modal):
    place = office(modal=modal)
    place.ucm.state.faults.set("session_ends_before_download", times=1)
    report = place.run()
    assert (report.exit_code, report.recordings.new) == (0, 12)
    assert len(place.ucm.state.sign_ins) == 2


@pytest.mark.fault(
    "sign-in",
    "the session ends while the list is read, and says so by -5 as older firmware does",
    "one more sign-in",
    exit_code=0,
    simulated="session_ends_after=5*1, session_status=-5",
)
def test_session_that_ends_while_the_list_is_read_costs_one_more_sign_in(office):
    place = office(recordings=30)
    place.ucm.state.faults.set("session_ends_after", 5, times=1)
    place.ucm.state.faults.set("session_status", -5)
    report = place.run()
    assert (report.exit_code, report.recordings.expected) == (0, 30)


ENDS_AFTER = [
    (5, False),
    *(pytest.param(requests, reloads, marks=pytest.mark.long) for requests in range(3, 15, 2) for reloads in (False, True)),
]


@pytest.mark.fault(
    "sign-in",
    "each session ends after so many requests, wherever the job is then",
    "the job is complete only where nothing is missing",
    promise="success",
    simulated="session_ends_after=N",
)
@pytest.mark.parametrize(("requests", "reloads"), ENDS_AFTER)
def test_job_whose_sessions_end_is_complete_only_where_nothing_is_missing(office, requests, reloads):
    place = office(recordings=30, queue_recordings=3, reloads=reloads, seconds=(0.3, 0.8))
    place.ucm.state.faults.set("session_ends_after", requests)
    place.ucm.state.faults.set("session_status", -5)
    for _ in range(2):
        report = place.run()
        assert report.exit_code in (0, 3, 7), report.error
        assert (place.archived() == place.held_by_pbx()) or report.exit_code != 0
    place.ucm.state.faults.clear()
    assert place.run().exit_code == 0
    assert place.archived() == place.held_by_pbx()


@pytest.mark.fault(
    "sign-in",
    "every session ends before its download",
    "the job ends after two sign-ins",
    exit_code=7,
    promise="ban",
    simulated="session_ends_before_download",
)
def test_session_that_ends_before_every_download_ends_the_job_after_two_sign_ins(office):
    place = office(faults={"session_ends_before_download": ""})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (7, "SessionEnded")
    assert len(place.ucm.state.sign_ins) == 2


@pytest.mark.fault(
    "web",
    "the delete buttons stand where the download buttons were, under a banner",
    "only reading actions arrive",
    promise="reading",
    simulated="delete_moved, overlay",
)
def test_nothing_but_reading_reaches_the_pbx(office):
    place = office(faults={"delete_moved": ""}, overlay=True)
    place.run()
    place.run()
    names = {action.name for action in place.ucm.state.actions}
    assert names
    assert all(name.startswith((*READING, "CreateCdrRecord")) for name in names)


def test_files_are_readable_by_their_owner_only(ran):
    data = ran.office.folder / "data"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [data, *data.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}


def test_command_prints_the_documented_report_and_nothing_else(ran):
    assert ran.code == 0
    assert list(ran.report) == [
        "schema", "run_id", "ucm", "trigger", "window", "started_at", "finished_at", "status", "exit_code",
        "recordings", "sources", "bytes", "seconds", "gaps", "notes", "error",
    ]  # fmt: skip
    assert ran.report["sources"] == {"bulk": 24, "batch": 0, "recapi": 0, "row": 0, "ingest": 0}
    assert "Signed in" in ran.log


@pytest.mark.fault(
    "config", "a job logs all that it can", "no password, cookie or number in the log, no password in the catalog", promise="secret"
)
def test_log_and_catalog_hold_no_secret_and_the_log_no_phone_number(ran):
    sessions = ran.office.ucm.state.sessions
    assert sessions and not any(cookie in ran.log for cookie in sessions)
    assert WEB_PASSWORD not in ran.log
    assert "5555550" not in ran.log
    data = ran.office.folder / "data"
    assert WEB_PASSWORD.encode() not in (data / "catalog.db").read_bytes()
    kept = (data / "sessions" / "office.json").read_text()
    assert WEB_PASSWORD not in kept
    assert json.loads(kept)["state"]["cookies"]
