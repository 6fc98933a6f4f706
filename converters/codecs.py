"""libsndfile's room: turns samples of any supported codec into 16-bit PCM, in blocks.

Results are exactly what libsndfile gives for ``int16``. The exception is floating point, which libsndfile does not scale when asked for
integers: it is read as float, scaled by 32768, rounded and clipped, the inverse of what libsndfile does to 16-bit samples.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from converters.interface import BLOCK_BYTES, Source, Undecodable
from converters.sized import SizedFile

if TYPE_CHECKING:
    import soundfile


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec packs samples: ``block_frames`` frames in ``block_bytes`` bytes a channel; the rest are libsndfile's words."""

    subtype: str
    block_bytes: int
    block_frames: int = 1
    endian: str = "FILE"

    def frames_in(self, length: int, channels: int) -> int:
        """Frames in the whole blocks of ``length`` bytes."""
        return length // (self.block_bytes * channels) * self.block_frames


CODECS = {
    "s16le": Codec("PCM_16", 2, endian="LITTLE"),
    "s16be": Codec("PCM_16", 2, endian="BIG"),
    "u8": Codec("PCM_U8", 1),
    "s24le": Codec("PCM_24", 3, endian="LITTLE"),
    "s32le": Codec("PCM_32", 4, endian="LITTLE"),
    "f32le": Codec("FLOAT", 4, endian="LITTLE"),
    "f64le": Codec("DOUBLE", 8, endian="LITTLE"),
    "ulaw": Codec("ULAW", 1),
    "alaw": Codec("ALAW", 1),
    "gsm": Codec("GSM610", 33, 160),  # as telephony sends it: one frame of 20 ms in 33 bytes
    "msgsm": Codec("GSM610", 65, 320),  # as WAV files hold it: two frames in 65 bytes
}


class _Spliced(SizedFile):
    """A header of our own followed by a stretch of a source, as one file."""

    def __init__(self, header: bytes, source: Source, offset: int, length: int) -> None:
        super().__init__(len(header) + length)
        self._header, self._source, self._offset = header, source, offset
        self.failure: OSError | None = None  # libsndfile's callbacks can't raise

    def read_at(self, at: int, length: int) -> bytes:
        return self._header[at : at + length] or self._from_source(at - len(self._header), length)

    def _from_source(self, at: int, length: int) -> bytes:
        try:
            return self._source.read(self._offset + at, length)
        except OSError as error:
            self.failure = error
            return b""


@dataclass(frozen=True, slots=True)
class ConvertedBody:
    """Samples that have to be decoded: ``length`` bytes of whole blocks at ``offset``, of a codec of :data:`CODECS`."""

    source: Source
    offset: int
    length: int
    codec: str
    sample_rate: int
    channels: int

    def blocks(self) -> Iterator[bytes]:
        """s16le PCM in blocks of at most 1 MiB; raises :class:`Undecodable` (``corrupt``), and OSError from the source."""
        import soundfile  # heavy: only files that need decoding pay for it

        header = _gsm_header(self.length, self.sample_rate) if self.codec == "msgsm" else b""
        spliced = _Spliced(header, self.source, self.offset, self.length)
        most = BLOCK_BYTES // (2 * self.channels)
        left = CODECS[self.codec].frames_in(self.length, self.channels)  # libsndfile may give a GSM block too many
        try:
            with soundfile.SoundFile(spliced, **({} if header else self._raw_format())) as file:
                while left > 0 and (block := self._read(file, min(most, left))):
                    left -= len(block) // (2 * self.channels)
                    yield block
        except soundfile.SoundFileError as error:
            raise Undecodable("corrupt", f"the {self.codec} samples can't be decoded") from (spliced.failure or error)
        if spliced.failure:
            raise spliced.failure

    def _raw_format(self) -> dict[str, Any]:
        codec, rate = CODECS[self.codec], self.sample_rate
        return {"format": "RAW", "subtype": codec.subtype, "endian": codec.endian, "samplerate": rate, "channels": self.channels}

    def _read(self, file: soundfile.SoundFile, frames: int) -> bytes:
        import numpy

        if self.codec not in ("f32le", "f64le"):
            return bytes(file.read(frames, dtype="int16").astype("<i2", copy=False).tobytes())
        exact = numpy.nan_to_num(file.read(frames, dtype="float64"), nan=0.0, posinf=1.0, neginf=-1.0)
        return bytes(numpy.clip(numpy.rint(exact * 32768), -32768, 32767).astype("<i2").tobytes())


def _gsm_header(length: int, sample_rate: int) -> bytes:
    """A WAV header for Microsoft's GSM 6.10, the one codec that libsndfile doesn't take without."""
    fmt = struct.pack("<HHIIHHHH", 0x31, 1, sample_rate, sample_rate * 65 // 320, 65, 0, 2, 320)
    fact = struct.pack("<I", length // 65 * 320)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<I", 4) + fact + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + length) + b"WAVE" + chunks
