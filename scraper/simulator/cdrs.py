"""The simulated PBX's call records, in each shape that real ones have been seen in (field guide 2a, *cdrapi*)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .config import SimulatorConfig
from .recordings import Recording
from .state import State

SHAPES = ("flat", "hollow", "array", "deep")
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a call. Times are PBX local; ``files`` are the paths of its recordings, ``desc`` their ``recordfiles_desc``."""

    start: datetime
    talk: int
    caller: str
    callee: str
    disposition: str = "ANSWERED"
    lastapp: str = "Dial"
    action: str = "DIAL"
    files: tuple[str, ...] = ()
    desc: tuple[str, ...] = ()
    acct_id: int = 0
    ringing: int = 5

    @property
    def duration(self) -> int:
        """Seconds from start to end."""
        return self.ringing + self.talk

    @property
    def uniqueid(self) -> str:
        """Begins with the UTC epoch of its start."""
        return f"{int(self.start.timestamp())}.{self.acct_id}"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call: a top-level group of cdrapi. ``shape`` and ``style`` (of ``recordfiles``) say how it is written."""

    session: str
    start: datetime
    legs: tuple[Leg, ...]
    shape: str
    style: str


_written: WeakKeyDictionary[State, tuple[list[Recording], list[CallRecord]]] = WeakKeyDictionary()


def calls(state: State) -> list[CallRecord]:
    """Every call the PBX remembers, oldest first; also those whose recordings are gone."""
    if state.cdrs_deleted:
        return []
    recordings, made = _written.get(state, (None, []))
    if recordings is not state.all_recordings:  # the first time, or new ones came in
        recordings = state.all_recordings
        made = _write(recordings, state.config)
        _written[state] = recordings, made
    return made


def _write(recordings: list[Recording], config: SimulatorConfig) -> list[CallRecord]:
    by_call: dict[int, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_call[recording.call].append(recording)
    made = [_answered(index, files, config) for index, files in enumerate(by_call.values())]
    made += [_without_recording(index, config) for index in range(config.unanswered_calls)]
    made += [_file_vanished(index, config) for index in range(config.calls_without_file)]
    return _numbered(sorted(made, key=lambda call: call.start))


def _answered(index: int, files: list[Recording], config: SimulatorConfig) -> CallRecord:
    """A call with recordings: rung, perhaps forked or parked before, perhaps transferred (then with a leg, or a file, more)."""
    first = files[0]
    legs = [_leg([part]) for part in files]
    if len(files) > 1 and index % 2:  # both files on one leg
        legs = [_leg(files)]
    if index % 4 == 1:  # a phone that rang and was not picked up
        legs.insert(0, replace(_silent_leg(first.start, first.caller, first.callee), lastapp="ForkCDR"))
    if index % 5 == 3:
        legs.append(Leg(first.start, 3, first.callee, "701", lastapp="ParkedCall", action="PARKEDCALL"))
    return _call(index, first.start, legs, config)


def _leg(files: list[Recording]) -> Leg:
    first = files[0]
    desc = tuple(f"duration={ceil(file.seconds)},size={file.size}B,start-time={int(file.start.timestamp())}" for file in files)
    talk = sum(ceil(file.seconds) for file in files)
    return Leg(
        first.start, talk, first.caller, first.callee, lastapp="Queue" if first.name.startswith("q") else "Dial",
        action="QUEUE" if first.name.startswith("q") else "DIAL", files=tuple(file.path for file in files), desc=desc,
    )  # fmt: skip


def _silent_leg(start: datetime, caller: str, callee: str) -> Leg:
    return Leg(start, 0, caller, callee, disposition="NO ANSWER", ringing=12)


def _elsewhere(index: int, config: SimulatorConfig) -> datetime:
    """A moment in the time that the PBX's recordings span."""
    rng = np.random.default_rng(config.seed * 7919 + index)
    days = max((config.start_of_clock().date() - config.first_day()).days - 1, 0)
    day = config.first_day() + timedelta(days=int(rng.integers(0, days + 1)))
    return datetime(day.year, day.month, day.day, 8, tzinfo=config.zone) + timedelta(seconds=int(rng.integers(0, 36_000)))


def _without_recording(index: int, config: SimulatorConfig) -> CallRecord:
    start = _elsewhere(index, config)
    leg = _silent_leg(start, f"55555501{90 + index % 10}", "1001")
    leg = replace(leg, disposition=("NO ANSWER", "BUSY", "FAILED", "")[index % 4])
    return _call(10_000 + index, start, [leg], config)


def _file_vanished(index: int, config: SimulatorConfig) -> CallRecord:
    """A call whose recording has been deleted since (field guide 3: some vanish within three days)."""
    start = _elsewhere(500 + index, config)
    number = f"55555501{80 + index % 10}"
    path = f"{start:%Y-%m}/auto-{int(start.timestamp()) + 4}-{number}-1002.wav"
    return _call(20_000 + index, start, [Leg(start, 9, number, "1002", files=(path,))], config)


def _call(index: int, start: datetime, legs: list[Leg], config: SimulatorConfig) -> CallRecord:
    shape = SHAPES[index % len(SHAPES)] if config.cdr_shape == "mixed" else config.cdr_shape
    if shape == "flat" and len(legs) > 1:
        shape = "hollow" if config.cdr_shape == "mixed" else shape
    style = config.recordfiles
    if style == "mixed":
        style = "empty" if index % 5 == 4 else "bare" if index % 5 == 2 else "month"
    return CallRecord(f"{int(start.timestamp())}{index:03d}-{legs[0].caller[-4:]}", start, tuple(legs), shape, style)


