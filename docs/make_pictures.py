#!/usr/bin/env python3
"""Makes the pictures of the admin pages: three simulated UCMs, real jobs on them, `serve`, and Chromium to look at it.

Everything in them is made up: the simulation's numbers are of the fictional 555-01xx kind. ``make_pictures.py [FOLDER]``, else
``docs/pictures``; it takes a minute or two.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Page, sync_playwright

from scraper.simulator import API_PASSWORD, API_USER, Simulator
from scraper.webui.browser import ensure_browser, find_browser

TOKEN = "a-token-for-pictures-0123456789"  # noqa: S105 -- of a service that lives for a minute
#: Name, what it is like, what goes wrong there.
OFFICES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("head-office", {"seed": 1, "recordings": 160, "queue_recordings": 24}),
    ("branch-north", {"seed": 2, "recordings": 60}),
    ("warehouse", {"seed": 3, "recordings": 40, "calls_without_file": 6}),
)
_OURS = (sys.executable, "-m", "scraper", "--config")
PAGES = {"overview": "/", "recordings": "/recordings", "gaps": "/gaps", "keeping": "/keeping"}
#: Of a list's page, the first link of these is opened.
FIRST_OF = {"run": ("/runs", "main td a[href^='/runs/']"), "recording": ("/recordings?ucm=branch-north", "main td a[href^='/recordings/']")}
BACKFILL_DAYS = 365


def main() -> None:
    """All pictures, into the folder that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    ensure_browser()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ucms = {name: stack.enter_context(Simulator(today=None, api_new=True, seconds=(4.0, 40.0), **kind)) for name, kind in OFFICES}
        config = _configure(place, ucms)
        # What is missing afterwards belongs into the pictures.
        subprocess.run([*_OURS, str(config), "run"], check=False, stdout=subprocess.DEVNULL)  # noqa: S603 -- our own words
        with _served(config, place / "serve.log") as address:
            _photograph(address, folder)


def _configure(place: Path, ucms: dict[str, Simulator]) -> Path:
    sections = {
        name: {
            "url": ucm.url,
            "timezone": ucm.config.timezone,
            "tls": {"pin": ucm.pin},
            "api": {"username": API_USER, "password": API_PASSWORD},
        }
        for name, ucm in ucms.items()
    }
    admin = {"listen": "127.0.0.1:0", "token": TOKEN}
    config = place / "config.yaml"
    config.write_text(yaml.safe_dump({"data_dir": "./data", "admin": admin, "schedule": {"cron": "*/30 * * * *"}, "ucms": sections}))
    return config


@contextmanager
def _served(config: Path, log: Path) -> Iterator[str]:
    """The address of `serve`, while it runs."""
    with log.open("w") as lines:
        process = subprocess.Popen([*_OURS, str(config), "serve"], stderr=lines)  # noqa: S603 -- our own words
    try:
        deadline = time.monotonic() + 60
        while "listening on " not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield log.read_text().partition("listening on ")[2].split()[0].rstrip("/")
    finally:
        process.terminate()
        process.wait(60)


def _photograph(address: str, folder: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(playwright, None))
        page = browser.new_context(
            base_url=address, viewport={"width": 1180, "height": 830}, color_scheme="light", reduced_motion="reduce"
        ).new_page()
        page.goto("/sign-in")
        page.fill("input[name=token]", TOKEN)
        page.click("main button[type=submit]")
        page.locator("h1", has_text="Overview").wait_for()
        for name, path in PAGES.items():
            page.goto(path)
            _keep(page, folder / f"{name}.png")
        for name, (path, link) in FIRST_OF.items():
            page.goto(path)
            page.click(link)
            _keep(page, folder / f"{name}.png")
        page.goto(_backfill(page))
        page.locator("#live", has_text=re.compile(r"[4-9] of \d+ slices done")).wait_for(timeout=120_000)
        page.screenshot(path=folder / "backfill.png")  # its page goes on asking for news
        browser.close()


def _keep(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)


def _backfill(page: Page) -> str:
    """Begins a backfill of the last year; its page."""
    until = datetime.now(UTC).date()
    window = {"ucm": OFFICES[0][0], "since": str(until - timedelta(days=BACKFILL_DAYS)), "until": str(until)}
    answer = page.request.post("/api/v1/backfills", headers={"Authorization": f"Bearer {TOKEN}"}, data=window)
    return f"/backfills/{answer.json()['id']}"


if __name__ == "__main__":
    main()
