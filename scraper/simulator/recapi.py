"""What both API families answer to ``recapi`` (field guide 2a): the directory, the month rule, several names, none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.responses import Response

from scraper.models import RecordingClass

from .delivery import deliver_single
from .packs import not_an_archive, tar_of
from .recordings import Recording
from .state import State

_MONTH = re.compile(r"\d{4}-\d{2}")
DIRECTORIES = ("monitor", "queue", "meetme", "emergency", "sca", "voicemail/default")


@dataclass(frozen=True, slots=True)
class File:
    """A file found: a recording, or a tar of several."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """A directory, or the list of directories, as CSV."""

    text: str


class Missing(Exception):
    """There is no such file or directory."""


def answer(filedir: str, filename: str, state: State) -> File | Listing:
    """Raises Missing. Neither parameter: the directories; no name: the directory; names joined by ``@``: a tar."""
    if not filename:
        return Listing(_directory(filedir, state) if filedir else "\r\n".join(DIRECTORIES) + "\r\n")
    names = [name for name in filename.split("@") if name]
    found = [recording for name in names if (recording := _find(filedir, name, state))]
    if not found:
        raise Missing
    if len(names) > 1:
        return File("recordings.tar", tar_of((recording.name, _bytes(recording, state)) for recording in found))
    return File(found[0].name, _bytes(found[0], state))


def deliver(found: File, state: State) -> Response:
    """A file that was found, or what the fault ``recapi_instead`` makes of it."""
    instead = state.faults.take("recapi_instead")
    if instead in ("html", "json", "empty"):
        body, media = not_an_archive(instead)
        return Response(body, media_type=media)
    if instead == "half":
        found = File(found.name, found.data[: len(found.data) // 2])
    elif instead == "tar":
        found = File("recordings.tar", tar_of([(found.name, found.data)]))
    elif instead == "other":
        other = next(recording for recording in state.readable(RecordingClass.MONITOR) if recording.name != found.name)
        found = File(other.name, _bytes(other, state))
    return deliver_single(state, "recapi", found.name, found.data)


def _bytes(recording: Recording, state: State) -> bytes:
    return recording.riff() if state.config.recapi == "riff" else recording.stored()


def _find(filedir: str, name: str, state: State) -> Recording | None:
    """The month in the name, by device: bare name; ``2026-07/NAME``; ``filedir=2026-10``."""
    rule = state.config.recapi_month
    if _MONTH.fullmatch(filedir):
        wanted = f"{filedir}/{name}" if rule == "filedir" else None
        return state.find(wanted, RecordingClass.MONITOR) if wanted else None
    try:
        klass = RecordingClass(filedir or "monitor")
    except ValueError:
        return None
    if rule == "filedir" and klass is RecordingClass.MONITOR:
        return None
    if ("/" in name) != (rule == "path"):
        return None
    return state.find(name, klass)


def _directory(filedir: str, state: State) -> str:
    """Name, bytes and local time of each file."""
    month = filedir if _MONTH.fullmatch(filedir) else None
    if month is None and filedir not in DIRECTORIES:
        raise Missing
    klass = RecordingClass.MONITOR if month or filedir not in list(RecordingClass) else RecordingClass(filedir)
    bare = month is not None or state.config.recapi_month == "bare"
    rows = []
    if month or filedir == klass:
        rows = [
            f"{recording.name if bare else recording.path},{recording.size},{recording.start:%Y-%m-%d %H:%M:%S}\r\n"
            for recording in state.readable(klass)
            if month in (None, recording.month)
        ]
    return "".join(rows)
