"""Kills commands at random moments, several times in a row over the same archive, and holds what they leave against what the PBX recorded.

What is killed is the real command, on a real catalog and a real store. The moment is uniform over the time that it took undisturbed.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import random
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
import yaml
from forked import command
from postgres_server import PostgresServer, database_of
from s3_server import S3Server
from sqlalchemy import select

from scraper.catalog import CalibrationTry, Catalog
from scraper.catalog.schema import deliveries
from scraper.models import Identity, RecordingClass
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.recordings import Generator, Recording

UCM = "office"
KILLED = -9
#: What is visible right after a kill may still change for so long, in seconds: a service ends what it was asked for.
_SETTLING_SECONDS = 30.0
#: A sign-in that was cut short counts against the budget of three a day: so often a job may be killed while it signs in.
_IN_A_ROW_SIGNING_IN = 2
#: A header that is claimed to be shorter, until calibration has shown what it is: its second half is heard until then.
_HEADER, _LAYOUT = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8)), "gsff/16/s16le/8000/1"
_REFUSED = {f"2026-02/auto-17700000{number}0-1000-5555550100.wav": b"<html>%d" % number for number in range(3)}

#: Kinds of catalog and of store.
PLACES = [("sqlite", "folder"), ("postgresql", "folder"), ("sqlite", "bucket"), ("postgresql", "bucket")]


@dataclass
class Archive:
    """Where a UCM's recordings go: a new catalog and a new store.

    ``files``: where this machine finds the files of the store. ``remove``: lets go of what is not in ``folder``.
    """

    folder: Path
    catalog: str
    store: dict[str, Any]
    files: Path
    remove: Callable[[], object] = lambda: None

    @property
    def config(self) -> Path:
        """The configuration, once written."""
        return self.folder / "config.yaml"

    @property
    def log(self) -> Path:
        """All that its commands said."""
        return self.folder / "log"

    def configure(self, ucm: Mapping[str, Any] | None = None, **store: Any) -> None:
        """Write the configuration; ``ucm`` goes into the UCM's section, ``store`` into the store's."""
        whole = {
            "data_dir": str(self.folder / "data"),
            "catalog": {"url": self.catalog},
            "store": {"min_free_mb": 0, **self.store, **store},
            "retention": {"keep_days": 1},
            "browser": {"timeout_seconds": 8},
            "sinks": {"crm": {"webhook": {"url": "http://127.0.0.1:9/", "secret": "a-secret-for-testing", "allow_http": True}}},
            "ucms": {UCM: {"url": "https://127.0.0.1:9", "timezone": "America/Chicago", **(ucm or {"web": {"username": "nobody"}})}},
        }
        self.config.write_text(yaml.safe_dump(whole))

    def command(self, *words: str, kill_after: float | None = None) -> int:
        """Run a command; its exit code, -9 where it was killed."""
        return command(["--config", str(self.config), *words], self.log, kill_after=kill_after)

    def must(self, *words: str, end_in: int = 0) -> None:
        """Run a command that has to end in this exit code."""
        code = self.command(*words)
        assert code == end_in, f"`{' '.join(words)}` ended in {code}"

    def visible(self) -> dict[str, Path]:
        """The stored files that a reader sees, by what follows the UCM's name in their path."""
        found = {path.relative_to(self.files).as_posix(): path for path in self.files.rglob("*") if path.is_file()}
        return {name.removeprefix(f"{UCM}/"): path for name, path in found.items() if not name.startswith(".")}

    def refused(self) -> list[Path]:
        """What is in quarantine, with its notes."""
        return [*_files(self.folder / "data" / "quarantine"), *_files(self.files / ".quarantine")]

    def leftovers(self) -> list[Path]:
        """Files that were on their way."""
        hidden = [path for path in (*self.refused(), *_files(self.files / ".manifests")) if path.name.startswith(".")]
        return [*_files(self.files / ".incoming"), *_files(self.folder / "data" / "work"), *hidden]


class Places:
    """Makes archives on every kind of catalog and store; servers are started when they are needed."""

    def __init__(self, folder: Path, postgres: Callable[[], PostgresServer], s3: Callable[[], S3Server]) -> None:
        self._folder, self._postgres, self._s3 = folder, postgres, s3
        self._numbers = itertools.count()
        self._template: str | None = None

    def make(self, catalog: str, store: str) -> Archive:
        """An archive on these kinds."""
        folder = self._folder / f"archive-{next(self._numbers)}"
        folder.mkdir()
        url, remove = self._database() if catalog == "postgresql" else (f"sqlite:///{folder}/catalog.db", lambda: None)
        if store == "folder":
            return Archive(folder, url, {"url": str(folder / "recordings")}, folder / "recordings", remove)
        section = self._s3().fresh()
        return Archive(folder, url, section, self._s3().folder / section["url"].removeprefix("s3://"), remove)

    def _database(self) -> tuple[str, Callable[[], object]]:
        """A catalog that is already there: to make its tables takes longer than most of what is killed."""
        server = self._postgres()
        if self._template is None:
            self._template = server.fresh()
            Catalog.open(self._template).close()
        url = server.fresh(database_of(self._template))
        return url, lambda: server.drop(url)


