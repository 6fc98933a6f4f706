"""Speech-like audio, the same for the same seed: voiced syllables with moving formants, pauses, call tones. Never like noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000
_FRAME = 80  # 10 ms: the voice's parameters change this often
_HARMONICS = 16
_PART = 50  # frames
_RAMP = (np.arange(_FRAME) / _FRAME)[None, :]

Samples = NDArray[np.int16]
_Floats = NDArray[np.float64]


def frames_in(seconds: float) -> int:
    """How many samples ``seconds`` last at 8 kHz."""
    return round(seconds * RATE)


def _voice_tracks(rng: np.random.Generator, count: int) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Loudness, pitch and two formants (Hz) for ``count`` frames of 10 ms: syllables in phrases, pauses between them."""
    loud, pitch = np.zeros(count), np.zeros(count)
    first, second = np.full(count, 500.0), np.full(count, 1500.0)
    base, at = float(rng.choice([105.0, 125.0, 180.0, 210.0])), int(rng.integers(3, 25))
    while at < count:
        for _ in range(int(rng.integers(3, 9))):
            length = int(rng.integers(10, 28))
            part = slice(at, min(at + length, count))
            wave = np.sin(np.linspace(0.0, np.pi, length))[: part.stop - part.start]
            loud[part] = wave**0.6 * rng.uniform(0.4, 1.0)
            first[part] = rng.uniform(280, 780)
            second[part] = rng.uniform(900, 2300)
            pitch[part] = base * rng.uniform(0.9, 1.15) * (1 + 0.06 * wave)
            at += length + int(rng.integers(0, 5))
            if at >= count:
                break
        at += int(rng.integers(20, 80))
    pitch[pitch == 0] = base
    return loud, pitch, first, second


def _spread(track: _Floats) -> _Floats:
    """A track of 10 ms frames, interpolated to samples: one frame fewer than it has points."""
    steps = np.diff(track)[:, None] * _RAMP
    steps += track[:-1, None]
    return steps.reshape(-1)


def _harmonics(phase: _Floats, gains: list[_Floats]) -> _Floats:
    """Harmonics of a voice, each as loud as its gain (by frame) says; ``phase`` is the first one's."""
    twice_cosine, before, now = 2 * np.cos(phase), np.zeros(phase.size), np.sin(phase)
    voice = np.zeros(phase.size)
    for gain in gains:
        voice += _spread(gain) * now
        before, now = now, twice_cosine * now - before  # sin((k+1)x) from the two before it: far cheaper than another sine
    return voice


def _voice(rng: np.random.Generator, size: int) -> _Floats:
    """``size`` samples of one voice, at most about 1.0 loud."""
    frames = -(-size // _FRAME) + 1
    loud, pitch, first, second = _voice_tracks(rng, frames)
    phase = 2 * np.pi / RATE * np.cumsum(_spread(pitch))
    gains = []
    for harmonic in range(1, _HARMONICS + 1):
        frequency = harmonic * pitch
        gain = np.exp(-(((frequency - first) / 160) ** 2)) + 0.5 * np.exp(-(((frequency - second) / 220) ** 2)) + 0.08 / harmonic
        gains.append(np.where(frequency > 3400, 0.0, gain * loud))
    parts = [np.zeros(0)]  # in parts that stay in the processor's cache
    for at in range(0, frames - 1, _PART):
        end = min(at + _PART, frames - 1)
        parts.append(_harmonics(phase[at * _FRAME : end * _FRAME], [gain[at : end + 1] for gain in gains]))
    return np.concatenate(parts)[:size]


def speech(seed: int, seconds: float) -> Samples:
    """``seconds`` of a telephone call as 16-bit samples at 8 kHz, mono; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    size = frames_in(seconds)
    mix = _voice(rng, size)
    mix += 0.05 * np.roll(mix, RATE // 7)  # a little of the line's echo
    if rng.random() < 0.5:  # every other call begins with the tone that announces the recording
        tone = min(size, int(rng.integers(RATE // 10, RATE // 3)))
        mix[:tone] += 0.4 * np.sin(2 * np.pi * 440 * np.arange(tone) / RATE)
    scaled = mix / max(1.0, float(np.abs(mix).max(initial=0.0))) * 12_000
    return np.asarray(np.rint(scaled), dtype=np.int16)
