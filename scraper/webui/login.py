"""A person signs in by hand, under the same guard; the session is kept for the runs that follow.

In a visible browser on this machine, or in one without a window that is shown to them elsewhere (:mod:`scraper.webui.live_view`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from loguru import logger

from scraper.catalog import Catalog
from scraper.errors import ConfigError, PersonNeeded
from scraper.fleet.hold import leased
from scraper.job.web_access import prove_access
from scraper.lock import job_lock
from scraper.settings import Settings
from scraper.webui.browser import LaunchOptions
from scraper.webui.live_view import Closed, Inbox, LiveView, Outcome, Show
from scraper.webui.ui import Access, web_ui
from scraper.webui.wire import LOCKED, REFUSED, Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import Page

#: How long a person has, in seconds.
PERSON_SECONDS = 600.0
#: How long the PBX's answer may take to be read after the page has shown it, in seconds.
_ANSWER_SECONDS = 5.0

Person: TypeAlias = "Callable[[Page], Awaitable[None]]"
#: Told when the PBX refused a person: how many more failures bring its ban, and whether it has banned us already.
Refused = Callable[[int, bool], None]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a person is to sign in: the PBX's access, and the settings of the browser."""

    access: Access
    downloads: Path
    executable: Path | None

    def options(self, *, headless: bool) -> LaunchOptions:
        return LaunchOptions(self.downloads, self.executable, headless=headless)


def login(settings: Settings, name: str) -> None:
    """Show the PBX's sign-in page, wait until a person has signed in, and keep the session.

    Raises :class:`ConfigError` where there is no screen, :class:`~scraper.errors.Busy` while a job works on this UCM,
    :class:`PersonNeeded` where nobody signed in within :data:`PERSON_SECONDS`, and what opening the web UI raises.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(
            "There is no screen here to show a browser on.",
            remedy="Sign in from the admin page of `ucm-scraper serve`, or run this on a desktop machine with the same configuration and"
            " copy data_dir/sessions/ from there, or use `ssh -X`.",
        )
    with_person(settings, name, None)


def with_person(settings: Settings, name: str, person: Person | None) -> None:
    """As :func:`login`; a ``person`` that is given acts on the page, in a browser without a window (tests)."""
    with _place(settings, name) as place:
        signed_in = asyncio.run(_sign_in(place.access, place.options(headless=person is not None), person, _warn))
    if not signed_in:
        raise PersonNeeded(f"Nobody signed in within {PERSON_SECONDS / 60:.0f} minutes.", remedy="Run `ucm-scraper login` again.")
    _tell()


def with_viewer(settings: Settings, name: str, inbox: Inbox, show: Show) -> Outcome:
    """As :func:`login`, in a browser without a window that is shown to a person elsewhere: what they do comes by ``inbox``.

    ``show`` is called in the event loop with each picture: ``image`` (base64 JPEG), ``width``, ``height`` (CSS pixels) and ``left`` (how
    many failed sign-ins bring the PBX's ban). Raises as :func:`login`, but for what an :class:`Outcome` says.
    """

    async def look() -> Outcome:
        view = LiveView(inbox, show, place.access.credentials, place.access.budget.left())
        try:
            signed_in = await _sign_in(place.access, place.options(headless=True), view.accompany, view.refused)
        except Closed as closed:
            return closed.outcome
        return Outcome.SIGNED_IN if signed_in else Outcome.TIMEOUT

    with _place(settings, name) as place:
        outcome = asyncio.run(look())
    if outcome is Outcome.SIGNED_IN:
        _tell()
    else:
        logger.bind(action="not-signed-in-by-hand", outcome=str(outcome)).warning(outcome.message)
    return outcome


@contextmanager
def _place(settings: Settings, name: str) -> Iterator[_Place]:
    """Hold the UCM; a session that is kept stays so until another is, but is not used: with it nobody would have signed in."""
    with (
        job_lock(settings.data_dir, name),
        Catalog.open(settings.catalog.url) as opened,
        leased(settings, opened, name) as catalog,
        tempfile.TemporaryDirectory() as downloads,
    ):
        access = prove_access(settings, name, catalog)
        yield _Place(replace(access, kept=access.kept.afresh()), Path(downloads), settings.browser.executable)


async def _sign_in(access: Access, options: LaunchOptions, person: Person | None, refused: Refused) -> bool:
    """Let a person sign in, and note how; whether somebody did in time."""
    async with web_ui(access, options) as ui:
        accepted = ui.wire.next(lambda answer: answer.action == "login" and answer.status == 0)
        ui.wire.listen(lambda answer: _count(access, ui.wire, answer, refused))
        try:
            await ui.let_person_sign_in(person, PERSON_SECONDS)
            answer = await asyncio.wait_for(accepted, _ANSWER_SECONDS)
            access.budget.person_signed_in(answer.parameters.get("user", ""), _configured_password(access, ui.wire, answer))
        except TimeoutError:  # with a session kept, somebody did by a login that we don't know: it says nothing about the password
            return access.kept.load() is not None
        finally:
            accepted.cancel()
    return True


def _count(access: Access, wire: Wire, answer: Answer, refused: Refused) -> None:
    """An attempt that failed counts, whoever made it."""
    username = answer.parameters.get("user", "")
    if answer.action not in ("login", "challenge") or answer.status not in REFUSED | LOCKED:
        return
    if answer.status in LOCKED:
        access.budget.person_locked(username, answer.field("remain_time"))
    else:
        access.budget.person_refused(username, _configured_password(access, wire, answer), answer.field("remain_num"))
    refused(access.budget.left(), answer.status in LOCKED)


def _configured_password(access: Access, wire: Wire, login: Answer) -> str | None:
    """The configured password, if it is what was sent for the configured user."""
    username, password, challenge = access.credentials.username, access.credentials.password, wire.latest("challenge")
    if password is None or login.parameters.get("user") != username:
        return None
    given = challenge.response.get("challenge") if challenge and isinstance(challenge.response, dict) else None
    token = hashlib.md5(f"{given}{password}".encode(), usedforsecurity=False).hexdigest()  # field guide 1, Signing in
    return password if login.parameters.get("token") == token else None


def _warn(left: int, locked: bool) -> None:
    what = "The PBX has locked this address or user out" if locked else "The PBX refused this sign-in"
    logger.bind(action="person-refused").warning("{}; failed sign-ins left before it bans this address: {}", what, left)


def _tell() -> None:
    logger.bind(action="signed-in-by-hand").info("Signed in; the session is kept for the next runs")