@dataclass(frozen=True)
class Pbx:
    """What was recorded."""

    recordings: list[Recording]

    @classmethod
    def of(cls, **config: Any) -> Pbx:
        """A simulated one, which nobody need ask."""
        return cls(Generator(SimulatorConfig(**config)).all())

    @cached_property
    def sounds(self) -> dict[str, str]:
        """``YYYY-MM/NAME``, and the hash of the samples."""
        return {one.path: _hash(one.samples().tobytes()) for one in self.recordings}

    @cached_property
    def misheard(self) -> dict[str, str]:
        """The same, the second half of the header taken for sound."""
        return {one.path: _hash(_HEADER[8:] + one.samples().tobytes()) for one in self.recordings}

    @cached_property
    def originals(self) -> dict[str, str]:
        """The same of the bytes as they came."""
        return {one.path: _hash(one.stored()) for one in self.recordings}

    def pack(self, path: Path, others: Mapping[str, bytes]) -> str:
        """Write what *Download All* hands out, with ``others`` in the middle; where."""
        members = [(one.path, one.stored()) for one in self.recordings]
        half = len(members) // 2
        with tarfile.open(path, "w:gz", compresslevel=1) as packed:
            for name, data in (*members[:half], *others.items(), *members[half:]):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
        return str(path)


@dataclass
class Work:
    """A command that is killed. ``prepare`` makes an archive what the command is to find, and says its words.

    ``end_in``: its exit code where it isn't killed. ``keeps``: whether the recordings are held then, or none is. ``refused``: how many
    files are in quarantine then. ``in_a_row``: how often it is killed at most before it may complete. ``wait``: until what it started has
    ended as well. ``seconds``: what it takes undisturbed, once known.
    """

    name: str
    pbx: Pbx
    prepare: Callable[[Archive, Pbx], list[str]]
    end_in: int = 0
    keeps: bool = True
    refused: int = 0
    in_a_row: int = 5
    wait: Callable[[Archive], None] = lambda archive: None
    seconds: float | None = None


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
        catalog.enter_calibration(CalibrationTry(by, "confirmed", _HEADER.hex(), _LAYOUT, "the same as RIFF"))
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
        moments: list[float] = []
        archive = make_archive()
        with _told(work, archive, seed, moments):
            if work.seconds is None:
                work.seconds = undisturbed(work, archive)
            else:
                most = min(chance.randint(1, work.in_a_row), kills - tally.total())
                tally[work.name] += one_round(work, archive, (chance.uniform(0.0, work.seconds) for _ in range(most)), moments)
        archive.remove()
    return tally


def one_round(work: Work, archive: Archive, chosen: Iterator[float], moments: list[float]) -> int:
    """Kill it at the chosen moments, which are noted, while it has not completed; then let it complete. How often it was killed."""
    words, kills = work.prepare(archive, work.pbx), 0
    for moment in chosen:
        moments.append(moment)
        if archive.command(*words, kill_after=moment) != KILLED:
            break
        kills += 1
        work.wait(archive)
        check_after_a_kill(work, archive)
    archive.must(*words, end_in=work.end_in)
    check_completed(work, archive)
    return kills


def undisturbed(work: Work, archive: Archive) -> float:
    """How long it takes, in seconds."""
    words = work.prepare(archive, work.pbx)
    began = time.monotonic()
    archive.must(*words, end_in=work.end_in)
    seconds = time.monotonic() - began
    check_completed(work, archive)
    return seconds


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
        return _hash(path.read_bytes())
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except soundfile.LibsndfileError:
        return "half a file"
    assert rate == 8000
    return _hash(np.ascontiguousarray(samples).tobytes())


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
def _told(work: Work, archive: Archive, seed: int, moments: list[float]) -> Iterator[None]:
    """Say with a failure how to come to it again."""
    try:
        yield
    except AssertionError as error:
        said = archive.log.read_text()[-3000:] if archive.log.exists() else ""
        error.add_note(f"seed {seed}; {work.name} in {archive.folder}, killed after {[round(one, 4) for one in moments]} s\n{said}")
        raise


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
