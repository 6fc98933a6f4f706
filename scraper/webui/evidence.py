"""What is kept when the web UI fails us: a screenshot with input fields masked, and the ``/cgi`` actions with their statuses.

No Playwright trace (it holds what was typed), no bodies, no query strings.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from scraper.webui.wire import Wire

_SCREENSHOT_MS = 5_000


async def save(page: Page, wire: Wire, folder: Path) -> Path | None:
    """Write ``screenshot.png`` and ``actions.json`` (mode 0600) into ``folder``; None where even that failed. Never raises into a failure."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        actions = folder / "actions.json"
        actions.touch(mode=0o600)
        actions.write_text(json.dumps({"path": urlsplit(page.url).path, "actions": wire.evidence()}, indent=1))
        picture = folder / "screenshot.png"
        picture.touch(mode=0o600)
        picture.write_bytes(await page.screenshot(mask=[page.locator("input, textarea")], timeout=_SCREENSHOT_MS))
    except (OSError, PlaywrightError) as error:
        logger.bind(action="evidence-failed").warning("The screenshot could not be saved ({})", type(error).__name__)
        return folder if (folder / "actions.json").exists() else None
    return folder
