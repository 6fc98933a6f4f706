"""The sign-in budget: failed sign-ins per PBX, kept in the catalog, shared by every way and every job, below the PBX's own limit.

After 5 failed attempts a PBX bans the client's *address*, which may be a whole office's (field guide 1, Lockout). So an attempt is noted
before it is made: one cut short by a crash counts against the budget, but is no refusal.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, and_, or_, select, update

from scraper.catalog import Catalog
from scraper.catalog.schema import meta, sign_ins
from scraper.clock import utcnow
from scraper.errors import BudgetExhausted, LockedOut, PasswordRefused, SecondFactorRequired
from scraper.models import utc

#: Failed or unfinished sign-ins within :data:`WINDOW` since the last success, at most, where no person makes them; the
#: PBX's default limit is :data:`PBX_LIMIT`.
LIMIT = 3
PBX_LIMIT = 5
WINDOW = timedelta(hours=24)  # after how long a PBX forgets a failure is not known
#: A PBX's ban lasts 5 minutes by default; the unit of its ``remain_time`` is not known, so that it is never taken to be shorter.
SHORTEST_BAN = timedelta(minutes=5)
LONGEST_BAN = timedelta(hours=24)
#: scrypt's cost: whoever has a catalog and guesses at the password in it pays 16 MB and 50 ms a guess.
GUESS_COST = 2**14
#: The PBX says so many attempts are left: then none is risked.
FEWEST_REMAINING = 1
#: With fewer failures left until the PBX's ban a person tries again only after saying that they know.
FEWEST_FOR_PERSON = 2

Way = Literal["web", "api"]
_FAILED = ("pending", "refused", "unclear")
_SALT_KEY = "sign-in-salt"
#: Which public key an address showed at the last attempt.
_PIN_KEY = "sign-in-pin:"


class Attempt:
    """One sign-in under way. Say how it went; left unsaid it counts against the budget without being a refusal."""

    def __init__(self, note: Callable[[dict[str, object]], None], now: datetime, bans_before: int) -> None:
        self._note = note
        self._now = now
        self._bans_before = bans_before

    def accepted(self) -> None:
        """The PBX let us in."""
        self._note({"outcome": "ok"})

    def wants_person(self) -> None:
        """The PBX took the password and asked for something more: asking again would only send somebody another code."""
        self._note({"outcome": "person"})

    def refused(self, remaining: int | None) -> None:
        """The PBX refused this password; ``remaining`` is its ``remain_num``."""
        self._note({"outcome": "refused", "remaining": remaining})

    def locked(self, seconds: int | None) -> None:
        """The PBX has locked us out; ``seconds`` is its ``remain_time``. Each ban that follows another is waited for twice as long."""
        self._note(_ban(self._now, seconds, self._bans_before))

    def unclear(self, remaining: int | None = None) -> None:
        """The PBX's answer was neither yes nor no; ``remaining`` attempts are left, by its own count."""
        self._note({"outcome": "unclear", "remaining": remaining})


