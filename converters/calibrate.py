"""Compares the same recording in both forms, GSFF and RIFF, sample by sample: what GSFF is on that PBX (field guide 4).

The readings that are tried: what the file's own evidence says; then each codec of telephony after any header of up to 4,096 bytes. A
loud stretch of the RIFF form shows where the samples would begin; then all samples are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from converters import gsff as gsff_format
from converters.codecs import CODECS, ConvertedBody
from converters.interface import Decoded, RawLayout, Source, Undecodable, decode
from converters.raw import at_offset
from converters.speech import samples_of

Samples = NDArray[np.float64]

MAX_HEADER = 4096
#: Less sound than this proves nothing.
MIN_SECONDS = 0.25
_PROBE, _QUIET_STD, _FEW_VALUES = 1024, 40.0, 24
#: Equal but for the codecs' own rounding: G.711 leaves 30 dB and more, GSM 8; another recording, 0 or less.
_CLOSE_DB, _CLOSE_FRAMED_DB = 20.0, 5.0
#: A codec that builds on its past is right after so many blocks.
_WARM_UP = 4
_SAMPLED, _FRAMED = ("s16le", "s16be", "ulaw", "alaw"), ("gsm", "msgsm")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Read as ``layout`` (a :attr:`Decoded.layout`), the GSFF form has the RIFF form's samples; ``exact``: every one of them."""

    layout: str
    exact: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """No reading of the GSFF form has the RIFF form's samples."""

    detail: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The two can't be compared, or the comparison says too little."""

    detail: str


Verdict = Confirmed | Contradiction | Undecided


@dataclass(frozen=True, slots=True)
class _Probe:
    """A loud stretch of the RIFF form: its first sample's number (over all channels), and its samples."""

    at: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class _Match:
    """How a reading fared: samples compared, how many differ, dB of likeness, and samples that it has too many (or, negative, too few)."""

    reading: Decoded
    compared: int
    differing: int
    likeness_db: float
    excess: int

    @property
    def exact(self) -> bool:
        return self.compared > 0 and self.differing == 0

    @property
    def close(self) -> bool:
        framed = self.reading.layout.split("/")[2] in _FRAMED
        return self.compared > 0 and self.likeness_db >= (_CLOSE_FRAMED_DB if framed else _CLOSE_DB)


def calibrate(gsff: Source, riff: Source) -> Verdict:
    """What the two forms of one recording say about GSFF. Raises OSError from the sources; bounded memory."""
    try:
        truth = decode(riff)
    except Undecodable as error:
        return Undecided(f"the other form can't be decoded: {error.detail}")
    if truth.format != "riff":
        return Undecided(f"the other form is {truth.format.upper()} as well: nothing to compare with")
    if not gsff_format.matches(gsff.read(0, 4)):
        return Undecided("there is no GSFF form to compare")
    probe = _find_probe(truth)
    if isinstance(probe, Undecided):
        return probe
    tried = []
    for reading in _readings(gsff, truth, probe):
        match = _compare(reading, truth)
        if match.exact and match.excess == 0:
            return _verdict(match)
        tried.append(match)
    return _best(tried)


def _best(tried: list[_Match]) -> Verdict:
    """No reading has all samples and no other: the nearest to that."""
    exact = [match for match in tried if match.exact]
    if exact:
        return _verdict(exact[0])
    close = [match for match in tried if match.close]
    if close:
        return _verdict(max(close, key=lambda match: match.likeness_db))
    near = max((match.likeness_db for match in tried), default=0.0)
    return Contradiction(f"in no codec, after no header, has its GSFF form the samples of its RIFF form (best likeness {near:.0f} dB)")


def _verdict(match: _Match) -> Verdict:
    """What a reading whose samples agree means."""
    layout = match.reading.layout
    block = CODECS[layout.split("/")[2]].block_frames
    if match.excess > (0 if block == 1 else block):
        return Undecided(f"read as {layout} the samples agree, but {match.excess:,} more follow")
    if match.excess < -match.compared:
        return Undecided(f"read as {layout} the samples agree, but the RIFF form goes on for {-match.excess:,} more")
    how = "exactly" if match.exact else f"but for rounding ({match.likeness_db:.0f} dB)"
    return Confirmed(layout, match.exact, f"{match.compared:,} samples of both forms agree {how}")


