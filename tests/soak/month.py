"""A month in the life of `serve`: two simulated PBXs, and a clock that jumps from one thing to the next.

``head`` has its API open, is asked every six hours and pushes the records of its calls; ``branch`` is reached through its web UI, in a
browser, once a day. Faults come and go; the service is stopped, killed and started; old recordings turn up and are backfilled.
"""

from __future__ import annotations

import hashlib
import math
import random
import signal
import time
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from web_servers import TOKEN

from scraper.catalog import BackfillState, Catalog
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator
from scraper.simulator.push import Pusher
from soak.clock import FastClock
from soak.figures import Figures, Peaks
from soak.service import LONGEST, PATIENCE, Service, comes

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: When each PBX's jobs start: the first, the pause, and how that is written.
EVERY = {"head": (timedelta(0), 6 * HOUR, "0 */6 * * *"), "branch": (HOUR / 2, 24 * HOUR, "30 0 * * *")}
PUSHER = ("pbx", "a-password-for-pushes")
#: What is archived meanwhile is right, or comes later. For good, or for the next so many occasions.
FAULTS = {
    "head": [
        "api_off=404", "api_off=close", "api_denied", "cdrapi_forbidden", "recapi_forbidden", "api_busy=-45*3", "api_busy=-57",
        "api_html=*2", "recapi_instead=html", "recapi_instead=json*2", "recapi_instead=half", "recapi_instead=other", "single_cut=0.5",
        "cookie_dies_every=3", "pages_repeat", "cdrapi_empty", "unavailable", "hang=api", "lockout=ban", "empty=0.34",
    ],
    "branch": [
        "captcha", "login_extra=otp", "lockout=ban", "session_ends_after=6", "session_ends_before_download=*1", "labels=old", "language=de",
        "overlay", "delete_moved", "no_modal", "web_busy=-51*2", "listing_total=3", "listing_empty", "pack_fails", "archive_cut=0.6",
        "archive_instead=html", "missing_from_archive=0.33", "noise_in_archive=0.33", "single_instead=html", "single_cut=0.5*1",
        "unavailable", "hang=list", "hang=download",
    ],
}  # fmt: skip

#: When, what, and with what.
Event = tuple[datetime, str, Any]


@dataclass(frozen=True)
class Life:
    """What happens how often. Minutes, from and to: between two ``calls`` of a PBX, ``faults`` of a PBX and ``restarts``; how long a fault
    ``lasts`` and the service is ``away``. ``rest``: days of quiet at the end, for gaps are tried again at growing distance, up to a day.
    """

    days: float
    calls: tuple[int, int] = (90, 600)
    faults: tuple[int, int] = (480, 2160)
    lasts: tuple[int, int] = (200, 900)
    restarts: tuple[int, int] = (36 * 60, 70 * 60)
    away: tuple[int, int] = (1, 600)
    rest: int = 4


#: As much of everything as half a day holds.
HALF_A_DAY = Life(days=0.5, calls=(90, 200), faults=(100, 300), lasts=(30, 100), restarts=(200, 300), away=(1, 20), rest=1)


