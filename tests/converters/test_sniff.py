"""Kinds of files by their first bytes."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import BytesSource, Undecodable, decode, sniff

MP3_FRAME = bytes.fromhex("fffb9000") + bytes(413)  # 128 kbit/s at 44.1 kHz: 417 bytes


def tar(form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        archive.addfile(tarfile.TarInfo("2026-02/a.wav"))
    return out.getvalue()


KINDS = [
    (b"", "empty"),
    (b"GSFF", "gsff"),
    (b"RIFF\0\0\0\0WAVE", "riff"),
    (b"RF64", "riff"),
    (b"OggS\0\2", "ogg"),
    (b"fLaC\0", "flac"),
    (b"ID3\4\0", "mp3"),
    (MP3_FRAME * 2, "mp3"),
    (MP3_FRAME[:200], "unknown"),
    (b"PK\x03\x04\x14", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"%PDF-1.7", "pdf"),
    (tar(tarfile.USTAR_FORMAT), "tar"),
    (tar(tarfile.PAX_FORMAT), "tar"),
    (b"<!DOCTYPE html><html>", "html"),
    (b"\xef\xbb\xbf \r\n<!-- a --> <HTML lang='en'>", "html"),
    (b'<?xml version="1.0"?><html xmlns="">', "html"),
    (b'<?xml version="1.0"?><cdr/>', "xml"),
    (b'{"response":{"error_msg":"Invalid parameters!"},"status":-1}', "json"),
    (b"[]", "json"),
    (b"Not Found\r\n", "text"),
    ("Nicht gefunden: ä".encode()[:-1], "text"),
    (bytes(512), "unknown"),
    (b"\x01\x80\x02", "unknown"),
]


@pytest.mark.parametrize(("head", "kind"), KINDS)
def test_sniff_known_head_gives_its_kind(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


@pytest.mark.parametrize("kind", ["html", "json", "text", "zip", "gzip", "tar", "pdf", "mp3", "ogg", "flac", "unknown"])
def test_decode_of_what_is_no_wav_names_it(kind: str) -> None:
    head = next(head for head, name in KINDS if name == kind)
    with pytest.raises(Undecodable) as caught:
        decode(BytesSource(head))
    assert (caught.value.reason, caught.value.kind) == ("undecodable", kind)


def test_decode_of_an_empty_file_says_too_short() -> None:
    with pytest.raises(Undecodable) as caught:
        decode(BytesSource(b""))
    assert (caught.value.reason, caught.value.kind) == ("too-short", "empty")


@given(st.binary(max_size=700))
def test_sniff_any_bytes_gives_a_word(head: bytes) -> None:
    assert sniff(head).isalnum()


def test_sniff_headerless_sound_is_unknown(sound) -> None:
    for seed in range(20):
        assert sniff(sound.speech(0.3, seed).tobytes()) == "unknown"
    assert sniff(np.full(2000, -1025, "<i2").tobytes()) == "unknown"  # 0xff 0xfb, MP3's sync word, all over
