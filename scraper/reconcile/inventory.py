"""What a plan is made of: three inventories, what is known of open gaps, and which ways can work now. Data only.

The rows are named tuples: a million of each pass through, and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scraper.models import GapReason, Identity, RecordingClass, Source, Window

#: Recordings are matched by size where nothing better is known; so many bytes may differ: headers do (field guide 4).
SIZE_SLACK = 4096


class Way(StrEnum):
    """How a recording can be fetched; the values are those of :class:`~scraper.models.Source`."""

    RECAPI = "recapi"
    BATCH = "batch"
    ROW = "row"
    BULK = "bulk"


#: The ways that need a browser.
BROWSER_WAYS = frozenset({Way.BULK, Way.BATCH, Way.ROW})


class CalledFile(NamedTuple):
    """A recording that a CDR names. ``name`` bare and clean; ``month`` None where the CDR gives none (field guide 2a, recordfiles).

    ``seconds`` and ``size`` (bytes) come from recordfiles_desc; ``start`` is the call's, aware; ``talk_seconds`` those of an answered call.
    """

    klass: RecordingClass
    month: str | None
    name: str
    seconds: float | None = None
    size: int | None = None
    start: datetime | None = None
    talk_seconds: float | None = None


class ListedFile(NamedTuple):
    """A row of the PBX's own list. ``size`` in bytes; ``call_time`` as the PBX writes it (``2026-02-06 16:21:36``, its local time)."""

    klass: RecordingClass
    month: str | None
    name: str
    size: int | None = None
    call_time: str | None = None


class HeldFile(NamedTuple):
    """An archived recording; where an identity has several versions, one row each. ``source_size``: bytes as the PBX sent it.

    ``marked_short``: shorter than its call, and no other way has confirmed that yet; ``source``: the way it came.
    """

    klass: RecordingClass
    month: str
    name: str
    source_size: int
    marked_short: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A gap as the catalog remembers it. Times aware; ``closed``: counted as gone for good."""

    identity: Identity
    reason: GapReason
    detail: str
    remedy: str
    attempts: int
    last_seen: datetime
    gone_at: datetime | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The PBX's list, read to its end. ``classes``: those whose pages or directories were read; ``since``: it starts there (aware)."""

    rows: Iterable[ListedFile]
    classes: frozenset[RecordingClass] = frozenset({RecordingClass.MONITOR})
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inventories:
    """What exists, by three accounts. ``calls`` or ``listing`` is None where that could not be known; each is read once.

    ``calls`` are all that is known of the UCM, not of the last days only: what they don't name is reported as unexpected. With
    ``calls_current`` false they are remembered ones: the CDRs could not be read now, and can't say what is new.
    """

    calls: Iterable[CalledFile] | None
    listing: Listing | None
    held: Iterable[HeldFile]
    gaps: Iterable[KnownGap] = ()
    calls_current: bool = True


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something could not be fetched; the texts are one sentence each, for people."""

    reason: GapReason
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class WayState:
    """A way that this UCM has, for the classes that it serves: it can work now, or there is an obstacle."""

    classes: frozenset[RecordingClass]
    obstacle: Obstacle | None = None

    @property
    def available(self) -> bool:
        """Whether it can work now."""
        return self.obstacle is None


#: A way that is not configured at all is left out.
Ways = Mapping[Way, WayState]


@dataclass(frozen=True, slots=True)
class Costs:
    """What fetching costs, in seconds and bytes; the defaults are an appliance on an ordinary line.

    ``browser_seconds``: what it is worth not to open one (a sign-in, its CAPTCHA, 300 MB of memory); 0 where one is open already.
    ``bulk_share``: the least share of a class's bytes that must be missing before its whole archive is fetched, if another way is left.
    ``probes``: recordings that only CDRs name, asked for in one run; a PBX that keeps CDRs for years names thousands that are gone.
    """

    bytes_per_second: float = 2_000_000
    browser_seconds: float = 300
    pack_seconds: float = 10
    batch_rows: int = 50
    batch_row_seconds: float = 0.5
    recapi_seconds: float = 1
    row_seconds: float = 2
    bulk_share: float = 0.5
    probes: int = 500
    #: Headers, tar blocks and TLS, for each recording.
    overhead_bytes: int = 2048


@dataclass(frozen=True, slots=True)
class Situation:
    """All else that a plan depends on: whose it is, the PBX's zone, the time (aware), the ways, their costs, and the window of the job."""

    ucm: str
    zone: ZoneInfo
    now: datetime
    ways: Ways
    costs: Costs = field(default_factory=Costs)
    window: Window = field(default_factory=Window)

    def available(self, klass: RecordingClass) -> frozenset[Way]:
        """The ways that can fetch recordings of this class now."""
        return frozenset(way for way, state in self.ways.items() if state.available and klass in state.classes)
