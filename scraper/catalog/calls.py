"""The catalog's call records, and the recordings that they name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, asc, case, desc, func, or_, select, tuple_

from scraper.catalog.database import Database, now
from scraper.catalog.schema import call_files, calls, recordings
from scraper.catalog.tombstones import Forgotten, bury_call, forgotten_in, row_key
from scraper.catalog.upserts import Upsert
from scraper.cdr import Call, CallFile
from scraper.models import UNDATED, Identity, RecordingClass, epoch_in_name, utc

CallSource = Literal["api", "csv", "push"]

_PAGE = 1000
_BATCH = 2000

#: How to sort, and what is beyond the last that was read.
_Order = tuple[Callable[..., Any], Callable[..., Any]]
_OLDEST_FIRST: _Order = (asc, operator.gt)
_NEWEST_FIRST: _Order = (desc, operator.lt)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """A leg of a call as it is kept. ``start`` is PBX local text, empty where it could not be read; the other times are UTC text."""

    id: int
    ucm: str
    source: str
    session: str
    acct_id: str
    uniqueid: str
    start: str
    start_utc: str | None
    answer_utc: str | None
    end_utc: str | None
    talk_seconds: int | None
    duration: int | None
    disposition: str
    src: str
    dst: str
    answered_by: str
    caller_name: str
    action_type: str
    lastapp: str
    first_seen: str
    last_seen: str
    asked_at: str | None
    files: tuple[CallFile, ...] = ()


class NamedFile(NamedTuple):
    """A recording that a call names: ``month`` None where the PBX wrote none; ``seconds`` and ``size`` (bytes) as the PBX said them.

    ``start`` and ``end`` are the call's, aware; ``talk_seconds`` the call's if it was answered.
    """

    klass: RecordingClass
    month: str | None
    name: str
    seconds: int | None
    size: int | None
    start: datetime | None
    talk_seconds: int | None
    end: datetime | None = None

    @property
    def ended(self) -> datetime | None:
        """When the call had ended (aware): the latest of what its record tells, and of what its start by the epoch in the name does.

        A record is in the PBX's zone, which the configuration may have wrong; who rang or waited before the talk is told by its end only.
        """
        talked = timedelta(seconds=self.talk_seconds or 0)
        starts = (self.start, epoch_in_name(self.name))
        return max((when for when in (*(start + talked for start in starts if start), self.end) if when), default=None)

    def may_be(self, identity: Identity) -> bool:
        """Whether this recording may be meant: where the PBX wrote no month, that of any month is."""
        return (self.klass, self.name) == (identity.klass, identity.name) and self.month in (None, identity.month)


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Legs; the answered among them; recordings named, once for each leg that does."""

    calls: int
    answered: int
    files: int


