"""The CDR page's table: any bytes are calls, or "not the table of calls"."""

from __future__ import annotations

import io
from collections.abc import Iterator

from fuzz.makers import CONFIG, ZONE, call_records
from fuzz.targets.calls_json import look_at

from scraper.cdr import CallTable
from scraper.errors import PageNotAsExpected
from scraper.simulator.cdrs import table
from scraper.simulator.packs import csv_text

WORDS = (
    *(
        b'"',
        b'""',
        b"\r\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"Start Time",
        b"Talk Time (s)",
        b"Recording Files",
        b"Caller Number",
        b"Unique ID",
    ),
    *(b"2026-03-08 02:30:00", b"11/01/2026 1:30:00 PM", b"01.11.2026 01:30:00", b"1770416496", b"0:01:15", b"auto-1770416500-1-2.wav@"),
)


def target(data: bytes) -> None:
    """The bytes are the file."""
    try:
        found = CallTable(io.BytesIO(data), ZONE)
    except PageNotAsExpected as error:
        assert not any(letter.isdigit() and letter.isascii() for letter in error.message)
        return
    count = 0
    for call in found:
        look_at(call)
        count += 1
    assert count + found.unknown <= len(data) + 2


def seeds() -> Iterator[bytes]:
    """Tables of the simulation, in each encoding and with each separator."""
    for columns in ("plain", "shuffled", "recordfiles"):
        text = csv_text(*table(call_records(), CONFIG.__class__(csv_columns=columns)))
        yield from (text.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be"))
        yield text.replace(",", ";").encode()
        yield text.replace(",", "\t").encode("latin-1")
        yield text.replace("1000", '"1\n0""0,0').encode()
