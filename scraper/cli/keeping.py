"""``erase``: recordings that somebody has a right to be forgotten of, let go of for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_name, windowed
from scraper.cli.output import emit, emit_json
from scraper.cli.stopping import stop_on_signals
from scraper.models import Window

if TYPE_CHECKING:
    from scraper.catalog import Catalog
    from scraper.keeping.choosing import Chosen, Place
    from scraper.keeping.criteria import Criteria
    from scraper.settings import Settings

_SHOWN = 50


@click.command(
    short_help="Let go of recordings for good: files, call records and all.",
    epilog="Example: ucm-scraper erase --ucm head-office --number +15555550100 --dry-run",
)
@ucm_name("The UCM whose recordings they are")
@click.option("--number", metavar="NUMBER", help="Of calls in which this number took part, with country code or without.")
@windowed
@click.option("--file", "files", multiple=True, metavar="FILE", help="These, by the UCM's file names (2026-02/NAME or NAME); repeat it.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json
@invocation
def erase(call: Invocation, /, name: str, number: str | None, window: Window, files: tuple[str, ...], **flags: bool) -> None:
    """Let go of recordings for good, as somebody's right to be forgotten may ask for.

    What goes: every stored version and original, transcripts, quarantined copies, call records, gaps, deliveries, and what reports, logs
    and the audit log say of them. A tombstone stays, a keyed hash without name or number, so that no run brings them back. Nothing is
    changed on the UCM. With several criteria all must hold; a file that is not known yet never comes.

    Exit code 0 where all is gone (or with --dry-run would be); 2 where a legal hold protects some; 8 storage: run it again, and it goes on;
    9 where a job is working on this UCM.
    """
    if not (number or files) and window == Window():
        raise click.UsageError("Say what to erase: --number, --since, --until or --file. To erase all of a UCM, give --since 1970-01-01.")
    if files and (number or window != Window()):
        raise click.UsageError("Give either --file, or --number with --since and --until.")
    settings = call.settings(secrets=False)
    chosen(settings, [name])
    from scraper.keeping.criteria import criteria

    wanted = criteria(number, window, files)
    with open_catalog(settings) as catalog:
        work = _Erasure(settings, catalog, name, wanted)
        if flags["dry_run"]:
            work.show(work.choose(), flags["as_json"], done=False)
            return
        if not flags["yes"]:
            work.show(work.choose(), flags["as_json"], done=False)
            click.confirm("Erase this for good?", abort=True, err=True)
        work.show(work.do(), flags["as_json"], done=True)


@dataclass(frozen=True, slots=True)
class _Erasure:
    """One erasure, or only a look at it."""

    settings: Settings
    catalog: Catalog
    ucm: str
    wanted: Criteria

    @property
    def place(self) -> Place:
        from scraper.keeping.choosing import Place

        return Place(self.catalog, self.ucm, self.settings.ucms[self.ucm].zone)

    def choose(self) -> Chosen:
        """What would go. Raises :class:`ConfigError` where a hold protects some."""
        from scraper.keeping.choosing import choose
        from scraper.keeping.holds import refuse_held

        found = choose(self.place, self.wanted)
        refuse_held(self.place, found)
        return found

    def do(self) -> Chosen:
        """Raises :class:`~scraper.errors.Busy`, the storage errors, and what :meth:`choose` raises."""
        from scraper.fleet.hold import held
        from scraper.ingest.filing import recover
        from scraper.keeping.erase import Erasing
        from scraper.store import open_store

        with stop_on_signals() as stop, held(self.settings, self.catalog, self.ucm, stop) as catalog:
            store = open_store(self.settings.store, catalog)
            recover(store, catalog, self.ucm)
            erasing = Erasing(catalog, store, self.settings.data_dir, self.ucm)
            erasing.finish()
            found = self.choose()
            erasing.erase(found.doomed, "erased", somebody())
        return found

    def show(self, found: Chosen, as_json: bool, *, done: bool) -> None:
        """What goes, or went: names only before."""
        if as_json:
            emit_json(self._as_json(found, done))
        else:
            emit("\n".join(self._lines(found, done)))

    def _as_json(self, found: Chosen, done: bool) -> dict[str, Any]:
        paths = {} if done else {"paths": sorted(key.path for key in found.spans)}
        counts = {"recordings": len(found.spans), "files": found.files, "bytes": found.size, "call_records": len(found.calls)}
        return {"schema": 1, "ucm": self.ucm, "erased": done, **counts, **paths}

    def _lines(self, found: Chosen, done: bool) -> Iterator[str]:
        from scraper.job.report import size

        what = f"{len(found.spans):,} recordings ({found.files:,} stored files, {size(found.size)}) and {len(found.calls):,} call records"
        yield f"{self.ucm}: {what} {'were erased' if done else 'would be erased'}"
        if not done:
            paths = sorted(key.path for key in found.spans)
            yield from (f"  {path}" for path in paths[:_SHOWN])
            if len(paths) > _SHOWN:
                yield f"  … and {len(paths) - _SHOWN:,} more; --json --dry-run names all"


def somebody() -> str:
    """Who gives a command, for the record."""
    import pwd

    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"
    except KeyError:
        return f"user {os.getuid()} (command line)"
