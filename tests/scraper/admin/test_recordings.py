"""Recordings in the admin service: search, details, sound in ranges, waveform, who listened."""

from __future__ import annotations

import hashlib
import io
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters.compress import compress
from scraper.admin.listening import Sittings
from scraper.admin.ranges import Unsatisfiable, asked_part
from scraper.admin.waveform import NoWaveform, peaks
from scraper.catalog import Recording, search
from scraper.cdr import Call, CallFile
from scraper.cdr.clock import Moment
from scraper.models import Identity, Source, class_of

EPOCH = 1770416496
NAME = f"auto-{EPOCH}-1000-5555550100.wav"
EVIL = '<img src=x onerror="alert(1)">.wav'


def sound(seconds: float = 1.0, level: int = 8000, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as audio:
        audio.setparams((channels, 2, 8000, 0, "NONE", ""))
        ramp = np.linspace(0, level, int(seconds * 8000) * channels)
        audio.writeframes((ramp * np.where(np.arange(ramp.size) % 2, 1, -1)).astype("<i2").tobytes())
    return out.getvalue()


def add(admin: Any, name: str = NAME, data: bytes | None = None, **changes: Any) -> Path:
    """Archive a recording; where its file lies."""
    data = sound() if data is None else data
    path = Path(admin.service.settings.store.url) / "office" / "2026-02" / name.replace("/", "_")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    values = {
        "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "source": Source.BULK, "source_format": "riff", "source_size": 1,
        "source_sha256": "b" * 64, "run_id": "r", "frames": 8000, "sample_rate": 8000, "channels": 1, "path": f"office/2026-02/{path.name}",
    } | changes  # fmt: skip
    admin.catalog.announce([Recording(identity=Identity("office", class_of(name), "2026-02", name), **values)])
    admin.catalog.promote("office")
    return path


def done(admin: Any) -> list[tuple[str, str]]:
    """(action, detail) of what was done, but for signing in, the oldest first."""
    return [(one.action, one.detail) for one in reversed(admin.catalog.audit_entries()) if "sign" not in one.action]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=50-1000", 50, 100),
        ("BYTES = 5 - 6", 5, 7),
        ("bytes=99-99", 99, 100),
        ("bytes=0-" + "9" * 400, 0, 100),
    ],
)
def test_one_range_is_answered_with_it(asked: str, start: int, end: int) -> None:
    part = asked_part({"range": asked}, 100, '"v"')
    assert part is not None
    assert (part.start, part.end, part.content_range) == (start, end, f"bytes {start}-{end - 1}/100")


@pytest.mark.parametrize(
    "asked", ["", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-3", "lines=0-9", "bytes=0-1,5-6", "bytes=0x1-", "bytes=²-", "\x00"]
)
def test_what_is_not_one_range_is_answered_with_the_whole(asked: str) -> None:
    assert asked_part({"range": asked}, 100, '"v"') is None


@pytest.mark.parametrize(
    ("asked", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)]
)
def test_a_range_beyond_the_end_can_t_be_satisfied(asked: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        asked_part({"range": asked}, size, '"v"')


@pytest.mark.parametrize(
    ("condition", "partial"), [('"v"', True), ('"w"', False), ('W/"v"', False), ("Fri, 06 Feb 2026 16:21:36 GMT", False)]
)
def test_a_range_of_another_version_is_answered_with_the_whole(condition: str, partial: bool) -> None:
    assert (asked_part({"range": "bytes=0-1", "if-range": condition}, 100, '"v"') is not None) is partial


def test_sound_comes_whole_and_in_the_parts_that_a_player_asks_for(admin: Any) -> None:
    data = add(admin).read_bytes()
    whole = admin.client.get("/api/v1/recordings/1/audio")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "audio/wav")
    part = admin.client.get("/api/v1/recordings/1/audio", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    beyond = admin.client.get("/api/v1/recordings/1/audio", headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    known = admin.client.get("/api/v1/recordings/1/audio", headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = admin.client.head("/api/v1/recordings/1/audio")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))


def test_a_sitting_is_noted_once_and_each_download_each_time(admin: Any) -> None:
    add(admin)
    for start in (0, 100, 50):
        admin.client.get("/api/v1/recordings/1/audio", headers={"Range": f"bytes={start}-"})
    which = f"#1 2026-02/{NAME}"
    assert done(admin) == [("recording-played", which)]
    assert [admin.client.get("/recordings/1/file").status_code for _ in range(2)] == [200, 200]
    assert done(admin)[1:] == [("recording-downloaded", which)] * 2
    admin.outsider.get("/api/v1/recordings/1/audio", headers=admin.bearer)
    assert done(admin)[3:] == [("recording-played", which)]


def test_a_sitting_ends_when_nothing_was_asked_for_so_long() -> None:
    now = [0.0]
    sittings = Sittings(lambda: now[0])
    heard = []
    for now[0] in (0, 1000, 2500, 4400):
        heard.append(sittings.begins("somebody", 1))
    assert heard == [True, False, False, True]
    assert sittings.begins("somebody", 2)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (NAME, f"attachment; filename=\"{NAME}\"; filename*=UTF-8''{NAME}"),
        ('a"b\\c;d.wav', "attachment; filename=\"a_b_c;d.wav\"; filename*=UTF-8''a%22b%5Cc%3Bd.wav"),
        ("auto-1#6400-1-2.wav", "attachment; filename=\"auto-1#6400-1-2.wav\"; filename*=UTF-8''auto-1%236400-1-2.wav"),
        ("Büro\u202egnp.wav", "attachment; filename=\"B_ro_E2_80_AEgnp.wav\"; filename*=UTF-8''B%C3%BCro%25E2%2580%25AEgnp.wav"),
    ],
)
def test_a_download_has_the_file_s_name_whatever_it_holds(admin: Any, name: str, header: str) -> None:
    add(admin, name)
    answer = admin.client.get("/recordings/1/file")
    assert (answer.status_code, answer.headers["content-disposition"]) == (200, header)


