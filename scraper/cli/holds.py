"""``hold``: legal holds, which keep recordings from retention and erasure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_name, ucm_names, windowed
from scraper.cli.keeping import somebody
from scraper.cli.output import emit, emit_json, table
from scraper.errors import ConfigError
from scraper.models import Window

if TYPE_CHECKING:
    from scraper.catalog import Hold


@click.group(epilog="Example: ucm-scraper hold list")
def hold() -> None:
    """Legal holds: what they cover is removed neither by retention nor by erase."""


@hold.command(
    short_help="Protect recordings.", epilog='Example: ucm-scraper hold add --ucm head-office --number +15555550100 --reason "case 12/26"'
)
@ucm_name("The UCM whose recordings they are")
@click.option("--number", metavar="NUMBER", help="Of calls in which this number took part, with country code or without.")
@windowed
@click.option("--file", metavar="FILE", help="This recording, by the UCM's file name (2026-02/NAME or NAME).")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays on record.")
@invocation
def add(call: Invocation, name: str, number: str | None, window: Window, file: str | None, reason: str) -> None:
    """Protect the recordings of which all of this holds, and their call records, from now on, also those that are yet to come.

    Without number, days and file it is all of the UCM. A recording whose time is not known counts as within the days.
    """
    settings = call.settings(secrets=False)
    chosen(settings, [name])
    if not reason.strip():
        raise click.UsageError("--reason says nothing.")
    from scraper.keeping.criteria import criteria
    from scraper.keeping.holds import add_hold

    wanted = criteria(number, window, [file] if file else [])
    with open_catalog(settings) as catalog:
        identifier = add_hold(catalog, name, wanted, reason.strip(), somebody())
    emit(f"Hold {identifier} on {name} is in force.")


@hold.command("list", short_help="What is protected, why, and who said so.", epilog="Example: ucm-scraper hold list --all --json")
@ucm_names
@click.option("--all", "lifted", is_flag=True, help="Also holds that were lifted.")
@as_json
@invocation
def list_holds(call: Invocation, names: tuple[str, ...], lifted: bool, as_json: bool) -> None:
    """What is protected, why, and who said so."""
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    with open_catalog(settings) as catalog:
        found = catalog.holds(ucms, lifted=lifted)
    if as_json:
        for one in found:
            emit_json(asdict(one))
    else:
        emit(table(("HOLD", "UCM", "ON", "SINCE", "BY", "LIFTED", "REASON"), map(_row, found)) if found else "There is no hold.")


@hold.command(short_help="Lift a hold.", epilog="Example: ucm-scraper hold remove 3")
@click.argument("number", type=click.IntRange(min=1), metavar="HOLD")
@invocation
def remove(call: Invocation, number: int) -> None:
    """Lift a hold, by its number in `hold list`. It stays on record as lifted."""
    from scraper.keeping.holds import lift_hold

    settings = call.settings(secrets=False)
    with open_catalog(settings) as catalog:
        found = catalog.hold(number)
        if found is None or not lift_hold(catalog, found, somebody()):
            raise ConfigError(f"There is no hold {number} in force.", remedy="`ucm-scraper hold list` shows those that are.")
    emit(f"Hold {number} on {found.ucm} is lifted.")


def _row(one: Hold) -> tuple[object, ...]:
    days = f"{one.since or ''} to {one.until or ''}".strip() if one.since or one.until else None
    scope = ", ".join(filter(None, (one.number, days, one.name))) or "everything"
    return str(one.id), one.ucm, scope, one.at, one.by_whom, one.lifted_at, one.reason
