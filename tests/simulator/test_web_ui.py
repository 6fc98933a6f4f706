"""The simulated web UI in a real browser: what a person can do there, and what the PBX then sees."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from scraper.simulator import WEB_PASSWORD, WEB_USER
from scraper.webui.browser import find_system_browser

pytestmark = pytest.mark.browser

RECORDINGS, CALLS, QUEUE = "/cdr/recordingFile", "/cdr/cdr", "/cdr/queueRecordingFile"
ROWS, TOTAL = "tr.ant-table-row", ".ant-pagination-total-text"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all of them."""
    with sync_playwright() as playwright:
        found = find_system_browser()
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own context; an error in its script fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def opened(start: Callable[..., Any], page: Page) -> Callable[..., Any]:
    """``opened(RECORDINGS, modal=False)``: a PBX like this, signed in by the form, on this page. Returns the PBX."""

    def begin(path: str = RECORDINGS, **settings: Any) -> Any:
        pbx = start(**settings)
        page.goto(pbx.simulator.url)
        sign_in(page)
        page.wait_for_url("**/dashboard")
        page.goto(pbx.simulator.url + path)
        page.locator(ROWS).first.wait_for()
        return pbx

    return begin


def sign_in(page: Page, password: str = WEB_PASSWORD) -> None:
    page.fill("input#username", WEB_USER)
    page.fill("input#password", password)
    page.click("button[type=submit]")


def labelled(page: Page, label: str) -> Locator:
    """A button by its own label: its accessible name begins with its icon's, as antd 4 has it."""
    return page.locator(f".top-button button.ant-btn:has(> span:text-is('{label}'))")


def downloaded(page: Page, do: Callable[[], None]) -> tuple[str, Path]:
    with page.expect_download() as caught:
        do()
    return caught.value.suggested_filename, Path(caught.value.path())


def confirm_pack(page: Page) -> None:
    page.click(".ant-modal-footer .ant-btn-primary:not([disabled])")


