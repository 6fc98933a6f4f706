"""A worker's place on its machine."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scraper.bandwidth import Bandwidth
from scraper.errors import Busy
from scraper.fleet import worker
from scraper.lock import browser_lock
from scraper.settings import Settings, load

from .conftest import settings_of


def test_limits_hold_for_each_worker_by_itself_also_for_two_on_one_machine(tmp_path: Path) -> None:
    limits = {"browsers": 1, "bandwidth_mbit": 0.008}  # 1,000 bytes a second
    with ExitStack() as stack:
        folders = [stack.enter_context(worker._place(tmp_path / "workers")) for _ in range(2)]
        for folder in folders:
            stack.enter_context(browser_lock(folder, 0))
            with pytest.raises(Busy), browser_lock(folder, 0):
                pass
            settings = settings_of(tmp_path, "postgresql+psycopg://db.example.com/ucm", data_dir=str(folder), limits=limits)
            own, same = Bandwidth.of(settings), Bandwidth.of(settings)
            assert own and same and own.spend(100_000) == pytest.approx(100, abs=30)
            assert same.spend(100_000) == pytest.approx(200, abs=30)


def test_what_a_command_line_says_of_jobs_counts_for_their_browsers_too(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA_DIR", "LIMITS__JOBS"):
        monkeypatch.setenv(f"UCM_SCRAPER__{name}", "1")  # so that they are put back
    seen: list[Settings] = []
    config = tmp_path / "config.yaml"
    config.write_text("ucms: {one: {url: 'https://pbx.example.com', web: {username: a, password: b}}}\n")

    async def work(*_: Any) -> None:
        seen.append(load(config, dict(os.environ)))  # as a job does

    monkeypatch.setattr(worker, "_work", work)
    worker.work(settings, (), jobs=5)
    assert (seen[0].limits.browser_places, seen[0].data_dir.parent) == (5, settings.data_dir / "workers")
