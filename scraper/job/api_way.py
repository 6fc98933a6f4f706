"""The way over the PBX's HTTPS API: call records, directory lists, and recordings one by one. Signed in when first needed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import nlargest
from io import BufferedRandom
from operator import itemgetter
from typing import BinaryIO
from zoneinfo import ZoneInfo

from loguru import logger

from scraper.api import CatalogMemory, Client, Pace, Surroundings, open_api
from scraper.api.transport import Transport
from scraper.budget import SignInBudget
from scraper.catalog import StoredCall
from scraper.cdr import CallFile, parse_files, parse_groups
from scraper.clock import utcnow
from scraper.errors import (
    GoneAtPbx,
    NotARecording,
    NotListed,
    NotUnderstood,
    ScraperError,
    StillWritten,
    StorageError,
    UnreachableError,
)
from scraper.ingest.ingest import Outcome
from scraper.ingest.members import SpooledSource
from scraper.job.desk import Desk
from scraper.job.lengths import beginning_only
from scraper.models import Identity, RecordingClass, Source, Trigger, class_of, is_month, time_in_name
from scraper.reconcile import ListedFile
from scraper.reconcile.index import NEAR
from scraper.threads import Stopped, sleeper
from scraper.tls import prove

#: Answered calls that name no recording and are asked about one by one in a run: where that has never told anything, and where the PBX
#: names recordings in no other way, or asking has told some (field guide 2a, cdrapi).
_FEW, _MANY = 20, 2000
_ASKING_TELLS, _ASKING_MISLEADS = "asking-tells", "asking-misleads"
#: Recordings that are asked for before a PBX counts as one from which none comes.
_LIKELY = 3
#: What is not told of a call this long after its end will not be told any more.
_SETTLED_AFTER = timedelta(hours=2)
#: A PBX's zone may not be the configured one: what was longer ago than this was over in any.
_ANY_ZONE = timedelta(hours=28)


class ApiWay:
    """One job's dealings with one PBX's API. ``failure`` says why it can't be used any more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client: Client | None = None
        self._found: dict[tuple[RecordingClass, bool], bool] = {}
        self.failure: ScraperError | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the configuration has one."""
        return self._desk.ucm.api is not None and self._desk.ucm.api.kind != "off"

    def close(self) -> None:
        """Log out; where somebody asked to stop, only if that needs no waiting."""
        if self._client is not None:
            with suppress(Stopped):
                self._client.close()

    def time_there(self) -> datetime | None:
        """What the PBX's clock shows now (aware), as its answers say; None where they don't. Raises what opening the API raises."""
        ahead = self._open().family.transport.clock_ahead
        return utcnow() + timedelta(seconds=ahead) if ahead is not None else None

    def read_calls(self, since: datetime | None, until: datetime | None) -> bool:
        """Take the call records of a window (PBX local, naive) into the catalog; whether they can say what should exist.

        They can't where an empty answer contradicts itself, or where no call ever names its recordings. Raises what the API raises.
        """
        desk, client = self._desk, self._open()
        groups = unknown = strange = 0
        for page in client.cdr_pages(since, until):
            parsed = parse_groups(page, desk.ucm.zone)
            desk.catalog.upsert_calls(desk.order.ucm, parsed.calls, "api")
            groups, unknown, strange = groups + len(page), unknown + parsed.unknown, strange + len(parsed.shapes)
        counts = desk.catalog.call_counts(desk.order.ucm)
        if unknown:
            desk.report.notes.append(f"{unknown} call records, or parts of them, were not understood; what could be read was kept.")
        if strange or (groups and not counts.calls and not desk.forgotten):
            return self._doubt("The API's call records are of a shape that is not known.")
        if client.suspicious_zero:
            return self._doubt("The API's call records came up empty, though the PBX has calls.")
        if client.kind != "legacy" and not self._ask_about_silent_calls(client):
            return self._doubt("The API does not tell which recordings all calls have.")
        counts = desk.catalog.call_counts(desk.order.ucm)
        return counts.files > 0 or counts.answered == 0

    def _doubt(self, why: str) -> bool:
        self._desk.report.notes.append(f"{why} They are not relied on for what should exist.")
        return False

    def listings(self, classes: frozenset[RecordingClass]) -> Iterator[ListedFile]:
        """What recapi lists of these classes' directories, where it lists them. Raises what the API raises."""
        client = self._open()
        for klass in sorted(classes):
            for path in client.list_directory(klass.value) or []:
                for file in parse_files(path)[0]:
                    # An ordinary recording may lie in `queue` (field guide 2a); what its name doesn't place lies in `meetme` only.
                    ordinary = klass is RecordingClass.MEETME and class_of(file.name) is RecordingClass.MONITOR
                    yield ListedFile(klass if ordinary else file.klass, file.month, file.name)

    def fetch(self, identity: Identity) -> Outcome:
        """Fetch one recording and take it in. Raises what :meth:`scraper.api.Api.recording` raises, and the storage errors.

        Where recapi knows bare names only, and several months have this one, :class:`NotARecording` for another month's recording.
        """
        with tempfile.TemporaryFile(dir=self._desk.work_dir) as file:
            self.download(identity, file)
            if self._is_of_another_month(identity, file):
                raise NotARecording("The PBX sent another month's recording of this name.")
            self._check_whole(identity, file)
            outcome = self._desk.take_in(Source.RECAPI).take(identity, file)
        self._desk.enter(outcome)
        return outcome

    def _check_whole(self, identity: Identity, file: BufferedRandom) -> None:
        """Right after the call the PBX may still be writing; what isn't whole is left, for it would be compared and replaced later."""
        file.flush()
        size = file.seek(0, os.SEEK_END)
        pushed = self._desk.order.trigger is Trigger.PUSH
        if why := beginning_only(self._desk.catalog, identity, SpooledSource(file, size), pushed=pushed):
            raise StillWritten(f"The PBX may still be writing it: {why}.")

    def download(self, identity: Identity, file: BinaryIO) -> None:
        """Write one recording into ``file``. Raises what :meth:`scraper.api.Api.recording` raises."""
        month, client = identity.month if is_month(identity.month) else None, self._open()
        try:
            client.recording(identity.name, month, identity.klass, file)
        except GoneAtPbx:
            if not client.recordings_have_come and not self._finds(identity.klass, by_month=True):
                raise NotListed("The API says that it doesn't exist, but has not brought any recording of this PBX yet.") from None
            raise
        except NotListed:
            if month or not self._finds(identity.klass, by_month=False):
                raise
            client.recording(identity.name, None, identity.klass, file)

    def _finds(self, klass: RecordingClass, *, by_month: bool) -> bool:
        """Whether the PBX brings a recording that it should have: then what it doesn't bring that way isn't there.

        Asked once a job (field guide 2a, recapi: where the month goes differs by device).
        """
        if (klass, by_month) not in self._found:
            self._found[klass, by_month] = any(self._comes(one, by_month=by_month) for one in self._likeliest(klass))
        return self._found[klass, by_month]

    def _comes(self, one: Identity, *, by_month: bool) -> bool:
        month = one.month if by_month and is_month(one.month) else None
        with tempfile.TemporaryFile(dir=self._desk.work_dir) as file, suppress(GoneAtPbx, NotListed, NotUnderstood):
            return self._open().recording(one.name, month, one.klass, file).size > 0
        return False

    def _likeliest(self, klass: RecordingClass) -> Iterator[Identity]:
        """What the PBX has if it has anything: the recording that was archived last; where none is, those of the newest calls."""
        catalog, ucm, zone = self._desk.catalog, self._desk.order.ucm, self._desk.ucm.zone
        if held := catalog.newest_held(ucm, klass) or catalog.newest_held(ucm, RecordingClass.MONITOR):
            yield held
            return
        dated = ((file.start, file) for file in catalog.call_files(ucm) if file.start)
        for start, file in nlargest(_LIKELY, dated, key=itemgetter(0)):
            yield Identity(ucm, file.klass, file.month or start.astimezone(zone).strftime("%Y-%m"), file.name)

    def _is_of_another_month(self, identity: Identity, file: BufferedRandom) -> bool:
        catalog = self._desk.catalog
        others = catalog.months_of(identity.ucm, identity.klass, identity.name) - {identity.month}
        twins = [version for month in others for version in catalog.find_recordings(replace(identity, month=month))]
        if not twins:
            return False
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return any(version.source_sha256 == digest for version in twins)

    def _open(self) -> Client:
        """The client, signed in; what failed once in a job is not tried again."""
        if self.failure is not None:
            raise self.failure
        if self._client is None:
            desk = self._desk
            budget = SignInBudget(desk.catalog, desk.ucm.url, pin=desk.ucm.tls.pin or self._seen_pin())
            memory, pace = CatalogMemory(desk.catalog, desk.ucm.url), Pace(sleep=sleeper(desk.order.stop))
            surroundings = Surroundings(budget, memory, pace, bandwidth=desk.bandwidth, opened=self._opened)
            try:
                self._client = open_api(desk.ucm, surroundings)
            except ScraperError as error:
                self.failure = error
                logger.bind(action="api-unusable", error=error.kind).debug("The API can't be used: {}", error.message)
                raise
            logger.bind(action="api-open", kind=self._client.kind).debug("The API answers")
        return self._client

    def _opened(self, transport: Transport) -> None:
        """A PBX that never answers must not keep a job from stopping."""
        self._desk.breaks_off.append(transport.break_off)

    def _seen_pin(self) -> str | None:
        """The key under which the web UI's sign-ins are counted too; None where the web UI's address does not answer."""
        try:
            key = prove(self._desk.ucm.url, self._desk.ucm.tls, legacy=self._desk.ucm.tls.legacy)
        except UnreachableError:
            return None
        return key.pin if key else None

    def _ask_about_silent_calls(self, client: Client) -> bool:
        """Some firmware leaves ``recordfiles`` empty and tells a call's recordings only when asked for them (field guide 2a).

        Whether the calls' recordings are known then. They aren't where the answers were another call's (AcctId restarts every month on
        some devices), or there were too many to ask; unless asking tells nothing, and other calls name theirs.
        """
        catalog, ucm = self._desk.catalog, self._desk.order.ucm
        memory, names_files = CatalogMemory(catalog, self._desk.ucm.url), catalog.call_counts(ucm).files > 0
        asking_tells, repeated, unclear = memory.get(_ASKING_TELLS) is not None, catalog.repeated_acct_ids(ucm), 0
        try:
            for number, call in enumerate(catalog.calls_without_files(ucm)):
                if number >= (_MANY if asking_tells or not names_files else _FEW):
                    unclear += 1
                    break
                files = self._files_of(client, call)
                if not files and call.acct_id in repeated and (asking_tells or not names_files):
                    memory.set(_ASKING_MISLEADS, "yes")
                if files or (files is not None and _is_over(call)):
                    catalog.add_call_files(call.id, files)
                if files and not asking_tells:
                    memory.set(_ASKING_TELLS, "yes")
                    asking_tells = True
        except StorageError:
            raise
        except ScraperError as error:  # its permission is ticked by itself
            logger.bind(action="calls-not-told", error=error.kind).info("Calls can't be asked for their recordings: {}", error.message)
            unclear += 1
        if memory.get(_ASKING_MISLEADS):  # it won't be asked about these again
            return False
        return not unclear or (names_files and not asking_tells)

    def _files_of(self, client: Client, call: StoredCall) -> list[CallFile] | None:
        """What the PBX says when it is asked for the files of a call; None where it names another call's, whatever it is asked by."""
        for key in filter(None, (call.acct_id, call.uniqueid, call.session)):
            files, _ = parse_files("@".join(client.record_infos(key)))
            own = [file for file in files if _is_near(file, call, self._desk.ucm.zone)]
            if own or not files:
                return own
        return None


def _is_over(call: StoredCall) -> bool:
    """Whether the PBX has had time to write the call's recordings down."""
    ended = call.end_utc or call.start_utc
    if ended is None:
        return True
    ago, known_for = (utcnow() - datetime.fromisoformat(when) for when in (ended, call.first_seen))
    return ago > _SETTLED_AFTER and (ago > _ANY_ZONE or known_for > _SETTLED_AFTER)


def _is_near(file: CallFile, call: StoredCall, zone: ZoneInfo) -> bool:
    """Whether a file can be this call's, by the time or at least the month in its name."""
    if not call.start_utc:
        return True
    start, made = datetime.fromisoformat(call.start_utc), time_in_name(file.name, zone)
    if made is None:
        return file.month in (None, start.astimezone(zone).strftime("%Y-%m"))
    return abs(made - start) <= NEAR
