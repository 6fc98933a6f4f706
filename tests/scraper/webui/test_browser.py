"""Finding a browser, refusing one that is too old, and saying how to get one."""

import asyncio
import gc
from pathlib import Path

import pytest

from scraper.errors import BrowserFailed, BrowserMissing
from scraper.webui import browser
from scraper.webui.browser import LaunchOptions, launched, major_version
from scraper.webui.watchdog import drivers


async def start(options: LaunchOptions) -> str:
    async with launched(options, None) as running:
        return running.version


def script(path: Path, line: str) -> Path:
    path.write_text(f"#!/bin/bash\n{line}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("text", "major"), [("156.0.8078.79", 156), ("Chromium 112.0.1 built on Debian", 112), ("", 0), ("unknown", 0)])
def test_major_version_of_text(text, major):
    assert major_version(text) == major


@pytest.mark.browser
def test_browser_that_is_found_starts(tmp_path):
    assert major_version(asyncio.run(start(LaunchOptions(tmp_path)))) >= browser.MINIMUM_VERSION


@pytest.mark.browser
def test_browser_that_is_too_old_is_refused_with_both_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "MINIMUM_VERSION", 9999)
    with pytest.raises(BrowserMissing, match="too old; 9999"):
        asyncio.run(start(LaunchOptions(tmp_path)))


def test_machine_without_a_browser_is_told_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(BrowserMissing) as caught:
        asyncio.run(start(LaunchOptions(tmp_path)))
    assert "apt-get install chromium" in caught.value.remedy
    assert caught.value.exit_code == 2


def test_configured_browser_that_does_not_exist_is_named_by_its_key(tmp_path):
    with pytest.raises(BrowserMissing, match=r"browser\.executable"):
        asyncio.run(start(LaunchOptions(tmp_path, tmp_path / "absent")))


def test_program_that_is_no_browser_fails_with_exit_code_7(tmp_path):
    program = script(tmp_path / "chromium", "exit 3")
    with pytest.raises(BrowserFailed) as caught:
        asyncio.run(start(LaunchOptions(tmp_path, program)))
    assert caught.value.exit_code == 7


def test_driver_that_hangs_before_it_answers_is_given_up(tmp_path, monkeypatch):
    driver = script(tmp_path / "node", 'exec -a "$2" sleep 1000')
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(driver))
    monkeypatch.setattr(browser, "STARTING_SECONDS", 0.5)
    monkeypatch.setattr(browser, "CLOSING_SECONDS", 0.5)
    with pytest.raises(BrowserFailed, match="did not start within"):
        asyncio.run(start(LaunchOptions(tmp_path)))
    assert not drivers()
    gc.collect()  # what asyncio had not finished when its loop was closed would be told now


def test_browser_that_hangs_at_its_start_is_given_up_and_ended(tmp_path, monkeypatch):
    program = script(tmp_path / "chromium", f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    monkeypatch.setattr(browser, "STARTING_SECONDS", 5.0)
    with pytest.raises(BrowserFailed, match="did not start within 5 seconds"):
        asyncio.run(start(LaunchOptions(tmp_path, program)))
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
