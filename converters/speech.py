"""Statistics that tell sound from noise, and one way of packing samples from another.

Two facts carry everything here; both were measured on 571 prompts of real telephone speech and on music.

* In 16-bit sound the high bytes vary less than the low bytes (by 0.5 to 4.7 bits of entropy), because sound is seldom at full scale. In
  8-bit codes, GSM frames, encrypted and compressed data the bytes at even and odd places are alike (within 0.2 bits). That alone, in
  a fraction of a millisecond, settles nearly every file.
* Read in the right way, a sample is mostly foretold by the sixteen before it: what is left of speech needs 6 to 9 bits a sample ("noise
  bits"). Read in a wrong way it needs 12 to 14, and full-scale noise 14.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.interface import BytesSource, Source

Bytes = NDArray[np.uint8]

#: Below this many samples statistics judge nothing.
MIN_SAMPLES = 256
_WINDOW_SAMPLES = 512
_WINDOWS = 32
_MANY_WINDOWS = 1024
_ORDER = 16
_QUIET_MEAN = 1000.0


@dataclass(frozen=True, slots=True)
class ByteLook:
    """How bytes at even (low) and odd (high) places are spread: entropies in bits; ``apart``, their Jensen-Shannon distance in bits."""

    samples: int
    low: float
    high: float
    apart: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """How well sixteen samples foretell the next: what is left, in bits a sample, and the gain in dB over all windows.

    ``centred``: whether they swing around zero, as sound does, and silence read as another codec does not.
    """

    noise_bits: float
    gain_db: float
    centred: bool


def windows(source: Source, offset: int, length: int) -> Bytes:
    """Windows (rows of bytes) spread over ``length`` bytes at ``offset``, at even distances from it, that hold sound to be judged.

    At most 16,384 samples. Rows of silence and near-silence (every 16-bit sample within ±256, or all the same) are left out; where all
    of the first choice are silent, up to 1,024 places are looked at. No rows: nothing to judge.
    """
    total = length // 2
    if total < MIN_SAMPLES:
        return np.empty((0, 0), np.uint8)
    width = min(_WINDOW_SAMPLES, total)
    found = _active(_rows(source, offset, total, width, _WINDOWS))
    if not len(found) and total > width * _WINDOWS:
        found = _active(_rows(source, offset, total, width, _MANY_WINDOWS))
        found = found[:: -(-len(found) // _WINDOWS)] if len(found) else found
    return found


def _rows(source: Source, offset: int, total: int, width: int, count: int) -> Bytes:
    """Up to ``count`` rows of ``width`` samples, evenly spread, not overlapping."""
    count = min(count, total // width)
    step = (total - width) / max(count - 1, 1)
    starts = [offset + 2 * int(step * number) for number in range(count)]
    read = source.view if isinstance(source, BytesSource) else source.read
    rows = [np.frombuffer(read(start, 2 * width), np.uint8) for start in starts]
    return np.stack([row for row in rows if len(row) == 2 * width] or [np.empty(0, np.uint8)])


def _active(rows: Bytes) -> Bytes:
    if not rows.size:
        return rows[:0]
    high = rows[:, 1::2]
    quiet = ((high + np.uint8(1)) <= 1).all(axis=1)  # 0xff wraps to 0
    samples = rows.view("<i2")
    active: Bytes = rows[~quiet & (samples != samples[:, :1]).any(axis=1)]
    return active


def byte_look(rows: Bytes) -> ByteLook:
    """The spread of low and high bytes in ``rows``."""
    low = np.bincount(rows[:, 0::2].ravel(), minlength=256)
    high = np.bincount(rows[:, 1::2].ravel(), minlength=256)
    coarse_low, coarse_high = (counts.reshape(32, 8).sum(axis=1) for counts in (low, high))
    apart = _entropy(coarse_low + coarse_high) - (_entropy(coarse_low) + _entropy(coarse_high)) / 2
    return ByteLook(rows.size // 2, _entropy(low), _entropy(high), max(apart, 0.0))


def _entropy(counts: NDArray[Any]) -> float:
    """Bits, with Miller and Madow's correction for few samples."""
    seen = counts[counts > 0].astype(np.float64)
    total = float(seen.sum())
    plain = math.log2(total) - float(seen @ np.log2(seen)) / total
    return plain + (len(seen) - 1) / (2 * total * math.log(2))


