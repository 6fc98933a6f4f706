"""From an archive's bytes to stored, catalogued recordings: each member is judged, decoded, hashed and filed while the next ones arrive."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, BinaryIO, Protocol
from zoneinfo import ZoneInfo

from converters.interface import Options, Undecodable
from converters.interface import Source as Bytes
from converters.sniff import HEAD_BYTES, OTHER_AUDIO, sniff
from scraper.catalog import Catalog
from scraper.ingest.archive import Archive
from scraper.ingest.doubts import Doubts
from scraper.ingest.filing import Filed, Filing, Parcel
from scraper.ingest.hands import Hands
from scraper.ingest.inflate import ArchiveLimits
from scraper.ingest.members import NO_RECORDING, Member, PiecesSource, Skipped, SpooledSource
from scraper.ingest.packing import Format, Packer
from scraper.ingest.quarantine import Quarantine, Suspicion
from scraper.models import UNDATED, Gap, GapReason, Identity, Source, class_of, month_in_name
from scraper.names import split_extension
from scraper.store import Store

#: Bytes of recordings that may be in memory at once, whatever the archive's size.
IN_FLIGHT_BYTES = 64 << 20
# Together they are faster than the one that unpacks; more would only push each other's bytes out of the processor's cache.
_THREADS = 2
_BLOCK_BYTES = 1 << 20
_AUDIO_NAMES = {".wav", ".mp3", ".ogg", ".flac", ".gsm", ".au", ".alaw", ".ulaw", ".pcm", ".sln", ".opus", ".g722"}
_AUDIO_KINDS = {"gsff", "riff"} | OTHER_AUDIO
_APPLE_DOUBLE = b"\x00\x05\x16\x07"

_REMEDY = {
    GapReason.TOO_SHORT: "Nothing was recorded, or the PBX was still writing; the next run looks again.",
    GapReason.UNDECODABLE: "Its bytes are in quarantine; `ucm-scraper inspect` shows the evidence.",
    GapReason.CORRUPT: "Its bytes are in quarantine; the next run fetches it again.",
}
_DOUBT = "it came in a damaged archive, and nothing has confirmed it yet"
_DOUBT_REMEDY = "The copy is kept; the next run fetches it again, and the better copy stays."
_NOT_TAKEN_REMEDY = "The next run tries to fetch it by itself; else download it by hand."


MonthOf = Callable[[str, int], str | None]


class IngestProgress(Protocol):
    """Watches an ingest; called from its threads."""

    def recording(self, size: int) -> None:
        """One more recording is done, of ``size`` bytes in the archive."""


class _Unwatched:
    def recording(self, size: int) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestContext:
    """What an ingest works with. The caller holds the UCM's lock, and has mended what a crash left (:func:`.filing.recover`).

    ``months`` asks the PBX's listing for the month of a bare name of so many bytes; it is called in the thread that called
    :meth:`Ingest.run`, and only where the archive carries none. ``same_as``: recordings that are known under another month than the
    archive's. ``inside``: whether a recording is wanted; others are left out. ``forgotten``: of these not even that is told. ``stop``
    ends the ingest after the recordings in hand.
    To ``options`` is added what calibration found of this UCM's GSFF. ``format``: what decoded recordings are stored as.
    """

    ucm: str
    zone: ZoneInfo
    run_id: str
    source: Source
    catalog: Catalog
    store: Store
    quarantine: Quarantine
    work_dir: Path
    months: MonthOf | None = None
    same_as: Mapping[Identity, Identity] = field(default_factory=dict)
    inside: Callable[[Identity], bool] = lambda identity: True
    forgotten: Container[Identity] = ()
    progress: IngestProgress = field(default_factory=_Unwatched)
    stop: threading.Event = field(default_factory=threading.Event)
    options: Options = field(default_factory=Options)
    format: Format = "wav"
    limits: ArchiveLimits = field(default_factory=ArchiveLimits)


@dataclass(slots=True)
class Outcome:
    """What an ingest did.

    ``new``: recordings that the archive didn't hold; ``already``: those it held, with the same sound; ``versions``: those stored beside
    other bytes of the same identity. ``quarantined``: this archive's untrusted members, also where the same bytes were in quarantine
    before; each is an open gap now. ``notes``: lines for the report on names that had to differ and the like; they hold file names, so
    they are not for logs.
    ``seen``: every recording in the archive that was wanted, whatever became of it; ``outside``: the others. ``bytes_read`` counts the
    stream, ``bytes_stored`` the stored files.
    ``complete``: the archive's own end was seen and its checksum held; else ``damage`` says why not, or ``stopped`` is true.
    """

    new: int = 0
    already: int = 0
    versions: int = 0
    quarantined: list[Gap] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[Identity] = field(default_factory=set)
    outside: set[Identity] = field(default_factory=set)
    bytes_read: int = 0
    bytes_stored: int = 0
    complete: bool = False
    damage: str | None = None
    stopped: bool = False


class Ingest:
    """One archive's way into the store. ``outcome`` grows while :meth:`run` works, and stands also after it raised."""

    def __init__(self, context: IngestContext) -> None:
        self.context = context
        self.outcome = Outcome()
        options = replace(context.options, known_layouts=context.catalog.known_layouts(context.ucm))
        self._packer = Packer(context.store, options, context.source, context.run_id, context.format, context.work_dir)
        self._filing = Filing(context.catalog, context.store, context.ucm, self._note_filed)
        self._doubts = Doubts(context.catalog, context.store, {})
        self._new: list[Identity] = []
        self._not_taken: dict[Identity, str] = {}
        self._book = threading.Lock()

    def run(self, stream: BinaryIO) -> Outcome:
        """Take every whole recording of the archive in ``stream``; ``read`` is called in another thread, and may block until there is data.

        One bad recording is a gap, never an error. Raises :class:`~scraper.errors.NotAnArchive`, whatever the stream raises, and
        :class:`~scraper.errors.StorageError`; what was stored by then stays stored and catalogued, and counted in :attr:`outcome`.
        """
        context = self.context
        self._doubts = Doubts(context.catalog, context.store, context.catalog.doubted(context.ucm))
        with Archive(stream, context.limits, context.work_dir, context.stop) as archive:
            try:
                with self._filing, Hands(_THREADS, IN_FLIGHT_BYTES) as hands:
                    for item in archive:
                        if isinstance(item, Skipped):
                            self._skip(item)
                        else:
                            self._hand_over(item, hands)
                        if context.stop.is_set():
                            break
            finally:
                self.outcome.bytes_read = archive.read_bytes
                self.outcome.damage = archive.damage
                self._record_gaps(corrupt=archive.corrupt)
            if not archive.corrupt:
                self.outcome.notes += self._doubts.settle(context.source)
            self.outcome.complete = archive.complete
            self.outcome.stopped = archive.stopped or (context.stop.is_set() and not archive.complete)
        return self.outcome

    def take(self, identity: Identity, file: IO[bytes]) -> Outcome:
        """Take one recording that was fetched by itself: all of ``file``, which is closed. Judged as an archive's members are.

        Raises :class:`~scraper.errors.StorageError`.
        """
        file.flush()
        size = os.fstat(file.fileno()).st_size
        self.outcome.seen.add(identity)
        catalog, store = self.context.catalog, self.context.store
        self._doubts = Doubts(catalog, store, catalog.doubted(identity.ucm, identity))
        with self._filing:
            self._take(Member(identity.name, identity.month, size, SpooledSource(file, size)), identity)
        self.outcome.notes += self._doubts.settle(self.context.source)
        self.outcome.bytes_read, self.outcome.complete = size, True
        return self.outcome

    def _hand_over(self, member: Member, hands: Hands) -> None:
        why = _why_no_recording(member)
        if why:
            self.outcome.skipped.append((member.name, why))
            member.close()
            return
        identity = self._identity(member)
        if identity in self.context.forgotten:
            member.close()
            return
        if not self.context.inside(identity):
            self.outcome.outside.add(identity)
            member.close()
            return
        self.outcome.seen.add(identity)
        hands.give(member.in_memory, lambda: self._take(member, identity))

    def _skip(self, item: Skipped) -> None:
        """Not taken. What can't hold a recording is none that is missing, by whatever name: the PBX's lists say what should exist."""
        is_recording = item.why not in NO_RECORDING and split_extension(item.name)[1].lower() in _AUDIO_NAMES
        identity = self._identity(item) if is_recording else None
        if identity in self.context.forgotten:
            return
        self.outcome.skipped.append((item.name, item.why))
        if identity is not None and self.context.inside(identity):
            self.outcome.seen.add(identity)
            self._not_taken[identity] = item.why

    def _record_gaps(self, *, corrupt: bool) -> None:
        """What has a recording's name and was not taken is missing; what came in a damaged archive is kept, but not believed yet."""
        found = [
            Gap(identity, GapReason.CORRUPT, f"in the archive it is {why}, which was not taken", _NOT_TAKEN_REMEDY)
            for identity, why in self._not_taken.items()
            if not self.context.catalog.is_archived(identity)
        ]
        if corrupt:
            found += [Gap(identity, GapReason.CORRUPT, _DOUBT, _DOUBT_REMEDY) for identity in self._new]
        if found:
            self.context.catalog.record_gaps(found)

    def _identity(self, member: Member | Skipped) -> Identity:
        month = member.month
        if month is None and self.context.months is not None:
            month = self.context.months(member.name, member.size)
        month = month or month_in_name(member.name, self.context.zone) or UNDATED
        identity = Identity(self.context.ucm, class_of(member.name), month, member.name)
        return self.context.same_as.get(identity, identity)

    # In one of the threads from here on.

    def _take(self, member: Member, identity: Identity) -> None:
        try:
            parcel = self._judge(member, identity, _sha256(member.source))
        finally:
            member.close()
        if parcel is None:
            self.context.progress.recording(member.size)
        else:
            self._filing.hand_in(parcel)

    def _judge(self, member: Member, identity: Identity, digest: str) -> Parcel | None:
        """What is to be filed, or None where the archive has it already or it went to quarantine."""
        if member.untrusted:
            self._quarantine(identity, member.source, digest, Suspicion("corrupt", f"In the archive {member.untrusted}."))
            return None
        versions = self.context.catalog.find_recordings(identity)
        doubted = identity in self._doubts
        if not doubted and any(version.source_sha256 == digest for version in versions):
            with self._book:
                self.outcome.already += 1
            return None
        try:
            parcel = self._packer.pack(identity, member.source, digest)
        except Undecodable as error:
            self._quarantine(identity, member.source, digest, Suspicion(error.reason, error.detail, error.evidence))
            return None
        parcel.versions, parcel.doubted = versions, doubted
        if doubted:
            self._doubts.bring(identity, parcel.recording.sound_sha256)
        return parcel

    def _quarantine(self, identity: Identity, source: Bytes, digest: str, suspicion: Suspicion) -> None:
        kept = self.context.quarantine.keep(identity, source, digest, suspicion)
        if self.context.catalog.is_archived(identity):
            note = f"{identity.path}: an untrusted copy is in quarantine; the archive holds another one."
            with self._book:
                self.outcome.notes.append(note)
            return
        reason = GapReason(suspicion.reason)
        gap = Gap(identity, reason, suspicion.detail, _REMEDY[reason])
        self.context.catalog.record_gap(gap, kept, attempt=False)
        with self._book:
            self.outcome.quarantined.append(gap)

    def _note_filed(self, parcel: Parcel) -> None:
        with self._book:
            if parcel.filed is Filed.NEW:
                self.outcome.new += 1
                self._new.append(parcel.recording.identity)
            self.outcome.already += parcel.filed is Filed.ALREADY
            self.outcome.versions += parcel.filed is Filed.VERSION
            if parcel.filed is not Filed.ALREADY:
                self.outcome.bytes_stored += parcel.recording.size
                self.outcome.notes += [parcel.note] if parcel.note else []
        self.context.progress.recording(parcel.recording.source_size)


def _why_no_recording(member: Member) -> str | None:
    """By name and content: a text file called ``.wav`` is a broken recording, sound called anything is a recording, the rest is skipped."""
    head = member.source.read(0, HEAD_BYTES)
    if head.startswith(_APPLE_DOUBLE) and member.name.startswith("._"):
        return "metadata of macOS"
    if split_extension(member.name)[1].lower() in _AUDIO_NAMES or sniff(head) in _AUDIO_KINDS:
        return None
    return f"no recording ({sniff(head)})"


def _sha256(source: Bytes) -> str:
    digest = hashlib.sha256()
    if isinstance(source, PiecesSource):
        for piece in source.pieces(0, source.size):
            digest.update(piece)
    else:
        for offset in range(0, source.size, _BLOCK_BYTES):
            digest.update(source.read(offset, _BLOCK_BYTES))
    return digest.hexdigest()
