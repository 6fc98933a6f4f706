"""``reconvert``: stored conversions of GSFF done again, once calibration has shown what GSFF is on a PBX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_names
from scraper.cli.output import emit, emit_json
from scraper.cli.stopping import stop_on_signals
from scraper.errors import Busy, ExitCode, combined_exit_code

if TYPE_CHECKING:
    import threading

    from scraper.calibration.reconvert import Reconverted
    from scraper.catalog import Catalog
    from scraper.progress import Progress
    from scraper.settings import Settings
    from scraper.store import Store


@click.command(short_help="Convert stored GSFF again by what calibration found.", epilog="Example: ucm-scraper reconvert --dry-run")
@ucm_names
@click.option("--dry-run", is_flag=True, help="Only show what would be done, and what is doubtful; change nothing.")
@as_json
@invocation
def reconvert(call: Invocation, names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Convert recordings again that came as GSFF, by what calibration has found out about it.

    Nobody has documented GSFF, so a job decides by evidence what it is, until it has compared a recording that the
    UCM hands out both as GSFF and as RIFF. What was stored in another layout than the one so confirmed is converted
    again from its original, and takes the old file's place; what was refused comes out of quarantine. Nothing is asked
    of the UCM.

    Exit code 0 where all is right then; 3 where something stays doubtful or refused, is still to be done (with
    --dry-run), or it was stopped; 8 storage; 9 where a job is working on this UCM.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    from scraper.store import open_store

    codes = []
    with stop_on_signals() as stop, open_catalog(settings) as catalog:
        store = open_store(settings.store, catalog)
        for name in ucms:
            work = _Work(settings, catalog, store, name, dry_run)
            try:
                done = work.do(stop, call.progress(settings))
            except Busy as error:  # the other UCMs get their turn
                click.echo(f"ucm-scraper: {error.message}\n→ {error.remedy}", err=True)
                codes.append(int(error.exit_code))
                continue
            emit_json(_as_json(work, done)) if as_json else emit("\n".join(_lines(work, done)))
            left = done.doubtful or done.stopped or (dry_run and (done.redone or done.recovered))
            codes.append(int(ExitCode.GAPS if left else ExitCode.COMPLETE))
    raise click.exceptions.Exit(combined_exit_code(codes))


@dataclass(frozen=True, slots=True)
class _Work:
    """One UCM's reconversion, or only a look at it."""

    settings: Settings
    catalog: Catalog
    store: Store
    ucm: str
    dry_run: bool

    def do(self, stop: threading.Event, progress: Progress) -> Reconverted:
        """Raises :class:`Busy`, and the storage errors."""
        from scraper.calibration.reconvert import Reconversion
        from scraper.fleet.hold import held
        from scraper.ingest.quarantine import quarantine_of

        quarantine = quarantine_of(self.settings.data_dir, self.store, self.ucm)
        if self.dry_run:
            return Reconversion(self.catalog, self.store, quarantine, self.ucm, self.settings.store.format).preview()
        progress.phase("converting again")
        try:
            with held(self.settings, self.catalog, self.ucm, stop) as catalog:
                return Reconversion(catalog, self.store, quarantine, self.ucm, self.settings.store.format).run(stop, progress)
        finally:
            progress.done()


def _as_json(work: _Work, done: Reconverted) -> dict[str, Any]:
    return {
        "schema": 1,
        "ucm": work.ucm,
        "dry_run": work.dry_run,
        "stopped": done.stopped,
        "redone": [identity.path for identity in done.redone],
        "confirmed": done.confirmed,
        "recovered": [identity.path for identity in done.recovered],
        "doubtful": [{"path": one.identity.path, "detail": one.why} for one in done.doubtful],
        "calibrations": [
            {
                "verdict": tried.verdict,
                "layout": tried.layout,
                "signature": tried.signature,
                "detail": tried.detail,
                "by": tried.identity.path,
                "decided_at": tried.decided_at,
            }
            for tried in done.calibrations
        ],
    }


def _lines(work: _Work, done: Reconverted) -> Iterator[str]:
    decided = [tried for tried in done.calibrations if tried.verdict != "undecided"]
    if not decided:
        yield f"{work.ucm}: its GSFF is not calibrated yet; a run does that where the UCM hands out a recording as RIFF as well"
        return
    again, back = ("to convert again", "to try from quarantine") if work.dry_run else ("converted again", "out of quarantine")
    counts = ((done.redone, again), (done.recovered, back), (range(done.confirmed), "right as stored"), (done.doubtful, "doubtful"))
    ending = ", stopped before the end" if done.stopped else ""
    yield f"{work.ucm}: {', '.join(f'{len(found):,} {what}' for found, what in counts)}{ending}"
    for tried in decided:
        yield f"  {tried.decided_at}: {' '.join(filter(None, (tried.verdict, tried.layout)))}: {tried.detail} ({tried.identity.path})"
    yield from (f"  {again}: {identity.path}" for identity in done.redone)
    yield from (f"  {back}: {identity.path}" for identity in done.recovered)
    yield from (f"  doubtful: {one.identity.path}: {one.why}" for one in done.doubtful)
