"""``worker``: takes jobs from the fleet's queue."""

from __future__ import annotations

import sys

import click

from scraper import memory
from scraper.cli.context import Invocation, invocation


@click.command(short_help="Take jobs from the fleet's queue.", epilog="Example: ucm-scraper --config /config/config.yaml worker --jobs 8")
@click.option("--jobs", type=click.IntRange(1, 100), metavar="N", help="Jobs at once. Unless given: limits.jobs.")
@invocation
def worker(call: Invocation, jobs: int | None) -> None:
    """Take jobs that `serve` puts into the fleet's queue, until somebody stops it; on any number of machines, several on one if need be.

    Needs fleet.name, a catalog on PostgreSQL, a store that all machines reach, and encryption.key, the same for all. SIGTERM and SIGINT
    ask the jobs to stop in order within limits.stop_seconds; they go back into the queue. A second signal ends them at once. A worker that
    dies loses nothing: another takes its jobs over once the database hasn't heard of it for fleet.lease_seconds.

    Exit code: 0 stopped; 2 configuration; 8 database or store can't be reached.
    """
    settings = call.settings()
    from scraper.fleet.joining import check_installed

    check_installed()
    from scraper.fleet.worker import work

    memory.for_years()
    work(settings, [sys.executable, "-m", "scraper", *call.options(), "_task"], jobs)
