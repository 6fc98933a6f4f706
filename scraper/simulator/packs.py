"""Packs recordings into the archive that *Download All* hands out, and makes what the faults would rather hand out."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from .delivery import ERROR_PAGE, LOGIN_PAGE
from .recordings import Recording

_Member = tuple[str, bytes]
_Adder = Callable[[tarfile.TarFile, _Member], None]

_LEVEL = 1  # a PBX has a small processor


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What an archive shall be like: ``paths`` as in the configuration, ``hostile`` kinds of extra members, ``plain`` without gzip,
    ``truncated`` the fraction of the file that is kept."""

    paths: str = "month"
    hostile: tuple[str, ...] = ()
    plain: bool = False
    truncated: float | None = None


def member_name(recording: Recording, paths: str) -> str:
    """A recording's path inside the archive: none of these is documented (field guide 1)."""
    prefix = {"month": "", "dir": "data/monitor/", "absolute": "/var/spool/asterisk/monitor/"}.get(paths, "")
    return recording.name if paths == "none" else prefix + recording.path


def build(recordings: Iterable[Recording], target: Path, plan: PackPlan) -> None:
    """Writes the archive; the same bytes for the same recordings and plan. ``target`` appears only once it is whole."""
    growing = target.with_suffix(".part")
    with growing.open("wb") as file:
        if plan.plain:
            _write(recordings, file, plan)
        else:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed:
                _write(recordings, cast(IO[bytes], packed), plan)
    if plan.truncated is not None:
        with growing.open("r+b") as file:
            file.truncate(int(growing.stat().st_size * plan.truncated))
    growing.replace(target)


def _write(recordings: Iterable[Recording], file: IO[bytes], plan: PackPlan) -> None:
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        last = ("", b"")
        for recording in recordings:
            last = (member_name(recording, plan.paths), recording.stored())
            _add(tar, *last, mtime=int(recording.start.timestamp()))
        for kind in plan.hostile:
            _HOSTILE[kind](tar, last)


def _add(tar: tarfile.TarFile, name: str, data: bytes, mtime: int = 0) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), mtime, 0o644
    tar.addfile(entry, io.BytesIO(data))


def tar_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar without compression, as recapi answers several names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files:
            _add(tar, name, data)
    return buffer.getvalue()


# --- hostile members: none of them may do harm, and none may keep the honest ones from being stored ---


def _special(name: str, kind: bytes, link: str = "") -> _Adder:
    def add(tar: tarfile.TarFile, _last: _Member) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        entry.devmajor, entry.devminor = 1, 3
        tar.addfile(entry)

    return add


def _small(*names: str) -> _Adder:
    def add(tar: tarfile.TarFile, _last: _Member) -> None:
        for name in names:
            _add(tar, name, b"GSFF\x00\x00\x00\x00hostile")

    return add


def _duplicate(tar: tarfile.TarFile, last: _Member) -> None:
    """The last honest recording's name again, with other bytes."""
    name, data = last
    _add(tar, name, data[:-2] + b"\x01\x02")


def _tiny(tar: tarfile.TarFile, _last: _Member) -> None:
    for index in range(10_000):
        _add(tar, f"2026-01/auto-1700000000-tiny-{index}.wav", b"")


def _bomb(tar: tarfile.TarFile, _last: _Member) -> None:
    entry = tarfile.TarInfo("2026-01/auto-1700000000-bomb-1.wav")
    entry.size = 1 << 28
    tar.addfile(entry, _Zeros(entry.size))


def _enormous(tar: tarfile.TarFile, _last: _Member) -> None:
    """A header that declares 1 TiB, and nothing of it: whatever follows is swallowed, so it must come last."""
    entry = tarfile.TarInfo("2026-01/auto-1700000000-enormous-1.wav")
    entry.size = 1 << 40
    tar.addfile(entry, None)


def _non_utf8(tar: tarfile.TarFile, _last: _Member) -> None:
    _add(tar, b"2026-01/auto-1700000000-\xff\xfe\xe4-1.wav".decode("utf-8", "surrogateescape"), b"GSFF\x00\x00\x00\x00hostile")


class _Zeros(io.RawIOBase):
    """Zeros without end in sight, without holding them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        count = self._left if size < 0 else min(size, self._left)
        self._left -= count
        return bytes(count)


_HOSTILE: dict[str, _Adder] = {
    "dotdot": _small("../../escaped.wav", "2026-01/../../../escaped-too.wav"),
    "absolute": _small("/escaped-absolute.wav"),
    "symlink": _special("2026-01/auto-1700000000-link-1.wav", tarfile.SYMTYPE, "/etc/passwd"),
    "hardlink": _special("2026-01/auto-1700000000-link-2.wav", tarfile.LNKTYPE, "../../etc/passwd"),
    "device": _special("2026-01/auto-1700000000-device-1.wav", tarfile.CHRTYPE),
    "fifo": _special("2026-01/auto-1700000000-fifo-1.wav", tarfile.FIFOTYPE),
    "duplicate": _duplicate,
    "tiny": _tiny,
    "longname": _small(f"2026-01/auto-1700000000-{'5' * 300}-1.wav"),
    "nonutf8": _non_utf8,
    "case": _small("2026-01/auto-1700000000-Case-1.wav", "2026-01/auto-1700000000-cASE-1.wav"),
    "control": _small("2026-01/auto-1700000000-\x1b[2J\n-1.wav"),
    "bomb": _bomb,
    "enormous": _enormous,
}


# --- something else than an archive ---


def not_an_archive(kind: str) -> tuple[bytes, str]:
    """(body, content type) of what comes instead of an archive, with HTTP 200."""
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("readme.txt"), "not what you asked for")
        return buffer.getvalue(), "application/octet-stream"
    if kind == "garbage":
        return np.random.default_rng(7).bytes(200_000), "application/octet-stream"
    return {
        "html": (LOGIN_PAGE.encode(), "text/html"),
        "json": (b'{"response":{"error_msg":"System error"},"status":-9}', "application/json"),
        "empty": (b"", "application/octet-stream"),
    }.get(kind, (ERROR_PAGE.encode(), "text/html"))


def csv_text(header: list[str], rows: Iterable[Iterable[str]]) -> str:
    """CSV as the PBX writes it: CRLF, quotes where needed."""
    return "\r\n".join(_csv_lines(header, rows)) + "\r\n"


def _csv_lines(header: list[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    for row in [header, *rows]:
        yield ",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell for cell in row)


def fingerprint(recordings: Iterable[Recording], plan: PackPlan) -> str:
    """A short name for the archive of these recordings, so that it is built once."""
    text = repr(plan) + "".join(f"{recording.path}{recording.body}" for recording in recordings)
    return f"{zlib.crc32(text.encode()):08x}-{len(text)}"
