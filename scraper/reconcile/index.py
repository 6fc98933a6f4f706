"""Three accounts of the same recordings laid over each other: who holds, lists and names which.

Read in this order: what is held, open gaps, the PBX's list, the CDRs. A name without a month is laid on what earlier accounts know, never
on its own account's other rows, so that the order of the rows does not matter. A million recordings take a few hundred bytes each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from scraper.models import UNDATED, RecordingClass, is_month, month_in_name, time_in_name
from scraper.reconcile.inventory import SIZE_SLACK, CalledFile, HeldFile, KnownGap, ListedFile, Situation

#: Who knows a recording; and by what it lies in the job's window: by its name or month, its row in the list, its call.
LISTED, NAMED, IN_BY_NAME, IN_BY_LIST, IN_BY_CALL = 1, 2, 4, 8, 16
#: A held recording is one integer, its size above its flags.
SIZE_SHIFT = 5

#: A call's start and its recording's own time or month lie no farther apart: clocks and zones are wrong by up to a day and a half.
NEAR = timedelta(hours=36)
_EDGE_DAYS = 3

_RIFF_HEADER, _BYTES_PER_SECOND = 44, 16_000
#: Seconds; what a CDR says beyond that is nonsense.
_LONGEST_CALL = 7 * 86_400


class State(StrEnum):
    """What becomes of a recording. It may be ``unexpected`` besides: no CDR names it."""

    ARCHIVED = "archived"
    #: Some way can fetch it, now or when it is due again.
    RECOVERABLE = "recoverable"
    #: A CDR or an open gap names it, the PBX's list doesn't.
    NOT_LISTED = "not-listed"
    #: It exists as far as anybody knows, and no way can reach it now.
    BLOCKED = "blocked"
    #: The PBX said so for this very file, twice, hours apart.
    GONE = "gone"


class Missing:
    """A recording that the archive lacks, or holds too short a copy of (``short``), with all that is known of it.

    ``size`` as listed, ``said_size`` as the CDR says, both in bytes; ``seconds`` of sound; ``start`` of its earliest call; ``sources`` of
    its short copies.
    """

    __slots__ = ("flags", "gap", "said_size", "seconds", "short", "size", "sources", "start", "state")

    def __init__(self, *, short: bool = False) -> None:
        self.flags = 0
        self.size: int | None = None
        self.said_size: int | None = None
        self.seconds: float | None = None
        self.start: datetime | None = None
        self.gap: KnownGap | None = None
        self.short = short
        self.sources: frozenset[str] = frozenset()
        self.state: State | None = None

    def learn(self, row: CalledFile) -> None:
        """Take in what a CDR says; the larger and the earlier stays, whatever came first."""
        seconds = row.talk_seconds if row.seconds is None else row.seconds
        if row.size is not None and row.size >= 0 and (self.said_size is None or row.size > self.said_size):
            self.said_size = row.size
        if seconds is not None and 0 <= seconds <= _LONGEST_CALL and (self.seconds is None or seconds > self.seconds):
            self.seconds = seconds
        if row.start is not None and (self.start is None or row.start < self.start):
            self.start = row.start

    def take_over(self, other: Missing) -> None:
        """``other`` turned out to be this recording: what it knew more stands here from now on."""
        self.said_size = other.said_size if self.said_size is None else self.said_size
        self.seconds = other.seconds if self.seconds is None else self.seconds
        self.start = other.start if self.start is None else self.start
        self.gap = other.gap if self.gap is None else self.gap

    def bytes_or(self, typical: int) -> int:
        """Its size, or what its sound takes (field guide 3: 16,000 bytes a second), or else ``typical``."""
        for size in (self.size, self.said_size):
            if size is not None:
                return size
        return typical if self.seconds is None else _RIFF_HEADER + int(self.seconds * _BYTES_PER_SECOND)


class Folder:
    """One class in one month. A name stands either in ``held`` (flags and size) or in ``missing``."""

    __slots__ = ("held", "klass", "missing", "month")

    def __init__(self, klass: RecordingClass, month: str) -> None:
        self.klass = klass
        self.month = month
        self.held: dict[str, int] = {}
        self.missing: dict[str, Missing] = {}

    def need(self, name: str) -> Missing:
        """The entry of a recording that isn't held, made at its first mention."""
        entry = self.missing.get(name)
        if entry is None:
            entry = self.missing[name] = Missing()
        return entry

    def size_if_known(self, name: str) -> int | None:
        """The size of a recording that is held, listed or an open gap; -1 where only that isn't known, None where nobody knows of it."""
        value = self.held.get(name)
        if value is not None:
            return value >> SIZE_SHIFT
        entry = self.missing.get(name)
        if entry is None or not (entry.flags & LISTED or entry.gap is not None or entry.short):
            return None
        return -1 if entry.size is None else entry.size

    def mark(self, name: str, flags: int) -> Missing | None:
        """Note who knows a recording; its entry if it isn't held."""
        value = self.held.get(name)
        if value is not None:
            self.held[name] = value | flags
            return None
        entry = self.need(name)
        entry.flags |= flags
        return entry


