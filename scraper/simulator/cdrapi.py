"""What both API families answer to ``cdrapi`` (field guide 2a): filtering by time, paging by groups, JSON, or CSV that breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from .cdrs import CallRecord, calls, fields, group, leaves
from .state import State


class BadParameter(Exception):
    """A parameter that makes no sense."""


@dataclass(frozen=True, slots=True)
class Query:
    """A cdrapi request, understood. ``since`` and ``until`` are inclusive."""

    since: datetime | None
    until: datetime | None
    limit: int
    offset: int
    caller: str = ""
    callee: str = ""


def parse(params: Mapping[str, Any], state: State) -> Query:
    """Raises BadParameter. ``numRecords`` is capped, ``offset`` counts top-level groups."""
    limit = _whole(params.get("numRecords"), state.config.api_max_records)
    return Query(
        _moment(params.get("startTime"), state),
        _moment(params.get("endTime"), state),
        min(limit, state.config.api_max_records),
        _whole(params.get("offset"), 0),
        str(params.get("caller", "")),
        str(params.get("callee", "")),
    )


def _whole(text: Any, default: int) -> int:
    if text in (None, ""):
        return default
    if not str(text).isdecimal():
        raise BadParameter
    return int(text)


def _moment(text: Any, state: State) -> datetime | None:
    """Naive means PBX local; a date without a time, 00:00 UTC."""
    if text in (None, ""):
        return None
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadParameter from None
    if when.tzinfo is not None:
        return when
    return when.replace(tzinfo=UTC if len(str(text)) == len("2026-02-27") else state.config.zone)


def find(query: Query, state: State) -> list[CallRecord]:
    """The page of calls that was asked for, oldest first."""
    if state.faults.get("cdrapi_empty"):
        return []
    found = [
        call
        for call in calls(state)
        if (query.since is None or call.start >= query.since)
        and (query.until is None or call.start <= query.until)
        and (not query.caller or any(leg.caller == query.caller for leg in call.legs))
        and (not query.callee or any(leg.callee == query.callee for leg in call.legs))
    ]
    offset = 0 if state.faults.get("pages_repeat") else query.offset
    return found[offset : offset + query.limit]


def answer(found: list[CallRecord], form: str, state: State) -> Response:
    """A bare ``cdr_root``: no status, no response. ``csv``: fields joined by commas that nothing protects."""
    if form != "csv":
        return JSONResponse({"cdr_root": [group(call, state.config) for call in found]})
    rows = [fields(call, leg, state.config) for call, leg in leaves(found)]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)] if rows else []
    return PlainTextResponse("\r\n".join(lines) + "\r\n", media_type="text/csv")


def files_of_call(identifier: str, state: State) -> list[str] | None:
    """The recordings of a call, by a leg's AcctId (of the newest call that has it), ``session`` or ``uniqueid``; None: no such call."""
    for call in reversed(calls(state)):
        keys = {call.session, *(str(leg.acct_id) for leg in call.legs), *(leg.uniqueid for leg in call.legs)}
        if identifier in keys:
            return [path for leg in call.legs for path in leg.files]
    return None
