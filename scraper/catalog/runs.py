"""The catalog's runs: one row a job, from its start to its report."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Update, select, tuple_

from scraper.catalog.database import Database, now
from scraper.catalog.schema import runs
from scraper.models import Report, Trigger, Window, utc

#: So many of a UCM's newest reports keep all their gaps. Older ones keep some of each reason: what stays missing is in every report, and
#: thousands of gaps every half hour would be gigabytes a year.
WHOLE_REPORTS, EXAMPLES = 50, 20
#: Reports that are looked at again whenever a run ends: several jobs may have begun at once.
_LOOKED_AT = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One job. Times are UTC text; ``status`` is ``running`` until it is finished; ``report`` is the documented object.

    Of an older one only some gaps are kept; ``gaps_in_all`` in it says how many there were.
    """

    id: str
    ucm: str
    trigger: str
    since: str | None
    until: str | None
    started_at: str
    finished_at: str | None
    status: str
    exit_code: int | None
    report: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One job in a line: what it brought (``new``), and what it left open. Times are UTC text; counts are None until it is finished.

    ``error``: the kind of what it failed with.
    """

    id: str
    ucm: str
    trigger: str
    since: str | None
    until: str | None
    started_at: str
    finished_at: str | None
    status: str
    exit_code: int | None
    expected: int | None
    archived: int | None
    gone: int | None
    new: int | None
    error: str | None

    @property
    def open(self) -> int | None:
        """How many gaps it left."""
        return None if self.expected is None else self.expected - (self.archived or 0) - (self.gone or 0)


class Runs(Database):
    """Runs, by id."""

    def start_run(self, run_id: str, ucm: str, trigger: Trigger, window: Window, started_at: datetime) -> None:
        """Note that a job started, or, where another machine had begun it, goes on.

        The caller holds the UCM's lock, so what still counts as running on it has died.
        """
        with self.transaction(of=ucm) as connection:
            connection.execute(_given_up(ucm))
            again = {"status": "running", "finished_at": None, "exit_code": None, "report": None, **window.as_report()}
            if not connection.execute(runs.update().where(runs.c.id == run_id, runs.c.ucm == ucm).values(again)).rowcount:
                first = {"trigger": trigger.value, "started_at": utc(started_at), "status": "running", **window.as_report()}
                connection.execute(runs.insert().values(id=run_id, ucm=ucm, **first))

    def give_up_runs(self, ucm: str) -> None:
        """Note that what still counts as running on a UCM has died. The caller holds the UCM's lock."""
        with self.transaction(of=ucm) as connection:
            connection.execute(_given_up(ucm))

    def finish_run(self, report: Report) -> None:
        """Note how a job ended, with its report."""
        values = {
            "finished_at": utc(report.finished_at) or now(),
            "status": report.status.value,
            "exit_code": int(report.exit_code),
            "report": json.dumps(report.as_json(), ensure_ascii=False),
            **{name: getattr(report.recordings, name) for name in ("expected", "archived", "gone", "new")},
            "error": report.error["kind"] if report.error else None,
        }
        with self.transaction(of=report.ucm) as connection:
            connection.execute(runs.update().where(runs.c.id == report.run_id).values(**values))
            _shorten(connection, report.ucm)

    def last_runs(self, ucm: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs first."""
        query = select(*_RUN).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
        with self.reading() as connection:
            return [_run(row) for row in connection.execute(query if ucm is None else query.where(runs.c.ucm == ucm)).mappings()]

    def run_summaries(self, ucm: str | None = None, *, before: str | None = None, limit: int = 50) -> list[RunSummary]:
        """The newest first; ``before``: only those older than the run of this id. Reports, which may be long, are not read whole."""
        query = select(*_SUMMARY).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
        if ucm is not None:
            query = query.where(runs.c.ucm == ucm)
        if before is not None:
            place = select(runs.c.started_at).where(runs.c.id == before).scalar_subquery()
            query = query.where(tuple_(runs.c.started_at, runs.c.id) < tuple_(place, before))
        with self.reading() as connection:
            return [RunSummary(**row) for row in connection.execute(query).mappings()]

    def run_summary(self, run_id: str) -> RunSummary | None:
        """One run in a line."""
        with self.reading() as connection:
            row = connection.execute(select(*_SUMMARY).where(runs.c.id == run_id)).mappings().one_or_none()
            return RunSummary(**row) if row else None

    def find_run(self, run_id: str) -> Run | None:
        """One run by its id."""
        with self.reading() as connection:
            row = connection.execute(select(*_RUN).where(runs.c.id == run_id)).mappings().one_or_none()
            return _run(row) if row else None


_RUN = tuple(runs.c[field.name] for field in fields(Run))
_SUMMARY = tuple(runs.c[field.name] for field in fields(RunSummary))


def _run(row: RowMapping) -> Run:
    return Run(**{**row, "report": json.loads(row["report"]) if row["report"] else None})


def _given_up(ucm: str) -> Update:
    died = runs.update().where(runs.c.ucm == ucm, runs.c.status == "running")
    return died.values(status="failed", exit_code=1, finished_at=now())


def _shorten(connection: Connection, ucm: str) -> None:
    newest_first = select(runs.c.id, runs.c.report).where(runs.c.ucm == ucm).order_by(runs.c.started_at.desc(), runs.c.id.desc())
    for run_id, text in connection.execute(newest_first.offset(WHOLE_REPORTS).limit(_LOOKED_AT)).all():
        report = json.loads(text) if text else {"gaps": []}
        seen = Counter[str]()
        kept = []
        for gap in report["gaps"]:
            seen[gap["reason"]] += 1
            if seen[gap["reason"]] <= EXAMPLES:
                kept.append(gap)
        if len(kept) < len(report["gaps"]):
            shorter = {**report, "gaps": kept, "gaps_in_all": len(report["gaps"])}
            connection.execute(runs.update().where(runs.c.id == run_id).values(report=json.dumps(shorter, ensure_ascii=False)))
