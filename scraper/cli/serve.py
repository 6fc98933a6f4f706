"""``serve``: the schedule, the admin service and the listener for pushes, in one process that runs for years."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from scraper import memory
from scraper.cli.context import Invocation, invocation

if TYPE_CHECKING:
    from scraper.settings import Settings


@click.command(
    short_help="Keep to the schedule; serve the admin pages.",
    epilog="Example: ucm-scraper --config /config/config.yaml serve",
)
@invocation
def serve(call: Invocation) -> None:
    """Run the jobs of every UCM by their schedule, go on with backfills, and serve the admin pages, until somebody stops it.

    Each job is a process of its own; what it starts never outlives it. SIGTERM and SIGINT ask the jobs to stop in order (the recording in
    hand is finished) and end the service within limits.stop_seconds; a second signal ends all at once.

    Exit code: 0 stopped; 2 configuration; 8 storage; 9 another service works with this data_dir.
    """
    settings = call.settings()
    from scraper.service.serve import serve
    from scraper.settings import load

    def configured() -> Settings:
        return load(call.config, os.environ, {"log.level": call.level} if call.level else None)

    memory.for_years()
    serve(settings, [sys.executable, "-m", "scraper", *call.options(), "_task"], configured)
