"""The web layers: the sign-in (a kept session, or one that the budget allows), and the Recordings page with its buttons and its list."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scraper.catalog import Catalog
from scraper.doctor.steps import Layer, Step
from scraper.errors import (
    BrowserFailed,
    PageNotAsExpected,
    PersonNeeded,
    ScraperError,
    SessionEnded,
    SignInError,
)
from scraper.job.web_access import prove_access
from scraper.settings import Settings
from scraper.webui import dom
from scraper.webui.browser import LaunchOptions, as_browser_failure
from scraper.webui.recordings_page import Listed, RecordingsPage, listed
from scraper.webui.session import Showing
from scraper.webui.ui import Access, WebUi, web_ui

#: How long browser, sign-in and page may take together, in steps of ``browser.timeout_seconds``.
_STEPS = 6


@dataclass(slots=True)
class WebFindings:
    """The two steps, and the newest recordings as the page lists them, for the clock."""

    sign_in: Step
    ui: Step
    newest: list[Listed] = field(default_factory=list)


def web(settings: Settings, name: str, catalog: Catalog) -> WebFindings:
    """Open the web UI as a job does. Raises nothing of ours: what fails is in the findings."""
    with tempfile.TemporaryDirectory(prefix="ucm-doctor-") as downloads:
        try:
            access = prove_access(settings, name, catalog)
            browser = settings.browser
            options = LaunchOptions(Path(downloads), browser.executable, browser.headless, urlsplit(access.url).hostname)
            return asyncio.run(_within(access, options, _STEPS * browser.timeout_seconds))
        except ScraperError as error:
            return _before_sign_in(error)


async def _within(access: Access, options: LaunchOptions, seconds: float) -> WebFindings:
    try:
        async with asyncio.timeout(seconds), web_ui(access, options) as ui:
            return await _look(ui, access.credentials.username)
    except TimeoutError:
        raise BrowserFailed(f"The web UI did not come up within {seconds:.0f} s.") from None


async def _look(ui: WebUi, username: str) -> WebFindings:
    page = None
    try:
        page = await ui.recordings()
        with as_browser_failure():
            step = await _page(page)
        return WebFindings(_signed_in(ui, username), step, listed(page.first) if page.first else [])
    except ScraperError as error:
        await ui.attach_evidence(error)
        if page is None and not _is_in(ui, error):
            return _before_sign_in(error)
        return WebFindings(_signed_in(ui, username), Step.failed(Layer.WEB_UI, error))


def _is_in(ui: WebUi, error: ScraperError) -> bool:
    """Whether the PBX had let us in before this error: by the login's answer, or by what showed of a kept session."""
    if isinstance(error, SignInError | PersonNeeded | SessionEnded):
        return False
    login = ui.wire.latest("login")
    return (login is not None and login.status == 0) or error.evidence.get("showing") == Showing.SHELL


def _before_sign_in(error: ScraperError) -> WebFindings:
    return WebFindings(Step.failed(Layer.WEB_SIGN_IN, error), Step.skipped(Layer.WEB_UI, "not tried: nobody is signed in"))


def _signed_in(ui: WebUi, username: str) -> Step:
    return Step.ok(Layer.WEB_SIGN_IN, f"signed in as {username}" if ui.sign_ins else "the kept session still lives: no sign-in was needed")


async def _page(page: RecordingsPage) -> Step:
    """Whether the list answers and the buttons are there. Raises :class:`PageNotAsExpected`."""
    if page.first is None:
        raise PageNotAsExpected(f"The Recordings page opened, but its list did not come within {page.patience.answer:.0f} s.")
    if page.first.status != 0 or page.total is None:
        raise PageNotAsExpected(f"The Recordings page opened, but its list came without a total (status {page.first.status}).")
    if not await dom.is_there(page.page, page.labels.download_button):
        names = ", ".join(repr(name) for name in await dom.button_names(page.page)) or "none"
        raise PageNotAsExpected(
            f"The Recordings page has no Download button beside Download All; its buttons are: {names}.",
            remedy="If the web UI speaks another language, put the button's label into `web.labels.download`.",
        )
    listed_now = f"{page.total:,} recordings" if page.total != 1 else "1 recording"
    return Step.ok(Layer.WEB_UI, f"the Recordings page opens, has Download All and Download, and lists {listed_now}")
