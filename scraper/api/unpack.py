"""A recording that came packed: the older API answers several names with a tar, and some devices one name too (field guide 2a)."""

from __future__ import annotations

import re
from typing import BinaryIO

from converters.sniff import HEAD_BYTES, sniff
from scraper.errors import DownloadFailed, NotAnArchive, NotARecording
from scraper.ingest.archive import Archive, read
from scraper.ingest.inflate import ArchiveLimits
from scraper.ingest.members import Member

_BLOCK = 1 << 20
#: More members than this are not looked at: one is wanted.
_LIMITS = ArchiveLimits(members=16)
#: Kinds of body that may be a recording; ``unknown`` is what headerless sound looks like.
SOUND = frozenset({"riff", "gsff", "mp3", "ogg", "flac", "unknown"})
_RECORDING = re.compile(r"auto-\d|q\d+-|meetme-")


def another_recording(said: str, wanted: str) -> bool:
    """Whether ``said`` is the name of another recording than ``wanted``. Only its digits count: firmware may change the signs between."""
    return bool(_RECORDING.match(said)) and re.findall(r"\d+", said) != re.findall(r"\d+", wanted)


def unpack_single(sink: BinaryIO, name: str) -> None:
    """Replace the archive in ``sink`` by its only recording, which must be ``name``.

    Raises :class:`NotARecording` for any other content, :class:`DownloadFailed` for an archive that is cut short.
    """
    sink.seek(0)
    try:
        with read(sink, _LIMITS) as packed:
            member = _only_recording(packed, name)
            damage = packed.damage
    except NotAnArchive as error:
        raise NotARecording("The PBX sent something packed under the recording's name that is no archive of recordings.") from error
    try:
        if damage is not None:
            raise DownloadFailed("The PBX sent the recording in an archive that is cut short.")
        sink.seek(0)
        sink.truncate()
        for at in range(0, member.size, _BLOCK):
            sink.write(member.source.read(at, _BLOCK))
    finally:
        member.close()


def _only_recording(packed: Archive, name: str) -> Member:
    members = [item for item in packed if isinstance(item, Member)]
    if len(members) == 1 and sniff(members[0].source.read(0, HEAD_BYTES)) in SOUND and not another_recording(members[0].name, name):
        return members[0]
    for member in members:
        member.close()
    if not members and packed.damage is not None:
        raise DownloadFailed("The PBX sent the recording in an archive that is cut short.")
    raise NotARecording(f"The PBX sent an archive of {len(members)} other files in place of the recording.")
