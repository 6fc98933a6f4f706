"""``recordfiles`` and ``recordfiles_desc``: the recordings that a call names (field guide 2a, *cdrapi*). No I/O."""

from __future__ import annotations

import re

from scraper.cdr.calls import CallFile
from scraper.models import class_of, is_month
from scraper.names import clean

# An element ends with `@`, or with the comma of a list. A name may hold either (`auto-1770000000-alice@example.com-1000.wav`), so that
# only those count that stand at the very end, after a sound file's extension, or before something that begins as recordings or months do.
_BEGINNING = r"(?:auto-\d|q\d+-|meetme-)"
_AFTER_SOUND = "(?:" + "|".join(rf"(?<=\.{extension})" for extension in ("wav", "mp3", "gsm", "ogg", "gsff")) + ")"
_BETWEEN = re.compile(rf"{_AFTER_SOUND}\s?[@,]|[@,](?=\s?(?:[^@,]*/)?{_BEGINNING}|\s?\d{{4}}-\d\d/|\s*$)", re.IGNORECASE)
_SOUND = re.compile(r"\.(?:wav|mp3|gsm|ogg|gsff)", re.IGNORECASE)
_RECORDING = re.compile(rf"(?:.*/)?{_BEGINNING}[^/]*{_SOUND.pattern}@?", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,18})B?", re.IGNORECASE)
_LENGTH = re.compile(r"(\d{1,9})(?:\.\d+)?s?", re.IGNORECASE)


def parse_files(recordfiles: str, described: str = "") -> tuple[list[CallFile], int]:
    """(the files of ``recordfiles`` in its order, how many elements name no file).

    Elements are terminated by ``@`` or stand in a comma list, with folders or without; a name comes out bare and clean, its month is the
    nearest folder above it that is one. ``described`` (``recordfiles_desc``) is believed only where it has one entry a file.
    """
    paths = [path for part in _split(recordfiles) if (path := part.strip())]
    entries = [_described(entry) for entry in described.split("@") if entry.strip()]
    if len(entries) != len(paths):
        entries = [(None, None)] * len(paths)
    files = [_file(path, *entry) for path, entry in zip(paths, entries, strict=True)]
    named = [file for file in files if file is not None]
    return named, len(files) - len(named)


def is_recording(text: str) -> bool:
    """Whether this text is a recording's path by its look."""
    return _RECORDING.fullmatch(text) is not None


def _split(recordfiles: str) -> list[str]:
    return _BETWEEN.split(recordfiles) if _SOUND.search(recordfiles) else re.split("[@,]", recordfiles)


def _file(path: str, seconds: int | None, size: int | None) -> CallFile | None:
    *folders, name = path.split("/")
    if name.strip() in ("", ".", ".."):
        return None
    month = next((folder for folder in reversed(folders) if is_month(folder)), None)
    return CallFile(clean(name), month, class_of(name), seconds, size)


def _described(entry: str) -> tuple[int | None, int | None]:
    """(seconds, bytes) of ``duration=420,size=6722764B,start-time=1661157852``."""
    values = dict(part.strip().split("=", 1) for part in entry.split(",") if "=" in part)
    length, size = _LENGTH.fullmatch(values.get("duration", "")), _SIZE.fullmatch(values.get("size", ""))
    return int(length[1]) if length else None, int(size[1]) if size else None
