"""What is kept when the web UI fails us: a screenshot with input fields masked, and the ``/cgi`` actions with their statuses.

No Playwright trace (it holds what was typed), no bodies, no query strings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loguru import logger

from scraper.errors import StorageError
from scraper.failures import ACTIONS, SCREENSHOT
from scraper.threads import in_thread
from scraper.webui import raised
from scraper.webui.wire import Wire

if TYPE_CHECKING:
    from playwright.async_api import Page

#: Keeps files, by name, and says where, for people; raises :class:`StorageError`. In a thread.
Keep = Callable[[Mapping[str, bytes]], str]

_SCREENSHOT_MS = 5_000


async def save(page: Page, wire: Wire, keep: Keep) -> str | None:
    """Keep what the page shows, and what it was answered; where that lies, None where it couldn't be kept. Never raises."""
    actions = json.dumps({"path": urlsplit(page.url).path, "actions": wire.evidence()}, indent=1).encode()
    files = {ACTIONS: actions}
    try:
        files[SCREENSHOT] = await page.screenshot(mask=[page.locator("input, textarea")], timeout=_SCREENSHOT_MS)
    except raised.PlaywrightError:
        logger.bind(action="screenshot-failed").warning("The browser gave no screenshot")
    try:
        return await in_thread(keep, files)
    except StorageError as error:
        logger.bind(action="evidence-failed").warning("What the browser showed could not be saved: {}", error.message)
        return None
