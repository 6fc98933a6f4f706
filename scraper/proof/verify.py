"""Re-reads every stored recording against its catalogued hash, and has the jobs that follow fetch again what was lost."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, Protocol

from scraper.catalog import Catalog, Recording, Transcript
from scraper.models import Gap, GapReason, Identity
from scraper.store import BLOCK_BYTES, Store

_AHEAD = 64
#: A FLAC file up to this size is read once, for both of its hashes.
_IN_MEMORY_BYTES = 8 << 20
_DETAILS = {"missing": "its file is gone from the store", "changed": "its file in the store is not what was stored"}
#: What can be done about lost transcripts.
TEXTS_NOW = (
    "A transcription sink makes them again: `ucm-scraper deliveries --replay SINK --since DATE` (the day it was archived) queues that; it"
    " may cost. Else restore them from a backup of the store."
)
#: What can be done about each kind of harm.
WHAT_NOW = {
    "missing": "The next `ucm-scraper run` fetches it again, where the PBX still has it; else restore it from a backup of the store.",
    "changed": "The next `ucm-scraper run` fetches it again, where the PBX still has it; else restore it from a backup of the store. See"
    " that the disk is sound and nobody else writes there.",
    "unreadable": "Check the disk, and the file's owner and permissions; then run `ucm-scraper verify` again.",
}


class VerifyProgress(Protocol):
    """Watches a verification; called in the caller's thread."""

    def recording(self, size: int) -> None:
        """One more recording was checked, of ``size`` bytes."""


@dataclass(slots=True)
class VerifyResult:
    """What a verification found: how many recordings were ``checked`` and are ``ok``; the others by what is wrong with them.

    ``lost_texts``: the stored paths of transcripts and summaries that are not what was stored, or not there.
    """

    checked: int = 0
    ok: int = 0
    missing: list[Identity] = field(default_factory=list)
    changed: list[Identity] = field(default_factory=list)
    unreadable: list[Identity] = field(default_factory=list)
    lost_texts: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every recording is as it was stored, and so is every text made of one."""
        return self.ok == self.checked and not self.lost_texts


def verify(catalog: Catalog, store: Store, ucm: str | None = None, progress: VerifyProgress | None = None) -> VerifyResult:
    """Read every archived file of one UCM, or of all, and compare it with its catalogued hash; kept originals and transcripts as well.

    A file that is not there is ``missing``, one with other bytes ``changed``, one that the system can't read ``unreadable``. FLAC is
    decoded as well, and has to give the recorded samples; Opus lost these, so that only its own bytes are proved. Only reads, with
    bounded memory. Raises :class:`~scraper.errors.StorageError` from the catalog.
    """
    result = VerifyResult()
    kinds: dict[str, Callable[[Identity], None]] = {
        "missing": result.missing.append,
        "changed": result.changed.append,
        "unreadable": result.unreadable.append,
    }
    with ThreadPoolExecutor(store.threads, thread_name_prefix="verify") as pool:
        for chunk in _chunks(catalog.recordings(ucm), _AHEAD):
            for recording, verdict in zip(chunk, pool.map(lambda one: _judge(store, one), chunk), strict=True):
                result.checked += 1
                if verdict == "ok":
                    result.ok += 1
                else:
                    kinds[verdict](recording.identity)
                if progress is not None:
                    progress.recording(recording.size)
            doubtful = {one.recording_id for one in _lost(pool, store, catalog.transcripts_of(*(one.id for one in chunk)))}
            # Looked at once more: one may have been made anew just then.
            result.lost_texts += [one.path for one in _lost(pool, store, catalog.transcripts_of(*doubtful))] if doubtful else []
    return result


def note_lost(catalog: Catalog, store: Store, ucm: str, result: VerifyResult) -> None:
    """Open a gap for each recording that is missing or changed, so that the next job fetches it again.

    A gap that was opened so before is closed where the file is right again, from a backup. What was lost and is gone for good from the PBX
    too is no recording of the archive any more: it counts as gone. The caller holds the UCM's lock; each recording is looked at once more
    under it, for a job may have put it right since, or have been moving it just then.
    """
    before = {found.gap.identity: found.gap for found in catalog.open_gaps(ucm) if found.gap.detail in _DETAILS.values()}
    gone = {found.gap.identity: found.closed_at or "" for found in catalog.closed_gaps(ucm, "gone")}
    for identity in dict.fromkeys((*result.missing, *result.changed, *before)):
        stored = [one for one in catalog.find_recordings(identity) if one.state == "archived"]
        verdicts = {_judge(store, one) for one in stored}
        wrong = next((kind for kind in _DETAILS if kind in verdicts), None)
        if verdicts == {"missing"} and identity not in before and all(one.stored_at < gone.get(identity, "") for one in stored):
            for one in stored:
                catalog.forget(one)
        elif wrong is not None:
            gap = Gap(identity, GapReason.CORRUPT, _DETAILS[wrong], WHAT_NOW[wrong])
            if gap != before.get(identity):
                catalog.record_gap(gap)
        elif identity in before and verdicts == {"ok"}:
            catalog.close_gap(identity, "archived")


def _chunks(recordings: Iterable[Recording], size: int) -> Iterator[list[Recording]]:
    iterator = iter(recordings)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _lost(pool: ThreadPoolExecutor, store: Store, made: list[Transcript]) -> list[Transcript]:
    """Those of these texts that are not there as they were stored."""
    verdicts = pool.map(lambda one: _verdict(lambda: store.digest(one.path) == one.sha256), made)
    return [one for one, verdict in zip(made, verdicts, strict=True) if verdict != "ok"]


def _judge(store: Store, recording: Recording) -> str:
    verdict = _verdict(
        lambda: _is_flac(store, recording) if recording.format == "flac" else store.digest(recording.path) == recording.sha256
    )
    if verdict == "ok" and recording.original_path is not None:
        original = recording.original_path
        return _verdict(lambda: store.digest(original) == recording.source_sha256)
    return verdict


def _verdict(holds: Callable[[], bool]) -> str:
    try:
        return "ok" if holds() else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def _is_flac(store: Store, recording: Recording) -> bool:
    """Whether a file has the stored bytes, and they decode to the recorded samples; read only once, unless it is large. Raises OSError."""
    if recording.size > _IN_MEMORY_BYTES:
        with store.open(recording.path) as file:
            return store.digest(recording.path) == recording.sha256 and _sounds(file, recording)
    with store.open(recording.path) as file:
        data = b"".join(iter(lambda: file.read(BLOCK_BYTES), b""))
    return hashlib.sha256(data).hexdigest() == recording.sha256 and _sounds(io.BytesIO(data), recording)


def _sounds(file: BinaryIO, recording: Recording) -> bool:
    from converters import wav
    from converters.compress import Damaged, Decompressed

    digest = hashlib.sha256(wav.header(recording.frames or 0, recording.sample_rate or 0, recording.channels or 0))
    try:
        with Decompressed(file) as samples:
            while block := samples.read(BLOCK_BYTES):
                digest.update(block)
    except Damaged:
        return False
    return digest.hexdigest() == recording.wav_sha256