class Calls(Database):
    """Call records. A window is call start times, PBX local, ``until`` exclusive; calls without a readable start are in no window.

    A call that the API (or a push) told is not told again where the CDR page's CSV has it too.
    """

    def upsert_calls(self, ucm: str, found: Iterable[Call], source: CallSource) -> int:
        """Enter or update calls and their files, a transaction a batch; how many were entered or updated.

        The same call twice is one row; what was known is not forgotten where it is missing now. A call with neither a start nor a file
        can't be told from another, and is left out.
        """
        known, when = iter(call for call in found if call.start or call.files), now()
        written = 0
        while batch := list(islice(known, _BATCH)):
            legs: dict[tuple[str, ...], tuple[dict[str, Any], list[CallFile]]] = {}
            for call in batch:
                row = _row(ucm, call) | {"source": source, "first_seen": when, "last_seen": when}
                _, files = legs.setdefault(_key(row), (row, []))
                files += call.files
            with self.transaction(of=ucm) as connection:
                kept = list(_unforgotten(forgotten_in(connection, ucm), legs.values()))
                _write(connection, kept)
            written += len(kept)
        return written

    def add_call_files(self, call_id: int, files: Sequence[CallFile]) -> None:
        """Enter what the PBX said when it was asked for the files of one call (``getRecordInfosByCall``), be it nothing.

        A call all of whose recordings were erased goes with them.
        """
        with self.transaction(of=f"call:{call_id}") as connection:
            connection.execute(calls.update().where(calls.c.id == call_id).values(asked_at=now()))
            leg = connection.execute(select(calls).where(calls.c.id == call_id)).mappings().one_or_none()
            if leg is None:  # it was erased meanwhile
                return
            row, forgotten = dict(leg), forgotten_in(connection, leg["ucm"])
            kept = [files for _, files in _unforgotten(forgotten, [(row, list(files))])]
            if files and not kept:
                bury_call(connection, forgotten, row)
                connection.execute(calls.delete().where(calls.c.id == call_id))
            _write_files(connection, [(call_id, file) for file in (kept[0] if kept else ())])

    def calls(self, ucm: str | None = None, since: date | None = None, until: date | None = None) -> Iterator[StoredCall]:
        """Those of the window with their files, oldest first; read page by page, so that any number fits in memory."""
        return self._calls(_window(ucm, since, until))

    def newest_calls(self, ucm: str, since: date | None = None, until: date | None = None) -> Iterator[StoredCall]:
        """The same of one UCM, newest first; calls whose start could not be read come last."""
        return self._calls(_window(ucm, since, until), _NEWEST_FIRST)

    def calls_without_files(self, ucm: str, since: date | None = None, until: date | None = None) -> Iterator[StoredCall]:
        """Answered calls that name no recording and for which the PBX has not been asked yet: on some firmware only that tells.

        A leg of a call of which another leg names one is left out: who fills in one leg fills in all.
        """
        silent = and_(_ANSWERED, ~_NAMES_FILES, ~_session_names_files(), calls.c.asked_at.is_(None))
        return self._calls(and_(_window(ucm, since, until), silent))

    def archived_files(self, ucm: str, found: Sequence[StoredCall]) -> set[tuple[RecordingClass, str, str]]:
        """Which of the recordings that these calls name are archived: (class, month, name).

        Where a call gives no month, the months around its start are looked through, and ``undated``.
        """
        names = {file.name for call in found for file in call.files}
        months = {month for call in found for file in call.files for month in _months(call, file)}
        columns = (recordings.c["class"], recordings.c.month, recordings.c.name)
        known = and_(recordings.c["class"].in_(list(_CLASSES)), recordings.c.month.in_(months), recordings.c.name.in_(names))
        query = select(*columns).where(recordings.c.ucm == ucm, known, recordings.c.state == "archived")
        with self.reading() as connection:
            return {(_CLASSES[klass], month, name) for klass, month, name in connection.execute(query)}

    def call_files(self, ucm: str, since: date | None = None, until: date | None = None) -> Iterator[NamedFile]:
        """Every recording that a call names, once for each call that does; streamed from one consistent state: read it to the end soon."""
        with self.reading() as connection:
            yield from _named_files(connection, _window(ucm, since, until, once=False))

    def files_beside(self, ucm: str, name: str) -> list[NamedFile]:
        """What :meth:`call_files` gives of the calls that name a recording of this bare name: it, and those beside it."""
        naming = select(call_files.c.call_id).where(call_files.c.name == name)
        with self.reading() as connection:
            return list(_named_files(connection, and_(calls.c.ucm == ucm, calls.c.id.in_(naming))))

    def pushed_files(self, ucm: str, since: datetime) -> list[CallFile]:
        """The recordings of calls that first became known from ``since`` (aware) on, by a push, and that only pushes told so far."""
        pushed = and_(calls.c.ucm == ucm, calls.c.source == "push", calls.c.first_seen >= (utc(since) or ""))
        with self.reading() as connection:
            return [_file(row) for row in connection.execute(select(call_files).join(calls).where(pushed)).mappings()]

    def repeated_acct_ids(self, ucm: str) -> set[str]:
        """The AcctIds that calls of several months have."""
        month = func.substr(calls.c.start, 1, 7)
        query = select(calls.c.acct_id).where(calls.c.ucm == ucm, calls.c.acct_id != "").group_by(calls.c.acct_id)
        with self.reading() as connection:
            return set(connection.scalars(query.having(func.count(month.distinct()) > 1)))

    def newest_start(self, ucm: str, source: CallSource) -> str | None:
        """The start of the newest call that a source told, PBX local text."""
        with self.reading() as connection:
            newest: str | None = connection.scalar(select(func.max(calls.c.start)).where(calls.c.ucm == ucm, calls.c.source == source))
        return newest

    def call_counts(self, ucm: str) -> CallCounts:
        """How many there are."""
        answered = func.count(case((_ANSWERED, 1)))
        files = select(func.count()).select_from(call_files).join(calls).where(calls.c.ucm == ucm)
        with self.reading() as connection:
            row = connection.execute(select(func.count(), answered).select_from(calls).where(_window(ucm, None, None))).one()
            return CallCounts(*row, connection.scalar(files) or 0)

    def _calls(self, condition: ColumnElement[bool], order: _Order = _OLDEST_FIRST) -> Iterator[StoredCall]:
        direction, beyond = order
        place = tuple_(calls.c.start, calls.c.id)
        query: Select[Any] = select(calls).where(condition).order_by(direction(calls.c.start), direction(calls.c.id)).limit(_PAGE)
        last: tuple[str, int] | None = None
        while True:
            with self.reading() as connection:
                rows = connection.execute(query.where(beyond(place, last)) if last else query).mappings().all()
                files = _files_of(connection, [row["id"] for row in rows])
            for row in rows:
                yield StoredCall(**{name: row[name] for name in _STORED}, files=tuple(files.get(row["id"], ())))
            if len(rows) < _PAGE:
                return
            last = rows[-1]["start"], rows[-1]["id"]


