"""The places for browsers: so many at once, whoever holds them, and free again when a holder dies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scraper.errors import BrowserFailed, Busy
from scraper.lock import browser_lock
from scraper.progress import WAITING_FOR_BROWSER, NullProgress
from scraper.settings import Settings
from scraper.webui import place
from scraper.webui.place import a_place

HOLDER = """
import sys
from pathlib import Path
from scraper.lock import browser_lock
with browser_lock(Path(sys.argv[1]), 0):
    print("held", flush=True)
    sys.stdin.read()
"""


class Told(NullProgress):
    def __init__(self):
        self.phases = []

    def phase(self, name):
        self.phases.append(name)


def configured(folder: Path, **limits) -> Settings:
    ucm = {"url": "https://pbx.example.com", "web": {"username": "backup", "password": "x"}}
    return Settings.model_validate({"data_dir": str(folder), "limits": limits, "ucms": {"office": ucm}})


def test_so_many_browsers_at_once_and_the_next_in_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "_LOOK_SECONDS", 0.01)
    settings, running, most = configured(tmp_path, browsers=2), set(), []

    async def job(number):
        async with a_place(settings, NullProgress()):
            running.add(number)
            most.append(len(running))
            await asyncio.sleep(0.02)
            running.discard(number)

    async def all_jobs():
        await asyncio.wait_for(asyncio.gather(*(job(number) for number in range(8))), 30)

    asyncio.run(all_jobs())
    assert (len(most), max(most)) == (8, 2)


def test_who_waits_says_so_and_gives_up_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "_LOOK_SECONDS", 0.01)
    told = Told()

    async def wait():
        async with a_place(configured(tmp_path, browsers=1, job_hours=0.2 / 3600), told):
            pytest.fail("there was no place")

    with browser_lock(tmp_path, 0), pytest.raises(BrowserFailed, match="no place"):
        asyncio.run(wait())
    assert set(told.phases) == {WAITING_FOR_BROWSER}


def test_place_of_a_process_that_was_killed_is_free(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy), browser_lock(tmp_path, 0):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=30)
    with browser_lock(tmp_path, 0):
        pass


@pytest.mark.parametrize(("limits", "places"), [({}, 2), ({"jobs": 100}, 8), ({"jobs": 100, "browsers": 30}, 30)])
def test_as_many_as_jobs_but_no_more_than_eight_unless_told(tmp_path, limits, places):
    assert configured(tmp_path, **limits).limits.browser_places == places
