"""Reading archives: gzip and tar, whole, cut, damaged, hostile, and what is no archive at all."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import DiskFull, NetworkError, NotAnArchive
from scraper.ingest.archive import Archive, read
from scraper.ingest.inflate import ArchiveLimits
from scraper.ingest.members import Member, PiecesSource, Skipped, SpooledSource

SIZE = 3000


def open_archive(data: bytes, **limits: int) -> Archive:
    return read(io.BytesIO(data), ArchiveLimits(**limits))


def contents(archive: Archive) -> list[tuple[str, str | None, bytes]]:
    return [(item.name, item.month, item.source.read(0, item.size)) for item in archive if isinstance(item, Member)]


def skipped(archive: Archive) -> list[tuple[str, str]]:
    return [(item.name, item.why) for item in archive if isinstance(item, Skipped)]


def noise(seed: int, size: int = SIZE) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def many(make: Any) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [make.member(f"2026-02/r{number}.wav", noise(number)) for number in range(20)]


@pytest.mark.parametrize("pack", ["tar", "tgz"])
def test_members_come_whole_and_in_order_from_gzip_and_plain_tar(make: Any, many: Any, pack: str) -> None:
    with open_archive(getattr(make, pack)(many)) as archive:
        assert contents(archive) == [(f"r{number}.wav", "2026-02", noise(number)) for number in range(20)]
        assert archive.complete
        assert archive.damage is None


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_format_is_read(make: Any, format_: int) -> None:
    path = "top/" + "d" * 90 + "/2026-02/" + "n" * 60 + ".wav"
    with open_archive(make.tar([make.member(path, b"abc")], format=format_)) as archive:
        assert contents(archive) == [("n" * 60 + ".wav", "2026-02", b"abc")]


@pytest.mark.parametrize(
    ("path", "name", "month"),
    [
        ("2026-02/a.wav", "a.wav", "2026-02"),
        ("/2026-02/a.wav", "a.wav", "2026-02"),
        ("./rec/2026-02/x/a.wav", "a.wav", "2026-02"),
        ("a.wav", "a.wav", None),
        ("2026-13/a.wav", "a.wav", None),
        ("2026-01/2026-02/a.wav", "a.wav", "2026-02"),
        ("2026-02/a\nb\x1b.wav", "a%0Ab%1B.wav", "2026-02"),
        ("2026-02/\udcff\udcfe.wav", "%FF%FE.wav", "2026-02"),
    ],
)
def test_name_and_month_come_from_the_path(make: Any, path: str, name: str, month: str | None) -> None:
    with open_archive(make.tgz([make.member(path, b"x")])) as archive:
        assert contents(archive) == [(name, month, b"x")]


def test_an_empty_archive_is_complete(make: Any) -> None:
    for data in (make.tar([]), make.tgz([])):
        with open_archive(data) as archive:
            assert contents(archive) == []
            assert archive.complete


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "html"),
        (b'{"status":-6,"response":{}}', "json"),
        (b"PK\x03\x04" + bytes(600), "zip"),
        (b"RIFF" + bytes(600), "riff"),
        (bytes(range(256)) * 4, "unknown"),
        (gzip.compress(b"<html><body>" + b"x" * 2000, mtime=0), "html"),
        (gzip.compress(b"<html><body>short", mtime=0), "html"),
        (gzip.compress(b"", mtime=0), "empty"),
    ],
)
def test_what_is_no_archive_is_told_by_its_first_bytes(data: bytes, kind: str) -> None:
    with open_archive(data) as archive, pytest.raises(NotAnArchive) as caught:
        contents(archive)
    assert caught.value.evidence["kind"] == kind


def test_a_real_zip_is_told_apart() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.wav", b"x")
    with open_archive(out.getvalue()) as archive, pytest.raises(NotAnArchive, match="zip"):
        contents(archive)


def test_concatenated_gzip_members_and_concatenated_tars_are_all_read(make: Any) -> None:
    whole = make.tar([make.member("a.wav", b"a"), make.member("b.wav", b"b")])
    split = gzip.compress(whole[:700], mtime=0) + gzip.compress(whole[700:])
    with open_archive(split + make.tgz([make.member("c.wav", b"c")])) as archive:
        assert [name for name, _, _ in contents(archive)] == ["a.wav", "b.wav", "c.wav"]
        assert archive.complete


@pytest.mark.parametrize("garbage", [b"\0" * 3000, b"garbage" * 1000, b"\x1f"])
def test_bytes_after_the_end_do_no_harm(make: Any, garbage: bytes) -> None:
    for data in (make.tgz([make.member("a.wav", b"a")]), make.tar([make.member("a.wav", b"a")])):
        with open_archive(data + garbage) as archive:
            assert contents(archive) == [("a.wav", None, b"a")]
            assert archive.complete


def test_a_tar_without_end_mark_is_whole_only_where_gzip_vouches(make: Any) -> None:
    plain = make.tar([make.member("a.wav", noise(1, 512))])[:1024]
    with open_archive(gzip.compress(plain, mtime=0)) as archive:
        assert len(contents(archive)) == 1
        assert archive.complete
    with open_archive(plain) as archive:
        assert len(contents(archive)) == 1
        assert archive.damage == "the archive was cut short"


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.99])
def test_a_cut_gzip_gives_all_that_is_whole_in_the_bytes_that_arrived(make: Any, many: Any, level: int, share: float) -> None:
    import zlib

    packed = gzip.compress(make.tar(many), compresslevel=level, mtime=0)
    cut = packed[: int(len(packed) * share)]
    reachable = zlib.decompressobj(wbits=31).decompress(cut)  # an independent reader's opinion
    whole = sum(1 for number in range(20) if (number + 1) * (512 + 3072) - 72 <= len(reachable))
    with open_archive(cut) as archive:
        assert len(contents(archive)) == whole
        assert archive.damage == "the archive was cut short"
        assert not archive.complete


def test_a_cut_plain_tar_gives_all_that_is_whole(make: Any, many: Any) -> None:
    data = make.tar(many)
    for length in (600, 3511, 3512, 3583, 3584, 3600, 40_000):
        with open_archive(data[:length]) as archive:
            assert len(contents(archive)) == max(0, (length + 72) // 3584)
            assert archive.damage is not None


def test_a_cut_in_the_gzip_trailer_is_not_complete(make: Any, many: Any) -> None:
    with open_archive(make.tgz(many)[:-4]) as archive:
        assert len(contents(archive)) == 20
        assert not archive.complete


@pytest.mark.fault("download", "the archive's checksum is wrong", "damage is told, and its recordings are doubted", promise="success")
def test_a_wrong_checksum_is_damage(make: Any, many: Any) -> None:
    data = bytearray(make.tgz(many))
    data[-8] ^= 1
    with open_archive(bytes(data)) as archive:
        contents(archive)
        assert "damaged" in (archive.damage or "")


def test_a_damaged_header_ends_it_after_what_was_whole(make: Any, many: Any) -> None:
    data = bytearray(make.tar(many))
    data[3584 * 5 + 10] ^= 0xFF
    with open_archive(bytes(data)) as archive:
        assert len(contents(archive)) == 5
        assert archive.damage == "a member's header is damaged"


@pytest.mark.parametrize(
    ("change", "pack", "corrupt"),
    [("cut", False, False), ("cut", True, False), ("header", False, True), ("header", True, False), ("checksum", True, True)],
)
def test_only_damage_that_no_checksum_clears_casts_doubt_on_what_was_delivered(
    make: Any, many: Any, change: str, pack: bool, corrupt: bool
) -> None:
    data = bytearray(make.tar(many))
    if change == "header":
        data[512 * 40 : 512 * 60] = b"\xa5" * 512 * 20
    data = bytearray(gzip.compress(data, mtime=0)) if pack else data
    if change == "cut":
        del data[len(data) // 2 :]
    elif change == "checksum":
        data[-8] ^= 0xFF
    with read(io.BytesIO(data)) as archive:
        list(archive)
    assert not archive.complete
    assert archive.corrupt == corrupt


def test_a_member_shorter_than_its_header_says_is_never_delivered(make: Any) -> None:
    info, _ = make.member("a.wav", b"")
    info.size = 5000
    data = info.tobuf() + noise(1, 2000)
    for body in (data, gzip.compress(data, mtime=0)):
        with open_archive(body) as archive:
            assert contents(archive) == []
            assert archive.damage == "the archive was cut short"


def test_links_devices_and_folders_are_skipped_not_followed(make: Any) -> None:
    kinds = {
        tarfile.LNKTYPE: "link",
        tarfile.SYMTYPE: "link",
        tarfile.CHRTYPE: "device",
        tarfile.BLKTYPE: "device",
        tarfile.FIFOTYPE: "pipe",
    }
    members = [make.member(f"{kind.decode()}.wav", type=kind, linkname="/etc/passwd") for kind in kinds]
    members += [make.member("2026-02", type=tarfile.DIRTYPE), make.member("2026-02/a.wav", b"a")]
    with open_archive(make.tgz(members)) as archive:
        items = list(archive)
    assert [item.name for item in items if isinstance(item, Member)] == ["a.wav"]
    for (kind, word), item in zip(kinds.items(), items, strict=False):
        assert isinstance(item, Skipped)
        assert word in item.why, kind


def test_sparse_files_are_skipped_in_both_forms_and_what_follows_is_read(make: Any) -> None:
    header = bytearray(make.member("s.wav", b"", type=tarfile.GNUTYPE_SPARSE)[0].tobuf())
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    more = bytes(504) + b"\1" + bytes(7) + bytes(512)
    old = bytes(header) + more + make.tar([make.member("a.wav", b"a")])
    new = make.member("s.wav", b"map", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.name": "s.wav"})
    for data in (old, make.tar([new, make.member("a.wav", b"a")], format=tarfile.PAX_FORMAT)):
        with open_archive(data) as archive:
            items = list(archive)
        assert [(type(item).__name__, item.name) for item in items] == [("Skipped", "s.wav"), ("Member", "a.wav")]


def test_a_path_that_climbs_is_delivered_as_untrusted(make: Any) -> None:
    with open_archive(make.tgz([make.member("2026-02/../../etc/cron.d/a.wav", b"x")])) as archive:
        (item,) = archive
    assert isinstance(item, Member)
    assert item.name == "a.wav"
    assert item.untrusted is not None


def test_an_over_long_name_is_delivered_as_untrusted_and_cut(make: Any) -> None:
    with open_archive(make.tgz([make.member("n" * 5000 + ".wav", b"x")])) as archive:
        (item,) = archive
    assert isinstance(item, Member)
    assert item.untrusted is not None
    assert len(item.name) <= 4096


def test_an_enormous_extra_header_is_passed_over_without_holding_it(make: Any) -> None:
    huge = make.member("././@LongLink", b"n" * 100_000, type=b"L")
    with open_archive(make.tar([huge, make.member("a.wav", b"a")]), header_bytes=50_000) as archive:
        (item,) = archive
    assert isinstance(item, Member)
    assert (item.name, item.source.read(0, 9)) == ("a.wav", b"a")
    assert item.untrusted == "its extra header is too large"


@pytest.mark.parametrize("records", [b"99 path=a\n", b"x", b"0 path=a\n", b"11 path=abc", b"7 path=\n\xff", b"12 size=-100\n"])
def test_a_malformed_pax_header_is_no_error(make: Any, records: bytes) -> None:
    with open_archive(make.tar([make.member("pax", records, type=b"x"), make.member("a.wav", b"a")])) as archive:
        assert [item.name for item in archive if isinstance(item, Member)] in (["a.wav"], ["%00"])


def test_a_pax_header_with_records_without_end_is_left_and_its_member_not_trusted(make: Any) -> None:
    with open_archive(make.tar([make.member("pax", b"6 k=v\n" * 10_000, type=b"x"), make.member("a.wav", b"a")])) as archive:
        (item,) = archive
    assert isinstance(item, Member)
    assert (item.name, item.untrusted) == ("a.wav", "its extra header is malformed")


def test_a_pax_size_beyond_the_header_s_is_believed(make: Any) -> None:
    data = make.tar([make.member("pax", b"13 size=1024\n", type=b"x"), make.member("a.wav", b"", size=0)])
    body = data[: 3 * 512] + noise(1, 1024) + bytes(1024)
    with open_archive(body) as archive:
        assert contents(archive) == [("a.wav", None, noise(1, 1024))]


def test_a_negative_size_is_damage(make: Any) -> None:
    header = bytearray(make.member("a.wav", b"")[0].tobuf())
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with open_archive(make.tar([make.member("b.wav", b"b")])[:1024] + bytes(header) + bytes(1024)) as archive:
        assert len(contents(archive)) == 1
        assert archive.damage == "a member's header is damaged"


def test_one_enormous_member_is_skipped_and_the_next_one_read(make: Any) -> None:
    with open_archive(make.tgz([make.member("big.wav", bytes(100_000)), make.member("a.wav", b"a")]), member_bytes=50_000) as archive:
        items = list(archive)
    assert [(type(item).__name__, item.name) for item in items] == [("Skipped", "big.wav"), ("Member", "a.wav")]
    assert archive.complete


def test_too_many_members_end_it_after_the_last_allowed(make: Any) -> None:
    with open_archive(make.tgz([make.member(f"{n}.wav", b"x") for n in range(50)]), members=30) as archive:
        assert len(contents(archive)) == 30
        assert "more than 30 members" in (archive.damage or "")


def test_ten_thousand_tiny_members_take_seconds_at_most(make: Any) -> None:
    data = make.tgz([make.member(f"{n}.wav", b"x") for n in range(10_000)])
    started = time.monotonic()
    with open_archive(data) as archive:
        assert len(contents(archive)) == 10_000
    assert time.monotonic() - started < 10


@pytest.mark.fault("download", "the archive is a bomb", "reading stops by ratio and size", promise="hang")
def test_a_bomb_is_stopped_by_its_ratio_and_by_its_size(make: Any) -> None:
    data = make.tgz([make.member("a.wav", bytes(8 << 20))])
    for limits in ({"ratio": 100, "ratio_from": 1 << 20}, {"unpacked_bytes": 1 << 20}):
        with open_archive(data, **limits) as archive:
            assert contents(archive) == []
            assert "unpacks to more than" in (archive.damage or "")


def test_a_large_member_is_spooled_to_a_nameless_file_that_is_freed(make: Any, tmp_path: Path) -> None:
    body = noise(1, 300_000)
    archive = read(io.BytesIO(make.tgz([make.member("a.wav", body)])), ArchiveLimits(in_memory_bytes=100_000), tmp_path / "work")
    with archive:
        (item,) = archive
    assert isinstance(item, Member)
    assert isinstance(item.source, SpooledSource)
    assert item.source.read(100, 1000) == body[100:1100]
    assert list((tmp_path / "work").iterdir()) == []
    handles = len(os.listdir("/proc/self/fd"))
    item.close()
    assert len(os.listdir("/proc/self/fd")) == handles - 1


def test_a_full_working_folder_is_disk_full(make: Any, small_disk: Path) -> None:
    archive = read(io.BytesIO(make.tgz([make.member("a.wav", noise(1, 4 << 20))])), ArchiveLimits(in_memory_bytes=1 << 20), small_disk)
    with archive, pytest.raises(DiskFull):
        list(archive)


class Growing(io.RawIOBase):
    """A download: gives ``data`` in pieces, then ends, fails, or blocks until closed."""

    def __init__(self, data: bytes, piece: int, end: Exception | threading.Event | None = None) -> None:
        self.left, self.piece, self.end = memoryview(data), piece, end

    def read(self, size: int = -1) -> bytes:
        if not self.left:
            if isinstance(self.end, threading.Event):
                self.end.wait(30)
            elif self.end:
                raise self.end
            return b""
        piece = self.left[: min(size, self.piece)]
        self.left = self.left[len(piece) :]
        return bytes(piece)


@pytest.mark.parametrize("piece", [1, 7, 100, 100_000])
def test_pieces_of_any_size_give_the_same_members(make: Any, many: Any, piece: int) -> None:
    with read(Growing(make.tgz(many[:5]), piece)) as archive:  # type: ignore[arg-type]
        assert [data for _, _, data in contents(archive)] == [noise(number) for number in range(5)]


@pytest.mark.parametrize("error", [NetworkError(), OSError(5, "Input/output error")])
def test_an_error_of_the_stream_comes_after_all_whole_members(make: Any, many: Any, error: Exception) -> None:
    data = gzip.compress(make.tar(many), compresslevel=0, mtime=0)
    seen = []
    with read(Growing(data[: 3584 * 7 + 100], 1000, error)) as archive:  # type: ignore[arg-type]
        iterator = iter(archive)
        with pytest.raises(type(error)):
            for item in iterator:
                seen.append(item.name)
    assert len(seen) == 7
    assert not archive.complete


def test_members_are_delivered_while_the_stream_still_blocks_and_stop_ends_the_wait(make: Any, many: Any) -> None:
    gate, stop = threading.Event(), threading.Event()
    data = gzip.compress(make.tar(many), compresslevel=0, mtime=0)
    with read(Growing(data[: 3584 * 3 + 50], 1000, gate), stop=stop) as archive:  # type: ignore[arg-type]
        iterator = iter(archive)
        assert [next(iterator).name for _ in range(3)] == ["r0.wav", "r1.wav", "r2.wav"]
        stop.set()
        started = time.monotonic()
        assert list(iterator) == []
        assert archive.stopped
        assert time.monotonic() - started < 5
        gate.set()


def test_leaving_early_ends_the_thread(make: Any) -> None:
    before = threading.active_count()
    with open_archive(make.tar([make.member(f"{n}.wav", bytes(1 << 20)) for n in range(30)])) as archive:
        next(iter(archive))
    assert threading.active_count() == before


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_end_in_members_damage_or_not_an_archive(data: bytes) -> None:
    with open_archive(data) as archive:
        try:
            list(archive)
        except NotAnArchive:
            return
    assert archive.complete or archive.damage


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 9 * 512 - 1), st.binary(min_size=1, max_size=20), st.booleans())
def test_an_archive_with_any_bytes_changed_never_fails_in_another_way(at: int, change: bytes, pack: bool) -> None:
    infos = [(tarfile.TarInfo("2026-02/" + "x" * (120 * (n == 1)) + f"{n}.wav"), bytes([n]) * 600) for n in range(3)]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, body in infos:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    data = bytearray(out.getvalue())
    data[at : at + len(change)] = change
    with open_archive(gzip.compress(bytes(data), mtime=0) if pack else bytes(data)) as reader:
        try:
            for item in reader:
                item.name.encode()
        except NotAnArchive:
            return
    assert reader.complete or reader.damage


def test_a_false_long_name_size_near_the_end_is_a_cut(make: Any) -> None:
    header = make.member("././@LongLink", b"", type=b"L", size=1000)[0].tobuf()
    with open_archive(make.tar([make.member("a.wav", b"a")])[:1024] + header + struct.pack("<100x")) as archive:
        assert len(contents(archive)) == 1
        assert archive.damage == "the archive was cut short"


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.integers(0, 90), st.integers(0, 90))
def test_a_source_in_pieces_reads_like_the_whole(pieces: list[bytes], offset: int, length: int) -> None:
    source = PiecesSource(memoryview(piece) for piece in pieces)
    whole = b"".join(pieces)
    assert source.size == len(whole)
    assert source.read(offset, length) == whole[offset : offset + length]
