"""The newer API: ``POST /api`` with challenge, login and a cookie in the JSON body (field guide 2a)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from loguru import logger

from scraper.api.answers import API_USER_REMEDY, NotNow, SessionOver, check, check_http, locked, number_in, response_of, status_of
from scraper.api.family import Account, Kind
from scraper.api.pace import Pace
from scraper.api.reply import JsonObject, Reply
from scraper.api.status import ApiStatus
from scraper.api.transport import Outgoing, Transport
from scraper.budget import Attempt
from scraper.errors import AnswerNotAsExpected, ApiOff, ConnectionClosed, NotUnderstood, PasswordRefused, ScraperError

#: The path is exactly this: any sub-path answers status -1.
PATH = "/api"
#: Seconds after which a cookie is renewed; it lives for ten minutes.
COOKIE_SECONDS = 540.0
_VERSION = "1.0"
_SHORT_ANSWER = 1 << 20


class NewApi:
    """A user's session with the newer API."""

    kind: Kind = "https"

    def __init__(self, transport: Transport, account: Account, pace: Pace) -> None:
        self.transport = transport
        self.pace = pace
        self._account = account
        self._cookie: str | None = None
        self._signed_in_at = 0.0

    def ready(self) -> None:
        """Sign in where there is no cookie, or an old one.

        Raises :class:`ApiOff`, :class:`~scraper.errors.ApiBlocked`, :class:`~scraper.errors.SignInError`, :class:`NotNow`,
        :class:`~scraper.errors.UnreachableError`, :class:`AnswerNotAsExpected`.
        """
        if self._cookie is None or self.pace.clock() - self._signed_in_at >= COOKIE_SECONDS:
            self._sign_in()

    def forget(self) -> None:
        """The cookie is dead."""
        self._cookie = None

    @contextmanager
    def open(self, action: str, params: Mapping[str, str]) -> Iterator[Reply]:
        """The answer to a call with this cookie."""
        patience = self.transport.patience
        seconds = patience.recording if action == "recapi" else patience.answer
        request = {"request": {"action": action, "cookie": self._cookie or "", **params}}
        with self.transport.send(Outgoing("POST", PATH, seconds, json=request)) as reply:
            check_http(reply)
            yield reply

    def close(self) -> None:
        """Log out, if that can be had for one call, and close every connection."""
        try:
            if self._cookie is not None:
                with suppress(ScraperError, NotNow, SessionOver):
                    self._say("logout", cookie=self._cookie)
        finally:
            self._cookie = None
            self.transport.close()

    def _sign_in(self) -> None:
        self._cookie = None
        account = self._account
        answer = self._challenge()
        try:
            with account.budget.attempt("api", account.username, account.password) as attempt:
                if status_of(answer) == ApiStatus.OK:
                    token = _token(answer, account.password)
                    answer = self._say("login", user=account.username, token=token)
                self._cookie = _judged(answer, attempt)
                attempt.accepted()
        except PasswordRefused as error:
            raise PasswordRefused(error.message, remedy=API_USER_REMEDY, **error.evidence) from error
        self._signed_in_at = self.pace.clock()
        logger.bind(action="signed-in-api").debug("Signed in to the newer API")

    def _challenge(self) -> JsonObject:
        """The answer to ``challenge``: that of a living API, or one that refuses. Nothing secret is sent, so it costs no attempt."""
        try:
            answer = self._say("challenge", user=self._account.username, version=_VERSION)
        except ConnectionClosed as error:
            raise ApiOff(
                "The PBX closes the connection at /api: the HTTPS API is switched off, or this machine's address is not permitted."
            ) from error
        except AnswerNotAsExpected as error:
            raise ApiOff(f"Something else than the HTTPS API answers here: {error.message}") from error
        status = status_of(answer)
        if isinstance(status, ApiStatus) and (status.refused or status.locked):
            return answer
        try:
            check(answer, "challenge")
        except NotUnderstood as error:
            raise ApiOff(f"Something else than the HTTPS API answers here: {error.message}") from error
        except SessionOver:
            raise AnswerNotAsExpected("The API asks for a sign-in before it lets anybody sign in.") from None
        if not isinstance(response_of(answer).get("challenge"), str):
            raise ApiOff("Something else than the HTTPS API answers here: it gave no challenge.")
        return answer

    def _say(self, action: str, **params: str) -> JsonObject:
        request = {"request": {"action": action, **params}}
        self.pace.wait()
        with self.transport.send(Outgoing("POST", PATH, self.transport.patience.answer, json=request)) as reply:
            check_http(reply)
            return reply.json(_SHORT_ANSWER)


def _token(answer: JsonObject, password: str) -> str:
    challenge = str(response_of(answer).get("challenge"))
    return hashlib.md5((challenge + password).encode(), usedforsecurity=False).hexdigest()


def _judged(answer: JsonObject, attempt: Attempt) -> str:
    """The cookie of an answer to a login; anything else is noted with the attempt and raised."""
    status = status_of(answer)
    cookie = response_of(answer).get("cookie")
    if status == ApiStatus.OK and isinstance(cookie, str) and cookie:
        return cookie
    if isinstance(status, ApiStatus) and status.refused:
        remaining = number_in(answer, "remain_num")
        attempt.refused(remaining)
        raise PasswordRefused(
            f"The API refused this user name and password (status {int(status)}): they are wrong, or a web user's.", remaining=remaining
        )
    if isinstance(status, ApiStatus) and status.locked:
        attempt.locked(number_in(answer, "remain_time"))
        raise locked(answer)
    attempt.unclear()
    try:
        check(answer, "login")
    except NotNow as later:
        raise later.error from later  # not to be tried again by itself: it may count as a failed sign-in
    except SessionOver:
        pass
    raise AnswerNotAsExpected("The API answered the login without a cookie.", status=int(status))