_CLASSES = {klass.value: klass for klass in RecordingClass}
_STORED = tuple(field.name for field in fields(StoredCall) if field.name != "files")
_TEXTS = ("session", "acct_id", "uniqueid", "src", "dst", "disposition", "answered_by", "caller_name", "action_type", "lastapp")
_KEY = ("ucm", "session", "acct_id", "start", "src", "dst", "twin")

_ANSWERED = or_(func.upper(calls.c.disposition) == "ANSWERED", func.coalesce(calls.c.talk_seconds, 0) > 0)
_NAMES_FILES = select(call_files.c.id).where(call_files.c.call_id == calls.c.id).correlate(calls).exists()


def _months(call: StoredCall, file: CallFile) -> Iterable[str]:
    if file.month:
        return (file.month,)
    try:
        first = date.fromisoformat(call.start[:10]).replace(day=1)
    except ValueError:
        return (UNDATED,)
    return (UNDATED, *(f"{first + timedelta(days=days):%Y-%m}" for days in (-1, 0, 31)))


def _session_names_files() -> ColumnElement[bool]:
    other = calls.alias()
    same = and_(other.c.ucm == calls.c.ucm, other.c.session == calls.c.session, calls.c.session != "")
    return select(call_files.c.id).join(other, other.c.id == call_files.c.call_id).where(same).correlate(calls).exists()


def _told_better() -> ColumnElement[bool]:
    """Whether the API, or a push, has this row of the CSV, or the API this one of a push, which may name its session otherwise.

    A leg of the same channel or the same two numbers that began in the same second is the same.
    """
    other = calls.alias()
    same_channel = and_(other.c.uniqueid == calls.c.uniqueid, calls.c.uniqueid != "")
    same_people = and_(other.c.src == calls.c.src, other.c.dst == calls.c.dst)
    better = or_(other.c.source == "api", and_(other.c.source == "push", calls.c.source == "csv"))
    same = and_(other.c.ucm == calls.c.ucm, other.c.start == calls.c.start, better, or_(same_channel, same_people))
    return and_(calls.c.source != "api", select(other.c.id).where(same).correlate(calls).exists())


def _window(ucm: str | None, since: date | None, until: date | None, *, once: bool = True) -> ColumnElement[bool]:
    conditions = [~_told_better()] if once else []
    if ucm is not None:
        conditions.append(calls.c.ucm == ucm)
    if since is not None or until is not None:
        conditions.append(calls.c.start >= (since.isoformat() if since else "0"))
    if until is not None:
        conditions.append(calls.c.start < until.isoformat())
    return and_(True, *conditions)


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in _KEY)


