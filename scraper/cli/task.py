"""``_task``: what ``serve`` starts for each job. Not for people."""

from __future__ import annotations

import click

from scraper.cli.context import Invocation, invocation
from scraper.cli.stopping import stop_on_signals


@click.command("_task", hidden=True, epilog="Example: ucm-scraper _task < task.json")
@click.option("--whole", is_flag=True, help="Tell the whole report at the end, and how it reads.")
@invocation
def task(call: Invocation, whole: bool) -> None:
    """Do one task of the service: it comes in on stdin, what happens goes out on stdout."""
    with stop_on_signals() as stop:
        from scraper.service.child import work

        raise click.exceptions.Exit(work(call.settings, stop, whole=whole))
