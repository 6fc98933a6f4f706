"""Calibration of one PBX's GSFF: which recording to compare, and what to remember of the comparison (field guide 4).

A PBX that hands out the same recording as GSFF and as RIFF shows what GSFF is there. The layout so confirmed holds for files whose header
is like that of the one compared (:mod:`converters.signature`), until a firmware changes them; then calibration is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from converters.calibrate import Confirmed, Contradiction, Undecided, Verdict, calibrate
from converters.gsff import CLAIMED_HEADER, MAGIC
from converters.interface import KnownLayout, Options, Source, Undecodable, decode
from converters.signature import MAX_BYTES, recognise, signature
from converters.speech import windows
from scraper.calibration.originals import OriginalLost, as_wav, original, unproved_original
from scraper.catalog import CalibrationTry, Catalog, Recording
from scraper.catalog.calibrations import CalibrationVerdict
from scraper.clock import utcnow
from scraper.ingest.quarantine import Quarantine
from scraper.models import Identity
from scraper.store import Store

#: How far back a sample is looked for, in files; how many of these are looked at for silence.
_AMONG, _MOST_HEARD = 200, 10
#: Seconds of sound that make a sample, and that make a good one.
_LEAST_SECONDS, _GOOD_SECONDS = 0.5, (3.0, 300.0)
#: After so many comparisons in a row that said nothing, there is none for a while.
_MOST_IN_VAIN, _REST = 5, timedelta(days=7)
_MOST_PAIRS = 3
_WORDS: dict[type[Verdict], CalibrationVerdict] = {Confirmed: "confirmed", Contradiction: "contradicted", Undecided: "undecided"}


@dataclass(frozen=True, slots=True)
class _Form:
    """A recording's GSFF form: of an archived recording, or else in quarantine at ``path``."""

    identity: Identity
    recording: Recording | None = None
    path: str = ""


