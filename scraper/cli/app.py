"""The command group, and the outermost boundary: every way to fail ends here in a sentence, a remedy and a documented exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scraper.cli import (
    archive,
    backfill,
    catalog,
    cdrs,
    config,
    deliver,
    doctor,
    files,
    holds,
    keeping,
    reconvert,
    retention,
    run,
    serve,
    simulate,
    task,
    verify,
    watch,
    worker,
)
from scraper.cli.context import Invocation
from scraper.errors import ExitCode

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_EPILOG = """\b
Exit codes: 0 complete · 1 internal error · 2 usage or configuration ·
3 gaps remain, not known what should exist, or stopped · 4 sign-in refused · 5 a person is needed ·
6 UCM unreachable or not trusted · 7 web UI not as expected · 8 storage · 9 another job holds this UCM · 10 safety stop."""


class App(click.Group):
    """A group in which no exception gets past."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("ucm-scraper: Stopped.", err=True)
            ctx.exit(int(ExitCode.GAPS))
        except Exception as error:  # noqa: BLE001 -- the outermost boundary
            from scraper.log import as_ours, scrub

            ours = as_ours(error)
            click.echo(f"ucm-scraper: {scrub(ours.message)}\n→ {scrub(ours.remedy)}", err=True)
            ctx.exit(int(ours.exit_code))


@click.group(cls=App, context_settings=_HELP, epilog=_EPILOG)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="PATH", help="The configuration; else UCM_SCRAPER_CONFIG, else ./config.yaml."
)
@click.option("-v", "--verbose", count=True, help="Say more on stderr; -vv still more.")
@click.option("-q", "--quiet", count=True, help="Say less on stderr: warnings and errors; -qq errors only.")
@click.version_option(package_name="ucm-recording-scraper")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, verbose: int, quiet: int) -> None:
    """Keep a copy of every call recording that a Grandstream UCM (its PBX) holds, and prove that nothing is missing.

    \b
    See it work:      ucm-scraper demo
    Set it up:        ucm-scraper config init, fill in config.yaml, ucm-scraper config check
    Fetch now:        ucm-scraper run
    See what's what:  ucm-scraper gaps · runs · recordings · verify
    """
    ctx.obj = Invocation(config, verbose - quiet)
    ctx.obj.start_log()


for _command in (
    *(run.demo, run.run, run.reconcile, backfill.backfill, run.fetch, run.ingest, run.login),
    *(archive.gaps, archive.runs, archive.recordings, cdrs.cdrs, verify.verify, doctor.doctor),
    *(files.convert, files.inspect, reconvert.reconvert, keeping.erase, retention.retention, holds.hold, simulate.simulate, config.config),
    catalog.catalog,
    *(deliver.deliver, deliver.deliveries),
    *(serve.serve, worker.worker, task.task, watch.healthcheck, watch.notify),
):
    cli.add_command(_command)
