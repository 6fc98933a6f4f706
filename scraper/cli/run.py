"""Commands that start a job: run, reconcile, fetch, ingest, demo, and the login that a person makes for later ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, ucm_name, ucm_names, windowed
from scraper.cli.jobs import Shift, show
from scraper.cli.output import emit
from scraper.cli.stopping import stop_on_signals
from scraper.models import Trigger, Window

if TYPE_CHECKING:
    from scraper.demo import Shown

_DEMO_ROWS = 8


_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be fetched, over which way, and fetch nothing.")


@click.command(short_help="One job now: fetch, check, store, report.", epilog="Example: ucm-scraper run --ucm head-office --json")
@ucm_names
@_dry_run
@as_json
@invocation
def run(call: Invocation, names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """One job now, for each UCM: learn what should exist, fetch what is missing, check it, store it, and report.

    It asks for what can have changed since the last run, and works on every open gap. With --dry-run nothing is
    fetched; exit code 3 then says that something would be.

    The report goes to stdout. Several UCMs are worked on side by side, as many as limits.jobs allows, and reported in
    their order; the exit code is the first of 1, 10, 8, 4, 5, 6, 7, 9, 3, 0 that occurred.
    """
    settings = call.settings()
    ucms = chosen(settings, names)
    from scraper.job import job

    shift = Shift(call, settings, Trigger.MANUAL, as_json)
    if dry_run:
        raise click.exceptions.Exit(shift.work(ucms, job.plan, "plan"))
    if settings.ping.url is None:
        raise click.exceptions.Exit(shift.work(ucms, job.run, "run"))
    from scraper.service.ping import pinged

    with pinged(settings.ping, len(ucms)) as watched:
        code = replace(shift, note=watched.note).work(ucms, job.run, "run")
    raise click.exceptions.Exit(code)


@click.command(
    short_help="Re-read all that the UCM knows, and fetch the gaps.",
    epilog="Example: ucm-scraper reconcile --ucm head-office --since 2026-02-01 --until 2026-03-01",
)
@ucm_names
@windowed
@_dry_run
@as_json
@invocation
def reconcile(call: Invocation, names: tuple[str, ...], window: Window, dry_run: bool, as_json: bool) -> None:
    """Re-read everything (or the window) that the UCM knows, compare it with the archive, and fetch what is missing.

    `run` does the same for what can have changed. Use this after recordings were deleted on the UCM on purpose
    (a safety stop, exit code 10, asks for it), or to be sure. With a window the report counts that window only.
    """
    settings = call.settings()
    ucms = chosen(settings, names)
    from scraper.job import job

    work = partial(job.plan if dry_run else job.run, everything=True)
    raise click.exceptions.Exit(Shift(call, settings, Trigger.MANUAL, as_json, window).work(ucms, work, None if dry_run else "reconcile"))


@click.command(
    short_help="Fetch these recordings only, by the UCM's file names.",
    epilog="Example: ucm-scraper fetch --ucm head-office 2026-02/auto-1770000000-1000-5550100.wav",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@ucm_name("The UCM that has them")
@as_json
@invocation
def fetch(call: Invocation, files: tuple[str, ...], name: str, as_json: bool) -> None:
    """Fetch these recordings only, by the UCM's file names, with their month (2026-02/NAME) or without.

    Each is looked for over the API, then among the Recordings page's rows. The report counts these recordings only;
    exit code 0 says that all of them are held now.
    """
    if nameless := [file for file in files if file.rpartition("/")[2] in ("", ".", "..")]:
        raise click.UsageError(f"{nameless[0]!r} names no file.")
    settings = call.settings()
    ucms = chosen(settings, [name])
    from scraper.job import job

    raise click.exceptions.Exit(Shift(call, settings, Trigger.MANUAL, as_json).work(ucms, lambda order: job.fetch(order, files)))


@click.command(
    short_help="Take in an archive that was downloaded by hand.",
    epilog="Example: ucm-scraper ingest allCdrRecordFiles.tgz --ucm head-office",
)
@click.argument("archive", type=click.Path(path_type=Path))
@ucm_name("The UCM that the archive comes from")
@as_json
@invocation
def ingest(call: Invocation, archive: Path, name: str, as_json: bool) -> None:
    """Take in a .tgz or .tar that somebody downloaded by hand from the UCM's Recordings page (Download All there).

    Its recordings are checked, converted and stored as `run` does it; what is held already is not stored twice. Exit code 3 where
    the file was not whole, or recordings of this UCM are still missing.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, [name])
    from scraper.job import job

    raise click.exceptions.Exit(Shift(call, settings, Trigger.INGEST, as_json).work(ucms, lambda order: job.ingest(order, archive)))


@click.command(short_help="Sign in by hand, for CAPTCHA or second factor.", epilog="Example: ucm-scraper login --ucm head-office")
@ucm_name("The UCM to sign in to")
@invocation
def login(call: Invocation, name: str) -> None:
    """Sign in by hand in a visible browser, where the UCM asks for a CAPTCHA or a second factor.

    The session is kept under data_dir, so that the jobs that follow need no person while the UCM lets it live. Needs a screen: run it
    on a desktop with the same data_dir, or over `ssh -X`.
    """
    settings = call.settings()
    chosen(settings, [name])
    from scraper.webui.login import login as sign_in

    sign_in(settings, name)


@click.command(short_help="See it work against a simulated UCM.", epilog="Example: ucm-scraper demo --dir ./demo")
@click.option("--dir", "directory", type=click.Path(path_type=Path), metavar="DIR", help="Where the recordings go; else a new folder.")
@as_json
@invocation
def demo(call: Invocation, directory: Path | None, as_json: bool) -> None:
    """See the whole job work: it starts a simulated UCM and runs against it in a real browser. Needs no configuration.

    Where no browser is installed, this command (and no other) installs Debian's Chromium, as root.
    """
    from scraper.demo import demo as play

    with stop_on_signals() as stop:
        shown = play(directory, call.progress(), stop)
    show(shown.report, as_json)
    if not as_json:
        emit(_demo_text(shown))
    raise click.exceptions.Exit(int(shown.report.exit_code))


def _demo_text(shown: Shown) -> str:
    """What the demonstration left behind, and what to try next."""
    from scraper.catalog import Catalog
    from scraper.cli.output import table

    with Catalog.open(f"sqlite:///{shown.folder / 'data' / 'catalog.db'}") as catalog:
        held = list(catalog.recordings(shown.report.ucm))
    rows = [(item.path, f"{(item.frames or 0) / (item.sample_rate or 8000):.1f} s", item.source_format) for item in held[:_DEMO_ROWS]]
    command = f"ucm-scraper --config {shown.config}"
    return "\n".join(
        [
            "",
            table(("RECORDING", "LENGTH", "CAME AS"), rows),
            *([f"… and {len(held) - len(rows)} more"] if len(held) > len(rows) else []),
            "",
            f"The WAV files are in {shown.folder / 'recordings'}; deletions asked of the simulated PBX: {shown.deletes}.",
            f"Look further:  {command} recordings  ·  {command} verify",
            "Your own PBX:  ucm-scraper config init, fill in config.yaml, then ucm-scraper run",
        ]
    )
