"""Somebody with a phone signs in to the PBX by hand, from the admin page, past a CAPTCHA; the runs that follow need nobody."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from web_servers import TOKEN

from scraper.simulator import WEB_PASSWORD, WEB_USER, captcha
from scraper.webui.browser import find_system_browser

pytestmark = pytest.mark.browser
expect.set_options(timeout=45_000)

#: Where a developer's eye wants pictures of what the test saw.
PICTURES = os.environ.get("UCM_TEST_PICTURES")


class Person:
    """Somebody at the admin page who sees the PBX's page as a picture, and so knows where things are on it."""

    def __init__(self, browser: Browser, address: str, pbx: str, **context) -> None:
        self.page = browser.new_context(**context).new_page()
        self.page.set_default_timeout(45_000)
        self.address = address
        self._eyes = browser.new_context(ignore_https_errors=True).new_page()
        self._pbx = pbx
        self.sign_in(self.page, address)

    @staticmethod
    def sign_in(page: Page, address: str) -> None:
        """To the page of the sign-in by hand, with the admin service's token."""
        page.goto(f"{address}/sign-in?next=/sign-in-by-hand/office")
        page.fill("input[name=token]", TOKEN)
        page.click("main button[type=submit]")

    def open(self) -> None:
        self.page.get_by_role("button", name="Open").click()
        self.page.locator("#picture").wait_for()
        expect(self.page.locator("#state")).to_contain_text(re.compile("Live|left before"))

    @property
    def size(self) -> dict[str, int]:
        """The size of the page that the picture shows, in its own pixels."""
        return self.page.locator("#picture").evaluate("picture => ({width: picture.naturalWidth, height: picture.naturalHeight})")

    def point(self, x: float, y: float) -> None:
        """Tap (or click) at a place of the PBX's page."""
        box, size = self.page.locator("#picture").bounding_box(), self.size
        place = {"x": x * box["width"] / size["width"], "y": y * box["height"] / size["height"]}
        picture = self.page.locator("#picture")
        picture.tap(position=place) if self.page.evaluate("'ontouchstart' in window") else picture.click(position=place)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag from one place of the PBX's page to another, as a hand or finger does: in steps, and not all at once."""
        self.page.locator("#picture").scroll_into_view_if_needed()
        box, size = self.page.locator("#picture").bounding_box(), self.size
        (x, y), (last_x, last_y) = (
            (box["x"] + x * box["width"] / size["width"], box["y"] + y * box["height"] / size["height"]) for x, y in (begin, end)
        )
        finger = self.page.context.new_cdp_session(self.page) if self.page.evaluate("'ontouchstart' in window") else None
        for step in range(12):
            part = min(step / 10, 1)
            place = {"x": x + (last_x - x) * part, "y": y + (last_y - y) * part}
            if finger:
                finger.send("Input.dispatchTouchEvent", {"type": "touchMove" if step else "touchStart", "touchPoints": [place]})
            else:
                self.page.mouse.move(**place)
                if not step:
                    self.page.mouse.down()
            self.page.wait_for_timeout(60)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []}) if finger else self.page.mouse.up()

    def point_at(self, selector: str, frame: str | None = None) -> None:
        """Tap an element of the sign-in page, where the eyes see it."""
        self._eyes.set_viewport_size(self.size)
        self._eyes.goto(f"{self._pbx}/login")
        found = (self._eyes.frame_locator(frame) if frame else self._eyes).locator(selector)
        box = found.bounding_box()
        self.point(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def type(self, words: str) -> None:
        self.page.fill("#text", words)
        self.page.get_by_role("button", name="Send").click()

    def look(self, name: str) -> None:
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@contextmanager
def a_person(address: str, place, **context) -> Iterator[Person]:
    """Somebody with a browser like this; jobs in this process can run only when they have left (Playwright's loop)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_system_browser(), args=["--no-sandbox"])
        yield Person(browser, address, place.ucm.url, **context)
        browser.close()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}


def in_catalog(place, query: str) -> list[tuple]:
    with closing(sqlite3.connect(place.folder / "data" / "catalog.db")) as catalog:
        return catalog.execute(query).fetchall()


@pytest.mark.fault(
    "sign-in",
    "the CAPTCHA shows pictures",
    "a person solves it on the admin page; the next runs need nobody",
    simulated="captcha, captcha_pictures",
)
def test_captcha_of_pictures_is_solved_from_a_phone_and_the_next_runs_need_nobody(office, serving):
    place = office(faults={"captcha": "", "captcha_pictures": ""})
    assert [place.run().exit_code for _ in range(3)] == [5, 5, 5]
    assert place.ucm.state.sign_ins == []
    assert in_catalog(place, "SELECT kind, ucm, ended_at FROM notices") == [("person-needed", "office", None)]
    with serving(place) as address, a_person(address, place, **PHONE) as person:
        expect(person.page.get_by_text("only a person can sign in here")).to_be_visible()
        person.look("phone-1-before")
        person.open()
        person.page.get_by_role("button", name="Fill in the configured account").click()
        person.point_at("#recaptcha-anchor", frame="iframe[title=reCAPTCHA]")
        wait_for(person.page, lambda: place.ucm.state.captcha_answer)
        person.page.wait_for_timeout(500)  # the eye waits for the picture; the test has no other sign of it
        person.look("phone-2-captcha")
        width = person.size["width"]
        for number in place.ucm.state.captcha_answer:
            person.point(*captcha.tile_centre(number, width))
        person.point(*captcha.verify_centre(width))
        wait_for(person.page, lambda: place.ucm.state.captcha_tokens)
        person.page.wait_for_timeout(500)
        person.look("phone-3-solved")
        person.point_at("button[type=submit]")
        expect(person.page.get_by_text("Signed in; the session is kept")).to_be_visible()
        person.look("phone-4-signed-in")
    assert [attempt.ok for attempt in place.ucm.state.sign_ins] == [True]
    report = place.run()
    assert (report.exit_code, report.recordings.archived) == (0, 12)
    assert len(place.ucm.state.sign_ins) == 1
    assert in_catalog(place, "SELECT count(*) FROM notices WHERE kind = 'person-needed' AND ended_at IS NULL") == [(0,)]
    audited = in_catalog(place, "SELECT action, ucm, detail FROM audit WHERE ucm IS NOT NULL")
    assert [action for action, _, _ in audited] == ["sign-in-by-hand-opened", "signed-in-by-hand"]
    assert WEB_PASSWORD not in (place.folder / "serve.log").read_text()


@pytest.mark.fault("sign-in", "the CAPTCHA shows a slider", "a person drags it on the admin page", simulated="captcha, captcha_slider")
@pytest.mark.parametrize("device", ["phone", pytest.param("desk", marks=pytest.mark.long)])
def test_slider_is_dragged(office, serving, device):
    place = office(recordings=1, faults={"captcha": "", "captcha_slider": ""})
    with serving(place) as address, a_person(address, place, **(PHONE if device == "phone" else DESKTOP)) as person:
        person.open()
        person.page.get_by_role("button", name="Fill in the configured account").click()
        person.point_at("#recaptcha-anchor", frame="iframe[title=reCAPTCHA]")
        wait_for(person.page, lambda: place.ucm.state.captcha_answer)
        for _ in range(20):  # the eye would wait for the picture; the test has no other sign of it, and tries again
            person.page.wait_for_timeout(500)
            person.look(f"{device}-slider")
            width = person.size["width"]
            (mark,) = place.ucm.state.captcha_answer
            person.drag(captcha.handle_centre(0, width), captcha.handle_centre(mark, width))
            person.page.wait_for_timeout(500)
            if place.ucm.state.captcha_tokens:
                break
        person.point_at("button[type=submit]")
        expect(person.page.get_by_text("Signed in; the session is kept")).to_be_visible()
    assert [attempt.ok for attempt in place.ucm.state.sign_ins] == [True]


@pytest.mark.fault(
    "sign-in",
    "a code is asked for",
    "a person types it on the admin page, and nothing typed is left anywhere",
    promise="secret",
    simulated="login_extra=otp",
)
def test_second_factor_is_typed_at_a_desk_and_nothing_typed_is_left_anywhere(office, serving):
    place = office(faults={"login_extra": "otp"})
    place.configure(web={"password": None})
    secrets = ["mistyped-by-hand", WEB_PASSWORD]
    with serving(place) as address, a_person(address, place, **DESKTOP) as person:
        page = person.page
        person.open()
        expect(page.get_by_role("button", name="Fill in")).to_have_count(0)
        other = page.context.browser.new_page()
        Person.sign_in(other, address)
        expect(other.get_by_text("is open already")).to_be_visible()
        other.close()
        person.point_at("input#username")
        page.keyboard.type(WEB_USER)
        page.get_by_role("button", name="Next field").click()
        person.type(secrets[0])
        page.get_by_role("button", name="Enter").click()
        expect(page.locator("#state")).to_have_text("4 failed sign-ins left before the PBX bans this server's address.")
        person.look("desk-1-refused")
        page.locator("#screen").focus()  # the cursor is in the password's field still
        for _ in secrets[0]:
            page.keyboard.press("Backspace")
        page.keyboard.type(WEB_PASSWORD)
        page.keyboard.press("Enter")
        wait_for(page, lambda: place.ucm.state.sign_ins[-1].ok)
        page.wait_for_timeout(1000)
        person.look("desk-2-code")
        page.get_by_role("button", name="Next field").click()
        person.type("123456")
        page.locator("#screen").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Signed in; the session is kept")).to_be_visible()
        person.look("desk-3-signed-in")
    assert [attempt.ok for attempt in place.ucm.state.sign_ins] == [False, True]
    assert place.run().exit_code == 0
    kept = b"".join(path.read_bytes() for path in (place.folder / "data").rglob("*") if path.is_file() and path.suffix != ".wav")
    assert [secret for secret in secrets if secret in (place.folder / "serve.log").read_text() or secret.encode() in kept] == []
    assert b"\xff\xd8\xff\xe0" not in kept  # no picture


def wait_for(page: Page, happened) -> None:
    """Wait until it has happened, and fail after ten seconds."""
    for _ in range(100):
        if happened():
            return
        page.wait_for_timeout(100)
    raise AssertionError("It did not happen.")
