"""Empty archives on each kind of catalog and store, and what a PBX recorded."""

from __future__ import annotations

import hashlib
import io
import itertools
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from forked import Ended, Moment, command
from postgres_server import PostgresServer, database_of
from s3_server import S3Server

from scraper.catalog import Catalog
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.recordings import Generator, Recording

UCM = "office"
#: A header that is claimed to be shorter, until calibration has shown what it is: its second half is heard until then.
HEADER, LAYOUT = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8)), "gsff/16/s16le/8000/1"
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

    def command(self, *words: str, kill: Moment | None = None) -> Ended:
        """Run a command, and kill it at that moment."""
        return command(["--config", str(self.config), *words], self.log, kill)

    def must(self, *words: str, end_in: int = 0) -> Ended:
        """Run a command that has to end in this exit code."""
        ended = self.command(*words)
        assert ended.code == end_in, f"`{' '.join(words)}` ended in {ended.code}"
        return ended

    def visible(self) -> dict[str, Path]:
        """The stored files that a reader sees, by what follows the UCM's name in their path."""
        found = {path.relative_to(self.files).as_posix(): path for path in self.files.rglob("*") if path.is_file()}
        return {name.removeprefix(f"{UCM}/"): path for name, path in found.items() if not name.startswith(".")}

    def refused(self) -> list[Path]:
        """What is in quarantine, with its notes."""
        return [*files_in(self.folder / "data" / "quarantine"), *files_in(self.files / ".quarantine")]

    def leftovers(self) -> list[Path]:
        """Files that were on their way."""
        hidden = [path for path in (*self.refused(), *files_in(self.files / ".manifests")) if path.name.startswith(".")]
        return [*files_in(self.files / ".incoming"), *files_in(self.folder / "data" / "work"), *hidden]


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
        return {one.path: sha256(one.samples().tobytes()) for one in self.recordings}

    @cached_property
    def misheard(self) -> dict[str, str]:
        """The same, the second half of the header taken for sound."""
        return {one.path: sha256(HEADER[8:] + one.samples().tobytes()) for one in self.recordings}

    @cached_property
    def originals(self) -> dict[str, str]:
        """The same of the bytes as they came."""
        return {one.path: sha256(one.stored()) for one in self.recordings}

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


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and below."""
    return [path for path in folder.rglob("*") if path.is_file()]


def sha256(data: bytes) -> str:
    """As hex."""
    return hashlib.sha256(data).hexdigest()
