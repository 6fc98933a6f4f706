"""Inputs made to take time or memory: up to a megabyte each, as a PBX sends it; an archive's may unpack to 128 times as much."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable

MB = 1 << 20
_HEAD = b"Caller Number,Callee Number,Start Time,Talk Time (s),Disposition,Unique ID,Recording Files\n"
_CALL = b'{"start":"2026-11-01 01:30:00",'


def _entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, data: bytes = b"") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size or len(data), kind
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def _packed(parts: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"\0" + b"".join(map(packer.compress, parts)) + packer.flush()


def _sparse() -> bytes:
    head = bytearray(_entry("a", kind=tarfile.GNUTYPE_SPARSE))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def _chunks(*chunks: bytes, tag: int = 1, bits: int = 16) -> bytes:
    """What follows the magic of a RIFF file, after the byte that chooses it."""
    fmt = struct.pack("<IHHIIHH", 16, tag, 1, 8000, 16000, 0, bits)
    return b"\0" + bytes(4) + b"WAVEfmt " + fmt + b"".join(chunks)


def _field(name: bytes, value: bytes) -> bytes:
    """An API's answer (after its line of headers) with one call that has this field."""
    return b'\n{"cdr_root":[' + _CALL + b'"%s":"%s"}]}' % (name, value)


def _levels(line: bytes) -> bytes:
    """YAML in which each line stands for ten times the one before."""
    return b"\0a0: &a0 {x: y}\n" + b"".join(line % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 40))


