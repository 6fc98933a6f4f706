"""Kills commands at random moments, several times in a row over the same archive, and holds what they leave against what the PBX recorded.

What is killed is the real command, on a real catalog and a real store. Half of the moments are uniform over the time that it took
undisturbed, half over its steps (:mod:`forked`), so that what takes no time is met as well.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile
from archives import HEADER, LAYOUT, UCM, Archive, Pbx, sha256
from forked import KILLED, Moment
from sqlalchemy import select

from scraper.catalog import CalibrationTry, Catalog
from scraper.catalog.schema import deliveries
from scraper.models import Identity, RecordingClass
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator

#: What is visible right after a kill may still change for so long, in seconds: a service ends what it was asked for.
_SETTLING_SECONDS = 30.0
#: A sign-in that was cut short counts against the budget of three a day: so often a job may be killed while it signs in.
_IN_A_ROW_SIGNING_IN = 2
_REFUSED = {f"2026-02/auto-17700000{number}0-1000-5555550100.wav": b"<html>%d" % number for number in range(3)}


@dataclass
class Work:
    """A command that is killed. ``prepare`` makes an archive what the command is to find, and says its words.

    ``end_in``: its exit code where it isn't killed. ``keeps``: whether the recordings are held then, or none is. ``refused``: how many
    files are in quarantine then. ``in_a_row``: how often it is killed at most before it may complete. ``wait``: until what it started has
    ended as well. ``seconds`` and ``steps``: what it takes undisturbed, once known.
    """

    name: str
    pbx: Pbx
    prepare: Callable[[Archive, Pbx], list[str]]
    end_in: int = 0
    keeps: bool = True
    refused: int = 0
    in_a_row: int = 5
    wait: Callable[[Archive], None] = lambda archive: None
    seconds: float = 0.0
    steps: int = 0

    def moment(self, chance: random.Random) -> Moment:
        """Any, by the clock or by steps."""
        by_clock = not self.steps or chance.random() < 0.5
        return Moment(seconds=chance.uniform(0.0, self.seconds)) if by_clock else Moment(step=chance.randint(1, self.steps))


def ingest(archive: Archive, pbx: Pbx) -> list[str]:
    """Take in an archive that was downloaded by hand."""
    archive.configure()
    return ["ingest", pbx.pack(archive.folder / "all.tgz", {}), "--ucm", UCM]


def ingest_with_originals(archive: Archive, pbx: Pbx) -> list[str]:
    """The same, each original kept beside its recording."""
    archive.configure(originals="always")
    return ["ingest", pbx.pack(archive.folder / "all.tgz", {}), "--ucm", UCM]


def ingest_as_flac(archive: Archive, pbx: Pbx) -> list[str]:
    """The same, the recordings stored as FLAC; the archive holds what is no recording, too."""
    archive.configure(format="flac", originals="always")
    return ["ingest", pbx.pack(archive.folder / "all.tgz", _REFUSED), "--ucm", UCM]


def reconvert(archive: Archive, pbx: Pbx) -> list[str]:
    """Convert again what was converted wrongly."""
    archive.must(*ingest(archive, pbx))
    with Catalog.open(archive.catalog) as catalog:
        by = Identity(UCM, RecordingClass.MONITOR, "2026-02", "auto-1770000000-1000-5555550100.wav")
        catalog.enter_calibration(CalibrationTry(by, "confirmed", HEADER.hex(), LAYOUT, "the same as RIFF"))
    return ["reconvert", "--ucm", UCM]


def erase(archive: Archive, pbx: Pbx) -> list[str]:
    """Let go of everything at somebody's request."""
    archive.must(*ingest(archive, pbx))
    return ["erase", "--ucm", UCM, "--since", "1970-01-01", "--yes"]


def retention(archive: Archive, pbx: Pbx) -> list[str]:
    """Let go of everything for its age."""
    archive.must(*ingest(archive, pbx))
    return ["retention", "--ucm", UCM, "--apply", "--force"]


def works_from_the_archive_on(recordings: int) -> list[Work]:
    """All that needs no PBX to be reached, over so many recordings each."""
    plain, mixed, longer = (
        Pbx.of(recordings=recordings, seconds=(0.5, 2.0), **more) for more in ({}, {"gsff": "mixed"}, {"gsff_layout": "bare16"})
    )
    return [
        Work("ingest", mixed, ingest),
        Work("reconvert", longer, reconvert),
        Work("ingest as FLAC", plain, ingest_as_flac, end_in=3, refused=2 * len(_REFUSED)),
        Work("erase", plain, erase, keeps=False),
        Work("ingest", plain, ingest),
        Work("retention", plain, retention, keeps=False),
    ]


def run(simulator: Simulator, *, web: bool) -> Work:
    """A whole job on a simulated UCM that serves: through its web UI in a real browser, or over its API."""
    web_access = {"username": WEB_USER, "password": WEB_PASSWORD, "pack_timeout_seconds": 30, "stall_timeout_seconds": 5}
    access = {"web": web_access} if web else {"api": {"username": API_USER, "password": API_PASSWORD}}
    ucm = {"url": simulator.url, "timezone": simulator.config.timezone, "tls": {"pin": simulator.pin}, **access}

    def prepare(archive: Archive, pbx: Pbx) -> list[str]:
        archive.configure(ucm)
        return ["run"]

    def wait(archive: Archive) -> None:
        deadline = time.monotonic() + _SETTLING_SECONDS
        while left := browsers(simulator.pin or ""):
            assert time.monotonic() < deadline, f"a browser lives on: {left}"
            time.sleep(0.05)

    name = "run in a browser" if web else "run over the API"
    return Work(name, Pbx(simulator.state.all_recordings), prepare, in_a_row=_IN_A_ROW_SIGNING_IN, wait=wait)


