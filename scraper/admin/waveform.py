"""A recording's loudness over time, drawn from its WAV file with bounded memory and work, however long it is."""

from __future__ import annotations

import wave
from typing import BinaryIO

import numpy as np

#: Bars of a waveform.
BARS = 400
#: Frames that are looked at for one bar: of a long recording, so many from several places of it.
_FRAMES_A_BAR = 8192
_FULL_SCALE = 32767


class NoWaveform(Exception):
    """The file isn't 16-bit PCM WAV, or is cut."""


def peaks(file: BinaryIO, bars: int = BARS) -> list[int]:
    """The loudest moment of each of at most ``bars`` equal parts, 0 to 100 on a scale that shows speech; all channels together.

    Reads at most ``bars`` × 16 kB a channel. Raises :class:`NoWaveform`, OSError.
    """
    try:
        with wave.open(file) as audio:
            if audio.getsampwidth() != 2:
                raise NoWaveform
            bars = min(bars, audio.getnframes())
            loudest = [_loudest(audio, *_part(audio.getnframes(), bars, bar)) for bar in range(bars)]
    except (wave.Error, EOFError) as error:
        raise NoWaveform from error
    # The square root: what speech does at a tenth of full scale is worth a third of the height.
    return [round(100 * (level / _FULL_SCALE) ** 0.5) for level in loudest]


def _part(frames: int, bars: int, bar: int) -> tuple[int, int]:
    return frames * bar // bars, frames * (bar + 1) // bars


def _loudest(audio: wave.Wave_read, start: int, end: int) -> int:
    """The largest amplitude between two frames; of a long part, by four samples of it."""
    looks = 1 if end - start <= _FRAMES_A_BAR else 4
    found = 0
    for look in range(looks):
        audio.setpos(start + (end - start) * look // looks)
        samples = np.frombuffer(audio.readframes(min(end - start, _FRAMES_A_BAR // looks)), dtype="<i2")
        if not samples.size:
            raise EOFError
        found = max(found, int(np.abs(samples.astype(np.int32)).max()))
    return min(found, _FULL_SCALE)
