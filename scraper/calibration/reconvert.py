"""Does stored conversions and refused files again, once calibration has shown what a PBX's GSFF is (field guide 4).

First it is decided what is to be done with each recording that came as GSFF, from its header and the catalog alone; then it is done, one
recording after the other, in an order that a crash may interrupt anywhere.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from converters.interface import Options, Undecodable
from converters.signature import MAX_BYTES, recognise
from scraper.calibration.originals import OriginalLost, original, sha256_of, unproved_original
from scraper.calibration.replacing import replace_conversion
from scraper.catalog import CalibrationTry, Catalog, OpenGap, Recording
from scraper.ingest.filing import Filed, Filing, Parcel, recover
from scraper.ingest.packing import Format, Packer
from scraper.ingest.quarantine import Quarantine
from scraper.models import Identity, Source
from scraper.progress import NullProgress, Progress
from scraper.store import Store

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Redo:
    """Stored in another layout than the confirmed one."""

    recording: Recording
    layout: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """Stored in what is confirmed by now: right, and only to be noted so."""

    recording: Recording


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused, and in quarantine."""

    gap: OpenGap


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Stored, or refused, and nothing can be done about it now: ``why``, half a sentence."""

    identity: Identity
    why: str


Step = Redo | Confirm | Retry | Doubtful


@dataclass(slots=True)
class Reconverted:
    """What was done, or with a dry run would be.

    ``redone``: stored recordings with a new conversion; ``confirmed``: how many were right all along; ``recovered``: recordings out of
    quarantine. ``doubtful``: what stays as it is, with the reason. ``calibrations``: what was known of the UCM's GSFF, the newest first.
    """

    redone: list[Identity] = field(default_factory=list)
    confirmed: int = 0
    recovered: list[Identity] = field(default_factory=list)
    doubtful: list[Doubtful] = field(default_factory=list)
    stopped: bool = False
    calibrations: list[CalibrationTry] = field(default_factory=list)


class Reconversion:
    """One UCM's, whose lock the caller holds (to :meth:`preview`, nobody needs it). Raises :class:`~scraper.errors.StorageError`.

    ``format``: what comes out of quarantine is stored as; what is stored keeps its own.
    """

    def __init__(self, catalog: Catalog, store: Store, quarantine: Quarantine, ucm: str, format: Format = "wav") -> None:
        self._catalog = catalog
        self._store = store
        self._quarantine = quarantine
        self._ucm = ucm
        self._calibrations = catalog.calibrations(ucm)
        self._known = catalog.known_layouts(ucm)
        self._confirmed = {known.layout for known in self._known}
        self._packer = Packer(store, Options(known_layouts=self._known), Source.BULK, uuid.uuid4().hex, format)

    def preview(self) -> Reconverted:
        """What :meth:`run` would do; changes nothing."""
        found = Reconverted(calibrations=self._calibrations)
        for step in self.steps():
            match step:
                case Redo(recording):
                    found.redone.append(recording.identity)
                case Retry(gap):
                    found.recovered.append(gap.gap.identity)
                case Confirm():
                    found.confirmed += 1
                case Doubtful():
                    found.doubtful.append(step)
        return found

    def run(self, stop: threading.Event | None = None, progress: Progress | None = None) -> Reconverted:
        """Do it, after ending what a crash began; ``stop`` ends it after the recording in hand."""
        recover(self._store, self._catalog, self._ucm)
        done, watched, right = Reconverted(calibrations=self._calibrations), progress or NullProgress(), list[int]()
        with Filing(self._catalog, self._store, self._ucm, lambda parcel: self._note_recovered(parcel, done)) as filing:
            for step in self.steps():
                if stop and stop.is_set():
                    done.stopped = True
                    break
                match step:
                    case Redo(recording):
                        self._redo(recording, done)
                        watched.recording(recording.size)
                    case Retry(gap):
                        self._retry(gap, filing, done)
                        watched.recording(0)
                    case Confirm(recording):
                        right.append(recording.id)
                    case Doubtful():
                        done.doubtful.append(step)
        for at in range(0, len(right), _BATCH):
            self._catalog.confirm(right[at : at + _BATCH])
        done.confirmed = len(right)
        return done

    def steps(self) -> Iterator[Step]:
        """What is to be done, decided without a change; nothing where nothing is known of this UCM's GSFF."""
        if not self._known:
            return
        for recording in self._catalog.recordings(self._ucm):
            if recording.source_format == "gsff" and (step := self._step(recording)):
                yield step
        for gap in self._catalog.undecodable_in_quarantine(self._ucm):
            if gap.closed_at is None and (step := self._step_of_refused(gap)):
                yield step

    def _step(self, recording: Recording) -> Step | None:
        if recording.confidence == "confirmed" and self._confirmed == {recording.layout}:
            return None
        try:
            with unproved_original(self._store, recording) as source:
                known = recognise(source.read(0, MAX_BYTES), self._known)
        except OriginalLost as error:
            return None if recording.layout in self._confirmed else Doubtful(recording.identity, str(error))
        if known is None:
            return None
        if known.layout is None:
            return Doubtful(recording.identity, known.detail)
        if known.layout != recording.layout:
            return Redo(recording, known.layout)
        return Confirm(recording) if recording.confidence != "confirmed" else None

    def _step_of_refused(self, gap: OpenGap) -> Step | None:
        try:
            with self._quarantine.opened(str(gap.quarantine_path)) as source:
                known = recognise(source.read(0, MAX_BYTES), self._known)
        except OSError as error:
            return Doubtful(gap.gap.identity, f"its file in quarantine can't be read: {error.strerror}")
        if known is None:
            return None
        return Doubtful(gap.gap.identity, known.detail) if known.layout is None else Retry(gap)

    def _redo(self, recording: Recording, done: Reconverted) -> None:
        packer = replace(self._packer, format=cast(Format, recording.format or "wav"))  # as its name says
        try:
            with original(self._store, recording) as source:
                parcel = packer.pack(recording.identity, source, recording.source_sha256)
        except OriginalLost as error:
            done.doubtful.append(Doubtful(recording.identity, str(error)))
        except Undecodable as error:
            done.doubtful.append(Doubtful(recording.identity, error.detail))
        else:
            replace_conversion(self._store, self._catalog, recording, parcel)
            done.redone.append(recording.identity)

    def _retry(self, gap: OpenGap, filing: Filing, done: Reconverted) -> None:
        identity = gap.gap.identity
        try:
            with self._quarantine.opened(str(gap.quarantine_path)) as source:
                if gap.source_sha256 and sha256_of(source) != gap.source_sha256:
                    done.doubtful.append(Doubtful(identity, "its file in quarantine is not what was put there"))
                    return
                parcel = self._packer.pack(identity, source, sha256_of(source))
        except Undecodable as error:
            done.doubtful.append(Doubtful(identity, error.detail))
        except OSError as error:
            done.doubtful.append(Doubtful(identity, f"its file in quarantine can't be read: {error.strerror}"))
        else:
            filing.hand_in(parcel)

    def _note_recovered(self, parcel: Parcel, done: Reconverted) -> None:
        if parcel.filed is Filed.ALREADY:  # what files anew closes the gap itself
            self._catalog.close_gap(parcel.recording.identity, "archived")
        done.recovered.append(parcel.recording.identity)
