"""Each fault of the catalogue does what its line says, and its switches work while the server runs."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.models import RecordingClass
from scraper.simulator.faults import BROKEN_KINDS, CATALOGUE, HOSTILE_KINDS, Faults, parse, table

from .conftest import ALL
from .test_web_wire import members


def test_parse_reads_name_value_and_occasions():
    assert parse("archive_cut=0.6*2") == ("archive_cut", 0.6, 2)
    assert parse("captcha=always") == ("captcha", True, None)
    assert parse("captcha") == ("captcha", True, None)
    assert parse("web_busy=-45*3") == ("web_busy", -45, 3)
    assert parse("hostile=fifo+dotdot") == ("hostile", ("dotdot", "fifo"), None)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "archive_cut=2", "archive_cut=nan", "web_busy=soon", "captcha=no", "gone=0.1*x", "hostile=ghost"]
)
def test_parse_refuses_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"^(There is no fault|The (value of the )?fault).*\.$"):
        parse(text)


@given(st.text())
def test_parse_raises_nothing_but_value_error(text):
    try:
        name, _, _ = parse(text)
    except ValueError:
        return
    assert name in CATALOGUE


def test_a_fault_lasts_for_its_occasions_only():
    faults = Faults()
    faults.set("web_busy", -45, times=2)
    assert [faults.take("web_busy") for _ in range(3)] == [-45, -45, None]


def test_every_fault_has_a_line_in_the_table_and_one_in_this_folders_tests(request):
    sources = "".join(path.read_text() for path in request.path.parent.glob("test_*.py"))
    assert len(table()) == len(CATALOGUE)
    assert [name for name in CATALOGUE if f'"{name}"' not in sources] == []


# --- downloads ---


@pytest.mark.parametrize("tls", [False, True])
def test_a_cut_archive_breaks_the_connection_at_its_fraction(start, tls):
    pbx = start(tls=tls)
    pbx.sign_in()
    pbx.state.faults.set("archive_cut", 0.6, times=1)
    pbx.cgi("packFile", type="cdr_pack", data=ALL)
    got = bytearray()
    with (
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
        pbx.http.stream("GET", f"/cgi?action=downloadFile&type=cdr_pack&data={ALL}") as reply,
    ):
        for block in reply.iter_raw():
            got += block
    assert len(got) == pytest.approx(0.6 * int(reply.headers["content-length"]), abs=1)
    assert not pbx.state.downloads[0].complete
    assert len(members(pbx.get("downloadFile", type="cdr_pack", data=ALL).content)) == 12


def test_a_stalled_archive_stops_and_stays_open(pbx):
    pbx.state.faults.set("archive_stalls", 0.5)
    pbx.cgi("packFile", type="cdr_pack", data=ALL)
    got = 0
    with (
        pytest.raises(httpx.ReadTimeout),
        pbx.http.stream("GET", f"/cgi?action=downloadFile&type=cdr_pack&data={ALL}", timeout=0.3) as reply,
    ):
        for block in reply.iter_raw():
            got += len(block)
    assert got == int(reply.headers["content-length"]) // 2


def test_a_slow_archive_keeps_its_rate(pbx):
    size = len(pbx.archive().content)
    pbx.state.faults.set("archive_slow", size * 4)
    began = time.monotonic()
    assert len(pbx.get("downloadFile", type="cdr_pack", data=ALL).content) == size
    assert 0.2 < time.monotonic() - began < 1.5


def test_a_truncated_archive_looks_complete(pbx):
    pbx.state.faults.set("archive_truncated", 0.5)
    data = pbx.archive().content
    assert len(data) == pbx.state.downloads[0].size
    with pytest.raises(EOFError):
        gzip.decompress(data)


@pytest.mark.parametrize(
    ("kind", "beginning", "media"),
    [("html", b"<!DOCTYPE", "text/html"), ("json", b'{"resp', "application/json"), ("empty", b"", "application/octet-stream"),
     ("zip", b"PK", None), ("garbage", b"", None)],
)  # fmt: skip
def test_something_else_than_an_archive_comes_with_200(pbx, kind, beginning, media):
    pbx.state.faults.set("archive_instead", kind)
    reply = pbx.archive()
    assert reply.status_code == 200
    assert reply.content.startswith(beginning)
    assert media is None or reply.headers["content-type"].startswith(media)
    assert not tarfile.is_tarfile(io.BytesIO(reply.content))


@pytest.mark.parametrize(("where", "path"), [("file", "/packed/allCdrRecordFiles.tgz"), ("deletion", "/cgi"), ("page", "/login.php")])
def test_a_download_that_leads_elsewhere_is_a_page_with_302(pbx, where, path):
    pbx.state.faults.set("archive_moved", where)
    reply = pbx.archive()
    assert (reply.status_code, urlsplit(reply.headers["location"]).path) == (302, path)
    assert reply.headers["content-type"].startswith("text/html")
    if where == "file":
        assert members(pbx.http.get(reply.headers["location"]).content)


def test_a_plain_tar_has_the_same_members(pbx):
    packed = members(pbx.archive().content)
    pbx.state.faults.set("plain_tar")
    data = pbx.archive().content
    assert data[257:262] == b"ustar"
    assert members(data) == packed


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE_KINDS if kind not in ("bomb", "enormous")])
def test_hostile_members_come_beside_the_honest_ones(start, kind):
    pbx = start(recordings=3, faults={"hostile": kind})
    pbx.sign_in()
    with tarfile.open(fileobj=io.BytesIO(pbx.archive().content)) as tar:
        entries = tar.getmembers()
    honest = {recording.path for recording in pbx.state.packable(RecordingClass.MONITOR)}
    assert honest <= {entry.name for entry in entries}
    expected = {"tiny": 10_000, "dotdot": 2, "case": 2}.get(kind, 1)
    assert len(entries) - 3 == expected


def test_a_bomb_unpacks_to_far_more_than_it_weighs(start):
    pbx = start(recordings=1, faults={"hostile": "bomb"})
    pbx.sign_in()
    data = pbx.archive().content
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as tar:
        assert sum(entry.size for entry in tar) > 100 * len(data)


def test_an_enormous_member_declares_more_than_there_is(start):
    pbx = start(recordings=1, faults={"hostile": "enormous"})
    pbx.sign_in()
    data = gzip.decompress(pbx.archive().content)
    at = data.index(b"2026-01/auto-1700000000-enormous-1.wav")
    entry = tarfile.TarInfo.frombuf(data[at : at + 512], "utf-8", "strict")  # not tarfile.open: it reads on through the missing TiB
    assert entry.size == 1 << 40
    assert len(data) < 1 << 20


@pytest.mark.parametrize(("kind", "beginning"), [("html", b"<!DOCTYPE"), ("json", b'{"status"'), ("empty", b"")])
def test_a_single_download_answers_something_else(pbx, kind, beginning):
    pbx.page_cookies()
    pbx.state.faults.set("single_instead", kind, times=1)
    name = pbx.listed()[0]["n"]
    first, second = (pbx.get("downloadFile", type="voice_recording", data=name) for _ in range(2))
    assert (first.status_code, first.content[: len(beginning)], second.content[:4]) == (200, beginning, b"RIFF")


def test_a_single_download_is_cut(pbx):
    pbx.page_cookies()
    pbx.state.faults.set("single_cut", 0.5)
    name = pbx.listed()[0]["n"]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        pbx.get("downloadFile", type="voice_recording", data=name)


def test_hasty_single_downloads_get_a_page(pbx):
    pbx.page_cookies()
    pbx.state.faults.set("single_pace", 30)
    name = pbx.listed()[0]["n"]
    first, second = (pbx.get("downloadFile", type="voice_recording", data=name) for _ in range(2))
    assert (first.content[:4], second.content[:9]) == (b"RIFF", b"<!DOCTYPE")


def test_the_session_ends_as_the_download_begins(pbx):
    pbx.cgi("packFile", type="cdr_pack", data=ALL)
    pbx.state.faults.set("session_ends_before_download", times=1)
    assert pbx.get("downloadFile", type="cdr_pack", data=ALL).headers["content-type"].startswith("text/html")
    pbx.sign_in()
    assert len(members(pbx.get("downloadFile", type="cdr_pack", data=ALL).content)) == 12


# --- lists, packs, recordings ---


@pytest.mark.parametrize("status", [-45, -46, -51, -57])
def test_a_busy_pbx_answers_so_for_its_occasions(pbx, status):
    pbx.state.faults.set("web_busy", status, times=2)
    assert [pbx.cgi("listFile", type="voice_recording")["status"] for _ in range(3)] == [status, status, 0]


def test_packing_fails_with_a_status(pbx):
    pbx.state.faults.set("pack_fails", times=1)
    assert [pbx.cgi("packFile", type="cdr_pack", data=ALL)["status"] for _ in range(2)] == [-9, 0]


def test_packing_never_ends_until_the_fault_is_cleared(start):
    pbx = start(pack_mode="poll", faults={"pack_never_ends": ""})
    pbx.sign_in()
    assert pbx.cgi("packFile", type="cdr_pack", data=ALL)["status"] == 0
    assert [pbx.cgi("checkFile", type="cdr_pack", data=ALL)["status"] for _ in range(3)] == [2, 2, 2]
    pbx.state.faults.clear("pack_never_ends")
    assert pbx.cgi("packFile", type="cdr_pack", data=ALL)["status"] == 0


def test_the_total_disagrees_with_the_rows(pbx):
    pbx.state.faults.set("listing_total", 5)
    answer = pbx.cgi("listFile", type="voice_recording", item_num=100)["response"]
    assert (answer["total_item"], len(answer["voice_recording"])) == (17, 12)


def test_the_list_is_empty_though_files_are_there(pbx):
    pbx.state.faults.set("listing_empty")
    assert pbx.cgi("listFile", type="voice_recording")["response"]["total_item"] == 0
    assert len(members(pbx.archive().content)) == 12


def test_a_third_of_the_listed_is_missing_from_the_archive_but_can_be_had(pbx):
    pbx.state.faults.set("missing_from_archive", 0.34)
    listed, packed = {row["n"] for row in pbx.listed()}, set(members(pbx.archive().content))
    assert (len(listed), len(packed)) == (12, 8)
    assert {pbx.cgi("checkFile", type="voice_recording", data=name)["status"] for name in listed - packed} == {0}


def test_gone_recordings_leave_the_list_and_their_calls_stay(pbx):
    calls = pbx.cgi("listCDRDB", start_time="2025-01-01")["response"]["total_item"]
    pbx.state.faults.set("gone", 0.5)
    assert len(pbx.listed()) == 6
    assert pbx.cgi("listCDRDB", start_time="2025-01-01")["response"]["total_item"] == calls


def test_listed_recordings_may_be_gone(pbx):
    pbx.state.faults.set("gone_but_listed", 0.25)
    statuses = [pbx.cgi("checkFile", type="voice_recording", data=row["n"])["status"] for row in pbx.listed()]
    assert sorted(statuses) == [0] * 9 + [2] * 3
    assert len(members(pbx.archive().content)) == 9


@pytest.mark.parametrize("body", ["noise", "short", "empty"])
def test_spoilt_recordings_differ_from_what_they_were(pbx, body):
    before = members(pbx.archive().content)
    pbx.state.faults.set({"noise": "noise", "short": "short", "empty": "empty"}[body], 0.25)
    after = members(pbx.archive().content)
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == 3
    sizes = {"noise": lambda name: len(before[name]), "short": lambda name: len(before[name]) // 2 + 4, "empty": lambda name: 0}
    assert all(abs(len(after[name]) - sizes[body](name)) <= 2 for name in changed)


@pytest.mark.parametrize("fault", ["noise_in_archive", "short_in_archive"])
def test_recordings_spoilt_in_archives_are_whole_elsewhere(start, fault):
    pbx = start(gsff="none")
    pbx.sign_in()
    pbx.page_cookies()
    pbx.state.faults.set(fault, 0.25)
    packed = members(pbx.archive().content)
    single = {name: pbx.get("downloadFile", type="voice_recording", data=name).content for name in packed}
    assert sum(packed[name] != single[name] for name in packed) == 3
    assert all(len(data) == recording.size for recording in pbx.state.all_recordings for data in [single[recording.path]])


def test_recapi_answers_something_else_and_archives_are_as_ever(start):
    pbx = start(api_new=True, recapi_month="bare")
    cookie, names = pbx.api_cookie(), [recording.name for recording in pbx.state.all_recordings]
    whole = {name: pbx.api("recapi", cookie=cookie, filedir="monitor", filename=name).content for name in names}

    def answer(kind):
        pbx.state.faults.set("recapi_instead", kind, times=1)
        return pbx.api("recapi", cookie=cookie, filedir="monitor", filename=names[0]).content

    assert answer("html").startswith(b"<!DOCTYPE")
    assert answer("json").startswith(b"{")
    assert answer("empty") == b""
    assert answer("half") == whole[names[0]][: len(whole[names[0]]) // 2]
    assert whole[names[0]] in answer("tar")
    assert answer("other") in [whole[name] for name in names[1:]]
    assert pbx.api("recapi", cookie=cookie, filedir="monitor", filename=names[0]).content == whole[names[0]]


# --- pages and server ---


@pytest.mark.parametrize(
    ("fault", "value", "key", "expected"),
    [
        ("language", "zh", "language", "zh"), ("labels", "old", "labels", "old"), ("overlay", "", "overlay", True),
        ("no_modal", "", "modal", False), ("delete_moved", "", "delete_moved", True), ("captcha", "", "captcha", True),
        ("login_extra", "otp", "login_extra", "otp"),
    ],
)  # fmt: skip
def test_the_page_is_told_what_to_look_like_while_the_server_runs(start, fault, value, key, expected):
    pbx = start()
    pbx.state.faults.set(fault, value)
    assert (
        f'"{key}": {"true" if expected is True else "false" if expected is False else chr(34) + expected + chr(34)}'
        in pbx.http.get("/login").text
    )


def test_503_for_so_many_requests(start):
    pbx = start(faults={"unavailable": "*2"})
    assert [pbx.http.get("/login").status_code for _ in range(3)] == [503, 503, 200]


BROKEN = {
    "503": (503, b"Service Unavailable"),
    "html": (200, b"<!DOCTYPE"),
    "empty": (200, b""),
    "nothing": (200, b'{"status":0,"response":{}}'),
    "refused": (200, b'{"status":-1,"response":{}}'),
    "ended": (200, b'{"status":-6,"response":{}}'),
}


@pytest.mark.parametrize("kind", BROKEN_KINDS)
def test_after_so_many_requests_others_are_answered_wrongly(pbx, kind):
    def ask() -> httpx.Response:
        return pbx.http.post("/cgi", data={"action": "listFile", "type": "voice_recording"})

    pbx.state.faults.set("broken", f"2:{kind}", times=1)
    assert [ask().json()["status"] for _ in range(2)] == [0, 0]
    if kind in BROKEN:
        answer = ask()
        assert (answer.status_code, answer.content[: len(BROKEN[kind][1])]) == BROKEN[kind]
    else:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            ask()
    assert ask().json()["status"] == (-6 if kind == "ended" else 0)


@pytest.mark.parametrize("kind", ["all", "cgi", "list"])
def test_a_hanging_pbx_takes_the_request_and_never_answers(pbx, kind):
    pbx.state.faults.set("hang", kind)
    with pytest.raises(httpx.ReadTimeout):
        pbx.http.post("/cgi", data={"action": "listFile", "type": "voice_recording"}, timeout=0.2)
    pbx.state.faults.clear("hang")
    assert pbx.listed()


def test_control_endpoints_show_counters_and_switch_faults(pbx):
    assert pbx.http.get("/sim/state").json()["actions"]["login"] == 1
    assert pbx.http.post("/sim/fault", json={"name": "archive_cut", "value": 0.5}).json() == {"archive_cut": 0.5}
    assert pbx.http.post("/sim/fault", json={"name": "nonsense"}).status_code == 400
    assert pbx.http.post("/sim/fault", json={"clear": True}).json() == {}
