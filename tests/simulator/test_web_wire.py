"""The web UI's wire once signed in: lists, checks, packs, downloads, tables, and the deletes that must never happen."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import time

import pytest

from scraper.models import RecordingClass

from .conftest import ALL


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}


def test_list_has_the_documented_fields_newest_first(pbx):
    answer = pbx.cgi("listFile", type="voice_recording", item_num=10, page=1, sidx="d", sord="desc")["response"]
    rows = answer["voice_recording"]
    assert (answer["total_item"], len(rows)) == (12, 10)
    assert set(rows[0]) == {"n", "caller", "callee", "d", "s"}
    assert [row["d"] for row in rows] == sorted((row["d"] for row in rows), reverse=True)


def test_pages_cover_the_list_once_and_end(pbx):
    pages = [pbx.cgi("listFile", type="voice_recording", item_num=5, page=page)["response"]["voice_recording"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert len({row["n"] for page in pages for row in page}) == 12


def test_each_class_has_a_list_and_an_archive_of_its_own(start):
    pbx = start(queue_recordings=2, meetme_recordings=1)
    pbx.sign_in()
    assert pbx.cgi("listFile", type="queue_recording")["response"]["total_item"] == 2
    assert pbx.cgi("listFile", type="meetme_recording")["response"]["total_item"] == 1
    assert pbx.cgi("packFile", type="queue_pack", data="allQueueRecordFiles.tgz")["status"] == 0
    assert len(members(pbx.get("downloadFile", type="queue_pack", data="allQueueRecordFiles.tgz").content)) == 2


@pytest.mark.parametrize(("has_filter", "expected"), [(True, 1), (False, 12)])
def test_the_date_filter_counts_only_where_the_ui_has_one(start, has_filter, expected):
    pbx = start(date_filter=has_filter)
    pbx.sign_in()
    when = pbx.listed()[3]["d"]
    assert len(pbx.listed(filter=json.dumps({"start_time": when, "end_time": when}))) == expected


def test_check_tells_a_file_from_a_missing_one(pbx):
    assert pbx.cgi("checkFile", type="voice_recording", data=pbx.listed()[0]["n"])["status"] == 0
    assert pbx.cgi("checkFile", type="voice_recording", data="2026-02/none.wav")["status"] == 2


def test_the_archive_holds_every_listed_recording_at_its_listed_size(pbx):
    reply = pbx.archive()
    assert reply.headers["content-disposition"] == f'attachment; filename="{ALL}"'
    assert {name: len(data) for name, data in members(reply.content).items()} == {row["n"]: row["s"] for row in pbx.listed()}
    assert [(entry.kind, entry.complete) for entry in pbx.state.downloads] == [("cdr_pack", True)]


def test_the_archive_is_the_same_every_time(start):
    first, second = start(), start()
    assert first.sign_in() and second.sign_in()
    data = first.archive().content
    assert data == second.archive().content
    assert data[4:8] == bytes(4)  # gzip's time stamp


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [("month", "2026-0"), ("dir", "data/monitor/2026-0"), ("none", "auto-"), ("absolute", "/var/spool/asterisk/monitor/2026-0")],
)
def test_paths_inside_the_archive(start, paths, pattern):
    pbx = start(archive_paths=paths)
    pbx.sign_in()
    names = list(members(pbx.archive().content))
    assert len(names) == 12
    assert all(name.startswith(pattern) for name in names)


def test_packing_takes_its_time_and_one_pack_excludes_another(start):
    pbx = start(pack_seconds=0.3, pack_mode="poll")
    pbx.sign_in()
    began = time.monotonic()
    assert pbx.cgi("packFile", type="cdr_pack", data=ALL)["status"] == 0
    assert pbx.cgi("packFile", type="cdr_pack", data=ALL)["status"] == -51
    assert pbx.cgi("checkFile", type="cdr_pack", data=ALL)["status"] == 2
    while pbx.cgi("checkFile", type="cdr_pack", data=ALL)["status"] != 0:
        assert time.monotonic() < began + 5
    assert time.monotonic() - began >= 0.3


def test_a_batch_holds_the_ticked_rows_only(pbx):
    wanted = [row["n"] for row in pbx.listed()[:3]]
    assert pbx.cgi("packFile", type="cdr_pack", data=",".join(wanted))["status"] == 0
    reply = pbx.get("downloadFile", type="cdr_pack", data="batchCdrRecordFiles.tgz")
    assert set(members(reply.content)) == set(wanted)


def test_a_download_without_a_pack_is_a_page(pbx):
    assert pbx.get("downloadFile", type="cdr_pack", data=ALL).headers["content-type"].startswith("text/html")


def test_a_prepared_archive_is_served_as_it_is(start, tmp_path):
    prepared = tmp_path / "prepared.tgz"
    prepared.write_bytes(b"\x1f\x8b" + bytes(3_000_000))
    pbx = start(pack_file=prepared)
    pbx.sign_in()
    assert pbx.archive().content == prepared.read_bytes()


def test_a_single_download_is_riff_of_the_same_samples_and_needs_the_pages_cookies(pbx):
    name = pbx.listed()[0]["n"]
    assert b"<html" in pbx.get("downloadFile", type="voice_recording", data=name).content
    pbx.page_cookies()
    single = pbx.get("downloadFile", type="voice_recording", data=name).content
    packed = members(pbx.archive().content)[name]
    assert (single[:4], packed[:4]) == (b"RIFF", b"GSFF")
    assert single[44:] == packed[8:]


def test_a_download_without_a_session_is_the_sign_in_page_under_the_name_asked_for(pbx):
    pbx.state.end_sessions()
    reply = pbx.get("downloadFile", type="cdr_pack", data=ALL)
    assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert ALL in reply.headers["content-disposition"]


@pytest.mark.parametrize("columns", ["plain", "shuffled", "recordfiles"])
def test_master_csv_has_the_documented_headers_in_any_order(start, columns):
    pbx = start(csv_columns=columns)
    pbx.sign_in()
    assert pbx.cgi("reloadCDRRecordFile", reflush_Record="all")["status"] == 0
    text = pbx.get("downloadFile", type="cdr_recording", data="Master.csv", _location="cdr").text
    rows = list(csv.DictReader(io.StringIO(text)))
    documented = "Caller Number,Callee Number,Answered by,Start Time,Talk Time (s),Disposition,Unique ID,Action Type"
    assert set(documented.split(",")) <= set(rows[0])
    assert ("Recording Files" in rows[0]) == (columns == "recordfiles")
    assert any(row["Disposition"] == "ANSWERED" and int(row["Talk Time (s)"]) > 0 for row in rows)


def test_the_filtered_table_holds_the_window_only(pbx):
    assert pbx.cgi("CreateCdrRecord", condition=1, start_time="2026-02-01 00:00:00", end_time="2026-02-28 23:59:59")["status"] == 0
    text = pbx.get("downloadCdrRecord", type="cdr_recording", data="Master_condition.csv", _location="cdr").text
    starts = {row["Start Time"][:7] for row in csv.DictReader(io.StringIO(text))}
    assert starts == {"2026-02"}


def test_the_cdr_page_shows_the_current_month_unless_filtered(pbx):
    shown = pbx.cgi("listCDRDB", item_num=1000)["response"]["cdr"]
    everything = pbx.cgi("listCDRDB", item_num=1000, start_time="2025-01-01 00:00:00")["response"]
    assert {row["start"][:7] for row in shown} == {"2026-02"}
    assert everything["total_item"] > len(shown)


def test_a_delete_is_counted_and_really_done(pbx):
    name = pbx.listed()[0]["n"]
    pbx.cgi("removeFile", type="voice_recording", data=name)
    assert name not in [row["n"] for row in pbx.listed()]
    pbx.cgi("removeFile", type="voice_recording", data="*")
    pbx.cgi("deleteCDRDB")
    assert pbx.listed() == []
    assert pbx.cgi("listCDRDB")["response"]["total_item"] == 0
    assert pbx.state.deletes == ["removeFile", "removeFile", "deleteCDRDB"]


def test_a_delete_without_a_session_is_counted_but_not_done(pbx):
    pbx.state.end_sessions()
    assert pbx.cgi("removeFile", type="voice_recording", data="*")["status"] == -6
    assert pbx.state.deletes == ["removeFile"]
    assert len(pbx.state.listed(RecordingClass.MONITOR)) == 12


def test_new_calls_come_in_while_it_runs(pbx):
    added = pbx.state.add(2)
    assert {recording.path for recording in added} <= {row["n"] for row in pbx.listed()}


def test_renamed_file_is_listed_under_its_new_name_and_its_call_names_the_old_one(pbx):
    row = pbx.listed()[0]
    pbx.state.rename(row["n"], "2026-01", "moved.wav")
    assert {"2026-01/moved.wav"} == {entry["n"] for entry in pbx.listed()} - {entry.path for entry in pbx.state.all_recordings}
    assert pbx.cgi("checkFile", type="voice_recording", data=row["n"])["status"] == 2
    assert pbx.cgi("checkFile", type="voice_recording", data="2026-01/moved.wav")["status"] == 0


@pytest.mark.parametrize("path", ["/", "/login", "/dashboard", "/cdr/cdr", "/cdr/recordingFile"])
def test_every_route_of_the_page_serves_it_with_its_settings(start, path):
    pbx = start(labels="old", language="de", faults={"delete_moved": ""})
    reply = pbx.http.get(path)
    assert reply.headers["content-type"].startswith("text/html")
    settings = json.loads(reply.text.split('type="application/json">')[1].split("</script>")[0])
    assert (settings["labels"], settings["language"], settings["delete_moved"], settings["modal"]) == ("old", "de", True, True)


@pytest.mark.parametrize("path", ["/static/../state.py", "/static/%2e%2e/state.py", "/static/none.js"])
def test_only_the_front_ends_own_files_are_static(start, path):
    pbx = start()
    assert pbx.http.get("/static/app.js").headers["content-type"].startswith("text/javascript")
    assert b"class State" not in pbx.http.get(path).content


def test_the_page_is_told_which_tricks_to_play(start):
    assert '"mischief": 7' in start(faults={"ui_mischief": "7"}).http.get("/").text