class SignInBudget:
    """The budget of one PBX, known by its public key (``pin``) where it has one: several names and addresses of it share one budget."""

    def __init__(self, catalog: Catalog, url: str, clock: Callable[[], datetime] = utcnow, *, pin: str | None = None) -> None:
        self._address = _address(url)
        self._pbx = pin or self._address
        #: Whoever asks whether an attempt may be made, and notes it, does so alone: two may not both be the last.
        self._turn = f"sign-in:{self._pbx}"
        self._catalog = catalog
        self._clock = clock

    def check(self, way: Way, username: str, password: str) -> None:
        """Whether an attempt may be made now.

        Raises :class:`PasswordRefused` where these very credentials were refused before, :class:`LockedOut` while a ban lasts,
        :class:`BudgetExhausted` where another failure could bring one, :class:`SecondFactorRequired` for a day after the PBX asked for
        more than these credentials.
        """
        _check(self._rows(), self._fingerprint(username, password), way, self._clock())

    @contextmanager
    def attempt(self, way: Way, username: str, password: str) -> Iterator[Attempt]:
        """Note an attempt, then let the block make it.

        Raises, before anything is sent, what :meth:`check` raises.
        """
        now = self._clock()
        fingerprint = self._fingerprint(username, password)
        if self._pbx != self._address and self._catalog.get_meta(_PIN_KEY + self._address) != self._pbx:
            self._catalog.set_meta(_PIN_KEY + self._address, self._pbx)
        with self._catalog.transaction(of=self._turn) as connection:
            rows = _attempts(connection, self._pbx)
            _check(rows, fingerprint, way, now)
            bans_before = sum(row["outcome"] == "locked" for row in _since_success(rows))
            values = {"pbx": self._pbx, "at": utc(now), "way": way, "username": username, "fingerprint": fingerprint, "outcome": "pending"}
            key = connection.execute(sign_ins.insert().values(**values).returning(sign_ins.c.id)).scalar_one()

        def note(outcome: dict[str, object]) -> None:
            with self._catalog.transaction(of=self._turn) as connection:
                connection.execute(update(sign_ins).where(sign_ins.c.id == key).values(**outcome))

        yield Attempt(note, now, bans_before)

    def person_signed_in(self, username: str, password: str | None) -> None:
        """A person signed in by hand: what failed before no longer counts, nor that ``password`` was refused (None: not known which)."""
        self._note_person(username, password, {"outcome": "ok"})

    def person_refused(self, username: str, password: str | None, remaining: int | None) -> None:
        """The PBX refused what a person entered: it counts like any other. ``password``: None where it is not the configured one."""
        self._note_person(username, password, {"outcome": "refused", "remaining": remaining})

    def person_locked(self, username: str, seconds: int | None) -> None:
        """As :meth:`Attempt.locked`, at a person's attempt."""
        bans_before = sum(row["outcome"] == "locked" for row in _since_success(self._rows()))
        self._note_person(username, None, _ban(self._clock(), seconds, bans_before))

    def person_needed(self, username: str, password: str) -> None:
        """As :meth:`Attempt.wants_person`, where that shows later."""
        self._note_person(username, password, {"outcome": "person"})

    def left(self) -> int:
        """How many failed sign-ins bring the PBX's ban, by our count and by its word; 0 while a ban is known to last."""
        now, rows = self._clock(), self._rows()
        if _ban_end(rows, now):
            return 0
        failed = _failed_lately(rows, now)
        return max(min([PBX_LIMIT - len(failed), *_remaining(failed)]), 0)

    def _note_person(self, username: str, password: str | None, outcome: dict[str, object]) -> None:
        values = {"pbx": self._pbx, "at": utc(self._clock()), "way": "web", "username": username}
        fingerprint = "" if password is None else self._fingerprint(username, password)
        with self._catalog.transaction(of=self._turn) as connection:
            connection.execute(sign_ins.insert().values(**values, fingerprint=fingerprint, **outcome))

    def _rows(self) -> list[RowMapping]:
        with self._catalog.reading() as connection:
            return _attempts(connection, self._pbx)

    def _fingerprint(self, username: str, password: str) -> str:
        """Tells a changed password from an unchanged one without keeping it: scrypt with a salt of this catalog's own."""
        salt = self._catalog.get_meta(_SALT_KEY) or self._catalog.set_meta_once(_SALT_KEY, secrets.token_hex(16))
        return hashlib.scrypt(f"{username}\0{password}".encode(), salt=bytes.fromhex(salt), n=GUESS_COST, r=8, p=1, dklen=16).hex()


def known_budget(catalog: Catalog, url: str, clock: Callable[[], datetime]) -> SignInBudget:
    """The budget of the PBX at ``url``, by the key that it showed at the last attempt: for those who only look, and ask no PBX."""
    return SignInBudget(catalog, url, clock, pin=catalog.get_meta(_PIN_KEY + _address(url)))