def _find_probe(truth: Decoded) -> _Probe | Undecided:
    """The first loud stretch: early, because one form may have been fetched while the recording went on."""
    if truth.seconds < MIN_SECONDS:
        return Undecided(f"the recording has {truth.seconds:.2f} s: too short to compare")
    try:
        first = np.frombuffer(next(truth.blocks(), b""), "<i2").astype(np.float64)
    except Undecodable as error:
        return Undecided(f"the other form can't be decoded: {error.detail}")
    width = min(_PROBE, len(first))
    rows = first[: len(first) // width * width].reshape(-1, width)
    loudness = rows.std(axis=1)
    row = int((loudness >= loudness.max() / 2).argmax())
    if loudness[row] < _QUIET_STD or len(np.unique(rows[row])) < _FEW_VALUES:
        return Undecided("the recording is silent, or nearly: nothing to compare")
    return _Probe(row * width, rows[row])


def _readings(gsff: Source, truth: Decoded, probe: _Probe) -> Iterator[Decoded]:
    """What the file's own evidence says, then the best place for each codec."""
    try:
        own = decode(gsff)
    except Undecodable:
        own = None
    if own is not None and (own.sample_rate, own.channels) == (truth.sample_rate, truth.channels):
        yield own
    for codec in (*_SAMPLED, *_FRAMED):
        find = _framed_offset if codec in _FRAMED else _sampled_offset
        offset = None if codec in _FRAMED and truth.channels > 1 else find(gsff, truth, probe, codec)
        if offset is not None:
            layout = RawLayout(codec, truth.sample_rate, truth.channels)
            yield at_offset(gsff, offset, layout, gsff.size - offset, "gsff")


def _sampled_offset(gsff: Source, truth: Decoded, probe: _Probe, codec: str) -> int | None:
    """The header after which the probe lies where it should; of several alike, the one after which the lengths agree."""
    width = CODECS[codec].block_bytes
    start, count = len(gsff_format.MAGIC) + probe.at * width, len(probe.samples)
    region = np.frombuffer(gsff.read(start, MAX_HEADER + count * width), np.uint8)
    errors: dict[int, float] = {}
    for phase in range(width):
        usable = (len(region) - phase) // width
        if usable < count:
            continue
        samples = samples_of(region[None, phase : phase + usable * width], codec)[0]
        for index, error in enumerate(_errors(samples, probe.samples)):
            errors[len(gsff_format.MAGIC) + phase + index * width] = float(error)
    if not errors:
        return None
    least = min(errors.values())
    due = gsff.size - truth.frames * truth.channels * width
    return min((offset for offset, error in errors.items() if error <= least + 0.5), key=lambda offset: abs(due - offset))


def _errors(samples: Samples, probe: Samples) -> Samples:
    """The sum of squared differences with ``probe`` laid at each place of ``samples``."""
    across = sliding_window_view(samples, len(probe)) @ probe
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    errors: Samples = energy[len(probe) :] - energy[: -len(probe)] - 2 * across + probe @ probe
    return errors


def _framed_offset(gsff: Source, truth: Decoded, probe: _Probe, codec: str) -> int | None:
    """The same for blocks: these end where the file ends, but for a pad byte."""
    kind = CODECS[codec]
    first = max(probe.at // kind.block_frames - _WARM_UP, 0)
    blocks = (probe.at + len(probe.samples)) // kind.block_frames + 1 - first
    skipped = probe.at - first * kind.block_frames
    best: tuple[float, int] | None = None
    for header in range(len(gsff_format.MAGIC), min(MAX_HEADER, gsff.size)):
        offset = header + first * kind.block_bytes
        length = min(blocks * kind.block_bytes, (gsff.size - offset) // kind.block_bytes * kind.block_bytes)
        if (gsff.size - header) % kind.block_bytes > 1 or length <= 0:
            continue
        body = ConvertedBody(gsff, offset, length, codec, truth.sample_rate, 1)
        found = np.frombuffer(b"".join(body.blocks()), "<i2")[skipped : skipped + len(probe.samples)].astype(np.float64)
        wanted = probe.samples[: len(found)]
        error = float(((found - wanted) ** 2).sum() - (wanted @ wanted))
        if best is None or error < best[0]:
            best = (error, header)
    return best[1] if best and best[0] < 0 else None


def _compare(reading: Decoded, truth: Decoded) -> _Match:
    """All samples that both have."""
    differing, compared, power, error = 0, 0, 0.0, 0.0
    try:
        for one, other in _pairs(reading, truth):
            difference = one.astype(np.float64) - other
            differing += int(np.count_nonzero(difference))
            compared += len(one)
            power += float(other.astype(np.float64) @ other)
            error += float(difference @ difference)
    except Undecodable:
        return _Match(reading, 0, 0, 0.0, 0)
    likeness = 10 * math.log10((power + 1) / (error + 1))
    return _Match(reading, compared, differing, likeness, (reading.frames - truth.frames) * truth.channels)


def _pairs(reading: Decoded, truth: Decoded) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]:
    """Both forms' samples in stretches of the same length, up to where the shorter ends."""
    left, right = reading.blocks(), truth.blocks()
    one, other = b"", b""
    while (one := one or next(left, b"")) and (other := other or next(right, b"")):
        size = min(len(one), len(other))
        yield np.frombuffer(one[:size], "<i2"), np.frombuffer(other[:size], "<i2")
        one, other = one[size:], other[size:]