def samples_of(rows: Bytes, codec: str) -> NDArray[np.float64]:
    """The samples of ``rows`` read as ``s16le``, ``s16le-odd`` (shifted by a byte), ``s16be``, ``ulaw`` or ``alaw``."""
    if codec in ("ulaw", "alaw"):
        return _expansion(codec)[rows]
    shifted = np.ascontiguousarray(rows[:, 1:-1]) if codec == "s16le-odd" else rows
    return shifted.view(">i2" if codec == "s16be" else "<i2").astype(np.float64)


@cache
def _expansion(law: str) -> NDArray[np.float64]:
    """G.711: the 256 codes' values on the 16-bit scale."""
    codes = np.arange(256)
    if law == "ulaw":
        codes = ~codes & 0xFF
        size = (((codes & 15) << 3) + 132 << (codes >> 4 & 7)) - 132
        return np.where(codes & 128, -size, size).astype(np.float64)
    codes = codes ^ 0x55
    exponent, mantissa = codes >> 4 & 7, codes & 15
    size = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0))
    return np.where(codes & 128, size, -size).astype(np.float64)


def predict(samples: NDArray[np.float64]) -> Prediction:
    """Linear prediction over each row (Levinson and Durbin, autocorrelation method)."""
    moved = samples - samples.mean(axis=1, keepdims=True)
    width = moved.shape[1]
    lags = [np.einsum("ij,ij->i", moved[:, lag:], moved[:, : width - lag]) for lag in range(_ORDER + 1)]
    power = np.stack(lags, axis=1)
    power[:, 0] = power[:, 0] * (1 + 1e-5) + 1
    left = power[:, 0].copy()
    filters = np.zeros_like(power)
    filters[:, 0] = 1
    for order in range(1, _ORDER + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :order], power[:, order:0:-1]) / left
        filters[:, 1 : order + 1] += reflection[:, None] * filters[:, order - 1 :: -1][:, :order].copy()
        left = np.maximum(left * (1 - reflection**2), 1e-9)
    bits = 0.5 * np.log2(left / width + 1)
    gain_db = 10 * math.log10(float(power[:, 0].sum()) / float(left.sum()))
    centred = abs(float(samples.mean())) <= max(_QUIET_MEAN, float(samples.std()) / 2)
    return Prediction(float(bits.mean()), gain_db, centred)


def gsm_phase(head: bytes, start: int) -> int | None:
    """Where, modulo 33 from the file's beginning, GSM 6.10 frames begin: each carries the signature 0xD in its first half byte.

    ``head``: bytes from file offset ``start``. None where at most 98 of 100 places carry it, or there are fewer than 8 frames.
    """
    frames = len(head) // 33
    if frames < 8:
        return None
    signed = (np.frombuffer(head, np.uint8, frames * 33).reshape(frames, 33) >> 4 == 0xD).mean(axis=0)
    best = int(signed.argmax())
    return (start + best) % 33 if signed[best] > 0.98 else None


def repeats_every_65(data: bytes) -> bool:
    """Whether bits agree with those 65 bytes before more often than with those 64 and 66 before, as in Microsoft's GSM 6.10.

    Needs some 1,500 bytes to be sure; fewer say no.
    """
    if len(data) < 650:
        return False
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    agree = {lag: float((bits[lag * 8 :] == bits[: -lag * 8]).mean()) for lag in (64, 65, 66)}
    doubt = 5 * 0.5 / math.sqrt(len(bits))
    return agree[65] - max(agree[64], agree[66]) > doubt and agree[65] > 0.5 + doubt
