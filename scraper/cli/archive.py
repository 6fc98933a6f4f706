"""Commands that read the catalog: what is open (``gaps``), what ran, what is held."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.context import Invocation, as_json, catalog_file, chosen, invocation, open_catalog, ucm_names
from scraper.cli.output import emit, emit_json, table

if TYPE_CHECKING:
    from scraper.catalog import Catalog, OpenGap, Recording, Run
    from scraper.settings import Settings


@click.command(short_help="What is missing, why, and what to do.", epilog="Example: ucm-scraper gaps --all --json")
@ucm_names
@click.option(
    "--all", "with_gone", is_flag=True, help="Also what is gone for good: the PBX said twice, hours apart, that it has it no more."
)
@as_json
@invocation
def gaps(call: Invocation, names: tuple[str, ...], with_gone: bool, as_json: bool) -> None:
    """Recordings that should be in the archive and are not, with the reason and what can be done.

    The exit code is 0 also where there are some: `ucm-scraper run` ends in 3 then.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    if nothing_yet(settings):
        return
    from scraper.job.report import doubt, gap_lines

    with open_catalog(settings) as catalog:
        for name in ucms:
            found = catalog.open_gaps(name)
            gone = catalog.closed_gaps(name, "gone") if with_gone else []
            if as_json:
                for gap in [*found, *gone]:
                    emit_json(_gap(gap))
                continue
            emit(f"{name}: {len(found):,} missing" + (f", {len(gone):,} gone for good" if with_gone else ""))
            if why := doubt(catalog.last_runs(name)):
                emit(f"  there may be more: {why}")
            for line in gap_lines(gap.gap for gap in found):
                emit(f"  {line}")
            for gap in gone:
                emit(f"  gone since {gap.closed_at}: {gap.gap.identity.path}")


@click.command(epilog="Example: ucm-scraper runs --ucm head-office --limit 5")
@ucm_names
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="How many of each UCM, the newest first."
)
@as_json
@invocation
def runs(call: Invocation, names: tuple[str, ...], limit: int, as_json: bool) -> None:
    """The jobs that ran, the newest first.

    With --json each line is that job's report, as `run --json` printed it. NEW is what that job brought; ARCHIVED and GAPS are of
    everything known when it ended.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    if nothing_yet(settings):
        return
    with open_catalog(settings) as catalog:
        found = [run for name in ucms for run in catalog.last_runs(name, limit)]
    found.sort(key=lambda run: run.started_at, reverse=True)
    if as_json:
        for run in found:
            emit_json(run.report or _unfinished(run))
    else:
        emit(table(("STARTED", "UCM", "TRIGGER", "STATUS", "EXIT", "NEW", "ARCHIVED", "GAPS"), map(_run_row, found)))


def _month(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    from scraper.models import UNDATED, is_month

    if value is None or value == UNDATED or is_month(value):
        return value
    raise click.BadParameter("write a month such as 2026-02, or `undated`.")


@click.command(short_help="The recordings that the archive holds.", epilog="Example: ucm-scraper recordings --month 2026-02 --json")
@ucm_names
@click.option("--month", metavar="YYYY-MM", callback=_month, help="Only this month's; `undated`: those whose time nothing told.")
@as_json
@invocation
def recordings(call: Invocation, names: tuple[str, ...], month: str | None, as_json: bool) -> None:
    """The recordings that the archive holds, month by month, by file name.

    Their files lie in the store (`store.url`) under UCM and month unless `store.template` says otherwise.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    if nothing_yet(settings):
        return
    width = max(map(len, ucms))
    with open_catalog(settings) as catalog:
        held = _in_order(catalog, ucms, month)
        if as_json:
            for recording in held:
                emit_json(_recording(recording))
            return
        first = next(held, None)
        emit(f"{'UCM':<{width}}  {'LENGTH':>10}  {'SIZE':>9}  RECORDING" if first else "Nothing is archived.")
        for recording in chain([first] if first else [], held):
            emit(_row(recording, width))


def _in_order(catalog: Catalog, ucms: list[str], month: str | None) -> Iterator[Recording]:
    """By UCM, month and name, whatever the order in which they came; a month at a time, so that any number fits in memory."""
    for name in ucms:
        for one in catalog.months(name) if month is None else [month]:
            yield from sorted(catalog.recordings(name, month=one), key=lambda found: (found.identity, found.suffix))


def _row(recording: Recording, width: int) -> str:
    from scraper.job.report import size

    length = f"{_seconds(recording):,.1f} s" if recording.frames is not None else "-"
    from scraper.ingest.filing import stored_name

    other = f"  (as {recording.path})" if not recording.path.endswith(f"/{stored_name(recording)}") else ""
    return f"{recording.identity.ucm:<{width}}  {length:>10}  {size(recording.size):>9}  {recording.identity.path}{other}"


def nothing_yet(settings: Settings) -> bool:
    """Before the first job there is no catalog, and a command that reads doesn't make one."""
    file = catalog_file(settings)
    if file is None or file.exists():
        return False
    from scraper.log import logger

    logger.bind(action="no-catalog").info("No job has run yet: there is no catalog at {}", file)
    return True


def _gap(found: OpenGap) -> dict[str, Any]:
    identity = found.gap.identity
    return {
        "ucm": identity.ucm,
        "class": identity.klass.value,
        **found.gap.as_report(),
        "first_seen": found.first_seen,
        "last_seen": found.last_seen,
        "attempts": found.attempts,
        "quarantine": found.quarantine_path,
        "closed_as": found.closed_as,
    }


def _unfinished(run: Run) -> dict[str, Any]:
    return {
        "schema": 1,
        "run_id": run.id,
        "ucm": run.ucm,
        "trigger": run.trigger,
        "window": {"since": run.since, "until": run.until},
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "status": run.status,
        "exit_code": run.exit_code,
    }


def _run_row(run: Run) -> tuple[object, ...]:
    report = run.report or {}
    counts = report.get("recordings", {})
    missing = len(report["gaps"]) if "gaps" in report else None
    return (run.started_at, run.ucm, run.trigger, run.status, run.exit_code, counts.get("new"), counts.get("archived"), missing)


def _seconds(recording: Recording) -> float:
    return (recording.frames or 0) / (recording.sample_rate or 1)


def _recording(recording: Recording) -> dict[str, Any]:
    identity = recording.identity
    return {
        "ucm": identity.ucm,
        "class": identity.klass.value,
        "path": identity.path,
        "stored": recording.path,
        "size": recording.size,
        "seconds": round(_seconds(recording), 3) if recording.frames is not None else None,
        "format": recording.stored_as,
        "sha256": recording.sha256,
        "wav_sha256": recording.sound_sha256 if recording.frames is not None else None,
        "source": recording.source.value,
        "layout": recording.layout,
        "confidence": recording.confidence,
        "stored_at": recording.stored_at,
        "call_time": recording.call_time,
        "run_id": recording.run_id,
    }
