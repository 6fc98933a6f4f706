"""The command ``cdrs``: the call records that the catalog knows, and whether the recordings they name are archived."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.archive import nothing_yet
from scraper.cli.context import Invocation, as_json, chosen, invocation, open_catalog, ucm_names, windowed
from scraper.cli.output import emit

if TYPE_CHECKING:
    from scraper.catalog import Catalog, StoredCall
    from scraper.cdr import CallFile
    from scraper.models import RecordingClass, Window

    #: A leg of a call, and of each recording that it names whether it is archived.
    _Leg = tuple[StoredCall, list[bool]]

#: Calls whose recordings are looked up together.
_BATCH = 500
#: Wide enough for what PBXs write; a longer number is never cut.
_NUMBER, _STATUS = 16, 11


@click.command(short_help="The call records that are known.", epilog="Example: ucm-scraper cdrs --since 2026-02-01 --json")
@ucm_names
@windowed
@as_json
@invocation
def cdrs(call: Invocation, names: tuple[str, ...], window: Window, as_json: bool) -> None:
    """The call records that earlier jobs read from the UCM, each leg of a call by itself, UCM by UCM, the newest first.

    START is PBX local. RECORDINGS says how many the call names, and how many of them the archive holds. Numbers are shown as the
    UCM wrote them.

    \b
    --json prints an object a line: {"ucm", "start", "start_utc", "answer_utc", "end_utc", "from", "to",
      "answered_by", "caller_name", "status", "talk_seconds", "duration_seconds", "action_type",
      "session", "acct_id", "uniqueid", "source",
      "files": [{"path", "class", "seconds", "size", "archived"}]}.
    What the UCM did not tell is null or "".
    """
    settings = call.settings(secrets=False)
    ucms = chosen(settings, names)
    if nothing_yet(settings):
        return
    with open_catalog(settings) as catalog:
        legs = (leg for name in ucms for leg in _calls(catalog, name, window))
        for line in _as_json(legs) if as_json else _as_table(legs, max(map(len, ucms))):
            if not emit(line):
                break


def _as_json(legs: Iterable[_Leg]) -> Iterator[str]:
    return (json.dumps(_object(*leg), ensure_ascii=False) for leg in legs)


def _as_table(legs: Iterable[_Leg], width: int) -> Iterator[str]:
    """Headed by what the columns are, if there is anything in them."""
    lines = (_row(leg[0].ucm, width, _cells(*leg)) for leg in legs)
    first = next(lines, None)
    if first is None:
        yield "No call records are known."
        return
    yield _row("UCM", width, ("START", "FROM", "TO", "STATUS", "TALK", "RECORDINGS"))
    yield first
    yield from lines


def _calls(catalog: Catalog, name: str, window: Window) -> Iterator[_Leg]:
    """Each call with whether its recordings are archived, in their order; some hundreds at a time, so that any number fits in memory."""
    found = catalog.newest_calls(name, window.since, window.until)
    while batch := list(islice(found, _BATCH)):
        held = catalog.archived_files(name, batch)
        anywhere = {(klass, bare) for klass, _, bare in held}
        for leg in batch:
            yield leg, [(file.klass, file.month, file.name) in held or _monthless(file) in anywhere for file in leg.files]


def _monthless(file: CallFile) -> tuple[RecordingClass, str] | None:
    return None if file.month else (file.klass, file.name)


def _row(ucm: str, width: int, cells: tuple[str, ...]) -> str:
    start, caller, callee, status, talk, recordings = cells
    line = f"{ucm:<{width}}  {start:<19}  {caller:<{_NUMBER}}  {callee:<{_NUMBER}}  {status:<{_STATUS}}  {talk:>7}  {recordings}"
    return line.rstrip()


def _cells(leg: StoredCall, archived: list[bool]) -> tuple[str, ...]:
    talk = f"{leg.talk_seconds:,} s" if leg.talk_seconds is not None else ""
    recordings = f"{len(archived)}, {sum(archived)} archived" if archived else "-"
    return leg.start or "unknown", leg.src, leg.dst, leg.disposition, talk, recordings


def _object(leg: StoredCall, archived: list[bool]) -> dict[str, Any]:
    return {
        "ucm": leg.ucm,
        "start": leg.start,
        "start_utc": leg.start_utc,
        "answer_utc": leg.answer_utc,
        "end_utc": leg.end_utc,
        "from": leg.src,
        "to": leg.dst,
        "answered_by": leg.answered_by,
        "caller_name": leg.caller_name,
        "status": leg.disposition,
        "talk_seconds": leg.talk_seconds,
        "duration_seconds": leg.duration,
        "action_type": leg.action_type,
        "session": leg.session,
        "acct_id": leg.acct_id,
        "uniqueid": leg.uniqueid,
        "source": leg.source,
        "files": [_file(file, held) for file, held in zip(leg.files, archived, strict=True)],
    }


def _file(file: CallFile, archived: bool) -> dict[str, Any]:
    path = f"{file.month}/{file.name}" if file.month else file.name
    return {"path": path, "class": file.klass.value, "seconds": file.seconds, "size": file.size, "archived": archived}
