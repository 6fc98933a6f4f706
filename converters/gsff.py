"""GSFF: what a CloudUCM puts into its Download All archive under names that end in ``.wav`` (field guide 4).

Nothing about the format is certain. Claimed: 8 bytes of header, then s16le, 8 kHz, mono. This module believes it while nothing
contradicts, and looks for evidence in this order: RIFF chunks under the other magic, a layout confirmed by calibration, a format
description in the header, a header field that equals the length of what follows, statistics. What contradicts itself is undecodable, and
noise is never sound.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace

from converters import riff
from converters.codecs import CODECS
from converters.interface import Candidate, Confidence, CopiedBody, Decoded, Options, RawLayout, Source, Undecodable
from converters.raw import MIN_FRAMES, at_offset
from converters.signature import recognise

MAGIC = b"GSFF"
CLAIMED_HEADER = 8
#: Other header lengths that a field, or a frame's phase, may speak for.
HEADER_LENGTHS = (8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 60, 64, 128, 256, 512)
_HEAD_BYTES = 1024
#: WAVEFORMAT's first fields, as in a fmt chunk, for the codecs and rates of telephony.
_FORMAT_FIELDS = re.compile(rb"[\x01\x06\x07\x31]\0[\x01\x02]\0(?:\x40\x1f|\x80\x3e)\0\0", re.DOTALL)
_LAYOUT = re.compile(r"gsff/(\d{1,6})/([a-z0-9]{2,8})/(\d{4,6})/([1-8])")
#: Talk time speaks for 16 kHz only where it is long, and fits that closely: a recording may well be longer than the talk.
_TALK_MIN_SECONDS, _TALK_TOLERANCE = 20.0, 0.03


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the file."""

    offset: int
    layout: RawLayout
    confidence: Confidence
    evidence: tuple[str, ...]


def matches(head: bytes) -> bool:
    """GSFF."""
    return head[:4] == MAGIC


def decode(source: Source, options: Options) -> Decoded:
    """Decode a GSFF file by evidence; raises :class:`Undecodable`."""
    head = source.read(0, _HEAD_BYTES)
    confirmed = _known_layout(head, options)
    if head[8:12] == b"WAVE":
        decoded = riff.structure(source, "gsff")
        return _checked_structure(source, decoded, confirmed)
    if source.size < CLAIMED_HEADER + 2:
        raise Undecodable("too-short", f"the file ends after {source.size} bytes: a header, no sound", kind="gsff")
    reading = _confirmed(source, head, confirmed) if confirmed else _by_evidence(source, head, options)
    decoded = at_offset(source, reading.offset, reading.layout, source.size - reading.offset, "gsff")
    if decoded.frames == 0:
        raise Undecodable("too-short", "the file holds no sound", reading.evidence, "gsff")
    odd = (f"{len(decoded.trailer)} odd bytes at the end are kept as the trailer",) if decoded.trailer else ()
    return replace(decoded, confidence=reading.confidence, evidence=(*reading.evidence, *odd))


def _known_layout(head: bytes, options: Options) -> str | None:
    """What calibration confirmed for such files; raises :class:`Undecodable` where it contradicted what they seem to be."""
    known = recognise(head, options.known_layouts)
    if known is not None and known.layout is None:
        raise Undecodable("undecodable", f"GSFF of this PBX is not converted: {known.detail}", kind="gsff")
    return known.layout if known else None


def _checked_structure(source: Source, decoded: Decoded, confirmed: str | None) -> Decoded:
    """Chunks say what the file is; noise and the calibrated layout may still contradict."""
    from converters.judgement import judge  # numpy: only when there is something to judge

    evidence = ("RIFF chunks under the magic GSFF", *decoded.evidence)
    if confirmed and confirmed != decoded.layout:
        raise Undecodable("undecodable", f"its chunks say {decoded.layout}, calibration said {confirmed}", evidence, "gsff")
    if isinstance(decoded.body, CopiedBody):
        judgement = judge(source, decoded.body.offset, decoded.body.length)
        if judgement.verdict == "noise":
            raise Undecodable("undecodable", "the samples are noise", (*evidence, judgement.evidence), "gsff")
    return replace(decoded, confidence="confirmed" if confirmed else decoded.confidence, evidence=evidence)


def _confirmed(source: Source, head: bytes, text: str) -> _Reading:
    """The calibrated layout, if the file doesn't contradict it."""
    parts = _LAYOUT.fullmatch(text)
    if parts is None or parts[2] not in CODECS:
        raise Undecodable("undecodable", f"the confirmed layout {text!r} isn't understood", kind="gsff")
    offset, layout = int(parts[1]), RawLayout(parts[2], int(parts[3]), int(parts[4]))
    declared = _declared(head, source.size)
    if CODECS[layout.codec].frames_in(source.size - offset, layout.channels) < MIN_FRAMES and not declared:
        raise Undecodable("too-short", f"the file holds {source.size} bytes, less than 10 ms of sound", kind="gsff")
    if declared and declared[0] != offset:
        raise Undecodable("undecodable", f"{declared[1]}, but calibration said {offset} bytes of header", kind="gsff")
    return _Reading(offset, layout, "confirmed", ("this layout was confirmed on this PBX", _not_against(source, offset, layout)))


def _not_against(source: Source, offset: int, layout: RawLayout) -> str:
    """What statistics say of a layout that something better speaks for; raises :class:`Undecodable` where they contradict it."""
    from converters.judgement import judge

    judgement = judge(source, offset, source.size - offset)
    framed = layout.codec in ("gsm", "msgsm")
    other = judgement.verdict == "speaks" and judgement.codec != layout.codec
    if other or (judgement.verdict == "noise" and not framed):
        raise Undecodable("undecodable", f"the samples aren't {layout.codec}", (judgement.evidence,), "gsff")
    return judgement.evidence


