"""An answer of the HTTPS API: judged by its first bytes, read as JSON, its status checked, its groups parsed to calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from fuzz.makers import ZONE, json_bodies

from scraper.api.answers import NotNow, SessionOver, check, response_of
from scraper.api.reply import Reply
from scraper.cdr import Call, belongs, candidates, parse_groups
from scraper.errors import AnswerNotAsExpected, ScraperError
from scraper.names import clean

WORDS = (
    *(f'"{name}":'.encode() for name in ("cdr_root", "main_cdr", "sub_cdr_1", "AcctId", "start", "answer", "end", "billsec", "duration")),
    *(f'"{name}":'.encode() for name in ("recordfiles", "recordfiles_desc", "session", "uniqueid", "caller_name", "status", "response")),
    *(b"filename*=", b"utf-8''", b"filename*0*=", b"\\ud800", b"\\u0000", b"NaN", b"1e999", b"-0", b"@", b"duration=", b",size="),
    *(b"2026-03-08 02:30:00", b"2026-11-01T01:30:00+01:00", b"11/01/2026 1:30:00 PM", b"1770416496.7", b"auto-1770416500-1-2.wav"),
)


def target(data: bytes) -> None:
    """What follows the first line is the body; that line is its Content-Disposition."""
    header, _, body = data.partition(b"\n")
    reply = Reply(200, {"content-disposition": header.decode("latin-1").replace("\r", "")}, iter([body[:100], body[100:]]))
    assert reply.file_name is None or "/" not in reply.file_name
    try:
        answer = reply.json()
    except AnswerNotAsExpected:
        return
    with suppress(ScraperError, NotNow, SessionOver):
        check(answer, "cdrapi")
    parsed = parse_groups(answer.get("cdr_root", response_of(answer).get("cdr_root", answer)), ZONE)
    assert len(parsed.shapes) <= 10 and parsed.unknown >= 0
    for call in parsed.calls:
        look_at(call)


def look_at(call: Call) -> None:
    """What every parser owes the catalog: text that it can hold, names that are no paths, numbers that fit its columns."""
    for text in (*call.key, call.uniqueid, call.src, call.dst, call.caller_name, call.disposition, call.lastapp, call.answered_by):
        text.encode()
        assert "\0" not in text
    for seconds in (call.talk_seconds, call.duration):
        assert seconds is None or 0 <= seconds < 1 << 31
    for file in call.files:
        assert file.name == clean(file.name) and file.name not in ("", ".", "..")
        assert file.size is None or 0 <= file.size < 1 << 63
    for file in call.files[:100]:
        belongs(call, file.name, call.key[2], ZONE)
    candidates(call)


def seeds() -> Iterator[bytes]:
    """Answers of the simulation."""
    for body in json_bodies():
        yield b"\n" + body
        yield b'attachment; filename="auto-1770416500-5555550100-1000.wav"\n' + body
    yield b"attachment; filename*=utf-8''a%20b.wav\n{}"
    yield b"attachment; filename*0=a; filename*1*=%22b; filename=c\n{}"
