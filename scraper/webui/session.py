"""Signing in: recognising the page that shows, and knocking only where the budget allows (field guide 1, Signing in)."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin

from loguru import logger

from scraper.budget import Attempt, SignInBudget
from scraper.errors import (
    CaptchaRequired,
    LockedOut,
    NetworkError,
    PageNotAsExpected,
    PasswordRefused,
    PersonNeeded,
    SecondFactorRequired,
    ServerError,
    UnreachableError,
)
from scraper.webui import dom, raised
from scraper.webui.wire import LOCKED, REFUSED, TRANSIENT, Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import Page

_OTHER_ADDRESS = "Set `url` to the address that the web UI has in a browser, scheme and port included."

#: How long a page may still change before what it shows counts.
SETTLE_MS = 3_000
#: How often a page is asked for, and how long another navigation that cuts in is waited for.
_TRIES, _ARRIVAL_MS = 3, 1_000

_LOOK = r"""
const seen = selector => [...document.querySelectorAll(selector)].some(visible);
const widget = el => !el.closest('.grecaptcha-badge') && el.getAttribute('data-size') !== 'invisible';
const sized = el => visible(el) && el.getBoundingClientRect().height > 20;
const captcha = [...document.querySelectorAll('.g-recaptcha, [data-sitekey], iframe[src*="recaptcha/"], iframe[title="reCAPTCHA"]')]
  .some(widget)
  || [...document.querySelectorAll('input[id*=captcha i], img[src*=captcha i], [class*=captcha i]')].filter(widget).some(sized);
const form = seen('input#username') && seen('input#password');
const shell = seen('.ant-layout-sider, .ant-menu');
"""


class Showing(StrEnum):
    """What the browser shows."""

    SIGN_IN = "sign-in"
    CAPTCHA = "captcha"
    WANTED = "wanted"
    SHELL = "shell"
    EXTRA = "extra"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A web user's name and password; with no password a person signs in. It is never shown."""

    username: str
    password: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


async def go(page: Page, url: str, timeout: float) -> int:
    """Open ``url`` (``timeout`` in seconds) and return the HTTP status. Raises :class:`NetworkError`, :class:`ServerError` for 5xx,
    :class:`PageNotAsExpected` where the PBX sends the browser elsewhere.

    A navigation that the page itself had under way may cut in: once it has arrived, ``url`` is asked for again.
    """
    for _ in range(_TRIES - 1):
        try:
            return await _go_once(page, url, timeout)
        except _Interrupted:
            with suppress(raised.PlaywrightTimeout):  # one that becomes a download never arrives
                await page.wait_for_event("framenavigated", timeout=_ARRIVAL_MS)
    try:
        return await _go_once(page, url, timeout)
    except _Interrupted as error:
        raise PageNotAsExpected("The web UI keeps going to another page.") from error


class _Interrupted(Exception):
    """Another navigation cut in."""


async def _go_once(page: Page, url: str, timeout: float) -> int:
    try:
        response = await page.goto(url, wait_until="domcontentloaded", timeout=timeout * 1000)
    except raised.PlaywrightTimeout as error:
        raise NetworkError(f"The web UI did not answer within {timeout:.0f} s.") from error
    except raised.PlaywrightError as error:
        reason = re.search(r"ERR_[A-Z_]+", error.message)
        if "interrupted by another navigation" in error.message or (reason and reason[0] == "ERR_ABORTED"):
            raise _Interrupted from error
        if reason is None:  # the browser failed, not the way to the PBX
            raise
        if reason[0] == "ERR_BLOCKED_BY_CLIENT":
            raise PageNotAsExpected("The PBX sends the browser to another address.", remedy=_OTHER_ADDRESS) from error
        raise UnreachableError(f"The web UI can't be opened ({reason[0]}).") from error
    status = response.status if response else 200
    if status >= 500:
        raise ServerError(f"The PBX answered with HTTP status {status}.", http_status=status)
    return status


