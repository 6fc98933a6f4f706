"""The archive reader: any bytes end in whole members, damage that has a reason, or "not an archive"."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fuzz.makers import recordings

from scraper.errors import NotAnArchive
from scraper.ingest.archive import read
from scraper.ingest.inflate import ArchiveLimits
from scraper.ingest.members import Member, Skipped
from scraper.names import clean
from scraper.simulator.packs import PackPlan, build

_BLOCK = 512
_PLAIN, _PACKED, _MENDED, _PACKED_AND_MENDED = range(4)
#: So little that small inputs reach every limit.
_SMALL = ArchiveLimits(member_bytes=1 << 16, members=50, unpacked_bytes=1 << 20, ratio=50, ratio_from=1 << 12, header_bytes=1 << 11)
_LIMITS = (ArchiveLimits(), replace(_SMALL, in_memory_bytes=1 << 10), replace(_SMALL, name_chars=40))
#: Extra members that the simulation makes, but for those whose size is their point.
_HOSTILE = ("dotdot", "absolute", "symlink", "hardlink", "device", "fifo", "duplicate", "longname", "nonutf8", "control", "enormous")
_FOLDER = Path(tempfile.gettempdir())

WORDS = (
    *(b"ustar\000", b"ustar  \0", b"././@LongLink", b"GNU.sparse.major=1", b"path=", b"size=", b"\x80" + bytes(11), b"\xff" * 12),
    *(b"../", b"2026-02/", b"\x1f\x8b\x08", b"00000000777\0", b"77777777777\0", b"12 path=abc\n", b"13 size=1024\n"),
)


def target(data: bytes) -> None:
    """The first byte chooses limits and what is done to the rest: packed with gzip, and its headers' checksums mended, or not."""
    how, body = data[0] if data else 0, data[1:]
    if how % 4 in (_MENDED, _PACKED_AND_MENDED):
        body = _mended(body)
    if how % 4 in (_PACKED, _PACKED_AND_MENDED):
        body = gzip.compress(body, 1, mtime=0)
    limits = _LIMITS[how // 4 % len(_LIMITS)]
    with read(io.BytesIO(body), limits, _FOLDER) as archive:
        try:
            for item in archive:
                _check(item, limits)
        except NotAnArchive as error:
            assert error.evidence["kind"]
            return
    assert archive.complete != (archive.damage is not None), "an archive is complete, or says why it isn't"
    assert archive.complete or not archive.stopped
    assert archive.read_bytes <= len(body)


def _check(item: Member | Skipped, limits: ArchiveLimits) -> None:
    item.name.encode()
    assert item.name == clean(item.name) != ""
    if isinstance(item, Skipped):
        assert item.why
        return
    try:
        assert item.size == item.source.size <= limits.member_bytes
        assert item.in_memory <= limits.in_memory_bytes
        assert sum(len(item.source.read(at, 1 << 16)) for at in range(0, item.size, 1 << 16)) == item.size
    finally:
        item.close()


def _mended(data: bytes) -> bytes:
    """The bytes with the right checksum in each block that stands where a header would: else nearly every change is only "damaged"."""
    mended, at = bytearray(data), 0
    while at + _BLOCK <= len(mended):
        block = mended[at : at + _BLOCK]
        if any(block):
            block[148:156] = b" " * 8
            mended[at + 148 : at + 156] = b"%06o\0 " % sum(block)
        size = bytes(block[124:136]).strip(b" \0")
        content = int(size, 8) if size and not size.strip(b"01234567") else 0
        at += _BLOCK + -(-content // _BLOCK) * _BLOCK
    return bytes(mended)


def seeds() -> Iterator[bytes]:
    """Archives of the simulation, honest and hostile, in each way of reading them."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        for plan in [PackPlan(), PackPlan("dir"), PackPlan(truncated=0.7), *(PackPlan(hostile=(kind,)) for kind in _HOSTILE)]:
            build(recordings(2), made, replace(plan, plain=True))
            for how in range(4 * len(_LIMITS)):
                yield bytes([how]) + made.read_bytes()
            build(recordings(2), made, plan)
            yield b"\0" + made.read_bytes()