def budgets_left(catalog: Catalog, urls: Iterable[str], clock: Callable[[], datetime]) -> list[int]:
    """:meth:`SignInBudget.left` of many PBXs, of which most have no trouble: those are not looked at one by one."""
    now = clock()
    lately = and_(sign_ins.c.outcome != "ok", sign_ins.c.at > utc(now - WINDOW))
    ours = and_(meta.c.key >= _PIN_KEY, meta.c.key < _PIN_KEY[:-1] + ";")
    with catalog.reading() as connection:
        troubled = set(connection.scalars(select(sign_ins.c.pbx).where(or_(lately, sign_ins.c.blocked_until > utc(now))).distinct()))
        pins = {row.key: row.value for row in connection.execute(select(meta).where(ours))}
    keys = [(url, pins.get(_PIN_KEY + _address(url))) for url in urls]
    return [SignInBudget(catalog, url, clock, pin=pin).left() if (pin or _address(url)) in troubled else PBX_LIMIT for url, pin in keys]


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or 443}"


def _check(rows: list[RowMapping], fingerprint: str, way: Way, now: datetime) -> None:
    """The rules, on this PBX's attempts in the order they were made. Raises as :meth:`SignInBudget.check`."""
    answered = [row for row in rows if row["outcome"] in ("ok", "refused", "person")]
    same = [row for row in answered if row["fingerprint"] == fingerprint and row["way"] == way]
    if same and same[-1]["outcome"] == "refused":
        raise PasswordRefused("The PBX refused this user name and password before; they are not tried again until they change.")
    since = utc(now - WINDOW) or ""
    if same and same[-1]["outcome"] == "person" and same[-1]["at"] > since:
        raise SecondFactorRequired("The PBX asked for more than the password within the last day; it is not asked again by itself.")
    if ban := _ban_end(rows, now):
        raise LockedOut(f"The PBX has locked this address or user out; the next sign-in is tried after {ban}.")
    failed = _failed_lately(rows, now)
    remaining = _remaining(failed)
    if remaining and min(remaining) <= FEWEST_REMAINING:
        raise BudgetExhausted(
            f"By the PBX's own count only {max(min(remaining), 0)} sign-in attempts are left before it bans this address."
        )
    if len(failed) >= LIMIT:
        free = utc(datetime.fromisoformat(failed[-LIMIT]["at"]) + WINDOW)
        raise BudgetExhausted(
            f"{len(failed)} sign-ins failed within a day, and the PBX bans this address after {PBX_LIMIT}; the next is tried after {free}."
        )


def _since_success(rows: list[RowMapping]) -> list[RowMapping]:
    last = max((index for index, row in enumerate(rows) if row["outcome"] in ("ok", "person")), default=-1)
    return rows[last + 1 :]


def _failed_lately(rows: list[RowMapping], now: datetime) -> list[RowMapping]:
    since = utc(now - WINDOW) or ""
    return [row for row in _since_success(rows) if row["outcome"] in _FAILED and row["at"] > since]


def _remaining(failed: list[RowMapping]) -> list[int]:
    """What the PBX said is left, each time that it did, less what failed since."""
    return [row["remaining"] - (len(failed) - 1 - index) for index, row in enumerate(failed) if row["remaining"] is not None]


def _ban(now: datetime, seconds: int | None, bans_before: int) -> dict[str, object]:
    ban = min(max(timedelta(seconds=seconds or 0), SHORTEST_BAN) * 2 ** min(bans_before, 10), LONGEST_BAN)
    return {"outcome": "locked", "blocked_until": utc(now + ban)}


def _ban_end(rows: list[RowMapping], now: datetime) -> str | None:
    """When the last ban ends that lasts now; one that somebody has come past by the same way is over."""
    moment = utc(now) or ""
    last_in = {row["way"]: index for index, row in enumerate(rows) if row["outcome"] == "ok"}
    bans = [row["blocked_until"] for index, row in enumerate(rows) if row["blocked_until"] and index > last_in.get(row["way"], -1)]
    return max((ban for ban in bans if ban > moment), default=None)


def _attempts(connection: Connection, pbx: str) -> list[RowMapping]:
    """A PBX's attempts in the order they were made."""
    return list(connection.execute(select(sign_ins).where(sign_ins.c.pbx == pbx).order_by(sign_ins.c.id)).mappings())