def _numbered(made: list[CallRecord]) -> list[CallRecord]:
    """AcctId per leg, starting at 1 again every month: it is no key."""
    next_id: dict[str, int] = defaultdict(int)
    numbered = []
    for call in made:
        legs = []
        for leg in call.legs:
            next_id[f"{leg.start:%Y-%m}"] += 1
            legs.append(replace(leg, acct_id=next_id[f"{leg.start:%Y-%m}"]))
        numbered.append(replace(call, legs=tuple(legs)))
    return numbered


# --- how they are written ---


def group(call: CallRecord, config: SimulatorConfig) -> dict[str, Any]:
    """A call as one element of ``cdr_root``. All values are strings."""
    legs = [fields(call, leg, config) for leg in call.legs]
    head: dict[str, Any] = {"cdr": "" if config.recordfiles_desc else call.session}
    if call.shape == "flat":
        merged = {**legs[0], "recordfiles": "".join(leg["recordfiles"] for leg in legs)}
        if config.recordfiles_desc:
            merged["recordfiles_desc"] = "".join(leg["recordfiles_desc"] for leg in legs)
        return head | merged
    hollow = _hollow(call, legs[0])
    if call.shape == "array":
        return head | {"main_cdr": hollow, "sub_cdr_1": legs}
    subs = {f"sub_cdr_{number}": leg for number, leg in enumerate(legs, 1)}
    if call.shape == "deep":
        return head | {"main_cdr": hollow, "sub_cdr_1": {"main_cdr": hollow, **subs}}
    return head | {"main_cdr": hollow, **subs}


def _hollow(call: CallRecord, leg: dict[str, str]) -> dict[str, str]:
    """``main_cdr`` of a call with legs: a summary without AcctId, disposition, uniqueid, recordfiles."""
    empty = dict.fromkeys(("AcctId", "disposition", "uniqueid", "recordfiles", "lastapp", "lastdata"), "")
    return {**leg, **empty, "session": call.session} | ({"recordfiles_desc": ""} if "recordfiles_desc" in leg else {})


def fields(call: CallRecord, leg: Leg, config: SimulatorConfig) -> dict[str, str]:
    """One leg's fields. Times are naive PBX local; ``session`` and ``uniqueid`` hold UTC epochs."""
    answered = leg.disposition == "ANSWERED"
    answer = leg.start + timedelta(seconds=leg.ringing)
    written = {
        "AcctId": str(leg.acct_id),
        "accountcode": "",
        "src": leg.caller,
        "dst": leg.callee,
        "dcontext": "from-internal",
        "clid": f'"Sim, Caller" <{leg.caller}>',
        "channel": f"PJSIP/{leg.caller}-{leg.acct_id:08x}",
        "dstchannel": f"PJSIP/{leg.callee}-{leg.acct_id:08x}",
        "lastapp": leg.lastapp,
        "lastdata": f"PJSIP/{leg.callee},60,tT",
        "start": leg.start.strftime(_TIME),
        "answer": answer.strftime(_TIME) if answered else "",
        "end": (leg.start + timedelta(seconds=leg.duration)).strftime(_TIME),
        "duration": str(leg.duration),
        "billsec": str(leg.talk),
        "disposition": leg.disposition,
        "amaflags": "DOCUMENTATION",
        "uniqueid": leg.uniqueid,
        "userfield": "Int",
        "caller_name": "",
        "recordfiles": recordfiles(leg.files, call.style),
        "session": call.session,
        "action_owner": leg.callee,
        "action_type": leg.action,
    }
    if config.recordfiles_desc:
        written["recordfiles_desc"] = "".join(f"{text}@" for text in leg.desc) if call.style != "empty" else ""
    return written


def recordfiles(files: Iterable[str], style: str) -> str:
    """A list in which each element ends with ``@``; without the month on older firmware; or left empty."""
    if style == "empty":
        return ""
    return "".join(f"{path.split('/', 1)[-1] if style == 'bare' else path}@" for path in files)


def leaves(found: Iterable[CallRecord]) -> Iterator[tuple[CallRecord, Leg]]:
    """Every leg with its call."""
    for call in found:
        for leg in call.legs:
            yield call, leg


# --- the CDR page's table of calls ---

_COLUMNS = (
    "Caller Number", "Callee Number", "Answered by", "Start Time", "Answer Time", "End Time", "Call Time (s)", "Talk Time (s)",
    "Disposition", "Unique ID", "Action Type",
)  # fmt: skip


def table(found: Iterable[CallRecord], config: SimulatorConfig) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of Master.csv: names and order of the columns vary by firmware (field guide 1, *CDR page*)."""
    header = list(_COLUMNS)
    if config.csv_columns == "recordfiles":
        header.append("Recording Files")
    if config.csv_columns == "shuffled":
        header = [header[(index * 7 + 3) % len(header)] for index in range(len(header))]
    rows = []
    for call, leg in leaves(found):
        written = fields(call, leg, config)
        answerer = written["dst"] if written["answer"] else ""
        named = dict(zip(_COLUMNS, (
            written["src"], written["dst"], answerer, written["start"], written["answer"], written["end"],
            written["duration"], written["billsec"], written["disposition"], written["uniqueid"], written["action_type"],
        ), strict=True))  # fmt: skip
        named["Recording Files"] = written["recordfiles"]
        rows.append([named[column] for column in header])
    return header, rows
