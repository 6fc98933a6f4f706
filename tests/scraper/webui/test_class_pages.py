"""Queue and conference recordings: pages that are found by what they are called, and known by what they ask for."""

from __future__ import annotations

import io
import tarfile

import pytest

from scraper.errors import PageNotAsExpected, SessionEnded
from scraper.models import RecordingClass
from scraper.webui.class_pages import open_class
from scraper.webui.pause import Pause
from scraper.webui.recordings_page import Labels
from scraper.webui.rows import Rows

from .conftest import read

KLASSES = [(RecordingClass.QUEUE, "queue_recording", 5), (RecordingClass.MEETME, "meetme_recording", 3)]


def members(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.mark.browser
@pytest.mark.parametrize(
    "build",
    [{"sidebar": "collapsed", "reloads": True}, pytest.param({"labels": "old", "modal": False, "overlay": True}, marks=pytest.mark.long)],
)
def test_class_page_lists_and_gives_all_some_and_one(visit, build):
    async def story(at):
        page = await at.ui.recordings()
        for klass, kind, count in KLASSES:
            names = at.names(klass)
            found = (await open_class(page, klass)).page
            assert (found.kind, found.total) == (kind, count)
            rows, whole = await found.listing()
            assert ([row.name for row in rows], whole) == (names, True)
            async with found.download_all(at.folder) as stream:
                assert members(await read(stream)) == set(names)
            async with Rows(found).download_batch(names[:2], at.folder) as batch:
                assert members(await read(batch.stream)) == set(names[:2])
            async with Rows(found, Pause(0.0)).download_row(names[-1], at.folder) as stream:
                assert (await read(stream))[:4] == b"RIFF"
        assert (await at.ui.recordings()).total == 12

    visit(story, queue_recordings=5, meetme_recordings=3, **build)


@pytest.mark.browser
def test_web_ui_without_sidebar_has_no_class_pages_to_find(visit):
    async def story(at):
        return await open_class(await at.ui.recordings(), RecordingClass.QUEUE)

    assert visit(story, queue_recordings=5, sidebar="none", page_seconds=3.0) is None


@pytest.mark.browser
@pytest.mark.parametrize(("language", "all_button"), [pytest.param("de", "Alle herunterladen", marks=pytest.mark.long), ("zh", "下载所有")])
def test_translated_entries_are_known(visit, language, all_button):
    async def story(at):
        found = (await open_class(await at.ui.recordings(), RecordingClass.MEETME)).page
        return found.total

    assert visit(story, Labels((all_button,)), language=language, meetme_recordings=3) == 3


SWALLOWED = (
    "addEventListener('click', event => event.target.closest('%s') && (event.stopImmediatePropagation(), event.preventDefault()), true)"
)
BARE = """new MutationObserver(() => location.pathname.includes('queue') && document.querySelectorAll('.top-button').forEach(
  bar => bar.remove())).observe(document, {childList: true, subtree: true})"""


@pytest.mark.browser
@pytest.mark.fault("web", "the page of a class is in the sidebar and does not open", "its list is not known", promise="success")
@pytest.mark.parametrize(
    ("disturb", "fault", "why"),
    [
        (SWALLOWED % ".ant-menu-item, .ant-menu a", None, "did not come up"),
        (SWALLOWED % ".ant-menu-submenu-title", None, "did not open"),
        ("location = '/cgi?action=removeFile'", None, "was gone"),
        (None, "list", "did not come up"),
        (BARE, None, "without its Download All button"),
    ],
    ids=["entry-without-effect", "menu-without-effect", "error-page", "list-never-answered", "no-download-all"],
)
def test_class_page_that_does_not_come_up_is_an_error_and_not_nothing(visit, disturb, fault, why):
    async def story(at):
        page = await at.ui.recordings()
        if disturb:
            await page.page.evaluate(f"() => {{ {disturb} }}")
            await page.page.wait_for_timeout(500)
        if fault:
            at.ucm.state.faults.set("hang", fault)
        with pytest.raises(PageNotAsExpected, match=why):
            await open_class(page, RecordingClass.QUEUE)

    visit(story, queue_recordings=5, page_seconds=4.0)


@pytest.mark.browser
@pytest.mark.fault("web", "the session has ended where the sidebar is to show a class's page", "its list is not known", promise="success")
def test_sign_in_that_shows_in_place_of_the_sidebar_is_an_ended_session_and_not_nothing(visit):
    async def story(at):
        page = await at.ui.recordings()
        at.ucm.state.end_sessions()
        await page.page.reload()
        with pytest.raises(SessionEnded):
            await open_class(page, RecordingClass.QUEUE)

    visit(story, queue_recordings=5, page_seconds=4.0)


@pytest.mark.browser
def test_entry_that_only_sounds_like_a_class_page_is_none(visit):
    async def story(at):
        page = await at.ui.recordings()
        await page.page.evaluate(
            """() => { setInterval(() => document.querySelectorAll('.ant-menu a').forEach(link => {
            if (link.textContent === 'Recording Storage Settings') link.textContent = 'Queue recording settings'; }), 20);
            document.head.append(Object.assign(document.createElement('style'),
            {textContent: '.ant-menu a[href*=queueRecordingFile] {display: none}'})) }"""
        )
        return await open_class(page, RecordingClass.QUEUE)

    assert visit(story) is None
