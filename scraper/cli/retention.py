"""``retention``: what is older than the configuration keeps it; a look, unless it is told to let go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_names
from scraper.cli.output import emit, emit_json
from scraper.cli.stopping import stop_on_signals
from scraper.errors import Busy, ExitCode, SafetyStop, combined_exit_code

if TYPE_CHECKING:
    import threading

    from scraper.catalog import Catalog
    from scraper.keeping.retention import Due
    from scraper.settings import Settings


@click.command(short_help="What is too old to be kept; let go of it.", epilog="Example: ucm-scraper retention --ucm head-office")
@ucm_names
@click.option("--apply", is_flag=True, help="Let go of it; otherwise it is only shown.")
@click.option("--force", is_flag=True, help="Also where it is a large share of the archive (retention.most_share).")
@as_json
@invocation
def retention(call: Invocation, names: tuple[str, ...], apply: bool, force: bool, as_json: bool) -> None:
    """What is older than `retention` in the configuration keeps it: recordings with all that belongs to them, and call records.

    Only the archive's own copies go, never anything on the UCM. What a legal hold covers stays, and what has no date. A tombstone sees to
    it that no run fetches them again.

    Exit code 0; 3 where it was stopped; 8 storage; 9 where a job is working on a UCM; 10 where too large a share would go without --force.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    codes = []
    with stop_on_signals() as stop, open_catalog(settings) as catalog:
        for name in ucms:
            work = _Retention(settings, catalog, name, as_json)
            try:
                codes.append(int(work.do(stop, force=force) if apply else work.look()))
            except (Busy, SafetyStop) as error:  # the other UCMs get their turn
                click.echo(f"ucm-scraper: {error.message}\n→ {error.remedy}", err=True)
                codes.append(int(error.exit_code))
    raise click.exceptions.Exit(combined_exit_code(codes))


@dataclass(frozen=True, slots=True)
class _Retention:
    """One UCM's."""

    settings: Settings
    catalog: Catalog
    ucm: str
    as_json: bool

    def look(self) -> ExitCode:
        """Show what would go."""
        from scraper.keeping.retention import due, place_of, rule_of

        found = due(place_of(self.settings, self.catalog, self.ucm), rule_of(self.settings, self.ucm), datetime.now(UTC))
        emit_json(_as_json(self.ucm, found)) if self.as_json else emit("\n".join(_lines(self.ucm, found, "would go")))
        return ExitCode.COMPLETE

    def do(self, stop: threading.Event, *, force: bool) -> ExitCode:
        """Let go of it. Raises :class:`Busy`, :class:`SafetyStop`, and the storage errors."""
        from scraper.keeping.retention import retain

        found, gone = retain(self.settings, self.catalog, self.ucm, stop, force=force)
        stopped = len(gone.spans) < found.recordings or len(gone.calls) < len(found.chosen.calls)
        went = f"went ({len(gone.spans):,} of them, then it was stopped)" if stopped else "went"
        removed = {"recordings": len(gone.spans), "call_records": len(gone.calls)}
        emit_json(_as_json(self.ucm, found) | {"removed": removed}) if self.as_json else emit("\n".join(_lines(self.ucm, found, went)))
        return ExitCode.GAPS if stopped else ExitCode.COMPLETE


def _lines(ucm: str, found: Due, what: str) -> Iterator[str]:
    from scraper.job.report import size

    calls = f"{len(found.chosen.calls):,} call records"
    yield f"{ucm}: {found.recordings:,} recordings ({size(found.chosen.size)}) and {calls} {what}; {found.kept:,} stored files stay"
    if found.oldest and found.newest:
        yield f"  of calls from {found.oldest} to {found.newest}"
    if found.held:
        yield f"  {found.held:,} more are as old and under a legal hold"


def _as_json(ucm: str, found: Due) -> dict[str, Any]:
    return {
        "schema": 1,
        "ucm": ucm,
        "recordings": found.recordings,
        "files": found.chosen.files,
        "bytes": found.chosen.size,
        "call_records": len(found.chosen.calls),
        "oldest": found.oldest.isoformat() if found.oldest else None,
        "newest": found.newest.isoformat() if found.newest else None,
        "on_hold": found.held,
        "files_kept": found.kept,
    }
