"""Synthetic sound, the codecs to pack it with, and RIFF chunks to wrap it in, right or wrong."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

#: Codec of a layout: how soundfile names it (container, subtype, byte order).
RAW_CODECS = {
    "s16le": ("RAW", "PCM_16", "LITTLE"),
    "s16be": ("RAW", "PCM_16", "BIG"),
    "ulaw": ("RAW", "ULAW", None),
    "alaw": ("RAW", "ALAW", None),
    "gsm": ("RAW", "GSM610", None),
}


class Sound:
    """Makers of samples (int16, 8 kHz, mono), and of bytes from them."""

    @staticmethod
    def speech(seconds: float = 4.0, seed: int = 0, level: float = 6000.0) -> np.ndarray:
        """Something like speech: voiced syllables with formants, pauses, and a little line noise."""
        rng = np.random.default_rng(seed)
        count = int(seconds * 8000)
        time = np.arange(count) / 8000
        pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time + seed)
        phase = 2 * np.pi * np.cumsum(pitch) / 8000
        formants = (500 + 200 * np.sin(time), 1500 + 300 * np.cos(1.3 * time), 2500)
        voice = np.zeros(count)
        for harmonic in range(1, 26):
            hertz = harmonic * pitch
            strength = sum(1 / (1 + ((hertz - formant) / 120) ** 2) / order for order, formant in enumerate(formants, 1))
            voice += strength * np.sin(harmonic * phase)
        syllables = np.clip(np.sin(2 * np.pi * 2.1 * time), 0, 1) * (np.sin(2 * np.pi * 0.23 * time + 0.4) > -0.5)
        mixed = voice * syllables * level / np.abs(voice).max() + rng.normal(0, 12, count)
        return np.clip(np.rint(mixed), -32768, 32767).astype("<i2")

    @staticmethod
    def noise(size: int, seed: int = 0) -> bytes:
        """What an encrypted or compressed body looks like."""
        return np.random.default_rng(seed).bytes(size)

    @staticmethod
    def raw(samples: np.ndarray, codec: str) -> bytes:
        """``samples`` packed by ``codec``, without any header."""
        if codec == "msgsm":
            file = Sound.file(samples, "WAV", "GSM610")
            at = file.index(b"data")
            return file[at + 8 : at + 8 + struct.unpack_from("<I", file, at + 4)[0]]
        container, subtype, endian = RAW_CODECS[codec]
        return Sound.file(samples, container, subtype, endian)

    @staticmethod
    def file(samples: np.ndarray, container: str, subtype: str, endian: str | None = None) -> bytes:
        """``samples`` as libsndfile writes them."""
        out = io.BytesIO()
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with soundfile.SoundFile(out, "w", 8000, channels, subtype, endian, container) as file:
            file.write(samples if subtype not in ("FLOAT", "DOUBLE") else samples / 32768)
        return out.getvalue()

    @staticmethod
    def reference(data: bytes, codec: str) -> bytes:
        """What libsndfile itself makes of headerless ``data``."""
        container, subtype, endian = RAW_CODECS[codec]
        with soundfile.SoundFile(
            io.BytesIO(data), samplerate=8000, channels=1, subtype=subtype, endian=endian or "FILE", format=container
        ) as file:
            return file.read(len(data) * 8, dtype="int16").tobytes()


class Riff:
    """RIFF chunks by hand, so that each can be wrong."""

    FMT = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)

    @staticmethod
    def chunk(name: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
        padding = b"\0" if pad and len(content) % 2 else b""
        return name + struct.pack("<I", len(content) if size is None else size) + content + padding

    @staticmethod
    def file(*chunks: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
        body = b"WAVE" + b"".join(chunks)
        return magic + struct.pack("<I", len(body) if size is None else size) + body

    @classmethod
    def wav(cls, pcm: bytes, *, data_size: int | None = None, size: int | None = None, magic: bytes = b"RIFF") -> bytes:
        return cls.file(cls.chunk(b"fmt ", cls.FMT), cls.chunk(b"data", pcm, data_size), size=size, magic=magic)


@pytest.fixture(scope="session")
def sound() -> type[Sound]:
    return Sound


@pytest.fixture(scope="session")
def riff() -> type[Riff]:
    return Riff