async def showing(page: Page, wanted: dom.Button | None, timeout: float) -> Showing:
    """What the page shows once it shows something: the sign-in form, a CAPTCHA, the ``wanted`` button; the rest after ``timeout`` seconds.

    The app's frame without the wanted button counts only at the deadline, since pages arrive after their frame.
    """
    look = dom.script(
        _LOOK + "return captcha && !shell ? 'captcha' : form ? 'sign-in' : want.labels && find(want).length ? 'wanted' : false;"
    )
    argument = wanted.as_argument() if wanted else {}
    if found := await _seen(page, look, argument, timeout):
        return found
    return Showing(await page.evaluate(dom.script(_LOOK + "return shell ? 'shell' : seen('input') ? 'extra' : 'nothing';"), argument))


async def app_or_sign_in(page: Page, button: dom.Button, timeout: float) -> Showing | None:
    """What shows first: the app, by its sidebar or its own ``button``, or what asks for a sign-in; None after ``timeout`` seconds."""
    look = dom.script(
        _LOOK + "if (form || captcha) return form ? 'sign-in' : 'captcha'; return shell ? 'shell' : find(want).length ? 'wanted' : false;"
    )
    return await _seen(page, look, button.as_argument(), timeout)


async def _seen(page: Page, look: str, argument: dict[str, Any], timeout: float) -> Showing | None:
    """What ``look`` tells once it tells something, also of a page that is loaded anew meanwhile; None after ``timeout`` seconds."""
    try:
        handle = await page.wait_for_function(look, arg=argument, timeout=timeout * 1000)
    except raised.PlaywrightTimeout:
        return None
    return Showing(await handle.json_value())


_SIGNED_IN = dom.script(_LOOK + "return shell && !form;")


async def signed_in(page: Page) -> None:
    """Wait, without a deadline of its own, until the page shows the app and not its sign-in."""
    await page.wait_for_function(_SIGNED_IN, timeout=0)


async def is_signed_in(page: Page) -> bool:
    """Whether the page shows the app now, and not its sign-in."""
    found: bool = await page.evaluate(_SIGNED_IN)
    return found


async def fill_in(page: Page, credentials: Credentials, timeout: float) -> None:
    """Enter name and password (if there is one) into the form; each field is given ``timeout`` seconds to show."""
    for field, value in (("input#username", credentials.username), ("input#password", credentials.password)):
        if value is not None:
            await page.focus(field, timeout=timeout * 1000)  # some are read-only until then, against browsers' autofill
            await page.fill(field, value, timeout=timeout * 1000)


