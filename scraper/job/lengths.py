"""Compares what was stored lately with what the PBX says of it; what is too short becomes a gap, so that a better copy is looked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from converters.interface import Options, Undecodable, decode
from converters.interface import Source as Bytes
from converters.sniff import OTHER_AUDIO
from scraper.catalog import Catalog
from scraper.catalog.calls import NamedFile
from scraper.clock import utcnow
from scraper.job.desk import Desk
from scraper.models import Gap, GapReason, Identity, RecordingClass, Source
from scraper.reconcile.lengths import Account, too_short

#: The record of a call may come hours after its recording.
_LOOK_BACK = timedelta(days=2)
#: However long no job came to comparing them, no more is looked at.
_LONGEST = timedelta(days=30)
_REMEDY = "The copy that is held is kept; the next run looks for a better one."


def doubt_short_ones(
    desk: Desk, began: datetime, compared: datetime | None, has_other_way: Callable[[Identity, Source], bool]
) -> set[Identity]:
    """Record a gap for each recording stored lately that is too short; those recorded now.

    Lately: since two days before the last job began whose call records could be ``compared`` (None: nobody knows), or this one, which
    ``began`` (aware); a month at most.
    One that came twice the same is left in peace, and so is one that no way but its own can ever bring; unless it came before its call had
    ended: then the same way may bring the rest.
    """
    since = max(min(began, compared or began - _LONGEST), began - _LONGEST) - _LOOK_BACK
    stored = {one.identity: one for one in desk.catalog.stored_since(desk.order.ucm, since)}
    if not stored:
        return set()
    accounts = _accounts(desk, stored.keys())
    doubted = set()
    for identity, account in accounts.items():
        one = stored[identity]
        why = too_short(account, one.source_size, one.frames, one.seconds)
        if not why or _is_settled(desk, identity):
            continue
        if has_other_way(identity, one.source):
            gap = Gap(identity, GapReason.TOO_SHORT, f"it is too short: {why}", _REMEDY)
        elif not account.is_written_at(one.at):
            gap = Gap(identity, GapReason.CORRUPT, f"it came while the PBX was still writing it: {why}", _REMEDY)
        else:
            continue
        desk.catalog.record_gap(gap, attempt=False)
        doubted.add(identity)
    return doubted


def beginning_only(catalog: Catalog, identity: Identity, source: Bytes, *, pushed: bool) -> str | None:
    """One clause that says why these bytes, fetched now, may be only a recording's beginning; None where nothing says so.

    The PBX may still be writing it, right after the call: what is longer by the call's record may be better a moment later; so may what
    can't be decoded, where a push asked for it.
    """
    account, beside = Account(), catalog.files_beside(identity.ucm, identity.name)
    parts = Counter((start, talked) for start, talked, _ in {(file.start, file.talk_seconds, file.name) for file in beside})
    for file in beside:
        if file.may_be(identity):
            _learn(account, file, parts[file.start, file.talk_seconds])
    if not pushed and account.is_written_at(utcnow()):
        return None
    frames = seconds = None
    try:
        decoded = decode(source, Options(known_layouts=catalog.known_layouts(identity.ucm)))
        frames, seconds = decoded.frames, decoded.seconds
    except Undecodable as error:
        if pushed and error.kind not in OTHER_AUDIO:
            return error.detail
    return too_short(account, source.size, frames, seconds)


def _is_settled(desk: Desk, identity: Identity) -> bool:
    return desk.catalog.gap_of(identity) is not None or desk.catalog.was_confirmed(identity)


def _accounts(desk: Desk, identities: Iterable[Identity]) -> dict[Identity, Account]:
    """What lists and call records say of these recordings. A name that several months have is not told by its bare name."""
    found: dict[Identity, Account] = defaultdict(Account)
    by_name: dict[tuple[RecordingClass, str], list[Identity]] = defaultdict(list)
    for identity in identities:
        by_name[identity.klass, identity.name].append(identity)
    for row in desk.catalog.listing(desk.order.ucm):
        for identity in by_name.get((row.klass, row.name), ()):
            if row.month in (None, identity.month) and row.size is not None:
                found[identity].size = row.size
    files = [file for file in desk.catalog.call_files(desk.order.ucm) if (file.klass, file.name) in by_name]
    parts = Counter((file.start, file.talk_seconds) for file in files)
    for file in files:
        same = by_name[file.klass, file.name]
        for identity in same:
            if file.month == identity.month or (file.month is None and len(same) == 1):
                _learn(found[identity], file, parts[file.start, file.talk_seconds])
    return found


def _learn(account: Account, file: NamedFile, parts: int) -> None:
    """``parts``: how many recordings share the call's talk time; it tells the length of one that has it for itself."""
    account.learn(file.size, file.seconds, file.talk_seconds if parts == 1 else None, file.ended)