class Month:
    """One such ``life``, the same each time. ``counts``: how much happened."""

    def __init__(self, service: Service, clock: FastClock, figures: Figures, ucms: dict[str, Simulator], life: Life) -> None:
        self.service, self.clock, self.figures, self.ucms, self.life = service, clock, figures, ucms, life
        self.end = START + life.days * DAY
        self._chance = random.Random(1)
        self._pusher = Pusher(ucms["head"].state, "", PUSHER)
        self.counts: Counter[str] = Counter()

    # --- what is to happen ---

    def plan(self) -> list[Event]:
        """All of it, in order."""
        plan: list[Event] = [(START, "up", None), *self._restarts(), *self._backfills()]
        plan += [(when, "sample", None) for when in _each(START - HOUR / 4, self.end, lambda: 6 * HOUR)]
        for name, (first, pause, _) in EVERY.items():
            before = START + first - (pause if first else timedelta(0))
            plan += [(when, "mark", (name,)) for when in _each(before, self.end, lambda pause=pause: pause)]  # type: ignore[misc]
            plan += [(when, "call", name) for when in _each(START, self.end, lambda: self._minutes(self.life.calls))]
            faults = self._chance.sample(FAULTS[name], len(FAULTS[name]))
            for number, when in enumerate(_each(START, self.end, lambda: self._minutes(self.life.faults))):
                plan += [(when, "fault", (name, faults[number % len(faults)])), (when + self._minutes(self.life.lasts), "well", name)]
        return sorted(plan, key=lambda event: event[:2])

    def _restarts(self) -> Iterator[Event]:
        """In the first half; the second is left alone, so that what grows all the time would be seen."""
        middle, pause = START + self.life.days / 2 * DAY, EVERY["head"][1]
        for number, when in enumerate(_each(START, middle, lambda: self._minutes(self.life.restarts))):
            mark = START + math.ceil((when - START) / pause) * pause  # when a job begins
            yield mark, "down", signal.SIGTERM if number % 2 else signal.SIGKILL
            yield mark + self._minutes(self.life.away), "up", None

    def _backfills(self) -> Iterator[Event]:
        for name, part in (("head", 0.27), ("branch", 0.63)):
            yield START + self.life.days * part * DAY, "backfill", name

    def _minutes(self, range_: tuple[int, int]) -> timedelta:
        return timedelta(minutes=self._chance.randint(*range_), seconds=self._chance.randint(0, 59))

    # --- what happens ---

    def live(self) -> None:
        """All of it; then all is well for some days, and a reconcile of each PBX finds what was told to be gone."""
        for when, what, which in self.plan():
            self.clock.move_to(when)
            getattr(self, f"_{what}")(which)
        self._up(None)
        for name in self.ucms:
            self._well(name)
        for _ in range(self.life.rest):
            self.clock.move_to(self.clock.now + DAY)
            self._mark(self.ucms)
        for name in self.ucms:
            self.service.ask("/tasks", {"ucm": name, "kind": "reconcile"})
        assert self._is_quiet(PATIENCE)
        self._sample(None)
        self.service.end(signal.SIGTERM)

    def _up(self, _: Any) -> None:
        if not self.service.is_up:
            self.service.start()
            self._pusher.url = f"{self.service.hooks}/hooks/cdr/head"
            self._pusher.deliver()

    def _down(self, number: signal.Signals) -> None:
        """In the middle of a job."""
        if self.service.is_up:
            comes(lambda: any(one["stage"] == "running" for one in self.service.tasks()), LONGEST)
            time.sleep(self._chance.uniform(0, 2))  # at any moment of it
            self.service.end(number)
            self._note(number.name)

    def _mark(self, names: Iterable[str]) -> None:
        """Scheduled runs are due; they end, or the clock goes on without them."""
        if self.service.is_up:
            mark, wanted = self.clock.now - timedelta(seconds=1), set(names)
            comes(lambda: wanted <= self._asked_since(mark), LONGEST)  # where an earlier one still waits, none is asked for
            self._is_quiet(LONGEST)

    def _asked_since(self, when: datetime) -> set[str]:
        """The PBXs for which a scheduled run was asked for since then."""
        asked = (one for one in self.service.tasks() if one["trigger"] == "schedule")
        return {one["ucm"] for one in asked if datetime.fromisoformat(one["asked_at"]) >= when}

    def _is_quiet(self, seconds: float) -> bool:
        """Whether no job is under way any more, within so many real seconds. The PBXs' idle sessions are over then."""
        if quiet := self.service.is_quiet(seconds):
            for ucm in self.ucms.values():
                ucm.state.end_sessions()
        return quiet

    def _call(self, name: str) -> None:
        self.counts["calls"] += 1
        if name == "branch":
            self.ucms[name].state.add(1)
            return
        began, (made, *_) = time.monotonic(), self._pusher.hang_up(1)
        if self.service.is_up and not self.ucms[name].state.faults.active():
            archived = self.service.folder / "data" / "recordings" / name / made.path
            if comes(archived.exists, LONGEST):  # a job that hangs since the last fault may hold its UCM
                self.figures.pushed(time.monotonic() - began)

    def _fault(self, which: tuple[str, str]) -> None:
        name, fault = which
        self.ucms[name].state.faults.set(*fault.partition("=")[::2])
        self.counts["faults"] += 1

    def _well(self, name: str) -> None:
        state = self.ucms[name].state
        state.faults.clear()
        state.failures.clear()

    def _backfill(self, name: str) -> None:
        """Recordings of January turn up, as from another disk; January is asked for."""
        self._up(None)
        for day in range(4, 29, 5):
            self.ucms[name].state.add(1, start=datetime(2026, 1, day, 9, 30, tzinfo=self.ucms[name].config.zone))
        self.service.ask("/backfills", {"ucm": name, "since": "2026-01-01", "until": "2026-02-01"})
        self._note("backfill")

    def _sample(self, _: Any) -> None:
        if self.service.is_up and self._is_quiet(LONGEST):
            on = [f"{name}: {fault}" for name, ucm in self.ucms.items() for fault in ucm.state.faults.active()]
            self.figures.sample((self.clock.now - START) / DAY, "; ".join(on))

    def _note(self, event: str) -> None:
        self.figures.note(event)
        self.counts[event] += 1

    # --- what came of it ---

    def archived(self, name: str) -> dict[str, str]:
        """The samples' SHA-256 of each stored recording, by the PBX's path."""
        place, found = self.service.folder / "data" / "recordings" / name, {}
        for path in place.rglob("*.wav"):
            with wave.open(str(path)) as audio:
                found[str(path.relative_to(place))] = hashlib.sha256(audio.readframes(audio.getnframes())).hexdigest()
        return found

    def held(self, name: str) -> dict[str, str]:
        """The same of each recording that the PBX holds."""
        return {one.path: hashlib.sha256(one.samples().tobytes()).hexdigest() for one in self.ucms[name].state.all_recordings}

    def backfilled(self) -> list[BackfillState]:
        """How its backfills stand."""
        with self._catalog() as catalog:
            return [one.state for one in catalog.find_backfills()]

    def catalogued(self, name: str) -> Counter[str]:
        """How often the catalog has each recording."""
        with self._catalog() as catalog:
            return Counter(one.identity.path for one in catalog.recordings(name))

    def _catalog(self) -> Catalog:
        return Catalog.open(f"sqlite:///{self.service.folder}/data/catalog.db")