class SignIn:
    """Signs one web user in on a page that shows the form."""

    def __init__(self, credentials: Credentials, budget: SignInBudget, wire: Wire, timeout: float) -> None:
        self._credentials = credentials
        self._budget = budget
        self._wire = wire
        self._timeout = timeout

    async def __call__(self, page: Page) -> None:
        """Fill in the form and send it once.

        Raises :class:`CaptchaRequired` (before anything is sent, where it shows in time), :class:`PasswordRefused`, :class:`LockedOut`,
        :class:`BudgetExhausted`, :class:`SecondFactorRequired`, :class:`ServerError`, :class:`PageNotAsExpected`.
        """
        username, password = self._credentials.username, self._credentials.password
        if password is None:
            raise PersonNeeded("The PBX asks for a sign-in, and no password is configured.")
        await self._refuse_captcha(page)
        with self._budget.attempt("web", username, password) as attempt:
            answer = await self._send(page)
            if answer is None:
                await self._refuse_captcha(page)
                raise PageNotAsExpected("The sign-in form was sent, but the page asked the PBX nothing.")
            if answer.unread and answer.http_status < HTTPStatus.BAD_REQUEST:
                await self._judge_by_page(page, attempt)
            else:
                await self._judge_by_answer(answer, page, attempt)
        logger.bind(action="signed-in").info("Signed in to the web UI")

    async def _refuse_captcha(self, page: Page) -> None:
        """A CAPTCHA's script comes a moment after the form: let the page's requests end before looking."""
        try:
            await page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
        except raised.PlaywrightTimeout:
            logger.debug("The sign-in page keeps the network busy")
        if await showing(page, None, self._timeout) is Showing.CAPTCHA:
            raise CaptchaRequired

    async def _send(self, page: Page) -> Answer | None:
        """Send the form; the answer to its login, None if none came. Statuses that refuse the challenge count as the answer."""
        future = self._wire.next(lambda answer: answer.action == "login" or (answer.action == "challenge" and answer.status != 0))
        try:
            await fill_in(page, self._credentials, self._timeout)
            await page.eval_on_selector("form button[type=submit], button[type=submit]", "button => button.click()")
            return await asyncio.wait_for(future, self._timeout)
        except TimeoutError:
            return None
        except raised.PlaywrightError as error:
            raise PageNotAsExpected("The sign-in page lacks its fields or its button.") from error
        finally:
            future.cancel()

    async def _judge_by_answer(self, answer: Answer, page: Page, attempt: Attempt) -> None:
        if answer.status != 0:
            if answer.status not in LOCKED and await _shows_late_captcha(page):
                attempt.unclear(answer.field("remain_num"))  # without it even the right password is refused
                raise CaptchaRequired
            self._raise_refusal(answer, attempt)
        attempt.accepted()
        found = await self._arrival(page)
        if found is not Showing.SHELL and (found is Showing.EXTRA or "login" in page.url):
            attempt.wants_person()
            raise SecondFactorRequired

    async def _judge_by_page(self, page: Page, attempt: Attempt) -> None:
        """Where the app is loaded anew upon the answer, which is lost by that: what shows then says how it went."""
        found = await self._arrival(page, beside_form=False)
        if found is Showing.EXTRA:
            attempt.wants_person()
            raise SecondFactorRequired
        if found is not Showing.SHELL and ("login" in page.url or await _shows_form(page)):
            attempt.unclear()
            raise ServerError("The page was loaded anew before the PBX's answer to the sign-in could be read, and nobody is signed in.")
        attempt.accepted()

    def _raise_refusal(self, answer: Answer, attempt: Attempt) -> NoReturn:
        status = answer.status
        if status in REFUSED:
            attempt.refused(answer.field("remain_num"))
            raise PasswordRefused(remaining=answer.field("remain_num"))
        if status in LOCKED:
            remaining = answer.field("remain_time")
            attempt.locked(remaining)
            raise LockedOut(f"The PBX has locked this address or user out{f' (remain_time {remaining})' if remaining else ''}.")
        attempt.unclear()
        if status is None or status in TRANSIENT:
            raise ServerError(f"The PBX answered the sign-in with HTTP {answer.http_status}, status {status}.")
        raise SecondFactorRequired(f"The PBX let us in neither way: it answered the sign-in with status {status}.")

    async def _arrival(self, page: Page, *, beside_form: bool = True) -> Showing:
        """What the form gives way to: the app (also one that shows ``beside_form``), something that needs a person, or nothing in time.

        Raises :class:`CaptchaRequired`.
        """
        look = dom.script(
            _LOOK
            + "if (shell && (want.beside_form || !form)) return 'shell';"
            + "return captcha ? 'captcha' : !form && seen('input') && performance.now() > want.settled ? 'extra' : false;"
        )
        want = {"settled": await _age(page) + SETTLE_MS, "beside_form": beside_form}
        found = await _seen(page, look, want, self._timeout)
        if found is Showing.CAPTCHA:
            raise CaptchaRequired
        return found or Showing.NOTHING


async def _shows_form(page: Page) -> bool:
    found: bool = await page.evaluate(dom.script(_LOOK + "return form;"))
    return found


async def _age(page: Page) -> float:
    """For how many milliseconds the page has been there; 0 while it gives way to another."""
    try:
        return float(await page.evaluate("performance.now()"))
    except raised.PlaywrightError:
        return 0.0


async def _shows_late_captcha(page: Page) -> bool:
    """Whether a CAPTCHA has come after all, with or without a word over the network; a page is given its time from its beginning on."""
    look = dom.script(_LOOK + "return captcha ? 'captcha' : performance.now() > want ? 'none' : false;")
    try:
        handle = await page.wait_for_function(look, arg=SETTLE_MS, timeout=2 * SETTLE_MS)
        return bool(await handle.json_value() == "captcha")
    except raised.PlaywrightError:  # the page is gone: the answer to the sign-in is all that is known
        return False


def address(base: str, route: str) -> str:
    """The URL of a client-side route."""
    return urljoin(base if base.endswith("/") else base + "/", route.lstrip("/"))
