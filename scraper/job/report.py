"""A job's report: the one JSON line for programs, and a summary for people. File names are shown as they are: stdout is the user's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from scraper.models import Gap, Report, Status, Trigger, for_ucm

if TYPE_CHECKING:
    from scraper.catalog import Run

#: How many file names of one kind of gap a summary shows before it says how many more there are.
_SHOWN = 20


def as_line(report: Report) -> str:
    """The documented object on one line (design: Report)."""
    return json.dumps(report.as_json(), ensure_ascii=False)


def as_text(report: Report) -> str:
    """A summary in a few lines: how it ended, the counts, what is missing and why, what to do."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    counts = report.recordings
    yield f"{report.ucm}: {report.status.value} (exit code {int(report.exit_code)}, {report.seconds['total']:.1f} s)"
    if report.error:
        yield f"  {report.error['message']}"
        yield f"  → {report.error['remedy']}"
    expected = "not known" if counts.expected is None else f"{counts.expected:,}"
    archived = f"{counts.archived:,} ({counts.new:,} new, {counts.already:,} already)"
    yield f"  recordings: expected {expected}, archived {archived}, gone {counts.gone:,}"
    ways = ", ".join(f"{source.value} {count:,}" for source, count in report.sources.items() if count)
    yield f"  downloaded {size(report.bytes_downloaded)}, stored {size(report.bytes_stored)}{f'; new by {ways}' if ways else ''}"
    for line in report.plan or ():
        yield f"  would fetch {line.count:,} {line.klass.value} recordings by {line.way} ({size(line.size)}, {line.fetches:,} downloads)"
    if report.coverage:
        slices, days = report.coverage["slices"], report.coverage["days"]
        yield f"  covered {days['done']:,} of {sum(days.values()):,} days; slices: {slices['done']:,} done, {slices['open']:,} open"
    if counts.quarantined:
        yield f"  put into quarantine: {counts.quarantined:,}"
    yield from (f"  note: {note}" for note in report.notes)
    if report.gaps:
        yield f"  missing: {len(report.gaps):,}"
        yield from (f"  {line}" for line in gap_lines(report.gaps, _SHOWN))


def gap_lines(gaps: Iterable[Gap], shown: int | None = None) -> Iterator[str]:
    """Gaps by their reason, each reason with what can be done; at most ``shown`` file names for each (None: all)."""

    def cause(gap: Gap) -> tuple[str, str, str, str]:
        return gap.identity.ucm, gap.reason.value, gap.detail, gap.remedy

    for (ucm, reason, detail, remedy), group in groupby(sorted(gaps, key=cause), cause):
        members = list(group)
        yield f"{reason} ({len(members):,}): {detail}"
        yield f"  → {for_ucm(remedy, ucm)}"
        yield from (f"  {gap.identity.path}" for gap in members[:shown])
        if shown is not None and len(members) > shown:
            yield f"  … and {len(members) - shown:,} more (`ucm-scraper gaps` shows all)"


def doubt(runs: Iterable[Run]) -> str | None:
    """Why more may be missing than is known: the last job that asked the PBX for all, of ``runs`` (the newest first), could not tell."""
    last = next((run for run in runs if run.trigger != Trigger.INGEST and not (run.since or run.until or _is_partial(run))), None)
    if last is None:
        return "none of its last jobs asked this UCM for all that it has."
    if last.report is None:
        return f"the run of {last.started_at} {'has not ended yet' if last.status == 'running' else 'was killed'}."
    if error := last.report["error"]:
        return f"the last run ({last.started_at}) failed: {error['message']}"
    if last.status == Status.STOPPED:
        return f"the last run ({last.started_at}) was stopped."
    if last.report["recordings"]["expected"] is None:
        return f"the last run ({last.started_at}) could not tell what should exist. {' '.join(last.report['notes'])}".strip()
    return None


def _is_partial(run: Run) -> bool:
    return run.report is not None and "partial" in run.report


def size(count: int) -> str:
    """Bytes for people: ``512 B``, ``12.3 MB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.95:
            break
        value, unit = value / 1000, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