def _each(start: datetime, end: datetime, pause: Callable[[], timedelta]) -> Iterator[datetime]:
    when = start + pause()
    while when < end:
        yield when
        when += pause()


def _configure(folder: Path, ucms: dict[str, Simulator]) -> None:
    sections: dict[str, dict[str, Any]] = {
        name: {"url": ucm.url, "timezone": ucm.config.timezone, "tls": {"pin": ucm.pin}, "schedule": {"cron": EVERY[name][2]}}
        for name, ucm in ucms.items()
    }
    sections["head"]["api"] = {"username": API_USER, "password": API_PASSWORD}
    sections["branch"]["web"] = {"username": WEB_USER, "password": WEB_PASSWORD, "pack_timeout_seconds": 8, "stall_timeout_seconds": 3}
    whole = {
        "data_dir": "./data",
        "store": {"min_free_mb": 1},
        "browser": {"timeout_seconds": 5},
        "limits": {"stop_seconds": 20},
        "admin": {"listen": "127.0.0.1:0", "token": TOKEN},
        "hooks": {"listen": "127.0.0.1:0", "username": PUSHER[0], "password": PUSHER[1]},
        "ucms": sections,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(whole))
    (folder / "data").mkdir(mode=0o700)


@contextmanager
def month_of(folder: Path, life: Life, file: Path | None = None) -> Iterator[Month]:
    """A month that has not begun; all of it ends with the block. ``file``: where the figures go as CSV."""
    kinds: dict[str, dict[str, Any]] = {
        "head": {"timezone": "America/Chicago", "api_new": True, "unanswered_calls": 2},
        "branch": {"timezone": "Europe/Berlin", "pack_seconds": 0.1},
    }
    with ExitStack() as stack:
        options: dict[str, Any] = {"recordings": 12, "seconds": (0.3, 0.8), "today": date(2026, 2, 27)}
        ucms = {name: stack.enter_context(Simulator(seed=len(name), **options, **kind)) for name, kind in kinds.items()}
        for ucm in ucms.values():
            ucm.state.now = lambda zone=ucm.config.zone: datetime.now(zone)  # type: ignore[method-assign, misc]
        _configure(folder, ucms)
        clock = FastClock(folder, START)
        service = Service(folder, clock)
        stack.callback(service.remove)
        peaks = stack.enter_context(Peaks(service))
        stack.enter_context(clock.ticking())
        yield Month(service, clock, Figures(service, peaks, file or folder / "month.csv"), ucms, life)
