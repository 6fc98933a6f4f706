"""What is kept when the web UI fails us: a screenshot with input fields masked, and the ``/cgi`` actions with their statuses.

No Playwright trace (it holds what was typed), no bodies, no query strings.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from scraper.disk import make_folder, write_private
from scraper.webui.wire import Wire

#: How many failures are kept.
KEPT = 20

_SCREENSHOT_MS = 5_000


async def save(page: Page, wire: Wire, folder: Path) -> Path | None:
    """Write ``actions.json`` and ``screenshot.png`` (mode 0600) into ``folder``; None where even that failed. Never raises.

    ``folder`` is named by its time: beside it the newest :data:`KEPT` stay, older ones go.
    """
    try:
        picture = await page.screenshot(mask=[page.locator("input, textarea")], timeout=_SCREENSHOT_MS)
    except PlaywrightError:
        logger.bind(action="screenshot-failed").warning("The browser gave no screenshot")
        picture = b""
    actions = json.dumps({"path": urlsplit(page.url).path, "actions": wire.evidence()}, indent=1).encode()
    try:
        make_folder(folder)
        write_private(folder / "actions.json", actions)
        if picture:
            write_private(folder / "screenshot.png", picture)
        _prune(folder.parent)
    except OSError as error:
        logger.bind(action="evidence-failed").warning("What the browser showed could not be saved ({})", error.strerror)
        return None
    return folder


def _prune(failures: Path) -> None:
    """Remove the oldest; only what was written here. Raises OSError where ``failures`` can't be read."""
    for folder in sorted(path.parent for path in failures.glob("*/actions.json"))[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
