"""The list of a Recordings page, while people and calls go on changing it."""

from __future__ import annotations

import asyncio

import pytest

from scraper.models import Window

pytestmark = pytest.mark.browser

#: Two pages, of which the first is full.
ROWS = {"recordings": 130, "seconds": (0.02, 0.05)}


class AfterPages:
    """Does ``change`` each time a page was read, and wants the next one."""

    def __init__(self, change, times=1):
        self.change, self.left, self.totals = change, times, []

    def __call__(self, rows, newest_first, total):
        self.totals.append(total)
        if self.left:
            self.left -= 1
            self.change()
        return False


def test_list_is_not_whole_where_a_deletion_hid_a_row(visit):
    async def story(at):
        page, names = await at.ui.recordings(), at.names()
        rows, whole = await page.listing(AfterPages(lambda: at.ucm.state.remove(names[50])))
        assert (len(rows), set(names) - {row.name for row in rows}, whole) == (129, {names[100]}, False)
        assert (await at.ui.recordings()).total == 129

    visit(story, **ROWS)


def test_list_is_whole_though_new_calls_end_while_it_is_read(visit):
    async def story(at):
        page, names = await at.ui.recordings(), at.names()
        asked = AfterPages(at.ucm.state.add, times=2)
        rows, whole = await page.listing(asked)
        assert ([row.name for row in rows], whole, asked.totals) == (names, True, [130, 130])

    visit(story, **ROWS)


def test_list_that_new_calls_push_onto_one_more_page_is_read_to_its_end(visit):
    async def story(at):
        page, names = await at.ui.recordings(), at.names()
        rows, whole = await page.listing(AfterPages(at.ucm.state.add))
        assert ([row.name for row in rows], whole) == (names, True)

    visit(story, recordings=200, seconds=(0.02, 0.05))


@pytest.mark.parametrize(("difference", "is_whole"), [(1, False), (0, True)])
def test_list_that_is_shorter_than_it_says_is_not_whole(visit, difference, is_whole):
    async def story(at):
        rows, whole = await (await at.ui.recordings()).listing()
        assert ([row.name for row in rows], whole) == (at.names(), is_whole)

    visit(story, faults={"listing_total": str(difference)}, **ROWS)


def test_list_of_a_page_that_is_drawn_anew_with_days_of_its_own_is_known_for_one(visit):
    async def story(at):
        page = await at.ui.recordings()
        came_up = page.is_narrowed, page.total
        assert await page.set_window(Window())
        rows, whole = await page.listing()
        asked = (page.is_narrowed, len(rows), whole)
        anew = page.wire.next(lambda answer: answer.action == "listFile")
        await page.page.evaluate("document.querySelector(\".ant-menu-item a[href='/cdr/recordingFile']\").click()")
        await asyncio.wait_for(anew, 8)
        page.pager.catch_up()
        return came_up, asked, page.is_narrowed

    (narrowed, some), asked, again = visit(story, recordings=20, date_filter=True, date_preset=True)
    assert narrowed
    assert 0 < some < 20
    assert (asked, again) == ((False, 20, True), True)