@pytest.mark.parametrize("harm", ["missing", "shorter", "other", "link", "folder"])
def test_a_file_that_is_not_as_stored_is_told_and_no_internal_error(admin: Any, harm: str, tmp_path: Path) -> None:
    path = add(admin)
    data = path.read_bytes()
    path.unlink()
    if harm == "shorter":
        path.write_bytes(data[:-2])
    elif harm == "other":
        path.write_bytes(data[:-2] + b"zz")
    elif harm == "link":
        path.symlink_to("/etc/passwd")
    elif harm == "folder":
        path.mkdir()
    page = admin.client.get("/recordings/1")
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert "<audio" not in page.text
    answers = [admin.client.get(f"/api/v1/recordings/1/{what}") for what in ("audio", "file", "waveform")]
    expected = [200, 200, 200] if harm == "other" else [503, 503, 503]  # what only the hash shows is told on the page
    assert [answer.status_code for answer in answers] == expected
    if harm != "other":
        assert "store" in answers[0].json()["message"]
        assert answers[0].json()["remedy"]
    assert admin.client.get("/api/v1/recordings/1").json()["file"] == {"missing": "missing", "shorter": "changed", "other": "changed"}.get(
        harm, "unreadable"
    )


def test_what_people_wrote_is_shown_and_not_obeyed(admin: Any) -> None:
    add(admin, EVIL)
    leg = Call(acct_id="1", src="<b>1</b>", caller_name="<script>alert(1)</script>", files=(CallFile(EVIL, "2026-02", class_of(EVIL)),))
    admin.catalog.upsert_calls("office", [leg], "api")
    for path in ("/recordings", "/recordings/1", "/recordings?number=%3Cscript%3Ealert(1)%3C/script%3E"):
        page = admin.client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<b>1" not in page
        assert "&lt;" in page


def test_the_page_finds_by_number_and_pages_on_with_the_same_wishes(admin: Any) -> None:
    for step in range(55):
        add(admin, f"auto-{EPOCH + step}-1000-5555550100.wav")
    add(admin, f"auto-{EPOCH + 99}-1001-5555550199.wav")
    page = admin.client.get("/recordings?number=555-0100&since=2026-02-06&ucm=&class=")
    assert page.status_code == 200
    assert (page.text.count('<td data-label="Time">'), len(page.content) < 100_000) == (50, True)
    older = page.text.split('class="pager"><a class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = admin.client.get(older).text
    assert rest.count('<td data-label="Time">') == 5
    assert 'value="555-0100"' in rest
    assert "5555550199" not in page.text + rest


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-30", "since"),
        ("since=06/02/2026", "since"),
        ("since=2026-02-06T10:00", "since"),
        ("since=2026-03-01&until=2026-02-01", "until"),
        ("shortest=nan", "shortest"),
        ("longest=-1", "longest"),
        ("class=../x", "class"),
        ("number=" + "1" * 201, "number"),
        ("limit=0", "limit"),
    ],
)
def test_what_can_t_be_searched_for_is_said_at_its_field(admin: Any, query: str, field: str) -> None:
    page = admin.client.get(f"/recordings?{query}")
    if field != "limit":  # has no field on the page, and is not taken from its address
        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text


@pytest.mark.parametrize("id", ["0", "-1", "..%2f..%2fetc%2fpasswd", "9999999999999999999999", "1.wav", "%00", "1%27--"])
def test_only_numbers_name_recordings(admin: Any, id: str) -> None:
    add(admin)
    for path in (
        f"/recordings/{id}",
        f"/recordings/{id}/file",
        *(f"/api/v1/recordings/{id}{rest}" for rest in ("", "/audio", "/waveform")),
    ):
        assert admin.client.get(path).status_code in (404, 422), path
    assert admin.client.get("/recordings/2").status_code == 404


