"""Reads an archive of recordings while it still grows: gzip or plain tar in, whole and safe members out.

Every recording that is whole in the bytes that arrived is delivered, however the stream ends. Nothing here is ever joined to a path, only
regular files are delivered, and memory stays bounded whatever the archive claims.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from converters.sniff import sniff
from scraper.disk import make_folder, writing
from scraper.ingest.inflate import ArchiveLimits, Inflated, Stopped, not_an_archive
from scraper.ingest.members import WITHOUT_DATA, Member, PiecesSource, Skipped, SpooledSource
from scraper.models import is_month
from scraper.names import clean

_BLOCK = 512
_END_MARK = bytes(_BLOCK)
_LONG_NAME, _LONG_LINK, _PAX, _PAX_SOLARIS, _PAX_GLOBAL = b"L", b"K", b"x", b"X", b"g"
_FILES = {b"0", b"\0", b"7"}
#: A header has a handful.
_MOST_PAX_RECORDS = 100
_PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=\n]{1,256})=")


class _CutShort(Exception):
    """Nothing more can be had; says why in a sentence."""

    def __init__(self, why: str = "the archive was cut short") -> None:
        super().__init__(why)


class _Damaged(_CutShort):
    """What came makes no sense: it may be wrong before that as well."""

    def __init__(self) -> None:
        super().__init__("a member's header is damaged")


@dataclass(slots=True)
class _Extended:
    """What the extra headers before a member say of it."""

    path: str | None = None
    size: int | None = None
    sparse: bool = False
    untrusted: str | None = None


def read(
    stream: BinaryIO, limits: ArchiveLimits | None = None, work_dir: Path | None = None, stop: threading.Event | None = None
) -> Archive:
    """Read an archive from ``stream``, whose ``read(n)`` may block until there is data and returns ``b""`` at the end.

    The stream is read in a thread of its own. Use the archive as a context manager and iterate it once.
    """
    return Archive(stream, limits or ArchiveLimits(), work_dir or Path(tempfile.gettempdir()), stop)


class Archive:
    """Members in the order in which they arrive.

    After iteration ``damage`` says in a sentence why something may be missing, or is None; ``corrupt`` whether also what was delivered may
    be wrong; ``stopped`` whether ``stop`` ended it; ``complete`` is true only where the archive's own end was seen and its checksum held.

    Iterating raises :class:`~scraper.errors.NotAnArchive` (evidence ``kind``: html, json, empty, zip, …), whatever the stream raises,
    after all members that were whole by then, and :class:`~scraper.errors.StorageError` where ``work_dir`` can't be written.
    """

    def __init__(self, stream: BinaryIO, limits: ArchiveLimits, work_dir: Path, stop: threading.Event | None = None) -> None:
        self._limits = limits
        self._work_dir = work_dir
        self._bytes = Inflated(stream, limits, stop)
        self._damage: str | None = None
        self._last_header = b""
        self._end_mark = False
        self._finished = False
        self._members = 0
        self._global = _Extended()
        self._corrupt = False
        self.stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bytes.__exit__(kind, error, trace)

    @property
    def damage(self) -> str | None:
        """Why something may be missing or wrong."""
        return self._bytes.damage or self._damage

    @property
    def corrupt(self) -> bool:
        """Whether members that were delivered may be wrong: a checksum failed, or damage shows and no checksum clears the members."""
        return self._bytes.corrupt or self._corrupt

    @property
    def complete(self) -> bool:
        """Whether the whole archive was seen, and nothing speaks against it."""
        return self._finished and self.damage is None

    @property
    def read_bytes(self) -> int:
        """Bytes that the stream gave so far."""
        return self._bytes.read_bytes

    def __iter__(self) -> Iterator[Member | Skipped]:
        try:
            while (header := self._next_header()) is not None:
                yield self._next_item(*header)
            self._finished = True
        except Stopped:
            self.stopped = True
        except _Damaged as damage:
            self._damage = str(damage)
            self._read_out()
            self._corrupt = not self._bytes.checked
        except _CutShort as end:
            self._damage = str(end)

    # Headers.

    def _next_header(self) -> tuple[tarfile.TarInfo, _Extended] | None:
        """The next member's header with what the extra headers before it say; None at the end."""
        extended = _Extended(self._global.path, self._global.size, self._global.sparse, self._global.untrusted)
        while (header := self._header_block()) is not None:
            if header.type not in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_SOLARIS, _PAX_GLOBAL):
                return header, extended
            if header.size > self._limits.header_bytes:
                self._skip(header.size)
                extended.untrusted = "its extra header is too large"
                continue
            data = self._bytes.take(header.size)
            self._skip_padding(header.size)
            if len(data) < header.size:
                raise _CutShort
            if header.type == _LONG_NAME:
                extended.path = _text(data.split(b"\0", 1)[0])
            elif header.type == _PAX_GLOBAL:
                _apply_pax(data, self._global)
            elif header.type != _LONG_LINK:
                _apply_pax(data, extended)
        return None

    def _header_block(self) -> tarfile.TarInfo | None:
        while True:
            block = self._bytes.take(_BLOCK)
            if not block:
                # Without an end mark only gzip's checksum tells that nothing is missing.
                if self._end_mark or (self._bytes.checked and self._members):
                    return None
                raise self._bad_header(block)
            if block == _END_MARK:
                self._end_mark = True
                continue
            self._last_header = block
            try:
                return self._judged(tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape"))
            except tarfile.HeaderError:
                if not self._end_mark:
                    raise self._bad_header(block) from None
            self._read_out()
            return None

    def _read_out(self) -> None:
        """Whatever comes now is nobody's; reading on shows whether the stream ends well, and its checksum holds."""
        for _ in self._bytes.pieces(self._limits.unpacked_bytes):
            pass

    def _judged(self, header: tarfile.TarInfo) -> tarfile.TarInfo:
        self._members += 1
        if header.size < 0:
            raise _Damaged
        if self._members > self._limits.members:
            raise _CutShort(f"the archive has more than {self._limits.members} members")
        return header

    def _bad_header(self, block: bytes) -> Exception:
        if len(block) < _BLOCK and not self._bytes.checked:
            return _CutShort()
        kind = sniff(block)
        return not_an_archive(kind) if self._members == 0 and kind != "tar" else _Damaged()

    # Members.

    def _next_item(self, header: tarfile.TarInfo, extended: _Extended) -> Member | Skipped:
        name, month, untrusted = _judge_path(extended.path or header.name, self._limits.name_chars)
        if header.type in WITHOUT_DATA:
            return Skipped(name, month, 0, WITHOUT_DATA[header.type])
        size = header.size if extended.size is None else extended.size
        if header.type == tarfile.GNUTYPE_SPARSE:
            self._skip_sparse_map()
        why = self._refusal(header, extended, size)
        if why:
            self._skip(size)
            return Skipped(name, month, size, why)
        return Member(name, month, size, self._content(size), untrusted or extended.untrusted)

    def _refusal(self, header: tarfile.TarInfo, extended: _Extended, size: int) -> str | None:
        if header.type == tarfile.GNUTYPE_SPARSE or extended.sparse:
            return "a sparse file"
        if header.type not in _FILES:
            return "no regular file"
        if size > self._limits.member_bytes:
            return f"larger than {self._limits.member_bytes} bytes"
        return None

    def _content(self, size: int) -> PiecesSource | SpooledSource:
        source = PiecesSource(self._bytes.pieces(size)) if size <= self._limits.in_memory_bytes else self._spool(size)
        if source.size < size:
            if isinstance(source, SpooledSource):
                source.close()
            raise _CutShort
        self._skip_padding(size)
        return source

    def _spool(self, size: int) -> SpooledSource:
        with writing("The working folder"):
            make_folder(self._work_dir)
            file = tempfile.TemporaryFile(dir=self._work_dir, buffering=0)  # noqa: SIM115 (the source closes it)
        written = 0
        try:
            for piece in self._bytes.pieces(size):
                with writing("The working folder"):
                    written += file.write(piece)
        except BaseException:
            file.close()
            raise
        return SpooledSource(file, written)

    def _skip(self, size: int) -> None:
        if sum(len(piece) for piece in self._bytes.pieces(size)) < size:
            raise _CutShort
        self._skip_padding(size)

    def _skip_padding(self, size: int) -> None:
        self._bytes.take(-size % _BLOCK)

    def _skip_sparse_map(self) -> None:
        """GNU's old sparse format goes on in further blocks for as long as a flag at byte 504 (in the header: 482) says so."""
        more = bool(self._last_header[482])
        while more:
            block = self._bytes.take(_BLOCK)
            if len(block) < _BLOCK:
                raise _CutShort
            more = bool(block[504])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _apply_pax(data: bytes, extended: _Extended) -> None:
    """Take path and size from a pax header: records of ``LENGTH KEY=VALUE\\n``."""
    at = 0
    for _ in range(_MOST_PAX_RECORDS):
        if at >= len(data) or not data[at]:
            return
        record = _PAX_RECORD.match(data, at)
        end = at + int(record[1]) if record else 0
        if record is None or end <= record.end() or end > len(data) or data[end - 1 : end] != b"\n":
            break
        key, value = record[2], data[record.end() : end - 1]
        if key == b"path":
            extended.path = _text(value)
        elif key == b"size" and re.fullmatch(rb"\d{1,18}", value):
            extended.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            extended.sparse = True
        at = end
    extended.untrusted = "its extra header is malformed"


def _judge_path(path: str, longest: int) -> tuple[str, str | None, str | None]:
    """(base name, month, why it isn't to be trusted) of a member's path. A leading slash means nothing here: no path is ever followed."""
    parts = [part for part in path[-longest:].split("/") if part not in ("", ".")]
    untrusted = "its path climbs out of the archive" if ".." in parts else None
    name = parts[-1] if parts else ""
    if len(path) > longest:
        untrusted = "its name is too long"
    month = next((part for part in reversed(parts[:-1]) if is_month(part)), None)
    return clean(name) or "%00", month, untrusted