_NAMES = {
    "many": b"a.wav@" * (MB // 12),
    "ends": b".wav" + b"@" * MB,
    "spaces": b".wav@" + b" " * MB + b"x",
    "elements": b".wav" + b"@aaaaaa" * 140_000,
}
_NAMES |= {"folders": b"a.wav" + b"/a" * (MB // 2) + b"@", "slashes": b".wav" + (b"@" + b"/a" * 500) * 1000, "one": b".wav@" + b"a" * MB}

#: By target, then by what is hostile about it.
CASES: dict[str, dict[str, Callable[[], bytes]]] = {
    "archive": {
        "zip bomb": lambda: _packed([_entry("a.wav", 128 * MB), *[bytes(MB)] * 128]),
        "nothing but zeros": lambda: _packed([bytes(MB)] * 128),
        "empty members": lambda: _packed([_entry("a")] * 15_000),
        "gzip members": lambda: b"\0" + _packed([b""])[1:] * 30_000,
        "endless pax headers": lambda: _packed([_entry("p", kind=b"x", data=b"10 path=a\n")] * 15_000),
        "endless pax records": lambda: _packed([_entry("p", kind=b"x", data=b"6 k=v\n" * 10_000)] * 200),
        "pax header of a megabyte": lambda: b"\0" + _entry("p", kind=b"x", data=b"1" * MB),
        "names of a megabyte": lambda: _packed([_entry("l", kind=b"L", data=b"/a" * (MB // 2)) + _entry("a")] * 16),
        "names of many folders": lambda: _packed([_entry("l", kind=b"L", data=b"/a" * 30_000) + _entry("a")] * 250),
        "sparse map without end": lambda: _packed([_sparse(), *[bytes(504) + b"\1" + bytes(7)] * 30_000]),
        "gzip name without end": lambda: b"\0\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"a" * MB,
        "2^33 bytes claimed": lambda: b"\0" + _entry("a", 8**11 - 1) + bytes(MB),
        "2^63 bytes claimed": lambda: b"\0" + _entry("p", kind=b"x", data=b"28 size=999999999999999999\n") + _entry("a") + bytes(MB),
    },
    "gsff": {
        "noise": lambda: b"\0" + zlib.compress(bytes(range(256)) * 4096, 0)[:MB],
        "silence": lambda: b"\0" + bytes(MB),
        "frames of GSM": lambda: b"\0" + bytes(4) + (b"\xd1" + bytes(range(32))) * (MB // 33),
    },
    "riff": {
        "2^63 samples claimed": lambda: (
            b"\1\xff\xff\xff\xffWAVEds64"
            + struct.pack("<IQQQI", 28, 0, 1 << 63, 1 << 62, 0)
            + _chunks(b"data\xff\xff\xff\xff", bytes(1000))[9:]
        ),
        "chunks without end": lambda: _chunks(b"LIST\0\0\0\0" * 130_000),
        "odd chunks without end": lambda: _chunks(b"LIST\1\0\0\0a" * 110_000),
        "chunks after the data": lambda: _chunks(b"data\2\0\0\0aa", b"LIST\0\0\0\0" * 130_000),
        "doubles that are no numbers": lambda: _chunks(b"data\xff\xff\xff\xff", b"\xff" * MB, tag=3, bits=64),
        "GSM": lambda: _chunks(b"data\xff\xff\xff\xff", b"\xd1" * (MB // 8), tag=0x31, bits=0),
    },
    "raw": {"comments": lambda: b"\0" + b"<!--" * 512 + b"--> " * 512, "spaces": lambda: b"\0" + b" " * MB},
    "calls_json": {
        "nested deeply": lambda: b"\n" + b'{"a":' * 40_000,
        "lists nested deeply": lambda: b'\n{"cdr_root":' + b"[" * 40_000,
        "nothing but objects": lambda: b'\n{"cdr_root":[' + b"{}," * (5 * MB) + b"{}]}",
        "nothing but numbers": lambda: b'\n{"cdr_root":[' + b"1," * (7 * MB) + b"1]}",
        "numbers": lambda: b'\n{"cdr_root":[' + b"1," * 200_000 + b"1]}",
        "legs": lambda: b'\n{"cdr_root":[' + b'{"src":1},' * 20_000 + b"{}]}",
        "wide text": lambda: '\n{"cdr_root":["😀'.encode() + b"a" * (15 * MB) + b'"]}',
        "long number": lambda: b'\n{"cdr_root":' + b"9" * MB + b"}",
        **{f"files: {what}": (lambda names=names: _field(b"recordfiles", names)) for what, names in _NAMES.items()},
        "described files": lambda: _field(b"recordfiles_desc", b"a=1," * (MB // 4)),
        "caller's name": lambda: _field(b"caller_name", b"auto-1/" * (MB // 7)),
        "caller's name of sounds": lambda: _field(b"caller_name", b"auto-1" + b".wav" * (MB // 4) + b"!"),
        "identifier": lambda: _field(b"uniqueid", b"1" * MB),
        "duration": lambda: _field(b"duration", b"1" * MB),
        "header": lambda: b"attachment; " + b'filename*0*="' * 700 + b"\n{}",
    },
    "calls_csv": {
        "quotes": lambda: _HEAD + b'"' * MB,
        "open quotes": lambda: _HEAD + b'"a\n' * (MB // 3),
        "quotes late in a row": lambda: _HEAD + b'a,b,"c\n' * (MB // 7),
        "one line": lambda: _HEAD + b"a" * (16 * MB),
        "long lines with quotes": lambda: _HEAD + (b'"' + b"a" * 100_000 + b"\n") * 100,
        "commas": lambda: _HEAD + b"," * MB,
        "columns": lambda: b"Start Time" + b",x" * 60_000 + b"\n" + b"2026-02-01 10:00:00,1\n" * 1000,
        "header of quotes": lambda: b'"' * MB,
        "header of units": lambda: b"start(" + b"h" * 100_000 + b"!,a\n",
        "empty lines": lambda: b"\n" * (MB // 4) + _HEAD + b"\n" * (MB // 4),
        "NULs": lambda: _HEAD + b"\0" * MB,
        "carriage returns": lambda: _HEAD + b"\r" * MB,
        "no UTF-8": lambda: _HEAD + b"\xff" * MB,
    },
    "pushed": {
        "billion laughs": lambda: b"".join([
            b'<!DOCTYPE r [<!ENTITY a0 "ha">',
            *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)),
            b"]><r>&a9;</r>",
        ]),
        "quadratic blowup": lambda: b'<!DOCTYPE r [<!ENTITY a "' + b"x" * 100_000 + b'">]><r>' + b"&a;" * 100_000 + b"</r>",
        "tags": lambda: b"<r>" + b"<a/>" * 60_000 + b"</r>",
        "attributes": lambda: b"<r " + b" ".join(b"a%d=''" % n for n in range(80_000)) + b"/>",
        "namespaces": lambda: b"<r " + b" ".join(b"xmlns:a%d='u'" % n for n in range(50_000)) + b"/>",
        "nested deeply": lambda: b"<a>" * 59_000 + b"</a>" * 59_000,
        "a tag of a megabyte": lambda: b"<" + b"a" * (MB - 10) + b"/>",
        "characters by number": lambda: b"<r>" + b"&#65;" * (MB // 5 - 10) + b"</r>",
        "brackets": lambda: b"<r><![CDATA[" + b"]" * (MB - 50) + b"]]></r>",
        "JSON nested deeply": lambda: b'{"a":' * 9_000,
        "JSON of objects": lambda: b"[" + b"{}," * 300_000 + b"{}]",
        "JSON of calls": lambda: b"[" + _CALL[:-1] + b"}" + (b"," + _CALL[:-1] + b"}") * 9_000 + b"]",
        "JSON of files": lambda: b'[{"start":"2026-02-01 10:00:00","recordfiles":"' + b"a.wav@" * 49_000 + b'"}]',
        "a number of a megabyte": lambda: b'[{"src":' + b"1" * (MB - 100) + b".0}]",
        "white space": lambda: b" " * MB,
    },
    "config": {
        "aliases of aliases": lambda: _levels(b"a%d: &a%d [%s]\n"),
        "mappings of aliases": lambda: _levels(b"a%d: &a%d {k: [%s]}\n"),
        "merges of merges": lambda: _levels(b"a%d: &a%d {<<: [%s]}\n"),
        "nested deeply": lambda: b"\0" + b"- " * 30_000,
        "keys": lambda: b"\0" + b"".join(b"k%d: 1\n" % n for n in range(5_000)),
        "sixties": lambda: b"\0a: " + b":".join([b"59"] * 20_000),
        "hexadecimal": lambda: b"\0a: 0x" + b"f" * 60_000,
        "references": lambda: b"\0a: '" + b"${A:-" * 12_000 + b"'",
        "variable of a list": lambda: b"\3NOTIFY__URLS=[" + b"[" * 900,
    },
}  # fmt: skip
