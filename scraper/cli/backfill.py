"""``backfill``: a window of call times, slice by slice, in the foreground."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, ucm_name
from scraper.cli.jobs import show
from scraper.cli.stopping import stop_on_signals
from scraper.models import Trigger, Window


@click.command(
    short_help="Fetch a window of call times, slice by slice.",
    epilog="Example: ucm-scraper backfill --ucm head-office --since 2026-01-01 --until 2026-03-01",
)
@ucm_name("The UCM")
@click.option("--since", required=True, metavar="DATE", help="The first day (YYYY-MM-DD), by the UCM's own clock.")
@click.option("--until", required=True, metavar="DATE", help="The day after the last one (YYYY-MM-DD).")
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest days; otherwise the newest come first.")
@click.option("--dry-run", is_flag=True, help="Show what would be fetched, over which way, and fetch nothing.")
@as_json
@invocation
def backfill(call: Invocation, /, name: str, since: str, until: str, **flags: bool) -> None:
    """Fetch the recordings of a window of call times, slice by slice, and nothing outside of it.

    What is done is kept: the same command again goes on where it was, whatever ended it; no slice that is done is fetched twice.
    The report counts the window, and says how much of it is covered. Ctrl-C or SIGTERM stops in order (exit code 3).
    """
    settings = call.settings()
    chosen(settings, [name])
    from scraper.backfill.foreground import carry_out
    from scraper.backfill.slices import read_span
    from scraper.catalog import Direction
    from scraper.job import job
    from scraper.job.desk import Order

    today = datetime.now(UTC).astimezone(settings.ucms[name].zone).date()
    span = read_span(since, until, today)
    with stop_on_signals() as stop:
        order = Order(settings, name, Trigger.BACKFILL, call.progress(settings), stop, Window(*span))
        direction = Direction.OLDEST_FIRST if flags["oldest_first"] else Direction.NEWEST_FIRST
        report = job.plan(order, everything=True) if flags["dry_run"] else carry_out(order, span, direction)
    show(report, flags["as_json"])
    raise click.exceptions.Exit(int(report.exit_code))
