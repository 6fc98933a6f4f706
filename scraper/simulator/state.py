"""What the simulated PBX knows and has seen: recordings, sessions, lockouts, and counters of everything that was done to it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scraper.models import RecordingClass

from .config import SimulatorConfig
from .faults import Faults
from .recordings import Generator, Recording, pick, spoil


@dataclass(frozen=True, slots=True)
class Action:
    """One request to ``/cgi`` or an API. ``params`` without tokens and cookies; ``session``: the newer API's, by its cookie."""

    name: str
    at: float
    way: str = "web"
    params: dict[str, str] = field(default_factory=dict)
    session: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One attempt to sign in. ``way``: web, api or old-api; ``status`` as answered."""

    way: str
    ok: bool
    address: str
    status: int
    at: float


@dataclass(slots=True)
class Download:
    """One file that was asked for. ``kind`` as in the request; ``complete`` only once its last byte was handed to the network."""

    kind: str
    name: str
    size: int
    sent: int = 0
    complete: bool = False


@dataclass(slots=True)
class Session:
    """A signed-in user of one way. ``pending`` waits for the extra step of the sign-in."""

    user: str
    last_seen: float
    calls: int = 0
    pending: bool = False


@dataclass(slots=True)
class Failures:
    """Failed sign-ins of one address."""

    count: int = 0
    banned_until: float = 0.0


class State:
    """Everything that outlives a request. The server's thread changes it; tests read it, and switch ``faults``, from theirs."""

    def __init__(self, config: SimulatorConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.faults = Faults()
        for name, value in config.faults.items():
            self.faults.set(name, value)
        self._generator = Generator(config)
        self.all_recordings = self._generator.all()
        self.removed: set[str] = set()
        self.renamed: dict[str, tuple[str, str]] = {}  # month and name that the file of this path has now
        self.cdrs_deleted = False
        self.actions: list[Action] = []
        self.sign_ins: list[SignIn] = []
        self.downloads: list[Download] = []
        self.deletes: list[str] = []  # every change that was asked for: remove…, delete…, reset…, set…, apply…, done or not
        self.sessions: dict[str, Session] = {}
        self.api_sessions: dict[str, Session] = {}
        self.challenges: dict[str, str] = {}
        self.captcha_tokens: set[str] = set()
        #: The pictures, 0 to 8 by rows, that the CAPTCHA shown last asks for.
        self.captcha_answer: tuple[int, ...] = ()
        self.failures: dict[str, Failures] = {}
        self._numbers = itertools.count(100_000_001)
        self._clock_start = config.start_of_clock()
        self._started = time.monotonic()

    # --- time and counters ---

    def now(self) -> datetime:
        """The PBX's own clock, local."""
        return self._clock_start + timedelta(seconds=time.monotonic() - self._started)

    def number(self) -> int:
        """A number never given before: for cookies and challenges."""
        return next(self._numbers)

    def count(self, name: str) -> int:
        """How often this action was asked for."""
        return sum(action.name == name for action in self.actions)

    def summary(self) -> dict[str, Any]:
        """Counters for ``/sim/state``: no names, no secrets."""
        return {
            "recordings": {klass.value: len(self.listed(klass)) for klass in RecordingClass},
            "actions": dict(Counter(action.name for action in self.actions)),
            "sign_ins": [{"way": entry.way, "ok": entry.ok, "status": entry.status} for entry in self.sign_ins],
            "downloads": [
                {"kind": entry.kind, "size": entry.size, "sent": entry.sent, "complete": entry.complete} for entry in self.downloads
            ],
            "deletes": list(self.deletes),
            "faults": self.faults.active(),
        }

    # --- recordings, as the faults let them be seen ---

    def listed(self, klass: RecordingClass) -> list[Recording]:
        """What the web UI lists: newest first."""
        if self.faults.get("listing_empty"):
            return []
        return sorted(self._existing(klass), key=lambda recording: recording.start, reverse=True)

    def readable(self, klass: RecordingClass) -> list[Recording]:
        """The recordings whose files can be had one by one, oldest first."""
        listed = self._existing(klass)
        missing = {recording.path for recording in pick(listed, self.faults.get("gone_but_listed") or 0.0)}
        return [recording for recording in listed if recording.path not in missing]

    def packable(self, klass: RecordingClass) -> list[Recording]:
        """The recordings that an archive holds."""
        missing = {recording.path for recording in pick(self._existing(klass), self.faults.get("missing_from_archive") or 0.0)}
        packed = [recording for recording in self.readable(klass) if recording.path not in missing]
        for body in ("short", "noise"):
            if fraction := self.faults.get(f"{body}_in_archive"):
                packed = spoil(packed, body, fraction)
        return packed

    def find(self, path: str, klass: RecordingClass | None = None) -> Recording | None:
        """The readable recording of this ``YYYY-MM/NAME`` (or bare NAME), or None."""
        for each in [klass] if klass else list(RecordingClass):
            for recording in self.readable(each):
                if path in (recording.path, recording.name):
                    return recording
        return None

    def _existing(self, klass: RecordingClass) -> list[Recording]:
        kept = [recording for recording in self.all_recordings if recording.klass is klass]
        gone = {recording.path for recording in pick(kept, self.faults.get("gone") or 0.0)} | self.removed
        kept = [recording for recording in kept if recording.path not in gone]
        if self.renamed:
            kept = [self._as_it_lies(recording) for recording in kept]
        for body in ("noise", "short", "empty"):
            if fraction := self.faults.get(body):
                kept = spoil(kept, body, fraction)
        if late := self.faults.get("written_late"):
            kept = [self._as_written(recording, late) for recording in kept if self._age(recording) >= late]
        return kept

    def _age(self, recording: Recording) -> float:
        """Seconds since its call ended."""
        return (self.now() - recording.start).total_seconds() - recording.seconds

    def _as_written(self, recording: Recording, late: float) -> Recording:
        return replace(recording, body="short") if self._age(recording) < 2 * late else recording

    def add(self, count: int = 1, klass: RecordingClass = RecordingClass.MONITOR, start: datetime | None = None) -> list[Recording]:
        """New calls come in: ``count`` recordings, from ``start`` (PBX local; now, if not given), a minute apart."""
        first = (start or self.now()).replace(microsecond=0)
        first = first if first.tzinfo else first.replace(tzinfo=self.config.zone)
        added = [self._generator.make(klass, first + timedelta(minutes=index)) for index in range(count)]
        self.all_recordings = [*self.all_recordings, *added]
        return added

    def remove(self, path: str) -> None:
        """A recording's file vanishes (``*``: all); its call record stays."""
        self.removed |= {recording.path for recording in self.all_recordings if path in ("*", recording.path)}

    def rename(self, path: str, month: str, name: str) -> None:
        """A recording's file gets another month or name; its call record goes on naming the old ones."""
        self.renamed[path] = month, name

    def _as_it_lies(self, recording: Recording) -> Recording:
        month, name = self.renamed.get(recording.path, (recording.month, recording.name))
        return replace(recording, month=month, name=name)

    # --- sessions ---

    def session(self, cookie: str | None, *, touch: bool = True) -> Session | None:
        """The living web session of this cookie. Idle ones end (field guide 1); ``touch`` keeps it alive."""
        session = self.sessions.get(cookie or "")
        if session is None or cookie is None:
            return None
        if time.monotonic() - session.last_seen > self.config.session_seconds:
            del self.sessions[cookie]
            return None
        if touch:
            session.last_seen = time.monotonic()
        return session

    def end_sessions(self) -> None:
        """Every web session and API cookie ends now, as after a restart."""
        self.sessions.clear()
        self.api_sessions.clear()
