"""A person signs in by hand, in a visible browser under the same guard; the session is kept for the runs that follow."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from loguru import logger
from playwright.async_api import Page

from scraper.catalog import Catalog
from scraper.errors import ConfigError, PersonNeeded
from scraper.lock import job_lock
from scraper.settings import Settings
from scraper.web_access import prove_access
from scraper.webui.browser import LaunchOptions
from scraper.webui.ui import Access, web_ui

#: How long a person has, in seconds.
PERSON_SECONDS = 600.0

Person = Callable[[Page], Awaitable[None]]


def login(settings: Settings, name: str) -> None:
    """Show the PBX's sign-in page, wait until a person has signed in, and keep the session.

    Raises :class:`ConfigError` where there is no screen, :class:`~scraper.errors.Busy` while a job works on this UCM,
    :class:`PersonNeeded` where nobody signed in within :data:`PERSON_SECONDS`, and what opening the web UI raises.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(
            "There is no screen here to show a browser on.",
            remedy="Run it on a desktop with the same data_dir, or over `ssh -X`, or copy sessions/ from there.",
        )
    with_person(settings, name, None)


def with_person(settings: Settings, name: str, person: Person | None) -> None:
    """As :func:`login`; a ``person`` that is given acts on the page, in a browser without a window (tests, and later the admin page)."""
    with job_lock(settings.data_dir, name), Catalog.open(settings.catalog.url) as catalog, tempfile.TemporaryDirectory() as downloads:
        access = prove_access(settings, name, catalog)
        options = LaunchOptions(Path(downloads), settings.browser.executable, headless=person is not None)
        asyncio.run(_sign_in(access, options, person))
        if access.credentials.password is not None:
            access.budget.person_signed_in(access.credentials.username, access.credentials.password)
    logger.bind(action="signed-in-by-hand").info("Signed in; the session is kept for the next runs")


async def _sign_in(access: Access, options: LaunchOptions, person: Person | None) -> None:
    async with web_ui(access, options) as ui:
        try:
            await ui.let_person_sign_in(person, PERSON_SECONDS)
        except TimeoutError:
            raise PersonNeeded(
                f"Nobody signed in within {PERSON_SECONDS / 60:.0f} minutes.", remedy="Run `ucm-scraper login` again."
            ) from None
