"""What was let go of on purpose and is not to come back: known by keyed hashes alone, without a name or a number.

A recording is known by its UCM and file name; where the name has no time of its own (field guide 3), by its month as well. A call's leg is
known by its start together with its channel or its two numbers, and, where no leg of its session stays, by its session and day. What
retention let go of leaves no hash of its calls: all before a day are left out, unless they name a recording that is not forgotten.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import meta, tombstones
from scraper.models import UNDATED, Identity, is_month, time_in_name

#: Pages ask, and many may have gone: so many are looked at.
COUNTED = 100_000

_SALT = "keeping:salt"
_UTC = ZoneInfo("UTC")
#: A call's fields that a hash is made of.
_CHANNEL, _PEOPLE = ("start", "uniqueid"), ("start", "src", "dst")


class Key(NamedTuple):
    """What a recording is let go of by: its file name; ``month`` is empty where that has the call's time, so that it doesn't matter."""

    month: str
    name: str

    @property
    def path(self) -> str:
        """``YYYY-MM/NAME``, or the name alone."""
        return f"{self.month}/{self.name}" if self.month else self.name


def key_of(month: str | None, name: str) -> Key:
    """The key of a recording with this month (``undated`` where it has none) and clean name."""
    return Key("" if time_in_name(name, _UTC) else month or UNDATED, name)


def row_key(month: str | None, name: str, call_time: str | None = None) -> Key:
    """The same of a row or a call that may give no month; then its time does (PBX local text)."""
    return key_of(month or (call_time[:7] if call_time and is_month(call_time[:7]) else None), name)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of one version of a recording: its number in the catalog, the hash of its file, and why and when (UTC text) it went."""

    ucm: str
    recording_id: int
    sha256: str
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is not to come back to one UCM's archive. False where that is nothing.

    ``calls_before``: calls that began before (PBX local text) and name no other recording are left out, too.
    """

    ucm: str
    salt: bytes = b""
    hashes: frozenset[bytes] = field(default_factory=frozenset)
    calls_before: str = ""
    last: int = 0

    def __bool__(self) -> bool:
        return bool(self.hashes or self.calls_before)

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, Identity) and self.has(key_of(identity.month, identity.name))

    def has(self, key: Key) -> bool:
        """Whether this recording is forgotten."""
        return bool(self.hashes) and self.digest("recording", *key) in self.hashes

    def has_call(self, leg: Mapping[str, Any], files: Iterable[Key] = ()) -> bool:
        """Whether a call's leg, a row of the table ``calls``, is not to be kept: it, or every recording that it names, is forgotten."""
        named = list(files)
        if any(not self.has(key) for key in named):
            return False
        old = self.calls_before > leg["start"] > ""
        return bool(named) or old or any(hashed in self.hashes for hashed in self.hashes_of_call(leg))

    def hashes_of_call(self, leg: Mapping[str, Any], *, session: bool = True) -> list[bytes]:
        """What a leg is known by; with ``session`` all legs of its session on that day."""
        sets = [fields for fields in (_CHANNEL, _PEOPLE) if all(leg[name] for name in fields[:2])]
        found = [self.digest("call", *fields, *(str(leg[name]) for name in fields)) for fields in sets]
        if session and leg["session"] and leg["start"]:
            found.append(self.digest("call", "session", leg["session"], leg["start"][:10]))
        return found

    def digest(self, *parts: str) -> bytes:
        """The keyed hash of what is known by these parts."""
        return hmac.digest(self.salt, "\0".join((self.ucm, *parts)).encode("utf-8", "surrogatepass"), "sha256")


def forgotten_in(connection: Connection, ucm: str) -> Forgotten:
    """What is forgotten of a UCM as this transaction sees it, without what it added itself. Costs one look where nothing changed."""
    of_engine = _KNOWN.setdefault(connection.engine, {})
    newest = select(func.max(tombstones.c.id)).where(tombstones.c.ucm == ucm).scalar_subquery()
    before = select(meta.c.value).where(meta.c.key == calls_before_key(ucm)).scalar_subquery()
    last, calls_before = connection.execute(select(newest, before)).one()
    known = of_engine.get(ucm)
    if known is None or (known.last, known.calls_before) != (last or 0, calls_before or ""):
        known = of_engine[ucm] = _read(connection, ucm, last or 0, calls_before or "")
    return known


def bury_call(connection: Connection, forgotten: Forgotten, leg: Mapping[str, Any]) -> None:
    """A leg turned out to be of an erased recording's call: it is not to come back either."""
    stone = {"ucm": forgotten.ucm, "kind": "call", "why": "erased", "at": now(), "by_whom": "its recording was erased"}
    hashes = [{"identity_hash": found.hex()} for found in forgotten.hashes_of_call(leg, session=False)]
    if hashes:
        connection.execute(tombstones.insert(), [stone | one for one in hashes])


def calls_before_key(ucm: str) -> str:
    """Where the table ``meta`` says before which day calls are left out."""
    return f"keeping:calls-before:{ucm}"


class Tombstones(Database):
    """What was let go of."""

    def forgotten(self, ucm: str) -> Forgotten:
        """What is not to come back of a UCM, as it is now."""
        with self.reading() as connection:
            return forgotten_in(connection, ucm)

    def tombstone(self, identifier: int) -> Tombstone | None:
        """One of a recording that was stored, by its own number."""
        columns = (tombstones.c[name] for name in Tombstone.__dataclass_fields__)
        with self.reading() as connection:
            row = connection.execute(select(*columns).where(tombstones.c.id == identifier)).one_or_none()
            return Tombstone(*row) if row else None

    def tombstone_counts(self, ucm: str) -> list[tuple[str, str, int]]:
        """(month, why, how many) of the stored files that went, the newest month first; of the last :data:`COUNTED` tombstones."""
        columns = func.substr(tombstones.c.at, 1, 7).label("month"), tombstones.c.why, tombstones.c.recording_id
        rows = select(*columns).where(tombstones.c.ucm == ucm).order_by(tombstones.c.id.desc()).limit(COUNTED).subquery().c
        counted = select(rows.month, rows.why, func.count()).where(rows.recording_id.is_not(None)).group_by(rows.month, rows.why)
        with self.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(counted.order_by(rows.month.desc(), rows.why))]

    def salt(self) -> bytes:
        """The key of all hashes, made at its first need."""
        return bytes.fromhex(self.get_meta(_SALT) or self.set_meta_once(_SALT, secrets.token_hex(32)))


def _read(connection: Connection, ucm: str, last: int, calls_before: str) -> Forgotten:
    if not last:
        return Forgotten(ucm, calls_before=calls_before)
    salt = connection.scalar(select(meta.c.value).where(meta.c.key == _SALT)) or ""
    found = connection.scalars(select(tombstones.c.identity_hash).where(tombstones.c.ucm == ucm))
    return Forgotten(ucm, bytes.fromhex(salt), frozenset(map(bytes.fromhex, found)), calls_before, last)


#: What was read last, by engine and UCM: tombstones are only ever added.
_KNOWN: WeakKeyDictionary[Engine, dict[str, Forgotten]] = WeakKeyDictionary()
