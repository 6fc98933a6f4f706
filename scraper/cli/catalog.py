"""``catalog``: look after the database that knows what is held."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, existing_catalog, invocation
from scraper.cli.output import emit, emit_json, table
from scraper.errors import ExitCode

if TYPE_CHECKING:
    from scraper.settings import Settings

_WHAT_NOW = (
    "Restore the catalog from a backup. Without one, `ucm-scraper verify` and `ucm-scraper reconcile` find out what is held and what is"
    " missing."
)


@click.group(epilog="Example: ucm-scraper catalog check")
def catalog() -> None:
    """The catalog: bring it up to date, read it through, move it to another database."""


@catalog.command(short_help="Bring it up to date.", epilog="Example: ucm-scraper catalog upgrade")
@as_json
@invocation
def upgrade(call: Invocation, as_json: bool) -> None:
    """Bring the catalog's tables to what this version works with; where there is none yet, make it.

    Every command does so by itself; this one says what it did. An older version refuses the catalog afterwards.
    """
    from scraper.catalog import Catalog
    from scraper.catalog.schema import HEAD
    from scraper.cli.context import catalog_file

    settings = call.settings(secrets=False)
    before = None
    file = catalog_file(settings)
    if file is None or file.exists():
        with Catalog.open_to_read(settings.catalog.url) as old, old.reading() as connection:
            before = old.revision(connection)
    Catalog.open(settings.catalog.url).close()
    if as_json:
        emit_json({"schema": 1, "from": before, "to": HEAD})
    elif before == HEAD:
        emit(f"The catalog is up to date: revision {HEAD}.")
    else:
        emit(f"The catalog was brought from revision {before} to {HEAD}." if before else f"A catalog was made: revision {HEAD}.")


@catalog.command(short_help="Read it through.", epilog="Example: ucm-scraper catalog check && echo sound")
@as_json
@invocation
def check(call: Invocation, as_json: bool) -> None:
    """Read the whole catalog: its revision, its pages (SQLite), what belongs to what, states, sizes, and whether its sums are what counting
    gives.

    Exit code 0 where all is as it should be, else 8. It changes nothing, and jobs may run meanwhile. Whether the stored files are what the
    catalog says is `ucm-scraper verify`'s question.
    """
    from scraper.catalog import Catalog
    from scraper.catalog.checking import check as read_through

    settings = call.settings(secrets=False)
    with Catalog.open_to_read(existing_catalog(settings)) as found:
        problems = read_through(found)
    if as_json:
        emit_json({"schema": 1, "sound": not problems, "problems": [asdict(one) for one in problems]})
    elif problems:
        emit("\n".join(f"{one.table}: {f'{one.rows:,} rows ' if one.rows else ''}{one.what}" for one in problems) + f"\n→ {_WHAT_NOW}")
    else:
        emit("The catalog is sound.")
    raise click.exceptions.Exit(int(ExitCode.STORAGE if problems else ExitCode.COMPLETE))


@catalog.command(short_help="Copy it to another database.", epilog="Example: ucm-scraper catalog copy --to sqlite:////backup/catalog.db")
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL",
    envvar="UCM_SCRAPER_CATALOG_TO",
    help="An empty database: sqlite:///PATH or postgresql+psycopg://…; with a password better as UCM_SCRAPER_CATALOG_TO.",
)
@as_json
@invocation
def copy(call: Invocation, target: str, as_json: bool) -> None:
    """Copy the whole catalog to an empty database of either kind, and compare: all of it, or nothing.

    Stop the service and all jobs first, in a fleet on all machines (else exit code 9). Afterwards set catalog.url to the new one. The old
    one stays as it is.
    """
    settings = call.settings(secrets=False)
    from scraper.catalog import Catalog
    from scraper.catalog.copying import copy as copy_all
    from scraper.log import hide
    from scraper.settings.checks import password_in_url

    for secret in password_in_url(target):
        hide(secret)
    url = existing_catalog(settings)
    progress = call.progress(settings)
    with ExitStack() as stack:
        _hold_all(stack, settings)
        here, there = stack.enter_context(Catalog.open(url)), stack.enter_context(Catalog.open(target))
        stack.enter_context(here.unleased(settings.fleet.lease_seconds))
        with there.unleased(settings.fleet.lease_seconds):  # not to the end: the leases are copied, too
            pass
        try:
            counts = copy_all(here, there, lambda name, rows: progress.phase(f"copied {rows:,} rows of {name}"))
        finally:
            progress.done()
    if as_json:
        emit_json({"schema": 1, "rows": counts})
    else:
        emit(table(("table", "rows"), counts.items()))
        emit("All of it arrived. Set catalog.url to the new one before the next job.")


def _hold_all(stack: ExitStack, settings: Settings) -> None:
    """Hold the service's lock and each UCM's, so that nobody writes meanwhile. Raises :class:`~scraper.errors.Busy`."""
    from scraper.lock import job_lock, service_lock

    stack.enter_context(service_lock(settings.data_dir))
    for name in settings.ucms:
        stack.enter_context(job_lock(settings.data_dir, name))
