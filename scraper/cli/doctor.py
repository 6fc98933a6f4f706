"""``doctor``: what stands between a job and its recordings, layer by layer; and the certificate, to be compared by eye."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, chosen, invocation, ucm_name
from scraper.cli.output import emit

if TYPE_CHECKING:
    from scraper.doctor import Checkup, Step

#: The table's width where stdout is no terminal; and between what it is kept elsewhere.
_WIDTH, _NARROWEST, _WIDEST = 110, 60, 140


@click.command(
    short_help="Test each layer; name cause, menu path and remedy.",
    epilog="Example: ucm-scraper doctor --ucm head-office",
)
@ucm_name("The UCM to examine")
@click.option("--print-pin", is_flag=True, help="Only show the UCM's certificate and its pin, unverified, to compare by eye.")
@as_json
@invocation
def doctor(call: Invocation, name: str, print_pin: bool, as_json: bool) -> None:
    """Test each layer between a job and its recordings: network, TLS, web sign-in, web UI, the API (switched on, address,
    user, permissions), clock, storage. What fails is named with its cause, the menu in the UCM's web UI, and the remedy.

    It reads only and disturbs no running job. It signs in by the kept session, or once where the sign-in budget that it
    shares with the jobs allows it; a refused password is not tried again.

    Exit code: 0 all that is configured works; 3 a job would work, but not everything does (such as one of web UI and API,
    or the clock); else no job would work: 8 for storage, or the first failed layer's code (2, 4, 5, 6, 7).

    \b
    --json prints one object: {"schema": 1, "ucm", "exit_code",
      "ways": {"web": "works" | "fails" | "not-configured", "api": the same},
      "steps": [{"layer", "result": "ok" | "failed" | "skipped", "cause", "menu", "remedy",
                 "exit_code"}], "notes": [text]}.
    The layers, all of them, always, in this order: network, TLS, web sign-in, web UI, API network,
      API TLS, API switched on, API address, API user, API call records, API recordings, clock, storage.
    With --print-pin: {"schema": 1, "ucm", "address", "verified": false, "subject", "names", "issuer",
      "not_before", "not_after", "key", "sha256", "pin", "configured_pin"}.
    """
    settings = call.settings(secrets=not print_pin)
    chosen(settings, [name])
    from scraper import doctor as examination

    if print_pin:
        shown = examination.show(name, settings.ucms[name])
        emit(json.dumps(shown.as_json(), ensure_ascii=False) if as_json else shown.as_text())
        return
    progress = call.progress(settings)
    try:
        found = examination.examine(settings, name, progress)
    finally:
        progress.done()
    emit(json.dumps(found.as_json(), ensure_ascii=False) if as_json else "\n".join(_table(found, _width())))
    raise click.exceptions.Exit(found.exit_code)


def _width() -> int:
    """The terminal's, or what COLUMNS says, within reason."""
    return max(_NARROWEST, min(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDEST))


def _table(found: Checkup, width: int) -> Iterator[str]:
    """A line or a few a layer, wrapped to ``width`` columns; below what failed, where to look and what to do."""
    layers = max(len(step.layer) for step in found.steps)
    yield f"{'LAYER':<{layers}}  {'RESULT':<7}  FINDING"
    said: dict[str, Step] = {}
    for step in found.steps:
        earlier = said.setdefault(step.remedy, step)
        remedy = step.remedy if earlier is step else f"as for {earlier.layer}"
        yield from _row(step, remedy if step.remedy else "", layers, width)
    yield ""
    yield from (f"note: {note}" for note in found.notes)
    ways = ", ".join(f"{title} {found.state(way).replace('-', ' ')}" for way, title in (("web", "web UI"), ("api", "API")))
    yield f"{found.ucm}: {ways} (exit code {found.exit_code})"


def _row(step: Step, remedy: str, layers: int, width: int) -> Iterator[str]:
    indent = " " * (layers + 11)
    first = f"{step.layer:<{layers}}  {step.result:<7}  "
    yield from _wrapped(step.cause, first, indent, width)
    for title, text in (("menu:   ", step.menu), ("remedy: ", remedy)):
        if text:
            yield from _wrapped(text, indent + title, indent + " " * len(title), width)


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    wrapper = textwrap.TextWrapper(width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text) or [first.rstrip()]