def members(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def tick(page: Page, row: int) -> None:
    page.locator(f"{ROWS} .ant-checkbox-input").nth(row).check()


# --- signing in ---


def test_every_route_without_session_shows_the_login_page(start: Callable[..., Any], page: Page) -> None:
    page.goto(start().simulator.url + RECORDINGS)
    page.locator("input#username").wait_for()
    assert page.url.endswith("/login")


def test_sign_in_sets_the_page_cookies_and_opens_the_dashboard(start: Callable[..., Any], page: Page) -> None:
    pbx = start()
    page.goto(pbx.simulator.url)
    sign_in(page)
    page.wait_for_url("**/dashboard")
    assert {"session-identify", "username", "user_id"} <= {cookie["name"] for cookie in page.context.cookies()}


def test_wrong_password_shows_the_attempts_that_remain(start: Callable[..., Any], page: Page) -> None:
    pbx = start()
    page.goto(pbx.simulator.url)
    sign_in(page, "wrong")
    expect(page.locator(".ant-form-item-has-error [role=alert]")).to_contain_text("4 attempt(s)")
    assert [entry.ok for entry in pbx.state.sign_ins] == [False]


def test_captcha_must_be_solved_in_the_page(start: Callable[..., Any], page: Page) -> None:
    pbx = start(faults={"captcha": ""})
    page.goto(pbx.simulator.url)
    sign_in(page)
    page.locator(".ant-message-error").wait_for()
    page.frame_locator("iframe[title=reCAPTCHA]").locator("#recaptcha-anchor").click()
    page.wait_for_function("document.getElementById('g-recaptcha-response').value")
    page.click("button[type=submit]")
    page.wait_for_url("**/dashboard")


def test_code_after_the_password_signs_in(start: Callable[..., Any], page: Page) -> None:
    page.goto(start(faults={"login_extra": "otp"}).simulator.url)
    sign_in(page)
    page.fill("input#verificationCode", "123456")
    page.click("button[type=submit]")
    page.wait_for_url("**/dashboard")


def test_ended_session_returns_to_the_login_page(opened: Callable[..., Any], page: Page) -> None:
    opened().state.end_sessions()
    page.click(".ant-pagination-next")
    page.locator("input#username").wait_for()
    assert page.url.endswith("/login")


def test_open_page_asks_every_half_minute_whether_the_session_lives(opened: Callable[..., Any], page: Page) -> None:
    page.clock.install()
    pbx = opened()
    before = pbx.state.count("getUserInfo")
    page.clock.fast_forward(31_000)
    page.wait_for_load_state("networkidle")
    assert pbx.state.count("getUserInfo") == before + 1


def test_unknown_route_goes_to_the_dashboard(opened: Callable[..., Any], page: Page) -> None:
    page.goto(opened().simulator.url + "/no/such/page")
    page.wait_for_url("**/dashboard")


def test_sidebar_leads_to_the_recordings(opened: Callable[..., Any], page: Page) -> None:
    page.goto(opened().simulator.url + "/dashboard")
    page.click(".ant-menu-submenu-title:has-text('CDR')")
    expect(page.locator(".ant-menu-submenu-open .ant-menu-item")).to_have_text(["CDR", "Call Rate", "Statistics", "Recordings"])
    page.click(".ant-menu-item:has-text('Recordings')")
    page.wait_for_url("**" + RECORDINGS)


def test_md5_of_any_length_is_the_standard_one(start: Callable[..., Any], page: Page) -> None:
    page.goto(start().simulator.url)
    texts = ["x" * length for length in range(130)] + ["é", "密码"]
    hashes = page.evaluate("texts => import('/static/md5.js').then(it => texts.map(it.md5hex))", texts)
    assert hashes == [hashlib.md5(text.encode()).hexdigest() for text in texts]


# --- the list ---


def test_row_key_is_the_file_name_also_with_plus_and_hash(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(recordings=10)
    keys = {row.get_attribute("data-row-key") for row in page.locator(ROWS).all()}
    assert keys == {recording.path for recording in pbx.state.all_recordings}
    assert {mark for mark in "+#" if any(mark in str(key) for key in keys)} == {"+", "#"}


@pytest.mark.parametrize("mark", ["+", "#"])
def test_single_download_escapes_the_file_name(opened: Callable[..., Any], page: Page, mark: str) -> None:
    pbx = opened(recordings=10)
    _, path = downloaded(page, lambda: page.locator(f"{ROWS}[data-row-key*='{mark}'] .sprite-download").first.click())
    assert mark in pbx.state.downloads[-1].name
    assert path.read_bytes()[:4] == b"RIFF"


def test_every_page_together_shows_every_recording(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(recordings=23)
    seen: set[str | None] = set()
    for number in (1, 2, 3):
        page.locator(f".ant-pagination-item-{number}").click()
        page.locator(f".ant-pagination-item-{number}.ant-pagination-item-active").wait_for()
        expect(page.locator(".ant-spin-blur")).to_have_count(0)
        seen |= {row.get_attribute("data-row-key") for row in page.locator(ROWS).all()}
    expect(page.locator(".ant-pagination-next")).to_have_attribute("aria-disabled", "true")
    assert seen == {recording.path for recording in pbx.state.all_recordings}


@pytest.mark.parametrize(
    ("labels", "opener", "option"),
    [
        ("new", ".ant-select-selector", ".ant-select-item-option[title='50 / page']"),
        ("old", ".ant-select-selection", ".ant-select-dropdown-menu-item:text-is('50 / page')"),
    ],
)
def test_size_changer_shows_more_rows(opened: Callable[..., Any], page: Page, labels: str, opener: str, option: str) -> None:
    opened(recordings=30, labels=labels)
    page.click(opener)
    page.click(f"body > [data-portal] {option}")
    expect(page.locator(ROWS)).to_have_count(30)


def test_quick_jumper_goes_there(opened: Callable[..., Any], page: Page) -> None:
    opened(recordings=30)
    page.fill(".ant-pagination-options-quick-jumper input", "3")
    page.press(".ant-pagination-options-quick-jumper input", "Enter")
    page.locator(".ant-pagination-item-3.ant-pagination-item-active").wait_for()


def test_date_input_is_read_only_until_clicked_and_filters(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(recordings=30, date_filter=True)
    field = page.locator(".ant-picker input").first
    assert not field.is_editable()
    field.click()
    field.fill("2026-02-15 00:00")
    field.press("Enter")
    page.click(".filter-apply")
    wanted = sum(f"{recording.start:%Y-%m-%d}" >= "2026-02-15" for recording in pbx.state.all_recordings)
    assert 0 < wanted < 30
    expect(page.locator(TOTAL)).to_have_text(f"Total: {wanted}")


def test_date_input_takes_one_form_only_and_forgets_another(opened: Callable[..., Any], page: Page) -> None:
    opened(date_filter=True)
    field = page.locator(".ant-picker input").first
    field.click()
    field.fill("2026-02-15")
    field.press("Enter")
    expect(page.locator(".ant-picker-dropdown")).to_be_visible()
    page.mouse.click(1, 1)
    expect(page.locator(".ant-picker-dropdown")).to_have_count(0)
    expect(field).to_have_value("")


def test_picked_day_and_time_count_from_their_ok(opened: Callable[..., Any], page: Page) -> None:
    opened(date_filter=True)
    field = page.locator(".ant-picker input").first
    field.click()
    assert page.locator(".ant-picker-ok button").is_disabled()
    page.locator("td[title='2026-02-15']").click()
    page.locator(".ant-picker-time-panel-column").first.get_by_text("09", exact=True).click()
    expect(field).to_have_value("")
    page.locator(".ant-picker-ok button").click()
    expect(field).to_have_value("2026-02-15 09:00")


def begin_range(opened: Callable[..., Any], page: Page) -> list[Locator]:
    """A range of dates whose beginning was entered; its two inputs."""
    opened(date_filter=True, date_inputs="range")
    start, end = page.locator(".ant-picker-range input").all()
    start.click()
    start.fill("2026-02-15")
    start.press("Enter")
    expect(end).to_be_focused()
    return [start, end]


def test_range_is_taken_once_both_ends_are_entered_and_its_ends_are_swapped(opened: Callable[..., Any], page: Page) -> None:
    start, end = begin_range(opened, page)
    end.fill("2026-02-03")
    end.press("Enter")
    expect(page.locator(".ant-picker-dropdown")).to_have_count(0)
    expect(start).to_have_value("2026-02-03")
    expect(end).to_have_value("2026-02-15")


def test_range_of_which_one_end_was_entered_is_forgotten(opened: Callable[..., Any], page: Page) -> None:
    start, _ = begin_range(opened, page)
    page.mouse.click(1, 1)
    expect(start).to_have_value("")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["Delete", "Delete All", "Download", "Download All"]),
        ({"faults": {"delete_moved": ""}}, ["Download", "Download All", "Delete", "Delete All"]),
        ({"labels": "old"}, ["Batch delete", "Delete all", "Batch download", "Download all recording files"]),
        ({"language": "de"}, ["Löschen", "Alle löschen", "Herunterladen", "Alle herunterladen"]),
        ({"language": "zh"}, ["删 除", "删除所有", "下 载", "下载所有"]),
    ],
)
def test_buttons_bear_their_labels(opened: Callable[..., Any], page: Page, settings: dict[str, Any], expected: list[str]) -> None:
    opened(**settings)
    expect(page.locator(".top-button .ant-btn")).to_have_text(expected)
    assert page.locator(".top-button .ant-btn[disabled]").count() == 2


# --- downloads ---


def test_download_all_button_of_the_modal_waits_for_the_pack(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(pack_seconds=1.0)
    labelled(page, "Download All").click()
    expect(page.locator(".ant-modal-footer .ant-btn-primary.ant-btn-loading")).to_be_disabled()
    name, path = downloaded(page, lambda: confirm_pack(page))
    assert name == "allCdrRecordFiles.tgz"
    assert members(path) == sorted(recording.path for recording in pbx.state.all_recordings)


@pytest.mark.parametrize("pack_mode", ["blocking", "poll"])
def test_download_all_without_modal_shows_a_toast_then_downloads(opened: Callable[..., Any], page: Page, pack_mode: str) -> None:
    opened(modal=False, pack_seconds=0.7, pack_mode=pack_mode)
    labelled(page, "Download All").click()
    _, path = downloaded(page, lambda: page.locator(".ant-message-loading").wait_for())
    assert len(members(path)) == 12
    assert page.locator(".ant-modal").count() == 0


def test_failed_pack_closes_the_modal_and_says_so(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(faults={"pack_fails": "-9"})
    labelled(page, "Download All").click()
    page.locator(".ant-message-error").wait_for()
    expect(page.locator(".ant-modal")).to_be_hidden()
    assert pbx.state.downloads == []


def test_ticked_rows_are_packed_as_a_batch(opened: Callable[..., Any], page: Page) -> None:
    opened()
    tick(page, 0)
    tick(page, 3)
    wanted = [row.get_attribute("data-row-key") for row in page.locator("tr.ant-table-row-selected").all()]
    labelled(page, "Download").click()
    name, path = downloaded(page, lambda: confirm_pack(page))
    assert (name, members(path)) == ("batchCdrRecordFiles.tgz", sorted(wanted))


def test_single_download_is_checked_first_and_is_riff(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened()
    _, path = downloaded(page, lambda: page.locator(".sprite-download").first.click())
    assert path.read_bytes()[:4] == b"RIFF"
    assert [action.name for action in pbx.state.actions][-2:] == ["checkFile", "downloadFile"]


def test_session_that_ends_before_the_download_yields_html_of_that_name(opened: Callable[..., Any], page: Page) -> None:
    opened(faults={"session_ends_before_download": ""})
    labelled(page, "Download All").click()
    name, path = downloaded(page, lambda: confirm_pack(page))
    assert name == "allCdrRecordFiles.tgz"
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")


def test_queue_page_packs_queue_recordings(opened: Callable[..., Any], page: Page) -> None:
    opened(QUEUE, queue_recordings=3)
    labelled(page, "Download All").click()
    name, path = downloaded(page, lambda: confirm_pack(page))
    assert (name, len(members(path))) == ("allQueueRecordFiles.tgz", 3)


def test_cdr_page_downloads_all_calls_and_the_found_ones(opened: Callable[..., Any], page: Page) -> None:
    opened(CALLS)
    assert labelled(page, "Download Search Result(s)").is_disabled()
    name, everything = downloaded(page, labelled(page, "Download All Records").click)
    assert name == "Master.csv"
    page.click(".display-filter")
    field = page.locator(".ant-picker input").first
    field.click()
    field.fill("2026-02-15 00:00")
    field.press("Enter")
    page.click(".filter-apply")
    name, found = downloaded(page, labelled(page, "Download Search Result(s)").click)
    assert name == "Master_condition.csv"
    assert len(found.read_bytes().splitlines()) < len(everything.read_bytes().splitlines())


# --- what must never be clicked ---


def test_delete_all_deletes_all_and_asks_nobody(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened()
    labelled(page, "Delete All").click()
    page.locator(".ant-table-placeholder").wait_for()
    assert pbx.state.deletes == ["removeFile"]


def test_delete_of_ticked_rows_asks_first(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened()
    tick(page, 0)
    labelled(page, "Delete").click()
    page.locator(".ant-modal-confirm").wait_for()
    assert pbx.state.deletes == []
    page.click(".ant-modal-confirm .ant-btn-primary")
    expect(page.locator(TOTAL)).to_have_text("Total: 11")
    assert pbx.state.deletes == ["removeFile"]


def test_row_delete_asks_beside_its_icon(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened()
    page.locator(".sprite-del").first.click()
    page.click(".ant-popconfirm .ant-btn-primary")
    expect(page.locator(TOTAL)).to_have_text("Total: 11")
    assert pbx.state.deletes == ["removeFile"]


def test_cdr_delete_all_deletes_the_calls(opened: Callable[..., Any], page: Page) -> None:
    pbx = opened(CALLS)
    labelled(page, "Delete All").click()
    page.locator(".ant-message-success").wait_for()
    assert pbx.state.deletes == ["deleteCDRDB"]


def test_overlay_lies_over_the_download_button(opened: Callable[..., Any], page: Page) -> None:
    opened(overlay=True)
    page.locator(".ant-alert-warning").wait_for()
    with pytest.raises(PlaywrightTimeout, match="intercepts pointer events"):
        labelled(page, "Download All").click(timeout=1000)


def test_refused_request_leaves_the_page_usable(opened: Callable[..., Any], page: Page) -> None:
    opened(recordings=23)
    page.route("**/cgi", lambda route: route.abort(), times=1)
    page.click(".ant-pagination-next")
    page.locator(".ant-message-error").wait_for()
    page.click(".ant-pagination-item-3")
    expect(page.locator(ROWS)).to_have_count(3)
