"""An admin at the pages, in a real browser: backfill, listen, try gaps again, ask the doctor; on a desk and on a phone."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from web_servers import TOKEN

from scraper.catalog import Catalog
from scraper.models import Gap, GapReason, Identity
from scraper.webui.browser import find_system_browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=20_000)

SINCE, UNTIL = date(2026, 1, 21), date(2026, 2, 11)
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True, "is_mobile": True}
#: Where a developer's eye wants pictures of what the test saw.
PICTURES = os.environ.get("UCM_TEST_PICTURES")


def at_pages(browser: Browser, address: str, **context: Any) -> tuple[Page, list[str]]:
    """Somebody who has signed in, and what the browser complained of, but for a form that came back."""
    page = browser.new_context(base_url=address, **context).new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" and "422" not in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/sign-in")
    page.fill("input[name=token]", TOKEN)
    page.click("main button[type=submit]")
    page.locator("h1", has_text="Overview").wait_for()
    return page, complaints


def look(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def backfills(page: Page) -> str:
    """Reversed days are told, a dry run shows slices, then it is started and watched to its end; its path."""
    page.get_by_role("link", name="Backfills").click()
    page.get_by_label("From").fill(UNTIL.isoformat())
    page.get_by_label("Before").fill(SINCE.isoformat())
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("From").fill(SINCE.isoformat())
    page.get_by_label("Before").fill(UNTIL.isoformat())
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator(".preview h3")).to_contain_text("slices")
    look(page, "backfill-dry-run")
    page.get_by_role("button", name="Start").click()
    page.locator("#live").wait_for()
    page.evaluate("window.here = true")
    expect(page.locator(".strip rect.running")).to_have_count(1, timeout=60_000)
    expect(page.locator(".strip rect.done")).to_have_count(1, timeout=60_000)
    look(page, "backfill-under-way")
    expect(page.locator(".notice.good")).to_contain_text("nothing is missing", timeout=90_000)
    assert page.evaluate("window.here"), "it was watched, not loaded again"
    look(page, "backfill-done")
    return page.url


def listens(page: Page, number: str) -> None:
    """A recording is found by a number, played from the keyboard, and sought in by the waveform."""
    page.get_by_role("link", name="Recordings").click()
    page.get_by_label("Number or name").fill(number)
    page.get_by_role("button", name="Search").click()
    expect(page.locator("td.people").first).to_contain_text(number)
    look(page, "recordings")
    page.locator("tbody a").first.click()
    wave, sound = page.get_by_role("slider", name="Position"), page.locator("audio")
    wave.focus()
    wave.press("Space")
    expect(wave).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    length = sound.evaluate("sound => sound.duration")
    wave.click(position={"x": wave.bounding_box()["width"] * 0.7, "y": 20})
    sought = round(length * 0.7)
    expect(wave).to_have_attribute("aria-valuenow", re.compile(f"{sought}|{sought + 1}"))
    assert length * 0.69 < sound.evaluate("sound => sound.currentTime") < length
    look(page, "recording")
    wave.press("Home")
    expect(wave).to_have_attribute("aria-valuenow", re.compile("[01]"))
    wave.press("Space")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert Path(saved.value.path()).read_bytes()[:4] == b"RIFF"


def tries_again(page: Page, office: Any, identity: Identity) -> None:
    """A gap stands with its remedy; tried again, it is closed."""
    with Catalog.open(f"sqlite:///{office.folder}/data/catalog.db") as catalog:
        catalog.record_gap(Gap(identity, GapReason.THROTTLED, "the PBX asked for patience", "A later run goes on."))
    page.get_by_role("link", name="Gaps").click()
    expect(page.locator("main")).to_contain_text("A later run goes on.")
    look(page, "gaps")
    page.get_by_role("button", name="Retry 2026").click()
    page.get_by_text("complete").first.wait_for(timeout=60_000)
    page.get_by_role("link", name="Gaps").click()
    expect(page.locator("main")).to_contain_text("Nothing is missing.")


def asks_the_doctor(page: Page) -> str:
    page.get_by_role("link", name="Doctor").click()
    page.get_by_role("button", name="Examine office").click()
    layers = page.locator(".layers li")
    expect(layers).to_have_count(13, timeout=60_000)
    expect(layers.first).to_contain_text("network")
    expect(page.locator(".layers .failed")).to_have_count(0)
    look(page, "doctor")
    return page.url


def test_an_admin_backfills_listens_tries_again_and_asks_the_doctor(office, serving, tmp_path):
    place = office(recordings=20, date_filter=True, pack_follows_filter=True, seconds=(5.0, 7.0))
    inside, outside = split(place)
    with serving(place) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_system_browser(), args=["--no-sandbox"])
        page, complaints = at_pages(browser, address, **DESK)
        paths = [backfills(page)]
        assert set(place.archived()) == {one.path for one in inside}
        one = inside[0]
        listens(page, one.caller.removeprefix("+"))
        paths.append(page.url)
        missing = outside[0]
        tries_again(page, place, Identity("office", missing.klass, missing.month, missing.name))
        assert missing.path in place.archived()
        paths.append(asks_the_doctor(page))
        audited = [entry["action"] for entry in page.request.get("/api/v1/audit").json()["items"]]
        assert (audited.count("recording-played"), audited.count("recording-downloaded"), audited.count("backfill-started")) == (1, 1, 1)
        assert complaints == []
        others = {"phone": PHONE} | (
            {"night": {**DESK, "color_scheme": "dark"}, "phone-by-day": {**PHONE, "color_scheme": "light"}} if PICTURES else {}
        )
        for name, context in others.items():
            phone, complaints = at_pages(browser, address, **context)
            for path in ("/backfills", "/recordings", "/gaps", "/doctor", "/audit", *paths):
                phone.goto(path)
                assert phone.evaluate("document.documentElement.scrollWidth") <= context["viewport"]["width"], f"{path} is too wide"
                look(phone, f"{name}-{path.removeprefix(address).strip('/').split('/')[0]}{'-one' if path.startswith('http') else ''}")
            assert complaints == []
        browser.close()


def split(place: Any) -> tuple[list[Any], list[Any]]:
    """What the PBX holds inside of the window, and outside."""
    held = [one for one in place.ucm.state.all_recordings if one.start.date() < place.ucm.config.today - timedelta(days=1)]
    inside = [one for one in held if SINCE <= one.start.date() < UNTIL]
    return inside, [one for one in held if one not in inside]
