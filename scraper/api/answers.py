"""What an answer says beside its content: its status, as an error of ours or as a reason to ask once more."""

from __future__ import annotations

from typing import Any

from scraper.api.reply import JsonObject, Reply
from scraper.api.status import ApiStatus
from scraper.errors import (
    AnswerNotAsExpected,
    ApiBlocked,
    ApiOff,
    GoneAtPbx,
    LockedOut,
    NotUnderstood,
    PasswordRefused,
    PermissionMissing,
    ScraperError,
    ServerError,
    Throttled,
)

#: How often one call is tried where the PBX asks for patience.
TRIES = 4
#: Seconds before another try where HTML came instead of an answer: so much lay between two calls on CloudUCM (field guide 1).
HTML_SECONDS = 15.0
#: Seconds before another try after an HTTP error that says nothing of them, and the longest that a PBX may ask for.
_SERVER_SECONDS, _LONGEST_SECONDS = 5.0, 120.0

API_USER_REMEDY = (
    "Check the API user's name and password under Value-added Features (newer: Integrations) → API Configuration, and that it is no web"
    " user: neither these nor the other API's users (`api.kind`) can sign in here; it is not tried again until it changes."
)


class NotNow(Exception):
    """The same call may work after ``wait`` seconds; ``error`` is what it comes to once it was tried ``tries`` times."""

    def __init__(self, error: ScraperError, wait: float, *, throttled: bool = False, tries: int = TRIES) -> None:
        super().__init__(error.message)
        self.error, self.wait, self.throttled, self.tries = error, wait, throttled, tries


class SessionOver(Exception):
    """The PBX has forgotten us: sign in and ask again."""


def status_of(answer: JsonObject) -> ApiStatus | int:
    """Its status; an answer without one (a bare ``cdr_root``) is a success."""
    status = ApiStatus.read(answer.get("status"))
    return ApiStatus.OK if status is None else status


def response_of(answer: JsonObject) -> JsonObject:
    """Its ``response`` object; empty where there is none."""
    response = answer.get("response")
    return response if isinstance(response, dict) else {}


def number_in(answer: JsonObject, name: str) -> int | None:
    """A whole number that firmware puts into ``response`` or at the top level, as number or text (field guide 1, Lockout)."""
    status = ApiStatus.read(response_of(answer).get(name, answer.get(name)))
    return None if status is None else int(status)


def check(answer: JsonObject, action: str) -> None:
    """Raise what an answer's status means for a call: an error, :class:`NotNow` or :class:`SessionOver`."""
    status = status_of(answer)
    if status == ApiStatus.OK:
        return
    if not isinstance(status, ApiStatus):
        raise AnswerNotAsExpected(f"The API answered {action} with status {status}, which is not documented.", status=status)
    if status.session_ended:
        raise SessionOver
    said = f"The API answered {action} with status {int(status)} ({status.meaning})."
    if status.wait_seconds is not None:
        error: ScraperError = Throttled(said) if status.throttled else ServerError(said)
        raise NotNow(error, status.wait_seconds, throttled=status.throttled)
    if status.no_permission:
        raise PermissionMissing(f"The API user lacks the permission {action} (status -47).")
    if status.refused:
        raise PasswordRefused(said, remedy=API_USER_REMEDY)
    if status.locked:
        raise locked(answer)
    kind: type[ScraperError] = GoneAtPbx if status.gone else NotUnderstood if status.not_understood else AnswerNotAsExpected
    raise kind(said, status=int(status))


def locked(answer: JsonObject) -> LockedOut:
    """The error for an answer that says so."""
    remaining = number_in(answer, "remain_time")
    return LockedOut(f"The PBX has locked this address or user out{f' (remain_time {remaining})' if remaining else ''}.")


def check_http(reply: Reply) -> None:
    """Raise what an HTTP status means at the address of an API, whichever it is."""
    status = reply.http_status
    if status == 429 or status >= 500:
        said = f"The PBX answered with HTTP status {status}."
        error: ScraperError = Throttled(said) if status == 429 else ServerError(said)
        raise NotNow(error, _retry_after(reply), throttled=True)
    if status == 403:
        raise ApiBlocked("The PBX's HTTPS API refuses this machine's address (HTTP status 403).")
    if status >= 300:
        raise ApiOff(f"Nothing answers as the HTTPS API here (HTTP status {status}): it is switched off, or the port is another.")


def _retry_after(reply: Reply) -> float:
    text: Any = reply.headers.get("retry-after", "")
    return min(float(text), _LONGEST_SECONDS) if text.isascii() and text.isdecimal() else _SERVER_SECONDS
