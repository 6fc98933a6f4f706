"""A person signs in by hand, in a visible browser under the same guard; the session is kept for the runs that follow."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
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
from scraper.webui.wire import Answer

#: How long a person has, in seconds.
PERSON_SECONDS = 600.0
#: How long the PBX's answer may take to be read after the page has shown it, in seconds.
_ANSWER_SECONDS = 5.0

Person = Callable[[Page], Awaitable[None]]


def login(settings: Settings, name: str) -> None:
    """Show the PBX's sign-in page, wait until a person has signed in, and keep the session.

    Raises :class:`ConfigError` where there is no screen, :class:`~scraper.errors.Busy` while a job works on this UCM,
    :class:`PersonNeeded` where nobody signed in within :data:`PERSON_SECONDS`, and what opening the web UI raises.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(
            "There is no screen here to show a browser on.",
            remedy="Run it on a desktop machine with the same configuration and copy data_dir/sessions/ from there, or use `ssh -X`.",
        )
    with_person(settings, name, None)


def with_person(settings: Settings, name: str, person: Person | None) -> None:
    """As :func:`login`; a ``person`` that is given acts on the page, in a browser without a window (tests, and later the admin page)."""
    with job_lock(settings.data_dir, name), Catalog.open(settings.catalog.url) as catalog, tempfile.TemporaryDirectory() as downloads:
        access = prove_access(settings, name, catalog)
        access.kept.forget()  # with it the page would open, and nobody would have signed in
        options = LaunchOptions(Path(downloads), settings.browser.executable, headless=person is not None)
        asyncio.run(_sign_in(access, options, person))
    logger.bind(action="signed-in-by-hand").info("Signed in; the session is kept for the next runs")


async def _sign_in(access: Access, options: LaunchOptions, person: Person | None) -> None:
    async with web_ui(access, options) as ui:
        accepted = ui.wire.next(lambda answer: answer.action == "login" and answer.status == 0)
        try:
            await ui.let_person_sign_in(person, PERSON_SECONDS)
            _enter(access, await asyncio.wait_for(accepted, _ANSWER_SECONDS), ui.wire.latest("challenge"))
        except TimeoutError:
            if access.kept.load() is None:  # else somebody did, by a login that we don't know: it says nothing about the password
                raise PersonNeeded(
                    f"Nobody signed in within {PERSON_SECONDS / 60:.0f} minutes.", remedy="Run `ucm-scraper login` again."
                ) from None
        finally:
            accepted.cancel()


def _enter(access: Access, login: Answer, challenge: Answer | None) -> None:
    """The PBX let a person in: note it, and whether it was with the configured password."""
    username, password = login.parameters.get("user", ""), access.credentials.password
    given = challenge.response.get("challenge") if challenge and isinstance(challenge.response, dict) else None
    same = username == access.credentials.username and password is not None
    token = hashlib.md5(f"{given}{password}".encode(), usedforsecurity=False).hexdigest()  # field guide 1, Signing in
    access.budget.person_signed_in(username, password if same and login.parameters.get("token") == token else None)
