"""The CDR page's CSV: any dialect, any order of columns; never a guess."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.cdr import Call, CallTable, ParsedCalls, parse_csv, parse_groups
from scraper.errors import ExitCode, PageNotAsExpected
from scraper.simulator.cdrs import calls, group, table
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.packs import csv_text
from scraper.simulator.state import State

ZONE = ZoneInfo("America/Chicago")
HEADER = "Caller Number,Callee Number,Answered by,Start Time,Talk Time (s),Disposition,Unique ID,Action Type"
ROW = "1000,5555550100,1001,2026-02-06 16:21:36,60,ANSWERED,1770416496.7,DIAL"
CALL = f"{HEADER}\r\n{ROW}\r\n"


def parse(text: str | bytes) -> ParsedCalls:
    return parse_csv(text.encode() if isinstance(text, str) else text, ZONE)


def only(text: str | bytes) -> Call:
    (call,) = parse(text).calls
    return call


def test_a_row_is_read_by_its_header() -> None:
    call = only(CALL)
    assert call.key == ("1770416496.7", "", "2026-02-06 16:21:36")
    assert (call.src, call.dst, call.answered_by, call.talk_seconds, call.disposition, call.action_type, call.answered) == (
        "1000", "5555550100", "1001", 60, "ANSWERED", "DIAL", True,
    )  # fmt: skip


def test_a_table_of_a_header_alone_has_no_calls() -> None:
    assert parse(f"{HEADER}\r\n") == ParsedCalls([])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_delimiters_and_line_ends_are_found_out(encoding: str, delimiter: str, end: str) -> None:
    assert only(CALL.replace(",", delimiter).replace("\r\n", end).encode(encoding)) == only(CALL)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_outside_ascii_are_read_in_utf_8_and_in_latin_1(encoding: str) -> None:
    text = "Start Time;Caller Name\n2026-02-06 16:21:36;Jürgen Müßig\n2026-02-06 16:21:36;x\n"
    assert [call.caller_name for call in parse(text.encode(encoding)).calls] == ["Jürgen Müßig", "x"]


def test_quotes_may_hold_delimiters_quotes_and_new_lines() -> None:
    cells = ["2026-02-06 16:21:36", 'Doe, "Jane"\r\nof; accounts', "1000"]
    out = io.StringIO()
    csv.writer(out).writerows([["Start Time", "Caller Name", "Caller Number"], cells, cells])
    assert [(call.caller_name, call.src) for call in parse(out.getvalue()).calls] == [('Doe, "Jane"\r\nof; accounts', "1000")] * 2


@pytest.mark.parametrize(
    ("header", "cell", "field", "value"),
    [
        ("Talk Time", "0:01:15", "talk_seconds", 75),
        ("Talk Time (hh:mm:ss)", "00:01:15", "talk_seconds", 75),
        ("TALK TIME(s)", "75", "talk_seconds", 75),
        ("Call Time", "75", "duration", 75),
        ("Status", "ANSWERED", "disposition", "ANSWERED"),
        ("Call from", "+15555550100", "src", "+15555550100"),
        ("dst", "1000", "dst", "1000"),
        ("AcctId", "7", "acct_id", "7"),
        ("Session", "s", "session", "s"),
        ("Lastapp", "Dial", "lastapp", "Dial"),
    ],
)
def test_headers_are_known_by_meaning(header: str, cell: str, field: str, value: Any) -> None:
    assert getattr(only(f"{header},Start Time\n{cell},2026-02-06 16:21:36\n"), field) == value


@pytest.mark.parametrize("header", ["Recording Files", "Record Files", "recordfiles", "Recording File"])
def test_files_are_read_where_the_firmware_has_them(header: str) -> None:
    call = only(f'Start Time,{header}\n2026-02-06 16:21:36,"2026-02/a.wav@2026-02/b#1.wav@"\n')
    assert [(file.month, file.name) for file in call.files] == [("2026-02", "a.wav"), ("2026-02", "b#1.wav")]


def test_call_time_is_the_start_where_its_value_is_one_and_no_other_column_is() -> None:
    call = only("Caller,Callee,Call Time\n1000,5555550100,2026-02-06 16:21:36\n")
    assert call.start is not None
    assert (call.start.text, call.duration) == ("2026-02-06 16:21:36", None)


def test_a_column_that_is_translated_is_named_and_its_meaning_left_empty() -> None:
    parsed = parse(CALL.replace("Talk Time (s)", "Gesprächszeit").replace("Caller Number", "主叫号码"))
    assert parsed.unreadable_headers == ("主叫号码", "Gesprächszeit")
    assert parsed.missing == ("src", "billsec")
    assert (parsed.calls[0].src, parsed.calls[0].talk_seconds, parsed.calls[0].dst) == ("", None, "5555550100")


def test_a_unit_that_is_not_seconds_is_not_read_as_seconds() -> None:
    assert parse(CALL.replace("(s)", "(min)")).missing == ("billsec",)


def test_rows_without_a_start_column_are_kept_and_counted() -> None:
    parsed = parse(CALL.replace("Start Time", "Beginn"))
    assert (len(parsed.calls), parsed.unknown, parsed.missing) == (1, 1, ("start",))


@pytest.mark.parametrize(
    ("data", "shown", "hidden"),
    [
        (b"", "empty", "?"),
        (b"\r\n \r\n", "empty", "?"),
        (b"\r\x01", "empty", "?"),
        (b"Anrufer;Angerufener\n5555550100;1000\n", "Anrufer, Angerufener", "555"),
        (b"5555550100,1000,2026-02-06 16:21:36\n", "##########", "555"),
        (b"<!DOCTYPE html><html><head><title>Login</title></head></html>", "web page", "html"),
        (b'{"status":-6,"response":{}}', "message of the PBX", "-6"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "No column", "?"),
    ],
)  # fmt: skip
def test_what_has_no_known_column_is_not_the_expected_page_and_no_value_is_told(data: bytes, shown: str, hidden: str) -> None:
    with pytest.raises(PageNotAsExpected, match=shown) as caught:
        parse(data)
    assert hidden not in caught.value.message
    assert caught.value.exit_code is ExitCode.WEB_UI


@pytest.mark.parametrize("broken", ["a,b,c", ROW + ",x", ROW.rpartition(",")[0], '1000,"' + "x" * 100_000 + '",c'])
def test_a_row_whose_cells_do_not_fit_the_header_is_counted_not_guessed(broken: str) -> None:
    parsed = parse(f"{HEADER}\n{ROW}\n{broken}\n{ROW}\n")
    assert (parsed.calls, parsed.unknown) == ([only(CALL)] * 2, 1)


def test_empty_lines_and_surplus_empty_cells_are_nothing() -> None:
    assert parse(f"\r\n\r\n{HEADER}\n\n{ROW},,\n,,,,,,,\n\n") == parse(CALL)


@pytest.mark.parametrize("rows", [1, 60, 3000])
def test_a_quote_that_nothing_closes_costs_its_own_row_only(rows: int) -> None:
    parsed = parse(f"{HEADER}\n{ROW}\n" + f'"{ROW}\n' + f"{ROW}\n" * rows)
    assert (len(parsed.calls), parsed.unknown) == (rows + 1, 1)


def test_a_file_cut_in_its_last_row_loses_that_row_only() -> None:
    parsed = parse((f"{HEADER}\n" + f"{ROW}\n" * 3)[:-25])
    assert (len(parsed.calls), parsed.unknown) == (2, 1)


@pytest.mark.timeout(10)
def test_a_stray_quote_in_each_row_is_read_in_bounded_time() -> None:
    parsed = parse(f"{HEADER}\n" + '"' + 'a","b\n' * 20_000)
    assert (parsed.calls, parsed.unknown) == ([], 20_000)


class Endless(io.RawIOBase):
    """A table of so many rows, made as it is read."""

    def __init__(self, rows: int) -> None:
        self._lines = self._made(rows)
        self._rest = b""

    @staticmethod
    def _made(rows: int) -> Iterator[bytes]:
        yield f"{HEADER}\r\n".encode()
        block = (f"{ROW}\r\n" * 1000).encode()
        for _ in range(rows // 1000):
            yield block

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (more := next(self._lines, b"")):
            self._rest += more
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def seek(self, offset: int, _whence: int = 0) -> int:
        self._rest = f"{HEADER}\r\n{ROW}\r\n".encode()[:-offset] + self._rest
        return 0


def test_a_long_table_is_read_in_memory_that_does_not_grow_with_it() -> None:
    tracemalloc.start()
    try:
        count = sum(1 for _ in CallTable(Endless(20_000), ZONE))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000


# --- dialects ---

_CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
_DIALECT = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t"),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
    }
)


@given(
    st.lists(st.tuples(_CELL, _CELL), max_size=6),
    st.permutations(["Start Time", "Caller Name", "Callee Number", "Something New", "Talk Time"]),
    _DIALECT,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_rows_written_in_any_dialect_come_back(people: list[tuple[str, str]], columns: list[str], dialect: Any, encoding: str) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, **dialect)
    writer.writeheader()
    for name, other in people:
        writer.writerow(
            {"Start Time": "2026-02-06 16:21:36", "Caller Name": name, "Callee Number": "1000", "Something New": other, "Talk Time": "0:10"}
        )
    parsed = parse(out.getvalue().encode(encoding))
    assert (parsed.unknown, parsed.unreadable_headers) == (0, ("Something New",))
    assert [(call.caller_name, call.dst, call.talk_seconds) for call in parsed.calls] == [(name.strip(), "1000", 10) for name, _ in people]


@given(st.binary(max_size=300), st.sampled_from([b"", f"{HEADER}\n".encode(), b"\xff\xfe", f"{HEADER}\n{ROW}\n".encode("utf-16")]))
def test_any_bytes_are_calls_or_not_the_expected_page(data: bytes, before: bytes) -> None:
    try:
        parsed = parse(before + data)
    except PageNotAsExpected:
        return
    for call in parsed.calls:
        for text in (*call.key, call.src, call.caller_name):
            text.encode()


# --- the simulated PBX ---


@pytest.mark.parametrize("columns", ["plain", "shuffled", "recordfiles"])
def test_the_simulation_s_table_tells_what_its_json_tells(tmp_path: Path, columns: Any) -> None:
    config = SimulatorConfig(recordings=40, queue_recordings=5, cdr_shape="hollow", csv_columns=columns)
    made = calls(State(config, tmp_path))
    written = parse(csv_text(*table(made, config)))
    told = parse_groups([group(call, config) for call in made], config.zone)
    assert (written.unknown, written.unreadable_headers, written.missing) == (0, (), ())

    def same(call: Call) -> tuple[Any, ...]:
        names = [(file.month, file.name) for file in call.files] if columns == "recordfiles" else None
        return call.uniqueid, call.start, call.answer, call.end, call.talk_seconds, call.src, call.dst, call.disposition, names

    assert [same(call) for call in written.calls] == [same(call) for call in told.calls]
