"""The HTTPS API as the rest of the program sees it, whichever family the PBX has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol, Self
from urllib.parse import urlsplit

from loguru import logger

from scraper.api.answers import response_of
from scraper.api.calls import Calls
from scraper.api.cdr import CallRecords
from scraper.api.family import Account, Family, Kind
from scraper.api.memory import Memory
from scraper.api.new import NewApi
from scraper.api.old import PORT, OldApi
from scraper.api.pace import Pace
from scraper.api.recapi import Fetched, Recordings
from scraper.api.reply import JsonObject
from scraper.api.transport import Patience, Transport
from scraper.bandwidth import Bandwidth
from scraper.budget import SignInBudget
from scraper.errors import ApiBlocked, ApiOff, GoneAtPbx, NetworkError, NotUnderstood, ScraperError, TlsHandshakeFailed
from scraper.models import RecordingClass
from scraper.settings import Ucm

_KIND = "kind"
#: Failures after which ``kind: auto`` tries the other family, the least telling first. A refused password ends it: so would the next.
_RANKS: tuple[type[ScraperError], ...] = (NetworkError, TlsHandshakeFailed, ApiOff, ApiBlocked)


class Api(Protocol):
    """An API user's way into one PBX. Not for several threads at once.

    Every method raises :class:`~scraper.errors.SignInError` (of it :class:`~scraper.errors.PermissionMissing`),
    :class:`~scraper.errors.UnreachableError` (of it :class:`ApiOff`, :class:`ApiBlocked`, :class:`~scraper.errors.Throttled`),
    :class:`~scraper.errors.AnswerNotAsExpected` and :class:`~scraper.errors.SessionEnded`; an error's ``reason`` is that of the gaps
    it leaves.
    """

    @property
    def suspicious_zero(self) -> bool:
        """Whether the last :meth:`cdr_pages` found nothing although the PBX has calls there, or said that it has none at all."""
        ...

    def cdr_pages(self, since: datetime | None, until: datetime | None) -> Iterator[list[JsonObject]]:
        """The call groups that began from ``since`` to ``until`` (PBX local, naive), raw, each once; some around it may come with them."""
        ...

    def record_infos(self, acct_id: str) -> list[str]:
        """The files of one call by getRecordInfosByCall, as the PBX writes them; empty where it knows none, as always the older API."""
        ...

    def recording(self, name: str, month: str | None, klass: RecordingClass, sink: BinaryIO) -> Fetched:
        """Write one recording into ``sink`` (seekable; emptied first).

        Raises :class:`GoneAtPbx`, :class:`~scraper.errors.NotListed`, :class:`~scraper.errors.NotARecording`,
        :class:`~scraper.errors.DownloadFailed` too.
        """
        ...

    @property
    def recordings_have_come(self) -> bool:
        """Whether recapi has ever brought a recording from this PBX."""
        ...

    def list_directory(self, filedir: str) -> list[str] | None:
        """The names of a directory's files where recapi lists it; None where it doesn't."""
        ...

    def close(self) -> None:
        """Log out."""
        ...


class Client:
    """The :class:`Api` over either family."""

    def __init__(self, family: Family, memory: Memory) -> None:
        self.family = family
        self.calls = Calls(family)
        self._call_records = CallRecords(self.calls)
        self._recordings = Recordings(self.calls, memory)

    @property
    def kind(self) -> Kind:
        """Which family answers."""
        return self.family.kind

    @property
    def suspicious_zero(self) -> bool:
        """As :attr:`Api.suspicious_zero`."""
        return self._call_records.suspicious_zero

    def cdr_pages(self, since: datetime | None, until: datetime | None) -> Iterator[list[JsonObject]]:
        """As :meth:`Api.cdr_pages`."""
        return self._call_records.pages(since, until)

    def record_infos(self, acct_id: str) -> list[str]:
        """As :meth:`Api.record_infos`."""
        if self.kind == "legacy":
            return []
        try:
            answer = self.calls.ask("getRecordInfosByCall", {"id": acct_id})
        except (GoneAtPbx, NotUnderstood):
            return []
        return list(_files(response_of(answer).get("recordfiles", answer.get("recordfiles"))))

    def recording(self, name: str, month: str | None, klass: RecordingClass, sink: BinaryIO) -> Fetched:
        """As :meth:`Api.recording`."""
        return self._recordings.fetch(name, month, klass, sink)

    @property
    def recordings_have_come(self) -> bool:
        """As :attr:`Api.recordings_have_come`."""
        return self._recordings.have_come

    def list_directory(self, filedir: str) -> list[str] | None:
        """As :meth:`Api.list_directory`."""
        return self._recordings.list_directory(filedir)

    def close(self) -> None:
        """As :meth:`Api.close`."""
        self.family.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the client is given beside the configuration: the sign-in budget, its memory, its pace, its deadlines and its bandwidth.

    ``opened`` is told of each connection, before it is asked anything.
    """

    budget: SignInBudget
    memory: Memory
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    bandwidth: Bandwidth | None = None
    opened: Callable[[Transport], object] = lambda _: None


