"""The older API: ``GET /cdrapi`` and ``/recapi`` with HTTP Digest, or Basic where the PBX asks for it (field guide 2b)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.request import parse_http_list, parse_keqv_list

import httpx
from loguru import logger

from scraper.api.answers import API_USER_REMEDY, SessionOver, check_http
from scraper.api.family import Account, Kind
from scraper.api.pace import Pace
from scraper.api.reply import Reply
from scraper.api.transport import Outgoing, Transport
from scraper.budget import Attempt
from scraper.errors import AnswerNotAsExpected, ApiBlocked, ApiOff, ConnectionClosed, GoneAtPbx, PasswordRefused, PermissionMissing

#: Its own listener.
PORT = 8443
#: A 404 means a missing file only if the API was seen alive within so many seconds: switched off, it answers 404 as well.
_ALIVE_SECONDS = 30.0
#: The smallest call; empty or wrong parameters give an empty result that looks like success.
_SMALLEST = {"format": "json", "numRecords": "1"}
_ALGORITHMS = {"MD5", "MD5-SESS", "SHA", "SHA-SESS", "SHA-256", "SHA-256-SESS", "SHA-512", "SHA-512-SESS"}


class OldApi:
    """A user's calls to the older API. There is no session: each call carries its credentials."""

    kind: Kind = "legacy"

    def __init__(self, transport: Transport, account: Account, pace: Pace) -> None:
        self.transport = transport
        self.pace = pace
        self._account = account
        self._auth: httpx.Auth | None = None
        self._attempt: Attempt | None = None  # made, and not yet answered
        self._alive_at: float | None = None

    def ready(self) -> None:
        """Find out how the PBX wants to be told the password, and take an attempt from the budget; the next call makes it.

        Raises :class:`ApiOff`, :class:`ApiBlocked`, :class:`~scraper.errors.SignInError`, :class:`~scraper.api.answers.NotNow`,
        :class:`~scraper.errors.UnreachableError`, :class:`AnswerNotAsExpected`.
        """
        if self._auth is not None:
            return
        auth = self._wanted_auth()
        account = self._account
        try:
            # An older API's users are its own: the same name and password refused by the newer API may be right here.
            with account.budget.attempt("api", f"{account.username} (legacy)", account.password) as self._attempt:
                self._auth = auth
        except PasswordRefused as error:
            raise PasswordRefused(error.message, remedy=API_USER_REMEDY) from error
        self.pace.wait()
        with self.open("cdrapi", _SMALLEST) as reply:
            reply.text()
        logger.bind(action="signed-in-api").debug("Signed in to the older API")

    def forget(self) -> None:
        """The credentials were not taken."""
        self._auth = None

    @contextmanager
    def open(self, action: str, params: Mapping[str, str]) -> Iterator[Reply]:
        """The answer to a call with credentials."""
        with self._get(action, params, self._auth) as reply:
            if reply.http_status == 401:
                self._refused()
            if reply.http_status == 403:
                raise self._forbidden(action)
            if reply.http_status == 404 and action == "recapi" and self._is_alive():
                self._let_in()
                raise GoneAtPbx("The API answered recapi with HTTP status 404.")
            check_http(reply)
            self._let_in()
            yield reply

    def close(self) -> None:
        """Close every connection; there is nobody to sign out."""
        self.transport.close()

    @contextmanager
    def _get(self, action: str, params: Mapping[str, str], auth: httpx.Auth | None) -> Iterator[Reply]:
        patience = self.transport.patience
        seconds = patience.recording if action == "recapi" else patience.answer
        with self.transport.send(Outgoing("GET", f"/{action}", seconds, params=params, auth=auth)) as reply:
            yield reply

    def _wanted_auth(self) -> httpx.Auth:
        """By a call without credentials: costs no attempt."""
        self.pace.wait()
        try:
            with self._get("cdrapi", _SMALLEST, None) as reply:
                if reply.http_status != 401:
                    check_http(reply)
                    if reply.kind not in ("json", "text"):
                        raise ApiOff("A web page answers where the older HTTPS API should be: the port is another, or it is switched off.")
                    return httpx.Auth()  # lets anybody in
                asked = reply.headers.get("www-authenticate", "")
        except ConnectionClosed as error:
            raise ApiOff(
                "The PBX closes the connection at /cdrapi: the HTTPS API is switched off, or this machine's address is not permitted."
            ) from error
        if "digest" in asked.lower():
            _check_digest(asked)
            return httpx.DigestAuth(self._account.username, self._account.password)
        if "basic" in asked.lower():
            return httpx.BasicAuth(self._account.username, self._account.password)
        raise AnswerNotAsExpected("The older API asks for a sign-in that is neither Digest nor Basic.")

    def _let_in(self) -> None:
        self._alive_at = self.pace.clock()
        if self._attempt is not None:
            self._attempt.accepted()
            self._attempt = None

    def _refused(self) -> None:
        if self._attempt is None:
            raise SessionOver  # taken before: what is sent now is a sign-in of its own
        self._attempt.refused(None)
        self._attempt = self._auth = None
        raise PasswordRefused(
            "The older API refused this user name and password (HTTP status 401): they are wrong, or a web user's.", remedy=API_USER_REMEDY
        )

    def _forbidden(self, action: str) -> PermissionMissing | ApiBlocked:
        """403 means a permission where another call was let in, and may mean the address as well before."""
        if self._alive_at is not None:
            return PermissionMissing(f"The API user lacks the permission {action} (HTTP status 403).")
        return ApiBlocked(f"The older API refuses {action} (HTTP status 403): this machine's address, or the user, is not permitted.")

    def _is_alive(self) -> bool:
        """Whether the API is on. Raises :class:`ApiOff` if it isn't."""
        if self._alive_at is None or self.pace.clock() - self._alive_at > _ALIVE_SECONDS:
            self.pace.wait()
            with self._get("cdrapi", _SMALLEST, self._auth) as reply:
                if reply.http_status != 403:  # lacks that permission, but somebody is there
                    check_http(reply)
        return True


def _check_digest(asked: str) -> None:
    """Raise :class:`AnswerNotAsExpected` for a digest that httpx can't answer."""
    _, _, rest = asked[asked.lower().index("digest") :].partition(" ")
    said = parse_keqv_list([item for item in parse_http_list(rest) if "=" in item])
    fields = {key.lower(): value for key, value in said.items()}
    qops = {qop.strip() for qop in fields.get("qop", "auth").split(",")}
    if fields.get("algorithm", "MD5").upper() not in _ALGORITHMS or "auth" not in qops or not {"realm", "nonce"} <= fields.keys():
        raise AnswerNotAsExpected("The older API asks for a kind of Digest that is not supported.")
