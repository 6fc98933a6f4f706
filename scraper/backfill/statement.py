"""The report of a whole backfill, by what the catalog knows of its window in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from scraper.backfill.slices import Coverage, Span, coverage
from scraper.catalog import Backfill, BackfillSlice, Catalog, SliceState
from scraper.errors import ExitCode
from scraper.models import Gap, Report, Source, Status, Trigger, Window
from scraper.reconcile import CalledFile, HeldFile, Inventories, KnownGap, ListedFile, Listing, Situation, make_plan
from scraper.settings import Ucm

#: They end a job even where others have fetched something; the rest are for where nothing could be learned.
_ALWAYS = frozenset({ExitCode.INTERNAL, ExitCode.STORAGE, ExitCode.BUSY, ExitCode.SAFETY_STOP})


def whole_report(catalog: Catalog, ucm: Ucm, found: Backfill, reports: Sequence[Report], started_at: datetime) -> Report:
    """What a backfill has come to; ``reports``: those of the jobs that worked on it now, which say what is new."""
    window = Window(found.since, found.until)
    report = Report(found.id, found.ucm, Trigger.BACKFILL, started_at, window, datetime.now(UTC))
    slices = catalog.backfill_slices(found.id)
    archived, gone, gaps = _known(catalog, ucm, found)
    report.gaps, counts = gaps, report.recordings
    report.sources = {source: sum(one.sources.get(source, 0) for one in reports) for source in Source}
    counts.archived, counts.gone, counts.new = archived, gone, sum(report.sources.values())
    counts.already = counts.archived - counts.new
    inside = {gap.identity for gap in gaps}
    counts.quarantined = sum(bool(one.quarantine_path) and one.gap.identity in inside for one in catalog.open_gaps(found.ucm))
    if all(one.state is SliceState.DONE for one in slices):
        counts.expected = archived + gone + len(gaps)
    report.bytes_downloaded = sum(one.bytes_downloaded for one in reports)
    report.bytes_stored = sum(one.bytes_stored for one in reports)
    report.notes = list(dict.fromkeys(note for one in reports for note in one.notes))
    report.seconds["total"] = (report.finished_at - started_at).total_seconds() if report.finished_at else 0.0
    report.coverage = covered(found, slices).as_json()
    _end(report, reports)
    return report


def covered(found: Backfill, slices: Iterable[BackfillSlice]) -> Coverage:
    """The statement of coverage of a backfill."""
    return coverage(Span(found.since, found.until), list(slices))


def _end(report: Report, reports: Sequence[Report]) -> None:
    """How it ended: as its last job, if that failed; else by what is missing."""
    last = reports[-1] if reports else None
    if last is not None and last.error and (last.exit_code in _ALWAYS or all(one.error for one in reports)):
        report.status, report.exit_code, report.error = last.status, last.exit_code, last.error
    elif report.gaps or report.recordings.expected is None:
        report.notes += [last.error["message"]] if last is not None and last.error else []
        report.status, report.exit_code = Status.GAPS, ExitCode.GAPS
    else:
        report.status, report.exit_code = Status.COMPLETE, ExitCode.COMPLETE


def _known(catalog: Catalog, ucm: Ucm, found: Backfill) -> tuple[int, int, list[Gap]]:
    """(archived, gone, open gaps) of the window."""
    inventories = Inventories(
        calls=(CalledFile(*file[:7]) for file in catalog.call_files(found.ucm)),
        listing=Listing((ListedFile(*row[:5]) for row in catalog.listing(found.ucm)), frozenset()),
        held=map(HeldFile._make, catalog.holdings(found.ucm)),
        gaps=(KnownGap(*gap) for gap in catalog.remembered_gaps(found.ucm)),
    )
    plan = make_plan(inventories, Situation(found.ucm, ucm.zone, datetime.now(UTC), {}, window=Window(found.since, found.until)))
    gaps = [one.gap for one in catalog.open_gaps(found.ucm) if plan.state_of(one.gap.identity) is not None]
    return plan.tally.archived, plan.tally.gone, gaps
