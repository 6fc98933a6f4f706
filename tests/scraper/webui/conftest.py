"""A signed-in browser on a simulated UCM, for what the pages themselves do."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scraper.budget import SignInBudget
from scraper.catalog import Catalog
from scraper.failures import InFolder
from scraper.job.episode import Episode
from scraper.models import RecordingClass
from scraper.settings.model import Tls
from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator
from scraper.tls import prove
from scraper.webui.browser import LaunchOptions
from scraper.webui.follow import GrowingDownload
from scraper.webui.kept import InFile, KeptSession
from scraper.webui.recordings_page import Labels, Patience
from scraper.webui.session import Credentials
from scraper.webui.ui import Access, WebUi, web_ui


@dataclass
class Visit:
    """One browser on one simulated UCM."""

    ui: WebUi
    ucm: Simulator
    folder: Path

    def names(self, klass: RecordingClass = RecordingClass.MONITOR) -> list[str]:
        """The PBX's names for its recordings, in the list's order."""
        return [recording.path for recording in self.ucm.state.listed(klass)]

    def sha256(self, name: str) -> str:
        """Of the recording's samples."""
        return next(hashlib.sha256(each.samples().tobytes()).hexdigest() for each in self.ucm.state.all_recordings if each.path == name)


@dataclass
class Clock:
    """A clock that only sleeping moves; ``slept``: how long, each time."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def read(stream: GrowingDownload) -> bytes:
    """All of a download."""
    return await asyncio.to_thread(lambda: b"".join(iter(lambda: stream.read(1 << 16), b"")))


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``visit(story, **ucm)``: runs ``story(visit)`` on a UCM like this; deleting anything on it fails the test.

    ``page_seconds``: how long a page may take to show what it should, where a test waits for what doesn't come.
    """
    made: list[Simulator] = []

    def run(story: Callable[[Visit], Awaitable[Any]], words: Labels | None = None, page_seconds: float = 8.0, **ucm: Any) -> Any:
        simulator = Simulator(**{"recordings": 12, "pack_seconds": 0.1, "seconds": (0.5, 1.0), **ucm})
        made.append(simulator)

        async def tell() -> Any:
            with simulator, Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
                (tmp_path / "downloads").mkdir(exist_ok=True)
                rules = Tls(pin=simulator.pin)
                access = Access(
                    simulator.url,
                    Credentials(WEB_USER, WEB_PASSWORD),
                    prove(simulator.url, rules, 5.0),
                    SignInBudget(catalog, simulator.url),
                    KeptSession(InFile(tmp_path, "office"), simulator.url, WEB_USER),
                    Episode(catalog, "office"),
                    partial(InFolder(tmp_path / "failures", "office").keep, datetime.now(UTC)),
                    labels=words or Labels(),
                    patience=Patience(page_seconds, 20.0, 3.0),
                )
                async with web_ui(access, LaunchOptions(tmp_path / "downloads")) as ui:
                    return await story(Visit(ui, simulator, tmp_path / "downloads"))

        return asyncio.run(tell())

    yield run
    assert [simulator.state.deletes for simulator in made] == [[] for _ in made]
