"""What a PBX pushes: JSON or XML, read to calls or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

from fuzz.makers import ZONE, groups
from fuzz.targets.calls_json import WORDS as OF_JSON
from fuzz.targets.calls_json import look_at

from scraper.hooks.body import Unreadable, is_empty, read_calls
from scraper.simulator.push import Form, Pusher

WORDS = (
    *OF_JSON,
    *(
        b"<cdr_root>",
        b"</cdr_root>",
        b"<recordfiles>",
        b"<start>",
        b"<![CDATA[",
        b"]]>",
        b"<?xml version='1.0' encoding='utf-16'?>",
        b"&#10;",
    ),
    *(b"<!DOCTYPE r [", b"<!ENTITY a ", b" SYSTEM ", b"&a;", b" xmlns:x='u'", b"<x:", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"),
)


def target(data: bytes) -> None:
    """The bytes are the body."""
    try:
        parsed = read_calls(data, ZONE)
    except Unreadable as refused:
        assert refused.args[0] and not is_empty(data)
        return
    assert not (is_empty(data) and parsed.calls)
    for call in parsed.calls:
        look_at(call)


def seeds() -> Iterator[bytes]:
    """Records of the simulation, in each form and shape."""
    for form in get_args(Form):
        yield from (_written(form, [each]) for each in groups())
        yield _written(form, list(groups()))
    yield b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "b">]><r><src>&a;</src></r>'
    yield b'<r xmlns="urn:x"><cdr AcctId="3"><start>2026-02-06 16:21:36</start><src>5555550100</src></cdr></r>'


def _written(form: Literal["json", "list", "cdr_root", "xml"], records: list[dict[str, object]]) -> bytes:
    return Pusher(None, "http://localhost", ("", ""), form).body(records)  # type: ignore[arg-type]
