"""The simulated PBX's recordings: names in every pattern of the field guide (section 3), bytes as RIFF or as GSFF."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from scraper.models import RecordingClass

from .config import SimulatorConfig
from .speech import Samples, frames_in, speech

_TRANSFERRED = 6  # every so many recordings, one is the second file of the call before
_RINGING = (2, 9)  # seconds between a call's start and the time in its file name


@dataclass(frozen=True, slots=True)
class Recording:
    """One file on the PBX. ``start`` is when its part of the call began, PBX local; ``call``, the call it belongs to (some have two files);
    ``body`` says what its audio is like (faults change it)."""

    klass: RecordingClass
    month: str
    name: str
    start: datetime
    seconds: float
    caller: str
    callee: str
    seed: int
    gsff: str | None
    call: int
    body: str = "speech"

    @property
    def path(self) -> str:
        """``2026-02/NAME``, as the web UI lists it."""
        return f"{self.month}/{self.name}"

    @property
    def frames(self) -> int:
        """Samples, at 8 kHz."""
        return 0 if self.body == "empty" else frames_in(self.seconds / 2 if self.body == "short" else self.seconds)

    @property
    def size(self) -> int:
        """Bytes as the PBX keeps and lists it."""
        if self.body == "empty":
            return 0
        header = 44 if self.gsff is None else int(self.gsff.lstrip("abcdefghijklmnopqrstuvwxyz"))
        return header + self.frames * (1 if self.gsff in ("alaw8", "ulaw16") else 2)

    def samples(self) -> Samples:
        """What a phone would play."""
        return _samples(self.seed, self.frames, self.body)

    def riff(self) -> bytes:
        """The bytes as RIFF: 44 bytes of header, s16le, 8 kHz, mono (field guide 3)."""
        return b"" if self.body == "empty" else _riff(self.samples().tobytes(), b"RIFF")

    def stored(self) -> bytes:
        """The bytes as the PBX keeps them and as *Download All* hands them out: GSFF or RIFF."""
        if self.body == "empty" or self.gsff is None:
            return self.riff()
        return encode_gsff(self.samples(), self.gsff)

    @property
    def sha256(self) -> str:
        """Hash of the canonical WAV that the archive must hold in the end (but for ``alaw8`` and ``ulaw16``, which lose precision)."""
        return hashlib.sha256(self.riff()).hexdigest()


@lru_cache(maxsize=64)
def _samples(seed: int, frames: int, body: str) -> Samples:
    if body == "noise":  # as an encrypted or unknown codec would look
        return np.random.default_rng(seed).integers(-32768, 32768, frames).astype(np.int16)
    return speech(seed, frames / 8000)


def _riff(data: bytes, magic: bytes) -> bytes:
    head = struct.pack("<4sI4s4sIHHIIHH4sI", magic, 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", len(data))
    return head + data


def encode_alaw(samples: Samples) -> bytes:
    """G.711 A-law of 16-bit samples."""
    magnitude = np.where(samples >= 0, samples.astype(np.int32), -samples.astype(np.int32) - 1) >> 3
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = np.where(exponent > 1, magnitude >> np.maximum(exponent, 1), magnitude >> 1) & 0x0F
    code = (exponent << 4) | mantissa
    return np.asarray(np.where(samples >= 0, code | 0x80, code) ^ 0x55, dtype=np.uint8).tobytes()


def encode_ulaw(samples: Samples) -> bytes:
    """G.711 µ-law of 16-bit samples."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = (exponent << 4) | (magnitude >> (exponent + 3) & 0x0F)
    return np.asarray(~np.where(samples < 0, code | 0x80, code) & 0xFF, dtype=np.uint8).tobytes()


def encode_gsff(samples: Samples, layout: str) -> bytes:
    """GSFF in one of the layouts it might have (field guide 4).

    ``length8``: magic, u32 payload length, s16le. ``bare8``: magic, four bytes that say nothing, s16le (as claimed); ``bare16``: twelve
    such bytes. ``riff44``: RIFF under the other magic. ``alaw8``: as ``length8``, but G.711 A-law. ``ulaw16``: as ``bare16``, but
    G.711 µ-law. ``inverted8``: as ``bare8``, with each sample's bits turned over, which sounds the same and is not.
    """
    if layout == "riff44":
        return _riff(samples.tobytes(), b"GSFF")
    if layout in ("bare8", "inverted8"):
        return b"GSFF\x01\x00\x40\x1f" + (~samples if layout == "inverted8" else samples).tobytes()
    if layout in ("bare16", "ulaw16"):
        return b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8)) + (encode_ulaw(samples) if layout == "ulaw16" else samples.tobytes())
    data = encode_alaw(samples) if layout == "alaw8" else samples.tobytes()
    return struct.pack("<4sI", b"GSFF", len(data)) + data


