"""The pictures that failures of the web UI left (:mod:`scraper.webui.evidence`), found again by the run that they belong to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from scraper.names import component

_FORM = "%Y-%m-%dT%H-%M-%SZ"


def folder_of(failures: Path, ucm: str, began: datetime, ended: datetime | None) -> Path | None:
    """The last folder with a screenshot that a run of ``ucm`` left between its beginning and its end; None where it left none."""
    found: list[tuple[datetime, Path]] = []
    for picture in failures.glob("*/screenshot.png"):
        stamp, _, name = picture.parent.name.partition("Z-")
        try:
            at = datetime.strptime(f"{stamp}Z", _FORM).replace(tzinfo=UTC)
        except ValueError:
            continue
        # A folder is named by when the web UI was turned to, in whole seconds.
        if name == component(ucm) and began - timedelta(seconds=1) <= at <= (ended or at) + timedelta(seconds=1):
            found.append((at, picture.parent))
    return max(found)[1] if found else None
