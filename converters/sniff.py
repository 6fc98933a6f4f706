"""Says what bytes are by looking at their beginning, never at a file's name or a status code."""

from __future__ import annotations

import re

#: How many bytes :func:`sniff` likes to see; fewer are judged as far as they go.
HEAD_BYTES = 4096

#: Audio that is a recording, though not WAV: whoever stores it gives it the extension of the same name.
OTHER_AUDIO = frozenset({"mp3", "ogg", "flac"})

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"GSFF", "gsff"),
    (b"RIFF", "riff"),
    (b"RF64", "riff"),
    (b"BW64", "riff"),
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"%PDF-", "pdf"),
)
_HTML = re.compile(rb"(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|script|title|meta|div)\b", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(rb'(?:\{\s*(?:"|\}|$)|\[\s*(?:["\[\]{\-\d]|true|false|null|$))')
_TEXT_CONTROL = re.compile(rb"[^\t\n\r\x0c\x20-\x7e\x80-\xff]")

# MPEG-1, 2 and 2.5, layers I to III: kbit/s by (is MPEG-1, layer) and index; Hz by version bits.
_MP3_KBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def sniff(head: bytes) -> str:
    """The kind of a file that begins with ``head`` (up to :data:`HEAD_BYTES` bytes).

    One of ``empty gsff riff mp3 ogg flac html json xml text zip gzip bzip2 xz zstd 7z tar pdf unknown``.
    ``unknown`` is also what headerless sound looks like.
    """
    if not head:
        return "empty"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _is_tar(head):
        return "tar"
    if _is_mp3(head):
        return "mp3"
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> str:
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(body):
        return "html"
    if body.startswith(b"<?xml"):
        return "html" if b"<html" in body[:1024].lower() else "xml"
    if _TEXT_CONTROL.search(head) or not _is_utf8(head):
        return "unknown"
    return "json" if _JSON.match(body) else "text"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start > 0
    return True


def _is_tar(head: bytes) -> bool:
    """A tar header proves itself by its checksum, with or without the ``ustar`` magic."""
    if len(head) < 512 or not head[0]:
        return False
    field = head[148:156].strip(b" \0")
    if not field or field.strip(b"01234567"):
        return False
    return int(field, 8) == sum(head[:148]) + 8 * 0x20 + sum(head[156:512])


def _mp3_frame_length(head: bytes, at: int) -> int:
    """Bytes of the MPEG audio frame at ``at``; 0 where there is none."""
    if len(head) < at + 4 or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[at + 1] >> 3 & 3, 4 - (head[at + 1] >> 1 & 3)
    bitrate, rate, padding = head[at + 2] >> 4, head[at + 2] >> 2 & 3, head[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    bits, hertz = 1000 * _MP3_KBITS[version == 3, layer][bitrate], _MP3_HZ[version][rate]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    samples_by_8 = 72 if layer == 3 and version != 3 else 144
    return samples_by_8 * bits // hertz + padding


def _is_mp3(head: bytes) -> bool:
    """Two frames in a row: the sync word alone also occurs in sound."""
    length = _mp3_frame_length(head, 0)
    return length > 0 and _mp3_frame_length(head, length) > 0