class Calibration:
    """One UCM's, whose lock the caller holds. Its methods raise :class:`~scraper.errors.StorageError` from the catalog."""

    def __init__(self, catalog: Catalog, store: Store, quarantine: Quarantine, ucm: str) -> None:
        self._catalog = catalog
        self._store = store
        self._quarantine = quarantine
        self._ucm = ucm

    def wanted(self, available: Callable[[Identity], bool] = lambda _: True) -> Identity | None:
        """A recording held as GSFF that is worth fetching as RIFF: recent, long enough, not silent, and its layout not confirmed yet.

        ``available`` says whether it can be fetched. None also where all is confirmed, or where the last comparisons were in vain.
        """
        heard = 0
        for form in self._untried():
            if heard < _MOST_HEARD and available(form.identity):
                heard += 1
                if self._has_sound(form):
                    return form.identity
        return None

    def learn(self, identity: Identity, riff: Source | None) -> str | None:
        """Compare a recording's GSFF form with its RIFF form, just fetched (None: it could not be), and remember the result.

        Returns a line for the report where something changed.
        """
        form = next((form for form in self._forms() if form.identity == identity), None)
        return self._learn(form, riff) if form else None

    def learn_from_held(self) -> str | None:
        """The same with recordings of which both forms are held already, until one decides: without any fetch.

        These are recordings that were stored from GSFF and then came as RIFF with other samples, and GSFF in quarantine whose recording
        came as RIFF in the end.
        """
        compared = 0
        for form in self._untried():
            as_riff = [row for row in self._catalog.find_recordings(form.identity) if row.source_format == "riff"]
            if as_riff and compared < _MOST_PAIRS:
                compared += 1
                if note := self._learn_from_stored(form, as_riff[0]):
                    return note
        return None

    def _untried(self) -> Iterator[_Form]:
        """GSFF forms of which nothing is known; none where the last comparisons were in vain."""
        tries = self._catalog.calibrations(self._ucm)
        if _in_vain(tries):
            return
        tried, known = {one.identity for one in tries}, self._catalog.known_layouts(self._ucm)
        for form in self._forms():
            if form.identity not in tried and self._is_open(form, known):
                yield form

    def _forms(self) -> list[_Form]:
        """What is held as GSFF, the best samples first."""
        stored = [row for row in self._catalog.newest_from_gsff(self._ucm, among=_AMONG) if _seconds(row) >= _LEAST_SECONDS]
        stored.sort(key=lambda row: not _GOOD_SECONDS[0] <= _seconds(row) <= _GOOD_SECONDS[1])
        refused = self._catalog.undecodable_in_quarantine(self._ucm, _AMONG)
        in_quarantine = [_Form(gap.gap.identity, path=gap.quarantine_path) for gap in refused if gap.quarantine_path]
        return [*(_Form(row.identity, row) for row in stored), *in_quarantine]

    @contextmanager
    def _opened(self, form: _Form, *, proved: bool = False) -> Iterator[Source]:
        """Its bytes. Raises :class:`OriginalLost`."""
        if form.recording is not None:
            with (original if proved else unproved_original)(self._store, form.recording) as source:
                yield source
            return
        try:
            with self._quarantine.opened(form.path) as file:
                yield file
        except OSError as error:
            raise OriginalLost(f"its file in quarantine can't be read: {error.strerror}") from error

    def _is_open(self, form: _Form, known: tuple[KnownLayout, ...]) -> bool:
        """Whether its layout isn't confirmed, or it is refused in the confirmed one."""
        try:
            with self._opened(form) as source:
                head = source.read(0, MAX_BYTES)
                found = recognise(head, known)
                if form.recording is None and found is not None and found.layout is not None:
                    return _is_refused(source, known)
                return head.startswith(MAGIC) and (found is None or found.layout is None)
        except OriginalLost:
            return False

    def _has_sound(self, form: _Form) -> bool:
        try:
            with self._opened(form) as source:
                return len(windows(source, CLAIMED_HEADER, source.size - CLAIMED_HEADER)) > 0
        except OriginalLost:
            return False

    def _learn(self, form: _Form, riff: Source | None) -> str | None:
        try:
            with self._opened(form, proved=True) as source:
                verdict = calibrate(source, riff) if riff is not None else Undecided("its RIFF form could not be fetched")
                return self._remember(form, source, verdict)
        except OriginalLost as error:
            self._catalog.enter_calibration(CalibrationTry(form.identity, "undecided", "", None, str(error)))
            return None

    def _learn_from_stored(self, form: _Form, as_riff: Recording) -> str | None:
        try:
            with as_wav(self._store, as_riff) as riff:
                return self._learn(form, riff)
        except OriginalLost:
            return None  # a later run may be able to read it

    def _remember(self, form: _Form, source: Source, verdict: Verdict) -> str | None:
        believed = form.recording.layout if form.recording else None
        layout = verdict.layout if isinstance(verdict, Confirmed) else None
        known = self._catalog.known_layouts(self._ucm)
        found = recognise(source.read(0, MAX_BYTES), known)
        if isinstance(verdict, Contradiction) and found and found.layout:
            verdict = Undecided(f"{verdict.detail}; its layout was confirmed before, so that these may be two recordings")
        if isinstance(verdict, Contradiction) and form.recording is None and self._catalog.newest_from_gsff(self._ucm, among=_AMONG):
            verdict = Undecided(f"{verdict.detail}; others decode, so that this form may be damaged")
        header = int((layout or believed or f"gsff/{CLAIMED_HEADER}").split("/")[1])
        head = source.read(0, min(header, MAX_BYTES))
        sign = signature(head, source.size, [one.signature for one in known if layout and one.layout == layout])
        self._catalog.enter_calibration(CalibrationTry(form.identity, _WORDS[type(verdict)], sign, layout, verdict.detail))
        return _note(verdict, believed, self._ucm)


def _is_refused(source: Source, known: tuple[KnownLayout, ...]) -> bool:
    try:
        decode(source, Options(known_layouts=known))
    except Undecodable:
        return True
    return False


def _note(verdict: Verdict, believed: str | None, ucm: str) -> str | None:
    if isinstance(verdict, Undecided):
        return None
    if isinstance(verdict, Contradiction):
        return (
            f"GSFF of this PBX is no longer converted, because calibration contradicts what it seemed to be: {verdict.detail}."
            f" New GSFF goes to quarantine; `ucm-scraper reconvert --ucm {ucm} --dry-run` lists what is doubtful."
        )
    if believed == verdict.layout:
        return f"GSFF of this PBX is confirmed to be {verdict.layout}: {verdict.detail}."
    return (
        f"GSFF of this PBX is {verdict.layout}, and not what it seemed to be: {verdict.detail}."
        f" `ucm-scraper reconvert --ucm {ucm}` mends what is stored."
    )


def _in_vain(tries: list[CalibrationTry]) -> bool:
    """Whether the last comparisons (the newest first) all said nothing, not long ago."""
    last = tries[:_MOST_IN_VAIN]
    if len(last) < _MOST_IN_VAIN or any(one.verdict != "undecided" for one in last):
        return False
    return utcnow() - datetime.fromisoformat(last[0].decided_at) < _REST


def _seconds(recording: Recording) -> float:
    return (recording.frames or 0) / (recording.sample_rate or 8000)
