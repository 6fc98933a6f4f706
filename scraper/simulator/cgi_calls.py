"""The web UI's call records: the CDR page's list and its two CSV files (field guide 1, *CDR page*)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from .cdrs import CallRecord, calls, table
from .cgi import INVALID, Call, Handler, answer, local_time, page_of, pages
from .cgi_files import deliver_table
from .packs import csv_text
from .state import State

ALL, FILTERED = "Master.csv", "Master_condition.csv"


@dataclass(frozen=True, slots=True)
class Calls:
    """The actions of the CDR page."""

    state: State

    def handlers(self) -> dict[str, Handler]:
        """The actions that this module answers."""
        return {
            "listCDRDB": self.list_calls,
            "reloadCDRRecordFile": self.make_all,
            "CreateCdrRecord": self.make_filtered,
            "downloadCdrRecord": self.download_filtered,
        }

    async def list_calls(self, call: Call) -> Response:
        """Newest first; the current month only, unless ``start_time`` or ``end_time`` is given (PBX local)."""
        found = list(reversed(self._between(call.params)))
        rows = [_row(record) for record in page_of(found, call.params)]
        return answer(0, total_item=len(found), total_page=pages(len(found), call.params), cdr=rows)

    async def make_all(self, _call: Call) -> Response:
        """Writes Master.csv: everything, whatever the page shows."""
        return self._write(ALL, calls(self.state))

    async def make_filtered(self, call: Call) -> Response:
        """Writes Master_condition.csv: the calls between ``start_time`` and ``end_time``."""
        return self._write(FILTERED, self._between(call.params))

    async def download_filtered(self, call: Call) -> Response:
        """The file that ``CreateCdrRecord`` made."""
        path = self._path(FILTERED)
        return deliver_table(self.state, FILTERED, path) if path.exists() and call.params.get("data") == FILTERED else answer(INVALID)

    def _between(self, params: dict[str, str]) -> list[CallRecord]:
        since, until = local_time(params.get("start_time")), local_time(params.get("end_time"))
        if since is None and until is None:
            since = f"{self.state.now():%Y-%m}-01 00:00:00"
        return [
            record
            for record in calls(self.state)
            if (since is None or f"{record.start:%Y-%m-%d %H:%M:%S}" >= since)
            and (until is None or f"{record.start:%Y-%m-%d %H:%M:%S}" <= until)
        ]

    def _path(self, name: str) -> Path:
        return self.state.folder / f"csv-{name}"

    def _write(self, name: str, found: list[CallRecord]) -> Response:
        self._path(name).write_text(csv_text(*table(found, self.state.config)), encoding="utf-8", newline="")
        return answer()


def _row(record: CallRecord) -> dict[str, Any]:
    """A row of the page; the tape icon shows ``recordings``."""
    best = max(record.legs, key=lambda leg: (bool(leg.files), leg.talk))
    return {
        "id": record.session,
        "disposition": best.disposition,
        "src": best.caller,
        "dst": best.callee,
        "action_type": best.action,
        "start": record.start.strftime("%Y-%m-%d %H:%M:%S"),
        "call_time": max(leg.duration for leg in record.legs),
        "talk_time": sum(leg.talk for leg in record.legs),
        "recordings": sum(len(leg.files) for leg in record.legs),
        "recordfiles": [path for leg in record.legs for path in leg.files],
    }
