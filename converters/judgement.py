"""Weighs the readings of a stretch of bytes whose codec nobody declared.

The claim is 16-bit little-endian sound; it falls only to noise, or to another reading that is better by a wide margin. The margins are
measured on 571 prompts of telephone speech and music, in every codec (see :mod:`converters.speech`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from converters import speech
from converters.interface import Candidate, Source

#: Bits of entropy between low and high bytes that show 16-bit sound, and which byte is the high one.
_CLEAR_BITS = 0.3
#: Up to here bytes at even and odd places are alike: 8-bit codes, frames, noise.
_ALIKE_BITS, _ALIKE_APART = 0.2, 0.05
#: Another reading must leave this much less to chance, and be this far from its own rival.
_MARGIN_BITS, _RIVAL_BITS, _ALIGNMENT_BITS = 2.0, 1.0, 0.2
#: And it must itself be like sound: G.722 read as µ-law is better than noise, but leaves 11 bits, foretold by 1 dB.
_SOUND_BITS, _SOUND_GAIN_DB = 10.5, 4.0
#: 16-bit sound foretold so well is sound, whatever its bytes look like (tones, square waves, clipping).
_SURE_GAIN_DB = 7.0
#: Noise: this much is left to chance, hardly anything is foretold, and the bytes are widely spread. (G.722, G.726, IMA ADPCM, MP3, Opus,
#: AAC: 13.0 to 14.2 bits, at most 1.8 dB. White noise in 16 bits falls under it only from an RMS of half of full scale.)
_NOISE_BITS, _NOISE_GAIN_DB, _NOISE_ENTROPY = 12.8, 2.0, 4.8
_GSM_BYTES = 1 << 14

READINGS = ("s16le", "s16le-odd", "s16be", "ulaw", "alaw")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What statistics say: ``speaks`` for ``codec``, ``nothing`` (silence, too few samples, no clear sign), ``noise``, or ``ambiguous``.

    ``codec`` is a codec of :data:`converters.codecs.CODECS`, or ``s16le-odd``. ``phase``: for ``gsm``, where frames begin, modulo 33.
    """

    verdict: Literal["speaks", "nothing", "noise", "ambiguous"]
    evidence: str
    codec: str | None = None
    phase: int | None = None
    rivals: tuple[Candidate, ...] = ()


def judge(source: Source, offset: int, length: int) -> Judgement:
    """Judge ``length`` bytes at ``offset``. A fraction of a millisecond for ordinary 16-bit sound, some for anything else."""
    rows = speech.windows(source, offset, length)
    if not len(rows):
        few = length // 2 < speech.MIN_SAMPLES
        return Judgement("nothing", "too few samples for statistics" if few else "silence, or nearly")
    look = speech.byte_look(rows)
    spread = f"low bytes spread over {look.low:.1f} bits, high bytes over {look.high:.1f}"
    if look.high <= look.low - _CLEAR_BITS:
        return Judgement("speaks", f"{spread}: 16-bit little-endian sound", "s16le")
    bits = {codec: speech.predict(speech.samples_of(rows, codec)) for codec in READINGS}
    rivals = tuple(
        Candidate(codec, "considered", (f"prediction gain {p.gain_db:.1f} dB",), round(p.noise_bits, 1)) for codec, p in bits.items()
    )
    slack = 8 / look.samples
    if abs(look.high - look.low) < _ALIKE_BITS + 10 * slack and look.apart < _ALIKE_APART + slack:
        return _alike(source, (offset, length), look, bits, rivals) or Judgement("nothing", f"{spread}: no clear sign", rivals=rivals)
    if look.high >= look.low + _CLEAR_BITS and bits["s16le"].gain_db < _SURE_GAIN_DB:
        return _swapped(bits, rivals) or Judgement("nothing", f"{spread}: no clear sign", rivals=rivals)
    return Judgement("nothing", f"{spread}: no clear sign", rivals=rivals)


def _swapped(bits: dict[str, speech.Prediction], rivals: tuple[Candidate, ...]) -> Judgement | None:
    """The low bytes look like high ones: the other byte order, or an odd header."""
    better, worse = sorted(("s16be", "s16le-odd"), key=lambda codec: bits[codec].noise_bits)
    left = bits[better].noise_bits
    if bits["s16le"].noise_bits - left < _MARGIN_BITS:
        return None
    if bits[worse].noise_bits - left < _ALIGNMENT_BITS:
        return Judgement("ambiguous", "16-bit big-endian and little-endian after an odd header fit alike", rivals=rivals)
    return Judgement(
        "speaks", f"read as {better}, {left:.1f} noise bits a sample against {bits['s16le'].noise_bits:.1f}", better, rivals=rivals
    )


def _alike(
    source: Source, where: tuple[int, int], look: speech.ByteLook, bits: dict[str, speech.Prediction], rivals: tuple[Candidate, ...]
) -> Judgement | None:
    """Even and odd bytes are alike: 8-bit codes, GSM frames, noise, or very loud 16-bit sound."""
    better, worse = sorted(("ulaw", "alaw"), key=lambda law: bits[law].noise_bits)
    left, claimed = bits[better].noise_bits, bits["s16le"]
    like_sound = bits[better].centred and (left <= _SOUND_BITS or bits[better].gain_db >= _SOUND_GAIN_DB)
    if like_sound and claimed.noise_bits - left >= _MARGIN_BITS:
        if bits[worse].noise_bits - left < _RIVAL_BITS:
            return Judgement("ambiguous", "µ-law and A-law fit alike", rivals=rivals)
        return Judgement(
            "speaks", f"read as {better}, {left:.1f} noise bits a sample against {claimed.noise_bits:.1f}", better, rivals=rivals
        )
    if claimed.noise_bits < _NOISE_BITS or claimed.gain_db > _NOISE_GAIN_DB or min(look.low, look.high) < _NOISE_ENTROPY:
        return None
    return _frames(source, where, rivals) or Judgement(
        "noise",
        f"bytes spread over {look.high:.1f} bits, {claimed.noise_bits:.1f} noise bits a sample, prediction gain {claimed.gain_db:.1f} dB: "
        "encrypted, compressed or noise",
        rivals=rivals,
    )


def _frames(source: Source, where: tuple[int, int], rivals: tuple[Candidate, ...]) -> Judgement | None:
    """Frames of GSM 6.10 look like noise until their period shows."""
    offset, length = where
    data = source.read(offset, min(length, _GSM_BYTES))
    phase = speech.gsm_phase(data, offset)
    if phase is not None:
        return Judgement("speaks", "every 33rd byte carries the signature of a GSM 6.10 frame", "gsm", phase, rivals)
    if speech.repeats_every_65(data):
        return Judgement("speaks", "bits repeat every 65 bytes, as in Microsoft's GSM 6.10", "msgsm", rivals=rivals)
    return None


def all_readings(source: Source, offset: int, length: int) -> Iterator[Candidate]:
    """Every reading with its figures, for people who look at one file; needs sound to be judged, else nothing comes."""
    rows = speech.windows(source, offset, length)
    for codec in READINGS if len(rows) else ():
        prediction = speech.predict(speech.samples_of(rows, codec))
        yield Candidate(codec, "considered", (f"prediction gain {prediction.gain_db:.1f} dB",), round(prediction.noise_bits, 1))