def open_api(ucm: Ucm, surroundings: Surroundings) -> Client:
    """Find out which API the PBX has (as ``api.kind`` allows), and sign in.

    Raises :class:`ApiOff` (also where the configuration has none), :class:`ApiBlocked`, :class:`~scraper.errors.SignInError`,
    :class:`~scraper.errors.UnreachableError`, :class:`~scraper.errors.AnswerNotAsExpected`.
    """
    if ucm.api is None or ucm.api.kind == "off":
        raise ApiOff(
            "No API is configured for this UCM.", remedy="Set `api` with `username` and `password`, and `kind` to something else than off."
        )
    failures: list[ScraperError] = []
    for kind in _kinds(ucm.api.kind, surroundings.memory):
        try:
            client = _open(ucm, kind, surroundings)
        except _RANKS as error:
            logger.bind(action="api-not-there", kind=kind, error=error.kind).debug("This API is not there")
            failures.append(error)
            continue
        if surroundings.memory.get(_KIND) != kind:
            surroundings.memory.set(_KIND, kind)
        return client
    raise max(failures, key=_rank)


def address(ucm: Ucm, kind: Kind) -> str:
    """Where a family is looked for: the newer one at the web UI's port, the older at its own, unless ``api.url`` says otherwise."""
    if ucm.api and ucm.api.url:
        return ucm.api.url
    if kind == "https":
        return ucm.url
    parts = urlsplit(ucm.url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{PORT}"


def _open(ucm: Ucm, kind: Kind, surroundings: Surroundings) -> Client:
    assert ucm.api is not None
    account = Account(ucm.api.username, ucm.api.secret or "", surroundings.budget)
    pace = surroundings.pace
    transport = Transport(address(ucm, kind), ucm.tls, surroundings.patience, pace.clock)
    surroundings.opened(transport)
    if bandwidth := surroundings.bandwidth:
        transport.came = lambda count: pace.sleep(bandwidth.spend(count))
    family = NewApi(transport, account, pace) if kind == "https" else OldApi(transport, account, pace)
    client = Client(family, surroundings.memory)
    with ExitStack() as undo:
        undo.callback(client.close)
        client.calls.begin()
        undo.pop_all()
    return client


def _kinds(wanted: str, memory: Memory) -> list[Kind]:
    if wanted == "https":
        return ["https"]
    if wanted == "legacy" or memory.get(_KIND) == "legacy":
        return ["legacy"] if wanted == "legacy" else ["legacy", "https"]
    return ["https", "legacy"]


def _rank(error: ScraperError) -> int:
    return next(rank for rank, kind in enumerate(_RANKS) if isinstance(error, kind))


def _files(found: Any) -> Iterator[str]:
    """Files as the PBX lists them: joined by commas, each perhaps with an ``@`` behind it, or a list of such."""
    for text in found if isinstance(found, list) else [found]:
        if isinstance(text, str):
            yield from filter(None, (part.strip() for part in re.split(r"[@,]", text)))
