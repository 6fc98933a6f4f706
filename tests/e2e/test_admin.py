"""The admin service as a person uses it: a real browser on a real service, whose jobs go to a simulated UCM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from web_servers import TOKEN

from scraper.webui.browser import find_browser

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "timezone_id": "Asia/Tokyo"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True, "is_mobile": True}
#: Where a developer's eye wants pictures of what the test saw.
PICTURES = os.environ.get("UCM_TEST_PICTURES")
_LONGEST = 100_000


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(playwright, None), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody at the pages; what the browser complains of, and pages that are too big or too wide, fail the test."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.page: Page = browser.new_context(base_url=address, **context).new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, token: str = TOKEN) -> None:
        self.page.get_by_label("Token").fill(token)
        self.page.keyboard.press("Enter")

    def look(self, name: str) -> None:
        size = len(self.page.content())
        assert size < _LONGEST, f"{name} has {size} bytes"
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    def has_no_complaints(self) -> bool:
        return [one for one in self.complaints if "401" not in one] == []


def test_person_signs_in_starts_a_run_watches_it_and_sees_its_report(office, serving, chromium):
    place = office(today=None, recordings=30, seconds=(2.0, 4.0), pack_seconds=1.0, faults={"archive_slow": 120_000})
    with serving(place) as address:
        desk = Visitor(chromium, address, **DESK)
        page = desk.page
        page.goto("/runs")
        desk.sign_in("wrong")
        expect(page.get_by_role("alert")).to_have_text("This is not the token.")
        desk.sign_in()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_role("article")).to_contain_text("never ran")

        page.get_by_role("button", name="Run now: office").click()
        page.evaluate("window.here = true")
        expect(page.get_by_role("status")).to_have_text("downloading", timeout=30_000)
        expect(page.locator("#received")).not_to_have_text("0 B", timeout=60_000)
        expect(page.locator("#recordings")).not_to_have_text("0", timeout=60_000)
        expect(page.locator("#log")).to_contain_text("Job started")
        assert page.evaluate("window.here"), "it was watched, not loaded again"
        shows_the_visitors_time(page)
        desk.look("run-live")
        expect(page.locator("h1 .badge")).to_have_text("complete", timeout=60_000)
        expect(page.locator("main")).to_contain_text("30 of 30 recordings archived")
        expect(page.locator("#log")).to_contain_text("Job complete: 30 new")
        assert place.all_is_exact()
        shows_the_visitors_time(page)
        desk.look("run-report")

        page.get_by_role("button", name="Dry run").click()
        expect(page.locator("main")).to_contain_text("Nothing is to be fetched.", timeout=60_000)
        shows_coverage(desk)
        shows_it_on_a_phone(Visitor(chromium, address, **PHONE))
        assert desk.has_no_complaints(), desk.complaints


def shows_the_visitors_time(page: Page) -> None:
    """In the log: the date once, then the time of day."""
    first, *others = page.locator("#log time").all()[:5]
    when = datetime.fromisoformat(first.get_attribute("datetime")).astimezone(ZoneInfo("Asia/Tokyo"))
    assert first.text_content() == f"{when:%b} {when.day}, {when.year}\n{when:%H:%M:%S}"
    assert [len(one.text_content()) for one in others] == [8] * len(others)


def shows_coverage(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/")
    card = page.get_by_role("article")
    expect(card).to_contain_text("healthy")
    expect(card).to_contain_text("30 of 30 recordings")
    assert page.locator(".heat rect:not(.h0)").count() > 0
    page.get_by_text("The same as a table").click()
    expect(page.locator("details table")).to_contain_text("Archived")
    visitor.look("overview")
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("table")).to_contain_text("sign in refused")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def shows_it_on_a_phone(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/runs")
    visitor.sign_in()
    expect(page.get_by_role("link", name="Overview")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("link", name="Overview").tap()
    expect(page.get_by_role("article")).to_contain_text("healthy")
    visitor.look("overview-phone")
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("button", name="Sign out").tap()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_label("Token")).to_be_visible()
    assert visitor.has_no_complaints(), visitor.complaints


def test_person_stops_a_run_and_sees_what_a_failed_one_saw(office, serving, chromium):
    place = office(recordings=40, seconds=(3.0, 4.0), faults={"archive_slow": 60_000})
    with serving(place) as address:
        desk = Visitor(chromium, address, **DESK)
        page = desk.page
        page.goto("/")
        desk.sign_in()
        page.get_by_role("button", name="Run now: office").click()
        expect(page.locator("#recordings")).not_to_have_text("0", timeout=30_000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("h1 .badge")).to_have_text("stopped", timeout=30_000)

        place.ucm.state.faults.set("hang", "cgi")
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)
        picture = page.get_by_role("img", name="The web UI's page when it failed")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("picture => picture.naturalWidth") > 300
        desk.look("run-failed")
        shows_a_link_from_elsewhere(page, address)
        assert desk.has_no_complaints(), desk.complaints


def shows_a_link_from_elsewhere(page: Page, address: str) -> None:
    """A link in a mail comes without the session's cookie, and still leads where it should."""
    page.route("https://mail.example/**", lambda route: route.fulfill(body=f'<a href="{address}/runs">runs</a>', content_type="text/html"))
    page.goto("https://mail.example/")
    page.get_by_role("link", name="runs").click()
    expect(page.get_by_role("heading", name="What ran")).to_be_visible()
    assert httpx.get(f"{address}/runs").status_code == 303