class Index:
    """All recordings that any account knows, by class and month."""

    def __init__(self, situation: Situation) -> None:
        self._zone = situation.zone
        self._window = situation.window
        self._windowed = situation.window.since is not None or situation.window.until is not None
        self._folders: dict[str, dict[str, Folder]] = {}

    def __iter__(self) -> Iterator[Folder]:
        """The folders, by class and month."""
        for _, months in sorted(self._folders.items()):
            for _, folder in sorted(months.items()):
                yield folder

    def folder(self, klass: RecordingClass, month: str) -> Folder:
        """A class's month, made at its first mention."""
        # By value: hashing a member of an enum takes longer than all the rest.
        months = self._folders.setdefault(klass._value_, {})
        folder = months.get(month)
        if folder is None:
            folder = months[month] = Folder(klass, month)
        return folder

    def find(self, klass: RecordingClass, month: str) -> Folder | None:
        """A class's month if anything is known of it."""
        months = self._folders.get(klass._value_)
        return months.get(month) if months else None

    def add_held(self, rows: Iterable[HeldFile]) -> None:
        """What the archive holds. A good version outweighs a short one."""
        for klass, month, name, size, short, source in rows:
            folder = self.folder(klass, month)
            flags = IN_BY_NAME if self._windowed and self._dated_inside(name, month) else 0
            if not short:
                folder.missing.pop(name, None)
                folder.held[name] = flags | max(folder.held.get(name, 0) >> SIZE_SHIFT, size) << SIZE_SHIFT
            elif name not in folder.held:
                entry = folder.missing.setdefault(name, Missing(short=True))
                entry.flags |= flags
                entry.sources |= {source} if source else frozenset()

    def add_gaps(self, gaps: Iterable[KnownGap]) -> list[KnownGap]:
        """What is known to be missing, or gone; returns the gaps whose recordings turned out to be archived."""
        closed = []
        for gap in gaps:
            folder = self.folder(gap.identity.klass, gap.identity.month)
            if gap.identity.name in folder.held:
                closed.append(gap)
                continue
            entry = folder.need(gap.identity.name)
            if self._windowed and self._dated_inside(gap.identity.name, gap.identity.month):
                entry.flags |= IN_BY_NAME
            # An open gap says more than one that was closed, the latest most of all.
            if entry.gap is None or (not gap.closed, gap.last_seen) > (not entry.gap.closed, entry.gap.last_seen):
                entry.gap = gap
        return closed

    def add_listed(self, rows: Iterable[ListedFile]) -> None:
        """What the PBX lists. The month of a bare name is that of its call time, or of the archived recording that it is."""
        for klass, month, name, size, call_time in rows:
            folder = self.folder(klass, month) if month is not None else self._home_of_row(klass, name, size, call_time)
            flags = LISTED
            if self._windowed and self._listed_inside(name, folder.month, call_time):
                flags |= IN_BY_LIST
            entry = folder.mark(name, flags)
            if entry is not None and size is not None and size >= 0 and (entry.size is None or size > entry.size):
                entry.size = size

    def add_called(self, rows: Iterable[CalledFile]) -> None:
        """What CDRs name. A bare name is laid on the recording of that name near its call, at best of that size."""
        for row in rows:
            month = row.month
            folder = self._home_of_call(row) if month is None else self.folder(row.klass, month)
            entry = folder.mark(row.name, NAMED | (IN_BY_CALL if self._windowed and self._called_inside(folder, row) else 0))
            if entry is not None:
                entry.learn(row)

    def inside(self, flags: int) -> bool:
        """Whether a recording lies in the job's window: its CDR decides, else its row, else its name."""
        if not self._windowed:
            return True
        return bool(flags & (IN_BY_CALL if flags & NAMED else IN_BY_LIST if flags & LISTED else IN_BY_NAME))

    def local_time(self, month: str, name: str, start: datetime | None = None) -> datetime | None:
        """When a recording was made, as well as that is known: by its call, its name, or the first moment of its month."""
        when = start or time_in_name(name, self._zone)
        if when is None and is_month(month):
            when = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=self._zone)
        return when.astimezone(self._zone) if when else None

    def _home_of_row(self, klass: RecordingClass, name: str, size: int | None, call_time: str | None) -> Folder:
        """Where a row without a month belongs (field guide 1, Recordings page): its time's month, unless it was archived beside it."""
        month = (call_time or "")[:7]
        if not is_month(month):
            month = month_in_name(name, self._zone) or UNDATED
        own = self.folder(klass, month)
        if name in own.held:
            return own
        day = (call_time or "")[8:10]
        for nearby in _months_around(month, int(day) if day.isdecimal() else None)[1:]:
            folder = self.find(klass, nearby)
            if folder is None or name not in folder.held or not alike(size, folder.held[name] >> SIZE_SHIFT):
                continue
            if size is not None or time_in_name(name, self._zone) is not None:
                return folder
        return own

    def _home_of_call(self, row: CalledFile) -> Folder:
        """The folder of the recording that a CDR means by a bare name; where nobody else knows it, that of its time."""
        klass, _, name, _, said_size, start, _ = row
        when = start.astimezone(self._zone) if start else time_in_name(name, self._zone)
        months = _months_around(f"{when.year}-{when.month:02}", when.day) if when else self._months_of(klass, name)
        best: tuple[int, int, Folder] | None = None
        for rank, month in enumerate(months):
            folder = self.find(klass, month)
            if folder is None:
                continue
            size = folder.size_if_known(name)
            if size is None:
                continue
            # How far the sizes speak against it: not at all, unknown, clearly.
            doubt = 1 if size < 0 or said_size is None else 0 if alike(size, said_size) else 2
            # In the call's own month even another size is only doubtful: what a PBX packs may be smaller than what it lists. In another
            # month a name without a time may be another call's.
            fits = rank == 0 or doubt == 0 or (doubt == 1 and time_in_name(name, self._zone) is not None)
            if fits and (best is None or (doubt, rank) < best[:2]):
                best = doubt, rank, folder
            if best is not None and best[:2] == (0, 0):
                break
        return best[2] if best else self.folder(klass, self._month_of_call(name, when))

    def _months_of(self, klass: RecordingClass, name: str) -> tuple[str, ...]:
        """Where neither call nor name has a time: each month that has this name."""
        months = self._folders.get(klass._value_, {})
        return tuple(sorted(month for month, folder in months.items() if folder.size_if_known(name) is not None))

    def _month_of_call(self, name: str, when: datetime | None) -> str:
        """The month of a bare name that nobody else knows: its own time where the call's agrees, else the call's."""
        if when is None:
            return UNDATED
        if _EDGE_DAYS < when.day <= 28 - _EDGE_DAYS:  # here they agree on the month, or the call's decides
            return f"{when.year}-{when.month:02}"
        own = time_in_name(name, self._zone)
        return (own if own is not None and abs(own - when) <= NEAR else when).strftime("%Y-%m")

    def _called_inside(self, folder: Folder, row: CalledFile) -> bool:
        if row.start is None:
            return self._dated_inside(row.name, folder.month)
        return self._within(row.start.astimezone(self._zone))

    def _listed_inside(self, name: str, month: str, call_time: str | None) -> bool:
        try:
            return self._within(datetime.fromisoformat(call_time or ""))
        except ValueError:
            return self._dated_inside(name, month)

    def _dated_inside(self, name: str, month: str) -> bool:
        """By the time in the name, else by the month: one that the window touches counts."""
        when = time_in_name(name, self._zone)
        if when is not None or not is_month(month):
            return when is None or self._within(when)
        since, until = self._window.since, self._window.until
        return (since is None or month >= since.strftime("%Y-%m")) and (until is None or date.fromisoformat(f"{month}-01") < until)

    def _within(self, when: datetime) -> bool:
        since, until = self._window.since, self._window.until
        return (since is None or when.date() >= since) and (until is None or when.date() < until)


def alike(one: int | None, other: int | None) -> bool:
    """Whether two sizes can be those of the same recording; one that nobody knows can."""
    return one is None or other is None or abs(one - other) <= SIZE_SLACK


@lru_cache(maxsize=4096)
def _months_around(month: str, day: int | None) -> tuple[str, ...]:
    """A month, its neighbour if the day is near the edge, and where recordings lie that had no month when they were archived."""
    months = [month]
    if is_month(month) and day is not None:
        year, number = int(month[:4]), int(month[5:])
        if day <= _EDGE_DAYS:
            months.append(f"{year}-{number - 1:02}" if number > 1 else f"{year - 1}-12")
        elif day > 28 - _EDGE_DAYS:
            months.append(f"{year}-{number + 1:02}" if number < 12 else f"{year + 1}-01")
    return (*months, UNDATED) if month != UNDATED else (month,)
