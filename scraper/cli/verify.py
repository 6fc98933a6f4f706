"""The command ``verify``: whether the stored files still are what was stored, and what now where they aren't."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.chain import Heads, as_told, in_words
from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_names
from scraper.cli.output import emit
from scraper.errors import Busy, ExitCode

if TYPE_CHECKING:
    from scraper.catalog import Catalog
    from scraper.proof.verify import VerifyResult
    from scraper.settings import Settings
    from scraper.store import Store

_BUSY = "A job is at work on this UCM: once it has ended, run `ucm-scraper verify` again, so that what was lost is fetched."


@click.command(short_help="Check every stored recording against its hash.", epilog="Example: ucm-scraper verify && echo all hold")
@ucm_names
@click.option("--manifests", is_flag=True, help="Also the manifests: what was changed or lost since, in the store or in the catalog.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="HASH",
    help="A manifest's hash that was kept elsewhere, and must be in the chain still; may be repeated. Implies --manifests.",
)
@as_json
@invocation
def verify(call: Invocation, names: tuple[str, ...], manifests: bool, heads: tuple[str, ...], as_json: bool) -> None:
    """Read every stored recording again and compare it with its catalogued hash.

    Exit code 0 only if all hold; 3 where one is missing, changed or can't be read. What is missing or changed is a gap from then on: the
    next `ucm-scraper run` fetches it again where the PBX still has it. Transcripts are read as well; lost ones are named.

    With --manifests the catalog itself is compared with what the daily manifests told, and these with one another. Keep the hash of the
    newest one somewhere else now and then: with --head it proves that nobody made the whole chain anew.
    """
    kept = Heads.parsed(heads)
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    from scraper.proof import verify as verification
    from scraper.store import open_store

    all_hold = True
    with open_catalog(settings) as catalog:
        store = open_store(settings.store, catalog)
        for name in ucms:
            progress = call.progress(settings)
            progress.phase("verifying")
            try:
                result = verification.verify(catalog, store, name, progress)
            finally:
                progress.done()
            noted = _note(settings, catalog, store, name, result)
            chain = kept.check(catalog, store, name) if manifests or heads else None
            all_hold = all_hold and result.holds and (chain is None or chain.holds)
            if as_json:
                emit(json.dumps(_verified(name, result) | (as_told(chain) if chain else {}), ensure_ascii=False))
            else:
                emit("\n".join([*_verified_lines(name, result, noted), *(in_words(chain) if chain else ())]))
    all_hold = kept.all_proved() and all_hold
    raise click.exceptions.Exit(int(ExitCode.COMPLETE if all_hold else ExitCode.GAPS))


def _verified(name: str, result: VerifyResult) -> dict[str, Any]:
    bad = {"missing": result.missing, "changed": result.changed, "unreadable": result.unreadable}
    return {
        "schema": 1,
        "ucm": name,
        "holds": result.holds,
        "checked": result.checked,
        "ok": result.ok,
        **{kind: [identity.path for identity in found] for kind, found in bad.items()},
        "lost_texts": result.lost_texts,
    }


def _note(settings: Settings, catalog: Catalog, store: Store, name: str, result: VerifyResult) -> bool:
    """Note what was lost as gaps, and what is due in manifests, but not while a job holds the UCM, for it may be moving files; whether it
    was done.
    """
    from scraper.fleet.hold import held
    from scraper.proof import verify
    from scraper.proof.manifests import write_due

    try:
        with held(settings, catalog, name) as ours:
            verify.note_lost(ours, store, name, result)
            write_due(ours, store, name)
    except Busy:
        return False
    return True


def _verified_lines(name: str, result: VerifyResult, noted: bool) -> Iterator[str]:
    if result.checked == 0:
        yield f"{name}: nothing is archived yet"
        return
    yield f"{name}: {result.ok:,} of {result.checked:,} recordings hold"
    from scraper.proof.verify import TEXTS_NOW, WHAT_NOW

    for kind, what_now in WHAT_NOW.items():
        found = getattr(result, kind)
        yield from (f"  {kind}: {identity.path}" for identity in found)
        if found:
            yield f"  → {what_now}"
    yield from (f"  transcript missing or changed: {path}" for path in result.lost_texts)
    if result.lost_texts:
        yield f"  → {TEXTS_NOW}"
    if not (noted or result.holds):
        yield f"  → {_BUSY}"
