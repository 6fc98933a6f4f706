"""Commands that start a job: ``run``, ``ingest``, ``demo``, and the ``login`` that a person makes for later ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, ucm_names
from scraper.cli.output import emit
from scraper.cli.stopping import stop_on_signals
from scraper.errors import ConfigError, ExitCode, combined_exit_code
from scraper.models import Report, Status, Trigger

if TYPE_CHECKING:
    from scraper.demo import Shown
    from scraper.desk import Order
    from scraper.settings import Settings

_DEMO_ROWS = 8

Job = Callable[["Order"], Report]


@dataclass(frozen=True, slots=True)
class _Shift:
    """What several jobs share: the call, its configuration, why it runs, how its reports are shown."""

    call: Invocation
    settings: Settings
    trigger: Trigger
    as_json: bool

    def work(self, names: Sequence[str], job: Job) -> int:
        """Let ``job`` work on one UCM after the other, show each report, and return the exit code of all."""
        codes = []
        with stop_on_signals() as stop:
            from scraper.desk import Order

            for name in names:
                order = Order(self.settings, name, self.trigger, self.call.progress(self.settings), stop)
                report = not_started(order) if stop.is_set() else job(order)
                show(report, self.as_json)
                codes.append(int(report.exit_code))
        return combined_exit_code(codes)


def show(report: Report, as_json: bool) -> None:
    """A report on stdout."""
    from scraper.report import as_line, as_text

    emit(as_line(report) if as_json else as_text(report))


def not_started(order: Order) -> Report:
    """The report for a UCM whose turn never came, because somebody asked to stop."""
    from scraper.desk import new_report
    from scraper.glance import fill_from_catalog

    report = new_report(order)
    report.status, report.exit_code, report.finished_at = Status.STOPPED, ExitCode.GAPS, report.started_at
    report.notes.append("Stopped before this UCM's turn.")
    fill_from_catalog(order.settings, report)
    return report


@click.command(short_help="One job now: fetch, check, store, report.", epilog="Example: ucm-scraper run --ucm head-office --json")
@ucm_names
@as_json
@click.option("--dry-run", is_flag=True, hidden=True)
@invocation
def run(call: Invocation, names: tuple[str, ...], as_json: bool, dry_run: bool) -> None:
    """One job now, for each UCM: fetch what is new, check it, store it, and report what is missing.

    The report goes to stdout. Several UCMs are worked on one after the other; the exit code is the first of
    1, 10, 8, 4, 5, 6, 7, 9, 3, 0 that occurred.
    """
    if dry_run:
        raise ConfigError("--dry-run is not there yet; nothing was done.", remedy="Run without it: a job only reads from the PBX.")
    settings = call.settings()
    ucms = chosen(settings, names)
    from scraper import job

    raise click.exceptions.Exit(_Shift(call, settings, Trigger.MANUAL, as_json).work(ucms, job.run))


@click.command(
    short_help="Take in an archive that was downloaded by hand.",
    epilog="Example: ucm-scraper ingest allCdrRecordFiles.tgz --ucm head-office",
)
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--ucm", "name", required=True, metavar="NAME", help="The UCM that the archive comes from, by its name in the configuration.")
@as_json
@invocation
def ingest(call: Invocation, archive: Path, name: str, as_json: bool) -> None:
    """Take in a .tgz or .tar that somebody downloaded by hand from the UCM's Recordings page (Download All there).

    Its recordings are checked, converted and stored as `run` does it; what is held already is not stored twice. Exit code 3 where
    the file was not whole, or recordings of this UCM are still missing.
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, [name])
    from scraper import job

    raise click.exceptions.Exit(_Shift(call, settings, Trigger.INGEST, as_json).work(ucms, lambda order: job.ingest(order, archive)))


@click.command(short_help="Sign in by hand, for CAPTCHA or second factor.", epilog="Example: ucm-scraper login --ucm head-office")
@click.option("--ucm", "name", required=True, metavar="NAME", help="The UCM to sign in to, by its name in the configuration.")
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
