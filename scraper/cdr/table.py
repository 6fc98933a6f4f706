"""The CDR page's CSV (field guide 1, *CDR page*): Master.csv and Master_condition.csv, read by header in any order, row by row. No I/O of
its own: the caller brings the stream."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO
from zoneinfo import ZoneInfo

from scraper.cdr.calls import Call, ParsedCalls
from scraper.cdr.clock import read_seconds, read_time
from scraper.cdr.leg import leg
from scraper.errors import PageNotAsExpected

_BLOCK = 1 << 16
#: Longer than any row of calls; what is longer is taken in pieces, and is none.
_LONGEST_LINE = 1 << 17
_DELIMITERS = (",", ";", "\t")

#: Lines that one row may take: more, and a quote was never closed.
_MOST_LINES = 50

#: The API's name for what a column holds, by the column's name in lower case letters and digits alone; empty for what is of no use here.
_MEANINGS = {
    header: meaning
    for meaning, headers in {
        "src": "callernumber callfrom caller callingnumber source src from",
        "dst": "calleenumber callto callee callednumber destination dst to",
        "dstanswer": "answeredby answerby dstanswer",
        "start": "starttime start calldate startdate",
        "answer": "answertime answer answeredtime",
        "end": "endtime end",
        "duration": "calltime callduration duration totaltime",
        "billsec": "talktime billsec billableseconds talkduration",
        "disposition": "disposition status callstatus callresult",
        "uniqueid": "uniqueid callid",
        "acctid": "acctid",
        "session": "session sessionid",
        "action_type": "actiontype",
        "lastapp": "lastapp lastapplication",
        "caller_name": "callername",
        "recordfiles": "recordingfiles recordingfile recordfiles recordfile recordings recording recordfilename recordingfilename",
        "recordfiles_desc": "recordfilesdesc",
        "": "accountcode context dcontext callerid clid sourcechannel channel destchannel destinationchannel dstchannel lastdata amaflags "
        "userfield sourcechannelextension destchannelextension channelext dstchannelext chanext dstchanext service actionowner "
        "sourcetrunkname destinationtrunkname srctrunkname dsttrunkname premiercaller reason",
    }.items()
    for header in headers.split()
}
_WANTED = ("src", "dst", "start", "billsec", "disposition", "uniqueid")
_UNIT = re.compile(r"\((?:s|sec|secs|seconds|h+:mm:ss)\)\s*$", re.IGNORECASE)


def parse_csv(data: bytes, zone: ZoneInfo) -> ParsedCalls:
    """All calls of a table that fits in memory; see :class:`CallTable`, which reads any length."""
    table = CallTable(io.BytesIO(data), zone)
    calls = list(table)
    return ParsedCalls(calls, table.unknown, unreadable_headers=table.unreadable_headers, missing=table.missing)


class CallTable:
    """The calls of a seekable stream of CSV, one at a time, in memory that doesn't grow with it. Iterate it once.

    UTF-8 with or without BOM, UTF-16, or bytes that are neither (taken as Latin-1, cell by cell); separated by comma, semicolon or tab.
    ``headers``; ``unreadable_headers``, those whose meaning is not known; ``missing``, the wanted meanings that no column has: what they
    would say is empty in every call, nothing is ever guessed by position. ``unknown`` counts, while iterating, what
    :class:`~scraper.cdr.calls.ParsedCalls` says.

    Raises :class:`PageNotAsExpected` where no column's meaning is known; its message names headers with their digits masked, never values.
    """

    def __init__(self, stream: BinaryIO, zone: ZoneInfo) -> None:
        self._zone = zone
        self._lines = _Lines(_text_lines(stream))
        self._delimiter, self.headers = _header(self._lines)
        meanings = [_meaning(header) for header in self.headers]
        if not any(meanings):
            raise _not_calls(self.headers)
        self.unreadable_headers = tuple(
            _shown(header) for header, meaning in zip(self.headers, meanings, strict=True) if meaning is None and header.strip()
        )
        self.missing = tuple(wanted for wanted in _WANTED if wanted not in meanings)
        # Of two columns with one meaning the first is read.
        self._columns = [(meaning, meanings.index(meaning)) for meaning in dict.fromkeys(meanings) if meaning]
        self.unknown = 0

    def __iter__(self) -> Iterator[Call]:
        rows = csv.reader(self._lines, delimiter=self._delimiter)
        while (row := self._next(rows)) is not None:
            if not any(row):
                continue
            if not self._fits(row) or (self._lines.many and not self._starts(row)):
                # One line at most is lost: those that a stray quote took along are read again.
                self._lines.give_back_all_but_first()
                self.unknown += 1
                continue
            call, unreadable = leg(self._fields(row), self._zone)
            self.unknown += unreadable + (call.start is None)
            yield call

    def _next(self, rows: Iterator[list[str]]) -> list[str] | None:
        self._lines.begin()
        try:
            return next(rows, None)
        except csv.Error:  # a quote that nothing closes
            return ["?"]

    def _fits(self, row: list[str]) -> bool:
        """Whether each cell stands under its header: a comma that nothing quotes would shift them, a cut file lacks the last."""
        return len(row) >= len(self.headers) > 1 and not any(row[len(self.headers) :])

    def _starts(self, row: list[str]) -> bool:
        """Whether the start, if it has a column, is one."""
        index = dict(self._columns).get("start")
        return index is None or read_time(row[index].strip()) is not None

    def _fields(self, row: list[str]) -> dict[str, str]:
        fields = {meaning: _repaired(row[index]).strip() for meaning, index in self._columns}
        # "Call Time" is a length on the CDR page and a time on the Recordings page: its value tells.
        length = fields.get("duration", "")
        if "start" not in fields and read_seconds(length) is None and read_time(length):
            fields["start"] = length
        return fields


class _Lines:
    """Lines that can be had again."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._again: deque[str] = deque()
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= _MOST_LINES:
            raise csv.Error
        line = self._again.popleft() if self._again else next(self._source)
        self._taken.append(line)
        return line

    @property
    def many(self) -> bool:
        """Whether more than one was taken since :meth:`begin`."""
        return len(self._taken) > 1

    def begin(self) -> None:
        """What was taken so far is done with."""
        self._taken.clear()

    def give_back(self) -> None:
        """Have everything taken since :meth:`begin` come again."""
        self._again.extendleft(reversed(self._taken))
        self._taken.clear()

    def give_back_all_but_first(self) -> None:
        """Have everything taken since :meth:`begin` come again, but for its first line."""
        del self._taken[:1]
        self.give_back()


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    """Lines with their ends; bytes that are no UTF-8 come as surrogates, for :func:`_repaired`."""
    encoding = _encoding(stream)
    decoder = codecs.getincrementaldecoder(encoding)("replace" if encoding.startswith("utf-16") else "surrogateescape")
    rest = ""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + decoder.decode(block)).split("\n")
        yield from (f"{line}\n" for line in whole)
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = ""
    if rest := rest + decoder.decode(b"", final=True):
        yield rest