class Generator:
    """Makes recordings, one after another, always the same ones for the same configuration."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self._made = 0
        self._rng = np.random.default_rng(config.seed)

    def all(self) -> list[Recording]:
        """The recordings that the PBX holds when it starts, oldest first."""
        config = self.config
        counts = {
            RecordingClass.MONITOR: config.recordings,
            RecordingClass.QUEUE: config.queue_recordings,
            RecordingClass.MEETME: config.meetme_recordings,
        }
        made: list[Recording] = []
        for klass, count in counts.items():
            for index in range(count):
                if index % _TRANSFERRED == _TRANSFERRED - 1:  # transferred: a second file of the call before
                    made.append(self.make(klass, made[-1].start + timedelta(seconds=made[-1].seconds + 20), made[-1].call))
                else:
                    made.append(self.make(klass, self._when(index, count)))
        return sorted(made, key=lambda recording: recording.start)

    def make(self, klass: RecordingClass, start: datetime, call: int | None = None) -> Recording:
        """The next recording, of a call that began at ``start``, or of an earlier ``call``."""
        self._made += 1
        index, rng, config = self._made, self._rng, self.config
        caller, callee = self._numbers(index)
        named = start + timedelta(seconds=int(rng.integers(*_RINGING)))
        return Recording(
            klass=klass,
            month=start.strftime("%Y-%m"),
            name=_name(klass, index, named, (caller, callee)),
            start=start,
            seconds=round(float(rng.uniform(*config.seconds)), 2),
            caller=caller,
            callee=callee,
            seed=config.seed * 1_000_003 + index,
            call=call if call is not None else index,
            gsff=config.gsff_layout if config.gsff == "all" or (config.gsff == "mixed" and index % 2) else None,
        )

    def _when(self, index: int, count: int) -> datetime:
        """Spread evenly from the first day to just before the clock's start, in office hours."""
        first, last = self.config.first_day(), self.config.start_of_clock()
        days = (last.date() - first).days  # the last day itself stays free for what comes in later
        day = first + timedelta(days=min(index * days // max(count, 1), max(days - 1, 0)))
        second = int(self._rng.integers(0, 10 * 3600))
        naive = datetime(day.year, day.month, day.day, 8) + timedelta(seconds=second)
        return naive.replace(tzinfo=self.config.zone)

    def _numbers(self, index: int) -> tuple[str, str]:
        """Caller and callee: extensions, and numbers of the fictional 555-01xx kind, now and then with ``+``."""
        outside = f"55555501{index % 100:02d}"
        extension = str(1000 + index % 7)
        if index % 5 == 2:
            outside = "+1" + outside
        return (outside, extension) if index % 2 else (extension, outside)


def _name(klass: RecordingClass, index: int, named: datetime, numbers: tuple[str, str]) -> str:
    """A file name of the class, the pattern changing with ``index`` (field guide 3)."""
    caller, callee = numbers
    epoch = int(named.timestamp())
    if klass is RecordingClass.QUEUE:
        return f"q{6500 + index % 3}-{caller}-{named:%Y%m%d-%H%M%S}-{epoch - 4}.{index}-{1000 + index % 7}.wav"
    if klass is RecordingClass.MEETME:
        return f"meetme-conf-rec-{6300 + index % 2}-{epoch}.{index}.wav"
    if index % 8 == 3:
        return f"auto-{epoch}#{6400 + index % 3}-{caller}-{6200 + index % 4}.wav"
    if index % 8 == 6:
        return f"auto-{epoch}RG{index % 4 + 1}-{caller}-{callee}.wav"
    return f"auto-{epoch}-{caller}-{callee}.wav"


def spoil(recordings: list[Recording], body: str, fraction: float) -> list[Recording]:
    """The same recordings, a fraction of them with another ``body``: ``noise``, ``short`` or ``empty``."""
    chosen = {recording.path for recording in pick(recordings, fraction)}
    return [replace(recording, body=body) if recording.path in chosen else recording for recording in recordings]


def pick(recordings: list[Recording], fraction: float) -> list[Recording]:
    """A fraction of the recordings, always the same ones, spread without pattern."""
    if not fraction:
        return []
    ranked = sorted(recordings, key=lambda recording: hashlib.sha256(recording.path.encode()).digest())
    return ranked[: round(len(ranked) * fraction)]