def browsers(pin: str) -> list[int]:
    """Processes of browsers that trust this key of a PBX."""
    key = pin.removeprefix("sha256//")
    return [one.pid for one in psutil.process_iter(["cmdline"]) if any(key in word for word in one.info["cmdline"] or [])]


def kill_in_rounds(make_archive: Callable[[], Archive], works: list[Work], kills: int, seed: int) -> Counter[str]:
    """Kill these works in turn, so many times in all; how often each was. Each round has an archive of its own.

    After each kill, and after the command was let complete, all that there is is checked.
    """
    chance, tally, number = random.Random(seed), Counter[str](), 0
    while tally.total() < kills:
        work, number = works[number % len(works)], number + 1
        assert number < 10 * kills, "no kill comes in time"
        moments: list[Moment] = []
        archive = make_archive()
        with _told(work, archive, seed, moments):
            if work.seconds:
                most = min(chance.randint(1, work.in_a_row), kills - tally.total())
                tally[work.name] += one_round(work, archive, (work.moment(chance) for _ in range(most)), moments)
            else:
                undisturbed(work, archive)
        archive.remove()
    return tally


def one_round(work: Work, archive: Archive, chosen: Iterator[Moment], moments: list[Moment]) -> int:
    """Kill it at the chosen moments, which are noted, while it has not completed; then let it complete. How often it was killed."""
    words, kills = work.prepare(archive, work.pbx), 0
    for moment in chosen:
        moments.append(moment)
        if archive.command(*words, kill=moment).code != KILLED:
            break
        kills += 1
        work.wait(archive)
        check_after_a_kill(work, archive)
    archive.must(*words, end_in=work.end_in)
    check_completed(work, archive)
    return kills


def undisturbed(work: Work, archive: Archive) -> None:
    """Find out what it takes."""
    words = work.prepare(archive, work.pbx)
    began = time.monotonic()
    work.steps = archive.must(*words, end_in=work.end_in).steps
    work.seconds = time.monotonic() - began
    check_completed(work, archive)


def check_after_a_kill(work: Work, archive: Archive) -> None:
    """No file is half, and what the catalog calls archived is there, unless it is being let go of."""
    deadline = time.monotonic() + _SETTLING_SECONDS
    while wrong := _wrong(work, archive.visible()):
        assert time.monotonic() < deadline, f"not what was recorded: {wrong}"
        time.sleep(0.02)
    if work.keeps:
        held = archive.visible().values()
        assert [path for path in _archived(archive) if archive.files / path not in held] == []


def check_completed(work: Work, archive: Archive) -> None:
    """Each recording is held once, or none is; catalog, manifests and outbox agree; nothing was left lying about."""
    wanted = sorted(work.pbx.sounds) if work.keeps else []
    there = archive.visible()
    assert _wrong(work, there, completed=True) == []
    assert sorted(_recorded(path) for path in there if not path.endswith(".original")) == wanted
    assert sorted(archive.files / path for path in _archived(archive)) == sorted(
        path for name, path in there.items() if not name.endswith(".original")
    )
    assert archive.leftovers() == []
    assert len(archive.refused()) == work.refused
    with Catalog.open(archive.catalog) as catalog:
        assert list(catalog.recordings(state="storing")) == []
        assert [run.status for run in catalog.last_runs(UCM, 100) if run.finished_at is None] == []
        with catalog.reading() as connection:
            told = Counter(connection.execute(select(deliveries.c.recording_id, deliveries.c.event)))
        assert set(told.values()) <= {1}
        assert sorted(number for number, event in told if event == "archived") == sorted(row.id for row in catalog.recordings())
    archive.must("verify", "--manifests")
    archive.must("catalog", "check")


def _wrong(work: Work, there: Mapping[str, Path], *, completed: bool = False) -> list[str]:
    """The stored files that are not, sample for sample, what was recorded, or may be so before reconversion has completed."""
    found = []
    for name, path in there.items():
        if name.endswith(".original"):
            right = {work.pbx.originals.get(_recorded(name.removesuffix(".original")))}
        else:
            right = {work.pbx.sounds.get(_recorded(name)), None if completed else work.pbx.misheard.get(name)}
        if _sound(path, name) not in right:
            found.append(name)
    return found


def _sound(path: Path, name: str) -> str | None:
    """The hash of a file's samples, or of an original's bytes; None where it can't be read."""
    if name.endswith(".original"):
        return sha256(path.read_bytes())
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except soundfile.LibsndfileError:
        return "half a file"
    assert rate == 8000
    return sha256(np.ascontiguousarray(samples).tobytes())


def _recorded(name: str) -> str:
    """The PBX's name for a stored file."""
    return f"{name.removesuffix('.flac')}.wav" if name.endswith(".flac") else name


def _archived(archive: Archive) -> list[str]:
    """The paths that the catalog calls archived; none where the kill came before there was a catalog."""
    path = archive.catalog.removeprefix("sqlite:///")
    if path != archive.catalog and not Path(path).exists():
        return []
    with Catalog.open_to_read(archive.catalog) as catalog:
        with catalog.reading() as connection:
            if catalog.revision(connection) is None:
                return []
        return [row.path for row in catalog.recordings(UCM)]


@contextmanager
def _told(work: Work, archive: Archive, seed: int, moments: list[Moment]) -> Iterator[None]:
    """Say with a failure how to come to it again."""
    try:
        yield
    except AssertionError as error:
        said = archive.log.read_text()[-3000:] if archive.log.exists() else ""
        error.add_note(f"seed {seed}; {work.name} in {archive.folder}, killed at {moments}\n{said}")
        raise
