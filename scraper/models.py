"""The nouns of this program: a recording's identity, a gap and its reason, the report of a run. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

UNDATED = "undated"
#: The PBX must say twice, this far apart, that a recording is gone, before it counts as gone for good.
GONE_CONFIRMED_AFTER = timedelta(hours=2)

_MONTH = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])")
_EPOCH = re.compile(r"^(?:auto|meetme-conf-rec)-.*?(?<!\d)(1\d{9})(?!\d)")
_STAMP = re.compile(r"-((?:19|20)\d{6})-(\d{6})-")


class RecordingClass(StrEnum):
    """recapi's ``filedir`` (field guide 2a): what kind of call a recording belongs to."""

    MONITOR = "monitor"
    QUEUE = "queue"
    MEETME = "meetme"


class Source(StrEnum):
    """The way on which a recording reached the archive; the keys of the report's ``sources``."""

    BULK = "bulk"
    BATCH = "batch"
    RECAPI = "recapi"
    ROW = "row"
    INGEST = "ingest"


class Trigger(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    PUSH = "push"
    INGEST = "ingest"


class Status(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    GAPS = "gaps"
    STOPPED = "stopped"
    FAILED = "failed"


class GapReason(StrEnum):
    """Why a recording that should exist is not in the archive."""

    GONE = "gone"
    NOT_LISTED = "not-listed"
    NO_PERMISSION = "no-permission"
    API_OFF = "api-off"
    SIGN_IN = "sign-in"
    PERSON_NEEDED = "person-needed"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    TOO_SHORT = "too-short"
    UNDECODABLE = "undecodable"
    CORRUPT = "corrupt"


def is_month(text: str) -> bool:
    """Whether ``text`` is a ``YYYY-MM`` folder as UCMs name them."""
    return _MONTH.fullmatch(text) is not None


def class_of(name: str) -> RecordingClass:
    """A recording's class by its file name (field guide 2a, recapi): ``q<digits>-…`` is a queue's, ``meetme-…`` a conference's."""
    if re.match(r"q\d+-", name):
        return RecordingClass.QUEUE
    return RecordingClass.MEETME if name.startswith("meetme-") else RecordingClass.MONITOR


def time_in_name(name: str, zone: ZoneInfo) -> datetime | None:
    """The time a file name carries, in the PBX's zone; None if it carries none (field guide 3).

    The epoch of ``auto-<epoch>…`` is UTC; the stamp of ``q…-YYYYMMDD-HHMMSS-…`` is PBX local. It is near the call's start, not exactly it.
    """
    if stamp := _STAMP.search(name):
        try:
            return datetime.strptime("".join(stamp.groups()), "%Y%m%d%H%M%S").replace(tzinfo=zone)
        except ValueError:
            return None
    epoch = epoch_in_name(name)
    return epoch.astimezone(zone) if epoch else None


def epoch_in_name(name: str) -> datetime | None:
    """The moment (UTC) that a file name carries as an epoch, whatever the PBX's zone; None if it carries none (field guide 3)."""
    epoch = _EPOCH.search(name)
    return datetime.fromtimestamp(int(epoch[1]), UTC) if epoch else None


def month_in_name(name: str, zone: ZoneInfo) -> str | None:
    """``YYYY-MM`` of :func:`time_in_name`, or None."""
    when = time_in_name(name, zone)
    return when.strftime("%Y-%m") if when else None


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes a recording the same recording: (ucm, class, month, name). ``month`` is ``YYYY-MM`` or ``undated``."""

    ucm: str
    klass: RecordingClass
    month: str
    name: str

    @property
    def path(self) -> str:
        """``YYYY-MM/NAME``, as the PBX writes it."""
        return f"{self.month}/{self.name}"


def for_ucm(remedy: str, ucm: str) -> str:
    """A remedy whose commands name the UCM."""
    return remedy.replace("--ucm NAME", f"--ucm {ucm}")


@dataclass(frozen=True, slots=True)
class Gap:
    """A recording that should be in the archive and is not."""

    identity: Identity
    reason: GapReason
    detail: str
    remedy: str

    def as_report(self) -> dict[str, str]:
        """The report's form of a gap."""
        remedy = for_ucm(self.remedy, self.identity.ucm)
        return {"path": self.identity.path, "reason": self.reason.value, "detail": self.detail, "remedy": remedy}


@dataclass(frozen=True, slots=True)
class Window:
    """Call start times that a job covers, PBX local; ``until`` exclusive. Both None: everything."""

    since: date | None = None
    until: date | None = None

    def as_report(self) -> dict[str, str | None]:
        """The report's form of a window."""
        return {"since": self.since.isoformat() if self.since else None, "until": self.until.isoformat() if self.until else None}


@dataclass(slots=True)
class Counts:
    """Recordings of everything known (or of the window). ``expected`` is None where nothing could say what should exist."""

    expected: int | None = None
    archived: int = 0
    gone: int = 0
    new: int = 0
    already: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class PlannedFetch:
    """Recordings of one class that would be fetched over one way, in so many ``fetches``. ``size``: bytes that would be moved."""

    way: str
    klass: RecordingClass
    count: int
    fetches: int
    size: int

    def as_report(self) -> dict[str, str | int]:
        """The report's form of it."""
        return {"way": self.way, "class": self.klass.value, "recordings": self.count, "fetches": self.fetches, "bytes": self.size}


def utc(when: datetime | None) -> str | None:
    """``2026-02-06T16:21:36Z``; None stays None."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when else None


class Failure(Protocol):
    """What a report needs to know of an error."""

    exit_code: ClassVar[Any]

    def as_report(self, ucm: str) -> dict[str, str]:
        """The report's ``error`` object."""
        ...


@dataclass(slots=True)
class Report:
    """What one job on one UCM did: the line that ``--json`` prints."""

    run_id: str
    ucm: str
    trigger: Trigger
    started_at: datetime
    window: Window = field(default_factory=Window)
    finished_at: datetime | None = None
    status: Status = Status.FAILED
    exit_code: int = 1
    recordings: Counts = field(default_factory=Counts)
    sources: dict[Source, int] = field(default_factory=lambda: dict.fromkeys(Source, 0))
    bytes_downloaded: int = 0
    bytes_stored: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"total": 0.0})
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Of a job for some recordings only, by name: it says nothing of the others.
    partial: bool = False
    #: Of a dry run: what would be fetched, a line a way and class.
    plan: list[PlannedFetch] | None = None
    #: Of a backfill: its statement of coverage.
    coverage: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    def fail(self, error: Failure) -> None:
        """The job ended in ``error``."""
        self.error, self.status, self.exit_code = error.as_report(self.ucm), Status.FAILED, int(error.exit_code)

    def as_json(self) -> dict[str, Any]:
        """The documented object, keys in the documented order."""
        counts = self.recordings
        return {
            "schema": 1,
            "run_id": self.run_id,
            "ucm": self.ucm,
            "trigger": self.trigger.value,
            "window": self.window.as_report(),
            "started_at": utc(self.started_at),
            "finished_at": utc(self.finished_at),
            "status": self.status.value,
            "exit_code": int(self.exit_code),
            "recordings": {
                "expected": counts.expected,
                "archived": counts.archived,
                "gone": counts.gone,
                "new": counts.new,
                "already": counts.already,
                "quarantined": counts.quarantined,
            },
            "sources": {source.value: self.sources.get(source, 0) for source in Source},
            "bytes": {"downloaded": self.bytes_downloaded, "stored": self.bytes_stored},
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "gaps": [gap.as_report() for gap in self.gaps],
            "notes": self.notes,
            **({"partial": True} if self.partial else {}),
            **({"plan": [line.as_report() for line in self.plan]} if self.plan is not None else {}),
            **({"coverage": self.coverage} if self.coverage is not None else {}),
            "error": self.error,
        }