def _row(ucm: str, call: Call) -> dict[str, Any]:
    texts = {name: getattr(call, name) for name in _TEXTS}
    start, answer, end = ((when.text if when else "") for when in (call.start, call.answer, call.end))
    return texts | {
        "ucm": ucm,
        "start": start,
        "twin": "" if call.acct_id else _twin(answer, end, str(call.duration), str(call.talk_seconds), call.answered_by),
        "start_utc": utc(call.start.utc) if call.start else None,
        "answer_utc": utc(call.answer.utc) if call.answer else None,
        "end_utc": utc(call.end.utc) if call.end else None,
        "talk_seconds": call.talk_seconds,
        "duration": call.duration,
    }


def _twin(*parts: str) -> str:
    """What keeps legs without AcctId apart. Of what the PBX translates, nothing: another language must not double every call."""
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def _kept_of_call(new: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {name: func.coalesce(func.nullif(new[name], ""), calls.c[name]) for name in _TEXTS if name not in _KEY} | {
        name: func.coalesce(new[name], calls.c[name]) for name in ("start_utc", "answer_utc", "end_utc", "talk_seconds", "duration")
    }
    worse = or_(new.source == "csv", calls.c.source == "api")
    return kept | {"last_seen": new.last_seen, "source": case((worse, calls.c.source), else_=new.source)}


def _kept_of_file(new: Any) -> dict[str, Any]:
    return {name: func.coalesce(new[name], call_files.c[name]) for name in ("seconds", "size")}


_UPSERT_CALLS = Upsert(calls, _KEY, _kept_of_call)
_UPSERT_CALLS_WITH_FILES = Upsert(calls, _KEY, _kept_of_call, (calls.c.id, *(calls.c[name] for name in _KEY)))
_UPSERT_FILES = Upsert(call_files, ("call_id", "class", "month", "name"), _kept_of_file)


def _unforgotten(
    forgotten: Forgotten, legs: Iterable[tuple[dict[str, Any], list[CallFile]]]
) -> Iterator[tuple[dict[str, Any], list[CallFile]]]:
    """The legs but those that were erased, without the files that were."""
    if not forgotten:
        yield from legs
        return
    for row, files in legs:
        keys = [row_key(file.month, file.name, row["start"]) for file in files]
        if not forgotten.has_call(row, keys):
            yield row, [file for file, key in zip(files, keys, strict=True) if not forgotten.has(key)]


def _write(connection: Connection, legs: list[tuple[dict[str, Any], list[CallFile]]]) -> None:
    silent, speaking = [row for row, files in legs if not files], [leg for leg in legs if leg[1]]
    if silent:
        connection.execute(_UPSERT_CALLS.on(connection), silent)
    if speaking:
        returned = connection.execute(_UPSERT_CALLS_WITH_FILES.on(connection), [row for row, _ in speaking])
        ids = {tuple(key): identifier for identifier, *key in returned}
        _write_files(connection, [(ids[_key(row)], file) for row, files in speaking for file in files])


def _write_files(connection: Connection, files: list[tuple[int, CallFile]]) -> None:
    if files:
        connection.execute(_UPSERT_FILES.on(connection), [
            {
                "call_id": call_id, "class": file.klass.value, "month": file.month or "", "name": file.name,
                "seconds": file.seconds, "size": file.size,
            }
            for call_id, file in files
        ])  # fmt: skip


def _named_files(connection: Connection, condition: ColumnElement[bool]) -> Iterator[NamedFile]:
    columns = (call_files.c["class"], call_files.c.month, call_files.c.name, call_files.c.seconds, call_files.c.size)
    talk = case((_ANSWERED, calls.c.talk_seconds))
    query = select(*columns, calls.c.start_utc, talk, calls.c.end_utc).join_from(call_files, calls).where(condition)
    for klass, month, name, seconds, size, start, talked, end in connection.execution_options(yield_per=_PAGE).execute(query):
        since, until = (datetime.fromisoformat(text) if text else None for text in (start, end))
        yield NamedFile(_CLASSES[klass], month or None, name, seconds, size, since, talked, until)


def _files_of(connection: Connection, ids: list[int]) -> dict[int, list[CallFile]]:
    found: dict[int, list[CallFile]] = {}
    for row in connection.execute(select(call_files).where(call_files.c.call_id.in_(ids)).order_by(call_files.c.id)).mappings():
        found.setdefault(row["call_id"], []).append(_file(row))
    return found


def _file(row: RowMapping) -> CallFile:
    return CallFile(row["name"], row["month"] or None, _CLASSES[row["class"]], row["seconds"], row["size"])
