"""Takes recordings' names out of what was written down about them: reports of runs, the audit log, holds that were lifted."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from scraper.catalog.schema import audit, runs

#: What stands in a name's place.
ERASED = "(erased)"
_WORD = re.compile(r"[^\s\"',;:()]+")
_NOTHING = ('"gaps": []', '"notes": []')


def names_any(text: str, names: Collection[str]) -> bool:
    """Whether a text names one of these files, with or without a folder, or a copy of it with a mark (``NAME~1a2b3c4d.wav``)."""
    words = (word.rpartition("/")[2].rstrip(".") for word in _WORD.findall(text))
    return any(unmarked(word) in names for word in words) or any(name in text for name in names if not _WORD.fullmatch(name))


def scrub_texts(connection: Connection, ucm: str, names: Collection[str]) -> None:
    """Take these names out of a UCM's reports and audit rows. A gap or note that names one goes; the counts stay."""
    query = select(runs.c.id, runs.c.report).where(runs.c.ucm == ucm, runs.c.report.is_not(None))
    for run_id, text in connection.execute(query).all():
        if not all(nothing in text for nothing in _NOTHING) and (report := _scrubbed(json.loads(text), names)):
            connection.execute(runs.update().where(runs.c.id == run_id).values(report=json.dumps(report, ensure_ascii=False)))
    for row_id, detail in connection.execute(select(audit.c.id, audit.c.detail).where(audit.c.ucm == ucm, audit.c.detail != "")).all():
        if names_any(detail, names):
            number = detail.partition(" ")[0] if detail.startswith("#") else ""
            connection.execute(audit.update().where(audit.c.id == row_id).values(detail=f"{number} {ERASED}".strip()))


def _scrubbed(report: dict[str, Any], names: Collection[str]) -> dict[str, Any] | None:
    """The report without what names one of them; None where nothing does."""
    gaps = [gap for gap in report["gaps"] if not names_any(gap["path"], names)]
    notes = [note for note in report.get("notes", ()) if not names_any(note, names)]
    if len(gaps) == len(report["gaps"]) and len(notes) == len(report.get("notes", ())):
        return None
    in_all = {} if len(gaps) == len(report["gaps"]) else {"gaps_in_all": report.get("gaps_in_all", len(report["gaps"]))}
    return {**report, **in_all, "gaps": gaps, "notes": notes}


def unmarked(word: str) -> str:
    """The name without the ``~mark`` of another version, and without what a stored file adds to it."""
    plain = word.removesuffix(".original")
    return re.sub(r"~[0-9a-f]{8}(?:-\d+)?(?=(?:\.[A-Za-z0-9]{1,8})?$)", "", plain)