def test_details_tell_of_the_call(admin: Any) -> None:
    add(admin)
    start = datetime(2026, 2, 6, 16, 21, 30)
    files, people = (CallFile(NAME, "2026-02", class_of(NAME)),), {"src": "1000", "dst": "5555550100"}
    leg = Call(**people, start=Moment(start, start.replace(tzinfo=UTC)), talk_seconds=61, disposition="ANSWERED", files=files)
    admin.catalog.upsert_calls("office", [leg], "api")
    found = admin.client.get("/api/v1/recordings/1").json()
    assert (found["at"], found["seconds"], found["file"]) == ("2026-02", 1.0, "ok")  # not searched for yet
    assert admin.client.get("/api/v1/recordings").json()["items"][0]["at"] == "2026-02-06 16:21:36"
    assert found["calls"] == [
        {
            "src": "1000",
            "dst": "5555550100",
            "answered_by": "",
            "caller_name": "",
            "start": "2026-02-06 16:21:30",
            "talk_seconds": 61,
            "disposition": "ANSWERED",
        }
    ]
    page = admin.client.get("/recordings/1")
    assert "answered" in page.text
    assert len(page.content) < 100_000


def test_a_waveform_rises_where_the_sound_does() -> None:
    found = peaks(io.BytesIO(sound(1.0, level=32767)), bars=100)
    assert len(found) == 100
    assert found == sorted(found)
    assert found[-1] == 100
    assert peaks(io.BytesIO(sound(0.001)), bars=100) != []
    assert len(peaks(io.BytesIO(sound(1.0, channels=2)), bars=10)) == 10


def test_a_waveform_of_a_long_recording_reads_a_bounded_part_of_it() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.asked += len(found)
            return found

    long = Counting(sound(3600))
    assert len(peaks(long, bars=100)) == 100
    assert long.asked < 100 * 17_000


def compressed(compression: Any, seconds: float = 1.0) -> bytes:
    out = io.BytesIO()
    compress(compression, [sound(seconds, level=32767)[44:]], 8000, 1, out)
    return out.getvalue()


@pytest.mark.parametrize(("compression", "bars"), [("flac", 400), ("opus", 100)])
def test_a_waveform_is_drawn_of_flac_and_opus_as_well(compression: str, bars: int) -> None:
    found = peaks(io.BytesIO(compressed(compression, 300)))
    assert len(found) == bars
    assert np.mean(found[-bars // 4 :]) > 1.3 * np.mean(found[: bars // 4])
    with pytest.raises(NoWaveform):
        peaks(io.BytesIO(compressed(compression)[:60]))


@pytest.mark.parametrize(("compression", "kind"), [("flac", "audio/flac"), ("opus", "audio/ogg")])
def test_flac_and_opus_are_played_shown_and_named(admin: Any, compression: str, kind: str) -> None:
    data = compressed(compression)
    add(admin, data=data, format=compression, wav_sha256="c" * 64, path=f"office/2026-02/x.{compression}")
    (Path(admin.service.settings.store.url) / "office" / "2026-02" / f"x.{compression}").write_bytes(data)
    answer = admin.client.get("/api/v1/recordings/1/audio")
    assert (answer.headers["content-type"], answer.content) == (kind, data)
    detail = admin.client.get("/api/v1/recordings/1").json()
    assert (detail["format"], detail["wav_sha256"], detail["file"]) == (compression, "c" * 64, "ok")
    assert admin.client.get("/api/v1/recordings/1/waveform").json()["peaks"]
    assert compression.upper() in admin.client.get("/recordings/1").text


@pytest.mark.parametrize("data", [b"", b"RIFF", b"fLaC", b"OggS", b"GSFF" + bytes(100), sound()[:4000]])
def test_what_is_no_whole_wav_has_no_waveform(data: bytes) -> None:
    with pytest.raises(NoWaveform):
        peaks(io.BytesIO(data))


def test_a_search_that_stops_early_says_how_far_back_it_looked_and_leads_on(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_FEW", 0), ("_IN_INDEX", (2,))):
        monkeypatch.setattr(search, name, value)
    for second in range(3):
        add(admin, f"auto-{EPOCH + second}-1000-5555550100.wav", path=f"{second}", frames=8000 if second else 80_000)
    shown = admin.client.get("/recordings?shortest=5").text
    assert "Looked back to 2026-02-06" in shown and "Look further back" in shown and "No archived recording is like that" not in shown
    first = admin.client.get("/api/v1/recordings?shortest=5").json()
    assert (first["items"], first["looked_back_to"][:10]) == ([], "2026-02-06")
    rest = admin.client.get("/api/v1/recordings", params={"shortest": 5, "after": first["next"]}).json()
    assert ([one["seconds"] for one in rest["items"]], rest["next"], rest["looked_back_to"]) == ([10.0], None, None)
