"""A recording's loudness over time, drawn from its file with bounded memory and work, however long it is."""

from __future__ import annotations

import wave
from typing import BinaryIO, Protocol, cast

import numpy as np

from converters.compress import Damaged, Decompressed

#: Bars of a waveform.
BARS = 400
#: Frames that are looked at for one bar: of a long recording, so many from several places of it.
_FRAMES_A_BAR, _LOOKS = 8192, 4
_FULL_SCALE = 32767


class NoWaveform(Exception):
    """The file is none of 16-bit PCM WAV, FLAC and Ogg, or is cut."""


class _Sound(Protocol):
    """Samples at any place. ``bars``, ``looks``: how many are worth their time, and at how many places a long one is looked at."""

    frames: int
    bars: int
    looks: int

    def read(self, start: int, count: int) -> bytes:
        """s16le of ``count`` frames from ``start``."""


class _Wave:
    bars, looks = BARS, _LOOKS

    def __init__(self, file: BinaryIO) -> None:
        self._audio = wave.open(file)  # noqa: SIM115 (the caller closes its file)
        self.frames = self._audio.getnframes()
        if self._audio.getsampwidth() != 2:
            raise NoWaveform

    def read(self, start: int, count: int) -> bytes:
        self._audio.setpos(start)
        return bytes(self._audio.readframes(count))


class _Compressed:
    """FLAC, or Ogg, of which each place takes some milliseconds to find."""

    def __init__(self, file: BinaryIO, *, slow: bool) -> None:
        self._samples = Decompressed(file)
        self.frames = self._samples.frames
        self.bars, self.looks = (BARS // 4, 1) if slow else (BARS, _LOOKS)

    def read(self, start: int, count: int) -> bytes:
        align = 2 * self._samples.channels
        self._samples.seek(start * align)
        return self._samples.read(count * align) or b""


def peaks(file: BinaryIO, bars: int = BARS) -> list[int]:
    """The loudest moment of each of at most ``bars`` equal parts, 0 to 100 on a scale that shows speech; all channels together.

    Reads at most ``bars`` × 16 kB a channel. Raises :class:`NoWaveform`, and what reading the file raises.
    """
    try:
        sound = _opened(file)
        bars = min(bars, sound.bars, sound.frames)
        loudest = [_loudest(sound, *_part(sound.frames, bars, bar)) for bar in range(bars)]
    except (wave.Error, EOFError, Damaged) as error:
        raise NoWaveform from error
    # The square root: what speech does at a tenth of full scale is worth a third of the height.
    return [round(100 * (level / _FULL_SCALE) ** 0.5) for level in loudest]


def _opened(file: BinaryIO) -> _Sound:
    magic = file.read(4)
    file.seek(0)
    return _Compressed(file, slow=magic == b"OggS") if magic in (b"fLaC", b"OggS") else cast(_Sound, _Wave(file))


def _part(frames: int, bars: int, bar: int) -> tuple[int, int]:
    return frames * bar // bars, frames * (bar + 1) // bars


def _loudest(sound: _Sound, start: int, end: int) -> int:
    """The largest amplitude between two frames; of a long part, by some samples of it."""
    looks = 1 if end - start <= _FRAMES_A_BAR else sound.looks
    found = 0
    for look in range(looks):
        at = start + (end - start) * look // looks
        samples = np.frombuffer(sound.read(at, min(end - start, _FRAMES_A_BAR // looks)), dtype="<i2")
        if not samples.size:
            raise EOFError
        found = max(found, int(np.abs(samples.astype(np.int32)).max()))
    return min(found, _FULL_SCALE)
