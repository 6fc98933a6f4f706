"""Reading a download that the browser is still writing."""

import threading
import time

import pytest

from scraper.errors import DownloadFailed
from scraper.webui.follow import GrowingDownload, guids


@pytest.fixture
def stream(tmp_path):
    with GrowingDownload(tmp_path, stall_seconds=1.0) as stream:
        yield stream


def growing(tmp_path, data=b""):
    path = tmp_path / "3f-guid.crdownload"
    path.write_bytes(data)
    return path


def read_all(stream) -> bytes:
    return b"".join(iter(lambda: stream.read(1000), b""))


def test_read_waits_for_bytes_that_come_later(tmp_path, stream):
    expected = b"".join(bytes([n]) * 5000 for n in range(20))

    def write():
        path = growing(tmp_path)
        with path.open("ab") as file:
            for n in range(20):
                file.write(expected[n * 5000 : (n + 1) * 5000])
                file.flush()
                time.sleep(0.002)
        path.rename(tmp_path / "3f-guid")
        stream.ended(None)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_all(stream) == expected
    thread.join()


def test_empty_placeholder_is_not_taken_for_the_download(tmp_path, stream):
    (tmp_path / "3f-guid").touch()
    threading.Timer(0.05, lambda: growing(tmp_path, b"abc")).start()
    assert stream.read(10) == b"abc"


def test_download_that_ended_before_anybody_looked_is_read(tmp_path, stream):
    (tmp_path / "3f-guid").write_bytes(b"whole")
    stream.ended(None)
    assert read_all(stream) == b"whole"


def test_file_of_another_download_is_never_taken_for_the_whole_one(tmp_path, stream):
    growing(tmp_path, b"another, and larger")
    (tmp_path / "4a-guid").write_bytes(b"ours")
    stream.ended(None, tmp_path / "4a-guid")
    with pytest.raises(DownloadFailed, match="Another"):
        read_all(stream)


def test_whole_download_whose_file_never_appears_says_so(tmp_path, stream, monkeypatch):
    monkeypatch.setattr("scraper.webui.follow._LOOKS_FOR_FINAL_NAME", 1)
    stream.ended(None, tmp_path / "4a-guid")
    with pytest.raises(DownloadFailed, match="never appeared"):
        read_all(stream)


def test_what_was_held_is_looked_for_again_once_it_was_let_go(tmp_path, stream):
    stray = growing(tmp_path, b"another")
    assert stream.hold()
    stray.unlink()
    stream.let_go()
    assert not stream.hold()
    (tmp_path / "4a-guid").write_bytes(b"ours")
    stream.ended(None, tmp_path / "4a-guid")
    assert read_all(stream) == b"ours"


def test_packing_before_the_first_read_is_no_stall(tmp_path, stream):
    stream.hold()
    time.sleep(1.1)
    threading.Timer(0.1, lambda: growing(tmp_path, b"abc")).start()
    assert stream.read(10) == b"abc"


def test_empty_download_ends_at_once(tmp_path, stream):
    (tmp_path / "3f-guid").touch()
    stream.ended(None)
    assert read_all(stream) == b""


@pytest.mark.fault("download", "a download stalls", "what arrived is read, then it fails", promise="hang")
def test_stalled_download_fails_after_its_bytes_were_read(tmp_path, stream):
    growing(tmp_path, b"abc")
    assert stream.read(10) == b"abc"
    with pytest.raises(DownloadFailed, match="stalled"):
        stream.read(10)


def test_failed_download_gives_what_arrived_even_when_the_file_is_gone(tmp_path, stream):
    path = growing(tmp_path, b"abcdef")
    assert stream.read(2) == b"ab"
    path.unlink()
    stream.ended("canceled")
    assert stream.read(10) == b"cdef"
    with pytest.raises(DownloadFailed, match="canceled"):
        stream.read(10)


def test_download_that_starts_over_with_the_same_bytes_goes_on(tmp_path, stream):
    path = growing(tmp_path, b"abcdef")
    assert stream.read(6) == b"abcdef"
    path.write_bytes(b"ab")
    threading.Timer(0.05, lambda: (path.write_bytes(b"abcdefgh"), stream.ended(None))).start()
    assert read_all(stream) == b"gh"


def test_download_that_starts_over_in_a_new_file_goes_on(tmp_path, stream):
    path = growing(tmp_path, b"abcdef")
    assert stream.read(2) == b"ab"
    path.unlink()
    growing(tmp_path, b"abc")
    assert stream.read(6) == b"cdef"

    def finish():
        path.write_bytes(b"abcdefgh")
        path.rename(tmp_path / "3f-guid")
        stream.ended(None)

    threading.Timer(0.05, finish).start()
    assert read_all(stream) == b"gh"


@pytest.mark.fault(
    "download", "the browser begins a download anew with other bytes", "it fails; no recording is mixed of two", promise="success"
)
def test_download_that_starts_over_with_other_bytes_fails(tmp_path, stream):
    path = growing(tmp_path, b"abcdef")
    assert stream.read(6) == b"abcdef"
    path.write_bytes(b"<html>another thing</html>")
    with pytest.raises(DownloadFailed, match="other bytes"):
        stream.read(10)


def test_download_that_ends_shorter_than_what_was_read_fails(tmp_path, stream):
    path = growing(tmp_path, b"abcdef")
    assert stream.read(6) == b"abcdef"
    path.write_bytes(b"ab")
    stream.ended(None)
    with pytest.raises(DownloadFailed, match="shorter"):
        stream.read(10)


def test_download_that_breaks_again_and_again_at_one_place_fails(tmp_path):
    path = growing(tmp_path, b"abcdef")
    with GrowingDownload(tmp_path, stall_seconds=60) as stream:
        assert stream.read(6) == b"abcdef"

        def break_off():
            for _ in range(4):
                for data in (b"a", b"abcdef"):
                    path.write_bytes(data)
                    time.sleep(0.05)

        thread = threading.Thread(target=break_off)
        thread.start()
        with pytest.raises(DownloadFailed, match="again and again"):
            stream.read(10)
        thread.join()


def test_two_downloads_in_one_folder_are_told_apart(tmp_path, stream):
    archive = growing(tmp_path, b"archive")
    assert stream.read(7) == b"archive"
    with GrowingDownload(tmp_path, 1.0, guids(tmp_path)) as second:
        (tmp_path / "table-guid").write_bytes(b"a longer table of calls")
        archive.unlink()  # started over in a new file, while the other one is the largest
        growing(tmp_path, b"archive goes on")
        assert stream.read(8) == b" goes on"
        second.ended(None)
        assert read_all(second) == b"a longer table of calls"
        second.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["3f-guid.crdownload"]


@pytest.mark.parametrize(("end", "begun"), [(lambda stream: stream.read(1), True), (lambda stream: stream.ended("canceled"), False)])
def test_wait_for_the_first_byte_ends_with_it_or_with_the_download(tmp_path, stream, end, begun):
    growing(tmp_path, b"abc")
    threading.Timer(0.05, lambda: end(stream)).start()
    assert stream.wait_for_first_byte() is begun
