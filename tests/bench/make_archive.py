"""Writes an archive of recordings: `make_archive.py ARCHIVE.tgz MEGABYTES [gsff|riff]`. A process of its own: its memory isn't measured.

Sound: Debian's `asterisk-core-sounds-en-wav`, 25 minutes of real speech, where it is installed (or unpacked under `UCM_BENCH_SOUNDS`); else
coloured noise in syllables whose gzip keeps about 80 %, as speech's does.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

SOUNDS = Path(os.environ.get("UCM_BENCH_SOUNDS", "/usr/share/asterisk/sounds"))


def real_speech() -> bytes:
    """All installed clips behind one another."""
    clips = []
    for path in sorted(SOUNDS.rglob("*.wav")):
        with wave.open(str(path)) as clip:
            if (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (8000, 1, 2):
                clips.append(clip.readframes(clip.getnframes()))
    return b"".join(clips)


def speech(rng: np.random.Generator, count: int, real: bytes) -> bytes:
    """`count` samples."""
    if len(real) > 4 * count:
        start = 2 * int(rng.integers(0, len(real) // 2 - count))
        return real[start : start + 2 * count]
    sound = np.convolve(rng.standard_normal(count, dtype=np.float32), np.array([1, 1.6, 1.2, 0.5, 0.1], np.float32), "same")
    time = np.arange(count, dtype=np.float32) / 8000
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time) + 0.75, 0.02, None) * np.clip(np.sin(2 * np.pi * 0.21 * time) + 1.2, 0.002, None)
    return bytes((sound * syllables * 650).astype("<i2").tobytes())


def riff(body: bytes) -> bytes:
    """As stock recordings come."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + len(body), b"WAVE") + fmt + struct.pack("<4sI", b"data", len(body)) + body


def gsff(body: bytes) -> bytes:
    """As they are claimed to come."""
    return b"GSFF" + struct.pack("<I", len(body)) + body


def main(path: str, megabytes: int, wrap: Callable[[bytes], bytes]) -> None:
    """Calls of 20 to 160 seconds, packed by gzip as a PBX would."""
    rng, real = np.random.default_rng(1), real_speech()
    with Path(path).open("wb") as out, subprocess.Popen(["gzip", "-c"], stdin=subprocess.PIPE, stdout=out) as packer:
        assert packer.stdin is not None
        with tarfile.open(fileobj=packer.stdin, mode="w|") as archive:
            number, left = 0, megabytes << 20
            while left > 0:
                body = speech(rng, int(rng.integers(20, 160)) * 8000, real)
                data = wrap(body)
                info = tarfile.TarInfo(f"2026-02/auto-{1770000000 + 60 * number}-1000-5555550100.wav")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
                number, left = number + 1, left - len(data)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), riff if sys.argv[3:] == ["riff"] else gsff)
