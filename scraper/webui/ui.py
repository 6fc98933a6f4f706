"""One UCM's web UI in one browser: signed in where needed, guarded always, with evidence kept when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from loguru import logger

from scraper.budget import SignInBudget
from scraper.coroutines import end
from scraper.errors import PageNotAsExpected, ScraperError, SecondFactorRequired, SessionEnded
from scraper.job.episode import Episode
from scraper.tls import Certificate
from scraper.webui import dom, evidence, raised, sidebar
from scraper.webui.browser import CLOSING_SECONDS, LaunchOptions, as_browser_failure, launched
from scraper.webui.guard import Guard, Judge
from scraper.webui.kept import KeptSession
from scraper.webui.recordings_page import ROUTE, Labels, Patience, RecordingsPage, is_listing
from scraper.webui.session import Credentials, Showing, SignIn, address, go, showing, signed_in
from scraper.webui.wire import Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, ViewportSize

#: Sign-ins that one job may make: the first, and one more where the PBX ended the session.
MOST_SIGN_INS = 2
#: An app that shows its frame but not the linked page by then ignores deep links, in seconds.
DEEP_LINK_SECONDS = 4.0
_VIEWPORT: ViewportSize = {"width": 1440, "height": 900}


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that is needed to get into one PBX's web UI."""

    url: str
    credentials: Credentials
    key: Certificate | None
    budget: SignInBudget
    kept: KeptSession
    episode: Episode
    keep_evidence: evidence.Keep
    allow_actions: tuple[str, ...] = ()
    labels: Labels = field(default_factory=Labels)
    patience: Patience = field(default_factory=Patience)

    def check(self) -> None:
        """Whether a browser can get in: by a session that is kept, or by signing in.

        Raises, where no sign-in may be made, what :meth:`~scraper.budget.SignInBudget.check` raises.
        """
        username, password = self.credentials.username, self.credentials.password
        if password is not None and not self.kept.exists():
            with self.episode.noticed():
                self.budget.check("web", username, password)