def _by_evidence(source: Source, head: bytes, options: Options) -> _Reading:
    """The claimed layout, or what the evidence says instead."""
    from converters.judgement import Judgement, judge

    declared = _declared(head, source.size)
    described = _described(source, head, declared)
    if described:
        return described
    offset, notes = (declared[0], [declared[1]]) if declared else (CLAIMED_HEADER, [_unfit_number(head)])
    length = source.size - offset
    if length < 2 * MIN_FRAMES and not declared:
        raise Undecodable("too-short", f"the file holds {length} bytes after its header, less than 10 ms of sound", tuple(notes), "gsff")
    judgement: Judgement = judge(source, offset, length)
    notes.append(judgement.evidence)
    if judgement.verdict == "noise":
        raise Undecodable("undecodable", "what follows the header is not sound", tuple(notes), "gsff")
    if judgement.verdict == "ambiguous":
        listed = tuple(f"{rival.layout}: {rival.noise_bits} noise bits" for rival in judgement.rivals)
        raise Undecodable("undecodable", judgement.evidence, (*notes, *listed), "gsff")
    codec = judgement.codec or "s16le"
    begins = _begin(source.size, offset, codec, judgement.phase)
    if begins is None or (declared and begins != offset):
        raise Undecodable("undecodable", f"the samples are {codec}, but where they begin is not clear", tuple(notes), "gsff")
    codec = codec.removesuffix("-odd")
    rate = _rate(codec, source.size - begins, options.talk_seconds, notes)
    likely: Confidence = "likely" if judgement.verdict == "speaks" else "claimed"
    confidence: Confidence = "declared" if declared and codec == "s16le" and rate == 8000 else likely
    return _Reading(begins, RawLayout(codec, rate, 1), confidence, tuple(notes))


def _declared(head: bytes, size: int) -> tuple[int, str] | None:
    """The header's length, where a field of the header equals the length of what follows; the longest such header.

    Among the samples of a quiet beginning any number can turn up whose halves are small: only fields at the beginning or at the very end
    of a header are believed, and such numbers only at 4, which no reading takes for samples.
    """
    for length in reversed(HEADER_LENGTHS):
        after = size - length
        telling = after > 0xFFFF and 1024 <= after & 0xFFFF <= 0xFFFF - 1024
        for at in {4, 8, 12, length - 4} if telling else {4}:
            if length > size or at + 4 > min(length, len(head)):
                continue
            for order, name in (("<I", "little"), (">I", "big")):
                if struct.unpack_from(order, head, at)[0] == after:
                    return length, f"the header's {name}-endian number at {at} is the length of what follows {length} bytes"
    return None


def _described(source: Source, head: bytes, declared: tuple[int, str] | None) -> _Reading | None:
    """A format description inside the header moves the samples behind it; raises :class:`Undecodable` where it doesn't say how far."""
    found = _FORMAT_FIELDS.search(head, 4, 512)
    if found is None:
        return None
    notes = [f"the header describes a format at {found.start()}"]
    data = head.find(b"data", found.end(), 768)
    begins = data + 8 if data > 0 else declared[0] if declared else 0
    if begins < found.end() or begins > source.size:
        raise Undecodable("undecodable", f"{notes[0]}, but not where the sound begins", kind="gsff")
    layout = riff.layout_of(head[found.start() : found.start() + 40], notes, "gsff")
    return _Reading(begins, layout, "declared", (*notes, _not_against(source, begins, layout)))


def _unfit_number(head: bytes) -> str:
    return f"the header's number 0x{head[4:8].hex()} fits no length; 8 bytes of header are the claim"


def _begin(size: int, offset: int, codec: str, phase: int | None) -> int | None:
    """Where the samples begin: as far as assumed, unless the codec's frames say otherwise."""
    if codec == "s16le-odd":
        return offset + 1
    if codec == "gsm":
        fitting = [length for length in (offset, *HEADER_LENGTHS) if length % 33 == phase]
    elif codec == "msgsm":
        fitting = [length for rest in (0, 1) for length in (offset, *HEADER_LENGTHS) if (size - length) % 65 == rest]  # 1: a pad byte
    else:
        return offset
    return fitting[0] if fitting else None


def _rate(codec: str, length: int, talk_seconds: float | None, notes: list[str]) -> int:
    """8000, unless the talk time says twice as much."""
    if not talk_seconds or talk_seconds <= 0:
        return 8000
    per_second = length / talk_seconds
    notes.append(f"{per_second:.0f} bytes a second of talk time")
    seconds = CODECS[codec].frames_in(length, 1) / 16000
    fits = abs(seconds / talk_seconds - 1) <= _TALK_TOLERANCE
    return 16000 if fits and talk_seconds >= _TALK_MIN_SECONDS and codec not in ("gsm", "msgsm") else 8000


def candidates(source: Source) -> tuple[Candidate, ...]:
    """Every reading of the bytes after the claimed header, with its figures, for ``inspect``."""
    from converters.judgement import all_readings

    offset = CLAIMED_HEADER
    declared = _declared(source.read(0, _HEAD_BYTES), source.size)
    headers = (Candidate(f"gsff/{declared[0]}/…", "declared", (declared[1],)),) if declared else ()
    found = all_readings(source, offset, source.size - offset)
    return headers + tuple(replace(reading, layout=f"gsff/{_name(offset, reading.layout)}/8000/1") for reading in found)


def _name(offset: int, reading: str) -> str:
    return f"{offset + 1}/s16le" if reading == "s16le-odd" else f"{offset}/{reading}"