def _encoding(stream: BinaryIO) -> str:
    head = stream.read(64)
    stream.seek(-len(head), io.SEEK_CUR)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:  # the NULs of Latin letters tell the order
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    return "utf-8-sig"


def _header(lines: _Lines) -> tuple[str, list[str]]:
    """(delimiter, headers): those under which most columns mean something."""
    lines.begin()
    for line in lines:
        if line.strip("\r\n\t ,;"):
            break
        lines.begin()
    lines.give_back()
    found = {}
    for delimiter in _DELIMITERS:
        try:
            found[delimiter] = [_repaired(cell).strip() for cell in next(csv.reader(lines, delimiter=delimiter), [])]
        except csv.Error:
            found[delimiter] = []
        lines.give_back()
    best = max(found, key=lambda delimiter: (sum(_meaning(header) is not None for header in found[delimiter]), len(found[delimiter])))
    with suppress(csv.Error):  # nothing then was found, which the caller tells
        next(csv.reader(lines, delimiter=best), None)
    return best, found[best]


def _meaning(header: str) -> str | None:
    """What a column holds; empty for what is known and of no use, None for what is not known."""
    name = "".join(letter for letter in _UNIT.sub("", header.casefold()) if letter.isalnum())
    return _MEANINGS.get(name)


def _repaired(cell: str) -> str:
    """A cell that wasn't UTF-8, as Latin-1."""
    if cell.isascii():
        return cell
    raw = cell.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _not_calls(headers: list[str]) -> PageNotAsExpected:
    shown = [_shown(header) for header in headers[:12] if header]
    if not shown:
        return PageNotAsExpected("The table of calls is empty, or has no header that can be read.")
    if shown[0].startswith(("<", "{")):
        return PageNotAsExpected("What came instead of the table of calls is a web page or a message of the PBX.")
    return PageNotAsExpected(f"No column of the table of calls is known; its header reads: {', '.join(shown)}.", headers=shown)


def _shown(header: str) -> str:
    """A header fit for a message: where there is none, its place holds a value."""
    return re.sub(r"\d", "#", "".join(letter for letter in header if letter.isprintable()))[:40]
