"""Who may come in: one token, compared in constant time; sessions for people; wrong attempts cost a growing wait."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from scraper.disk import make_folder, write_private, writing
from scraper.errors import ConfigError
from scraper.log import hide
from scraper.settings import Settings

#: A session ends after so many seconds without a request, and after so many in all.
IDLE_SECONDS = 12 * 3600.0
LONGEST_SECONDS = 7 * 86400.0
_SESSIONS = 1000

#: Wrong attempts that an address has free; each further one doubles its wait, up to so many seconds.
_FREE_ATTEMPTS = 5
_LONGEST_WAIT = 60.0
#: An address is forgiven after so long without a wrong attempt.
_FORGIVEN_SECONDS = 900.0
_ADDRESSES = 10_000
#: Wrong attempts of all addresses together that are looked at in a minute.
_IN_ALL_PER_MINUTE = 100


def token_of(settings: Settings) -> tuple[str, Path | None]:
    """The token that signs in, and the file where it lies if it was made here (``data_dir/admin/token``, mode 0600).

    Raises :class:`ConfigError` where that file holds no token, :class:`~scraper.errors.StorageError` where it can't be written.
    """
    if settings.admin.token is not None:
        return settings.admin.token.get_secret_value(), None
    path = settings.data_dir / "admin" / "token"
    with writing("The admin service's folder"):
        make_folder(path.parent)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
        token = path.read_bytes().decode("utf-8", "replace").strip()
    if len(token) < 16:
        raise ConfigError("The admin service's token file holds no token.", remedy=f"Remove {path}; a new one is made at the next start.")
    hide(token)
    return token, path


@dataclass(slots=True)
class Session:
    """Somebody who signed in with the token. Times are of the gate's clock, in seconds."""

    began: float
    seen: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: from which address, and how they proved who they are."""

    address: str
    by: Literal["page", "token"]
    session: Session | None = None

    def __str__(self) -> str:
        return f"{self.address} ({self.by})"


class TooManyAttempts(Exception):
    """Wrong tokens came too often; the token isn't even looked at for so many ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many wrong tokens.")
        self.seconds = max(1, int(seconds + 0.999))


class Attempts:
    """Wrong attempts by address and in all. What is refused unseen counts for nothing, so that nobody can be locked out for ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address: how many, when the last was
        self._in_all: deque[float] = deque(maxlen=_IN_ALL_PER_MINUTE)
        self._known: OrderedDict[str, None] = OrderedDict()  # addresses from which the right token came

    def check(self, address: str) -> None:
        """Raises :class:`TooManyAttempts` where this address, or everybody, has to wait."""
        now = self._clock()
        count, last = self._wrong.get(address, (0, now))
        if now - last > _FORGIVEN_SECONDS:
            del self._wrong[address]
        elif count >= _FREE_ATTEMPTS and (left := last + _wait_after(count) - now) > 0:
            raise TooManyAttempts(left)
        if address not in self._known and len(self._in_all) == _IN_ALL_PER_MINUTE and (left := self._in_all[0] + 60.0 - now) > 0:
            raise TooManyAttempts(left)

    def was_wrong(self, address: str) -> None:
        """A wrong token came from this address."""
        now = self._clock()
        count, _ = self._wrong.pop(address, (0, now))
        self._wrong[address] = (count + 1, now)
        self._in_all.append(now)
        _bound(self._wrong, _ADDRESSES)

    def was_right(self, address: str) -> None:
        """The right token came from this address."""
        self._wrong.pop(address, None)
        self._known[address] = None
        self._known.move_to_end(address)
        _bound(self._known, _ADDRESSES)


def _wait_after(wrong: int) -> float:
    return float(min(2.0 ** (wrong - _FREE_ATTEMPTS), _LONGEST_WAIT)) if wrong < _FREE_ATTEMPTS + 10 else _LONGEST_WAIT


def _bound(held: OrderedDict[Any, Any], most: int) -> None:
    while len(held) > most:
        held.popitem(last=False)


class Gate:
    """The token, the sessions and the attempts of one admin service. Used in its event loop only.

    Sessions live in memory: a restart of the service signs everybody out.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = _digest(token)
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._form_key = secrets.token_bytes(32)
        self.attempts = Attempts(clock)

    def admits(self, token: str, address: str) -> bool:
        """Whether this is the token. Raises :class:`TooManyAttempts`."""
        self.attempts.check(address)
        right = hmac.compare_digest(_digest(token), self._digest)
        (self.attempts.was_right if right else self.attempts.was_wrong)(address)
        return right

    def begin(self) -> tuple[str, Session]:
        """A new session, and the secret for its cookie."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        session = self._sessions[_digest(secret)] = Session(now, now)
        _bound(self._sessions, _SESSIONS)
        return secret, session

    def session(self, secret: str | None) -> Session | None:
        """The session of a cookie, if it still holds; it is seen now."""
        if not secret or (found := self._sessions.get(_digest(secret))) is None:
            return None
        if self._is_over(found):
            self.end(secret)
            return None
        found.seen = self._clock()
        self._sessions.move_to_end(_digest(secret))
        return found

    def holds(self, session: Session) -> bool:
        """Whether nobody has ended it, nor time; asking doesn't count as being there."""
        return any(found is session for found in self._sessions.values()) and not self._is_over(session)

    def _is_over(self, session: Session) -> bool:
        now = self._clock()
        return now - session.seen > IDLE_SECONDS or now - session.began > LONGEST_SECONDS

    def end(self, secret: str | None) -> None:
        """Sign out."""
        if secret:
            self._sessions.pop(_digest(secret), None)

    def form_token(self, cookie: str) -> str:
        """What the sign-in form carries beside its ``cookie``, before there is a session."""
        return hmac.new(self._form_key, cookie.encode(), hashlib.sha256).hexdigest()


def same(one: str | None, other: str) -> bool:
    """Whether two secrets are the same, in constant time; None is none."""
    return one is not None and hmac.compare_digest(_digest(one), _digest(other))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
