"""The order in which a recording is written, flushed, announced, named and catalogued, as the kernel was asked for it.

A cut of the power leaves what was flushed, and of all else anything. So each step must be on the disk before the next one begins.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from archives import UCM, Pbx, Places
from kills import ingest_with_originals
from system_calls import Call, traced

_FLUSHES, _WRITES = ("fsync", "fdatasync"), ("write", "writev", "pwrite64")
#: In SQLite's WAL each page follows a header; that of a transaction's last page holds, in these bytes, how many pages there are then.
_HEADER_BYTES, _PAGES_THEN = 24, slice(4, 8)


@dataclass(frozen=True)
class Trace:
    """The calls of one ingest into a folder and SQLite."""

    calls: list[Call]
    store: Path
    catalog: Path

    def link_to(self, place: str) -> Call:
        """What put a file in its place of the store."""
        (found,) = [call for call in self.calls if call.name == "link" and call.paths[1] == str(self.store / place)]
        return found

    def last_write(self, path: str) -> Call:
        """What wrote the last bytes of a file."""
        return [call for call in self.calls if call.name in _WRITES and call.paths == (path,)][-1]

    def flush(self, path: str | Path, after: Call) -> Call:
        """The first flush of a file or a folder that began after a call had ended."""
        flushes = (call for call in self.calls if call.name in _FLUSHES and call.paths == (str(path),) and call.begun > after.ended)
        found = next(flushes, None)
        assert found, f"never flushed: {path}"
        return found

    def made(self, folder: Path) -> Call:
        """What made a folder."""
        return next(call for call in self.calls if call.name == "mkdir" and call.paths == (str(folder),))

    def commit(self, row: bytes) -> tuple[Call, Call]:
        """What wrote the first page with such a row, and the end of its transaction."""
        writes = [call for call in self.calls if call.name in _WRITES and call.paths == (f"{self.catalog}-wal",)]
        at = next(number for number, call in enumerate(writes) if row in call.data)
        ends = (number for number, call in enumerate(writes) if len(call.data) == _HEADER_BYTES and any(call.data[_PAGES_THEN]))
        return writes[at - 1], writes[next(number for number in ends if number >= at - 1) + 1]

    def flush_of_commit(self, row: bytes) -> Call:
        """What made the transaction with such a row last."""
        return self.flush(f"{self.catalog}-wal", after=self.commit(row)[1])


@pytest.fixture(scope="module")
def pbx() -> Pbx:
    """More than are filed together."""
    return Pbx.of(recordings=20, seconds=(0.5, 1.0))


@pytest.fixture(scope="module")
def trace(places: Places, pbx: Pbx) -> Trace:
    """An ingest whose originals are kept as well."""
    archive = places.make("sqlite", "folder")
    words = [sys.executable, "-m", "scraper", "--config", str(archive.config), *ingest_with_originals(archive, pbx)]
    return Trace(traced(words, archive.folder / "trace"), archive.files, Path(archive.catalog.removeprefix("sqlite:///")))


@pytest.mark.fault(
    "process",
    "the power is cut at any moment of taking in a recording",
    "each step is flushed before the next: bytes, announcement, name, folder, catalog",
    promise="loss",
)
def test_each_step_of_a_recording_is_on_the_disk_before_the_next_begins(trace: Trace, pbx: Pbx) -> None:
    for recording in pbx.recordings:
        path = f"{UCM}/{recording.path}"
        announced, archived = (recording.name.encode() + state + path.encode() for state in (b"storing", b"archived"))
        for place in (path, f"{path}.original"):
            link = trace.link_to(place)
            hidden, folder = link.paths[0], (trace.store / place).parent
            steps = [
                trace.last_write(hidden),
                trace.flush(hidden, after=trace.last_write(hidden)),
                *trace.commit(announced),
                trace.flush_of_commit(announced),
                link,
                trace.flush(folder, after=link),
                *trace.commit(archived),
                trace.flush_of_commit(archived),
            ]
            assert Path(hidden).parent == trace.store / ".incoming" / UCM
            early = [(one.name, next_one.name) for one, next_one in pairwise(steps) if next_one.begun <= one.ended]
            assert early == [], f"{place}: the second of these did not wait for the first"


def test_each_new_folder_is_flushed_into_the_one_above_before_a_recording_in_it_is_archived(trace: Trace, pbx: Pbx) -> None:
    for recording in pbx.recordings:
        path = f"{UCM}/{recording.path}"
        archived = trace.commit(recording.name.encode() + b"archived" + path.encode())[0]
        for folder in (trace.store, trace.store / UCM, trace.store / UCM / recording.month):
            assert trace.flush(folder.parent, after=trace.made(folder)).ended < archived.begun


def test_the_command_says_what_it_did_only_when_it_lasts(trace: Trace, pbx: Pbx) -> None:
    archived = [recording.name.encode() + b"archived" + f"{UCM}/{recording.path}".encode() for recording in pbx.recordings]
    told = next(call for call in trace.calls if call.name == "write" and b"20 archived" in call.data)
    assert all(trace.flush_of_commit(row).ended < told.begun for row in archived)
