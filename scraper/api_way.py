"""The way over the PBX's HTTPS API: call records, directory lists, and recordings one by one. Signed in when first needed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, cast

from loguru import logger

from scraper.api import CatalogMemory, Client, Pace, Surroundings, open_api
from scraper.budget import SignInBudget
from scraper.cdr import parse_files, parse_groups
from scraper.desk import Desk
from scraper.errors import ScraperError, UnreachableError
from scraper.ingest import Outcome
from scraper.models import Identity, RecordingClass, Source, class_of, is_month
from scraper.reconcile import ListedFile
from scraper.threads import sleeper
from scraper.tls import prove

#: Answered calls that name no recording and are asked about one by one in a run: where that has never told anything, and where the PBX
#: names recordings in no other way, or asking has told some (field guide 2a, cdrapi).
_FEW, _MANY = 20, 2000
_ASKING_TELLS = "asking-tells"


class ApiWay:
    """One job's dealings with one PBX's API. ``failure`` says why it can't be used any more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client: Client | None = None
        self.failure: ScraperError | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the configuration has one."""
        return self._desk.ucm.api is not None and self._desk.ucm.api.kind != "off"

    def close(self) -> None:
        """Log out."""
        if self._client is not None:
            self._client.close()

    def read_calls(self, since: datetime | None, until: datetime | None) -> bool:
        """Take the call records of a window (PBX local, naive) into the catalog; whether they can say what should exist.

        They can't where an empty answer contradicts itself, or where no call ever names its recordings. Raises what the API raises.
        """
        desk, client = self._desk, self._open()
        unknown = 0
        for page in client.cdr_pages(since, until):
            parsed = parse_groups(page, desk.ucm.zone)
            desk.catalog.upsert_calls(desk.order.ucm, parsed.calls, "api")
            unknown += parsed.unknown
        if unknown:
            desk.report.notes.append(f"{unknown} call records, or parts of them, were not understood; what could be read was kept.")
        if client.suspicious_zero:
            desk.report.notes.append("The API's call records came up empty, though the PBX has calls; they are not relied on.")
            return False
        if client.kind != "legacy":
            self._ask_about_silent_calls(client)
        counts = desk.catalog.call_counts(desk.order.ucm)
        return counts.files > 0 or counts.answered == 0

    def listings(self, classes: frozenset[RecordingClass]) -> Iterator[ListedFile]:
        """What recapi lists of these classes' directories, where it lists them. Raises what the API raises."""
        client = self._open()
        for klass in sorted(classes):
            for path in client.list_directory(klass.value) or []:
                for file in parse_files(path)[0]:
                    yield ListedFile(klass if class_of(file.name) is RecordingClass.MONITOR else file.klass, file.month, file.name)

    def fetch(self, identity: Identity) -> Outcome:
        """Fetch one recording and take it in. Raises what :meth:`scraper.api.Api.recording` raises, and the storage errors."""
        with tempfile.TemporaryFile(dir=self._desk.work_dir) as file:
            self.download(identity, cast(BinaryIO, file))
            outcome = self._desk.take_in(Source.RECAPI).take(identity, file)
        self._desk.enter(outcome)
        return outcome

    def download(self, identity: Identity, file: BinaryIO) -> None:
        """Write one recording into ``file``. Raises what :meth:`scraper.api.Api.recording` raises."""
        month = identity.month if is_month(identity.month) else None
        self._open().recording(identity.name, month, identity.klass, file)

    def _open(self) -> Client:
        """The client, signed in; what failed once in a job is not tried again."""
        if self.failure is not None:
            raise self.failure
        if self._client is None:
            desk = self._desk
            budget = SignInBudget(desk.catalog, desk.ucm.url, pin=desk.ucm.tls.pin or self._seen_pin())
            surroundings = Surroundings(budget, CatalogMemory(desk.catalog, desk.ucm.url), Pace(sleep=sleeper(desk.order.stop)))
            try:
                self._client = open_api(desk.ucm, surroundings)
            except ScraperError as error:
                self.failure = error
                logger.bind(action="api-unusable", error=error.kind).info("The API can't be used: {}", error.message)
                raise
            logger.bind(action="api-open", kind=self._client.kind).debug("The API answers")
        return self._client

    def _seen_pin(self) -> str | None:
        """The key under which the web UI's sign-ins are counted too; None where the web UI's address does not answer."""
        try:
            key = prove(self._desk.ucm.url, self._desk.ucm.tls, legacy=self._desk.ucm.tls.legacy)
        except UnreachableError:
            return None
        return key.pin if key else None

    def _ask_about_silent_calls(self, client: Client) -> None:
        """Some firmware leaves ``recordfiles`` empty and tells a call's recordings only when asked for them (field guide 2a)."""
        catalog, ucm = self._desk.catalog, self._desk.order.ucm
        memory = CatalogMemory(catalog, self._desk.ucm.url)
        limit = _MANY if memory.get(_ASKING_TELLS) or not catalog.call_counts(ucm).files else _FEW
        for number, call in enumerate(catalog.calls_without_files(ucm)):
            if number == limit:
                return
            files, _ = parse_files("@".join(client.record_infos(call.acct_id))) if call.acct_id else ([], 0)
            catalog.add_call_files(call.id, files)
            if files and limit == _FEW:
                memory.set(_ASKING_TELLS, "yes")
                limit = _MANY
