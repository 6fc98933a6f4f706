"""The CDR page's tables of calls, and the date filters of both pages."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from scraper.errors import DownloadFailed, PageNotAsExpected, SessionEnded
from scraper.models import Window
from scraper.webui.cdr_page import open_calls
from scraper.webui.dates import Bounds
from scraper.webui.recordings_page import Labels

BUILDS = [
    {},
    pytest.param({"labels": "old", "modal": False, "faults": {"delete_moved": ""}}, marks=pytest.mark.long),
    {"overlay": True, "sidebar": "none", "page_seconds": 3.0, "date_inputs": "range", "reloads": True},
]
WINDOW = Window(date(2026, 2, 3), date(2026, 2, 17))


def in_window(start: datetime) -> bool:
    return date(2026, 2, 3) <= start.date() < date(2026, 2, 17)


async def calls_page(at):
    return await open_calls(await at.ui.recordings())


@pytest.mark.browser
@pytest.mark.parametrize("build", BUILDS)
def test_master_csv_holds_every_call(visit, build):
    async def story(at):
        page = await calls_page(at)
        path = await page.download_csv(at.folder, at.folder.parent / "calls.csv")
        return path.read_text()

    lines = visit(story, recordings=12, unanswered_calls=4, **build).splitlines()
    assert "Start Time" in lines[0]
    assert len(lines) > 12 + 4


@pytest.mark.browser
@pytest.mark.parametrize("build", BUILDS)
def test_filtered_csv_holds_the_window_s_calls_one_window_after_another(visit, build):
    async def story(at):
        page, texts = await calls_page(at), []
        for window in (WINDOW, Window(date(2026, 1, 1), date(2026, 2, 1)), Window(date(2026, 2, 17))):
            texts.append((await page.download_csv(at.folder, at.folder.parent / "calls.csv", window)).read_text())
        asked = [action.params for action in at.ucm.state.actions if action.name == "CreateCdrRecord"]
        return texts, asked, [each.start for each in at.ucm.state.all_recordings]

    texts, asked, starts = visit(story, recordings=30, csv_columns="recordfiles", **build)
    assert asked[0]["start_time"].startswith("2026-02-03 00:00")
    assert asked[0]["end_time"].startswith("2026-02-16 23:59")
    assert texts[0].count(".wav") == sum(map(in_window, starts))
    assert sum(text.count(".wav") for text in texts) == sum(not date(2026, 2, 1) <= start.date() < date(2026, 2, 3) for start in starts)


@pytest.mark.browser
def test_ended_session_is_not_a_table(visit):
    async def story(at):
        page = await calls_page(at)
        at.ucm.state.end_sessions()
        await page.download_csv(at.folder, at.folder.parent / "calls.csv")

    with pytest.raises(SessionEnded):
        visit(story)


@pytest.mark.browser
def test_page_that_the_pbx_sends_instead_of_the_table_is_an_error(visit):
    async def story(at):
        page = await calls_page(at)
        at.ucm.state.faults.set("session_ends_before_download")
        await page.download_csv(at.folder, at.folder.parent / "calls.csv")

    with pytest.raises(DownloadFailed, match="web page"):
        visit(story)


@pytest.mark.browser
def test_translated_page_needs_its_labels(visit):
    async def story(at):
        page = await calls_page(at)
        return (await page.download_csv(at.folder, at.folder.parent / "calls.csv", WINDOW)).read_bytes()

    words = {"download_all": ("Alle herunterladen",), "recordings": ("Aufnahmedateien",)}
    with pytest.raises(PageNotAsExpected, match="Download All Records"):
        visit(story, Labels(**words), language="de")


@pytest.mark.browser
@pytest.mark.parametrize("build", [{}, pytest.param({"labels": "old"}, marks=pytest.mark.long)])
def test_recordings_page_lists_its_window_where_it_has_a_date_filter(visit, build):
    async def story(at):
        page = await at.ui.recordings()
        assert await page.set_window(WINDOW)
        rows, whole = await page.listing()
        wanted = {each.path for each in at.ucm.state.all_recordings if in_window(each.start)}
        assert ({row.name for row in rows}, whole, page.total) == (wanted, True, len(wanted))

    visit(story, recordings=40, seconds=(0.02, 0.05), date_filter=True, **build)


@pytest.mark.browser
def test_recordings_page_without_date_filter_says_so(visit):
    async def story(at):
        page = await at.ui.recordings()
        assert not await page.set_window(WINDOW)
        assert len((await page.listing())[0]) == 12

    visit(story)


def test_bounds_end_a_second_before_until_and_open_ends_are_far_away():
    assert Bounds.of(WINDOW) == Bounds(datetime(2026, 2, 3), datetime(2026, 2, 16, 23, 59, 59))
    assert Bounds.of(Window()).days == ("2000-01-01", "2099-12-31")
    assert Bounds.of(WINDOW).are_in({"filter": '{"start_time":"2026-02-03","end_time":"2026-02-16"}'})
    assert not Bounds.of(WINDOW).are_in({"start_time": "2026-02-03 00:00:00"})