class WebUi:
    """A signed-in browser on one PBX; get it from :func:`web_ui`."""

    def __init__(self, context: BrowserContext, page: Page, access: Access, guard: Guard) -> None:
        self._context = context
        self._page = page
        self._access = access
        self._guard = guard
        self._second: Page | None = None
        self.wire = Wire(context)
        self.sign_ins = 0

    async def recordings(self) -> RecordingsPage:
        """The Recordings page, signing in where the session has ended; at most :data:`MOST_SIGN_INS` times a job.

        Raises the sign-in's errors, :class:`SessionEnded`, :class:`SecondFactorRequired`, :class:`PageNotAsExpected`, and what
        :func:`~scraper.webui.session.go` raises.
        """
        with self._access.episode.watched(), as_browser_failure():
            return await self._recordings()

    async def _recordings(self) -> RecordingsPage:
        found, first = await self._look_for_recordings(self._page, by_sidebar=False)
        while found is not Showing.WANTED:
            if found not in (Showing.SIGN_IN, Showing.CAPTCHA):
                raise await self._lost(found)
            if self.sign_ins >= MOST_SIGN_INS:
                raise SessionEnded
            self._access.kept.forget()
            self.sign_ins += 1
            await SignIn(self._access.credentials, self._access.budget, self.wire, self._access.patience.answer)(self._page)
            self._access.kept.save(await self._context.storage_state())
            found, first = await self._look_for_recordings(self._page, by_sidebar=True)
        return self._recordings_page(self._page, first)

    async def second_recordings(self) -> RecordingsPage:
        """The Recordings page in a tab of its own, while the first is busy. Raises :class:`SessionEnded`, :class:`PageNotAsExpected`."""
        with as_browser_failure():
            page = self._second = self._second or await self._context.new_page()
            found, first = await self._look_for_recordings(page, by_sidebar=False)
        if found is not Showing.WANTED:
            raise SessionEnded if found is Showing.SIGN_IN else PageNotAsExpected("The Recordings page did not open in a second tab.")
        return self._recordings_page(page, first)

    async def close_second(self) -> None:
        """Close the second tab, if there is one."""
        page, self._second = self._second, None
        if page is not None:
            with suppress(raised.PlaywrightError, TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await page.close()

    async def let_person_sign_in(self, person: Callable[[Page], Awaitable[None]] | None, seconds: float) -> None:
        """Open the web UI and wait until somebody has signed in; keep the session. ``person`` acts on the page until then.

        Raises TimeoutError after ``seconds``, and what ``person`` raises.
        """
        async with asyncio.timeout(seconds):
            await go(self._page, self._access.url, self._access.patience.answer)
            await _until(signed_in(self._page), person(self._page) if person else None)
            self._access.kept.save(await self._context.storage_state())
            self._access.episode.end()

    async def attach_evidence(self, error: ScraperError) -> None:
        """Keep what the browser shows now, and say in ``error`` where, once."""
        if "saved" in error.evidence:
            return
        where = await evidence.save(self._page, self.wire, self._access.keep_evidence)
        if where:
            error.evidence["saved"] = where
            error.remedy += f" What the browser showed is in {where}."
            logger.bind(action="evidence-saved").info("What the browser showed is kept in {}", where)

    def _recordings_page(self, page: Page, first: Answer | None) -> RecordingsPage:
        opened = RecordingsPage(page, self.wire, self._guard, self._access.labels, self._access.patience)
        opened.first = first
        return opened

    async def _look_for_recordings(self, page: Page, *, by_sidebar: bool) -> tuple[Showing, Answer | None]:
        """What shows on the way to the Recordings page, and the page's own listing.

        A fresh sign-in goes on ``by_sidebar``, since some builds forget it when the page is loaded anew; a kept session by deep link.
        """
        listing = self.wire.next(is_listing)
        try:
            found = await self._by_sidebar(page) if by_sidebar else Showing.NOTHING
            if found is not Showing.WANTED:
                found = await self._by_deep_link(page)
            if found in (Showing.SHELL, Showing.NOTHING) and not by_sidebar:
                await go(page, self._access.url, self._access.patience.answer)
                found = await self._by_sidebar(page)
            if found is not Showing.WANTED:
                return found, None
            first = await asyncio.wait_for(asyncio.shield(listing), self._access.patience.answer)
            return (Showing.SIGN_IN, None) if await self._ended(page, first) else (found, first)
        except TimeoutError:
            return Showing.WANTED, None  # a page that lists without asking: its total is not known
        finally:
            listing.cancel()

    async def _by_deep_link(self, page: Page) -> Showing:
        answer_seconds, button = self._access.patience.answer, self._access.labels.download_all_button
        if await go(page, address(self._access.url, ROUTE), answer_seconds) == HTTPStatus.NOT_FOUND:
            return Showing.NOTHING
        found = await showing(page, button, DEEP_LINK_SECONDS)
        return await showing(page, button, answer_seconds) if found is Showing.NOTHING else found

    async def _by_sidebar(self, page: Page) -> Showing:
        labels = self._access.labels
        opened = await sidebar.open_page(page, ROUTE, ("Recordings", "Recording Files", *labels.recordings), ("CDR", *labels.cdr))
        return await showing(page, labels.download_all_button, self._access.patience.answer if opened else 1.0)

    async def _ended(self, page: Page, first: Answer) -> bool:
        """Whether the page came up only to be told that the session has ended: then the form follows."""
        if not first.session_ended:
            return False
        await showing(page, None, self._access.patience.answer)
        return True

    async def _lost(self, found: Showing) -> ScraperError:
        if found is Showing.EXTRA and self.sign_ins:
            username, password = self._access.credentials.username, self._access.credentials.password
            if password is not None:
                self._access.budget.person_needed(username, password)
            return SecondFactorRequired()
        if found is Showing.SHELL:
            names = ", ".join(repr(name) for name in await dom.button_names(self._page)) or "none"
            what = f"the web UI opened, but not its Recordings page; the buttons that show are: {names}"
        else:
            what = "neither the sign-in form nor the web UI appeared"
        return PageNotAsExpected(
            f"Asked for {ROUTE}, {what}.",
            remedy="If the web UI speaks another language, set `web.labels.download_all`; look at the screenshot.",
            showing=found,
        )


async def _until(work: Awaitable[None], beside: Awaitable[None] | None) -> None:
    """Wait for ``work``; what goes on ``beside`` it ends with it. Raises what either raises."""
    working = asyncio.ensure_future(work)
    waiting = {working} if beside is None else {working, asyncio.ensure_future(beside)}
    parts = tuple(waiting)
    try:
        while not working.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
    finally:
        await end(*parts)


@asynccontextmanager
async def web_ui(access: Access, options: LaunchOptions) -> AsyncIterator[WebUi]:
    """A browser on one PBX, guarded before its first request; what it showed is kept when the block fails. Ends with the block."""
    async with launched(options, access.key) as browser:
        context = await browser.new_context(
            storage_state=access.kept.load(),
            service_workers="block",
            accept_downloads=True,
            viewport=_VIEWPORT,
            locale="en-US",
            extra_http_headers={"Cache-Control": "no-cache"},  # the next archive has the same address
        )
        guard = Guard(Judge(access.url, access.allow_actions))
        await guard.attach(context)
        ui = WebUi(context, await context.new_page(), access, guard)
        try:
            with as_browser_failure():
                yield ui
        except ScraperError as error:
            await ui.attach_evidence(error)
            raise
