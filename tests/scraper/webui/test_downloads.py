"""Downloads of one page, one after another."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from scraper.errors import DownloadFailed
from scraper.models import RecordingClass
from scraper.simulator.delivery import Delivery
from scraper.webui.downloads import Ask, file_trouble

from .conftest import read

pytestmark = pytest.mark.browser


def address(recording) -> str:
    return f"/cgi?action=downloadFile&type=voice_recording&data={quote(recording.path)}"


def test_second_archive_comes_from_the_pbx_though_it_lets_the_first_be_cached(visit, monkeypatch):
    """All archives of a kind have one address (field guide 1)."""
    answer = Delivery.__call__

    async def cacheable(self, *call):
        self.headers["cache-control"] = "max-age=3600"
        await answer(self, *call)

    monkeypatch.setattr(Delivery, "__call__", cacheable)

    async def story(at):
        page = (await at.ui.recordings()).page
        await page.evaluate(
            "fetch('/cgi', {method: 'POST', body: new URLSearchParams({action: 'packFile', type: 'cdr_pack',"
            "data: 'allCdrRecordFiles.tgz'})}).then(answer => answer.json())"
        )
        for _ in range(2):
            async with page.expect_download() as download:
                await page.evaluate("() => { location = '/cgi?action=downloadFile&type=cdr_pack&data=allCdrRecordFiles.tgz' }")
            await (await download.value).path()
        return at.ucm.state.count("downloadFile")

    assert visit(story) == 2


@pytest.mark.fault(
    "download", "an earlier recording's download begins late", "it isn't taken for the one that was asked for", promise="loss"
)
def test_straggler_of_an_earlier_download_is_not_taken_for_the_recording_that_was_asked_for(visit):
    async def story(at):
        page = await at.ui.recordings()
        late, wanted = sorted(at.ucm.state.listed(RecordingClass.MONITOR), key=lambda recording: recording.size, reverse=True)[:2]

        async def press():
            await page.page.evaluate(
                "([late, wanted]) => { location = late; setTimeout(() => { location = wanted; }, 300); }",
                [address(late), address(wanted)],
            )

        ask = Ask(press, file_trouble, 10.0, DownloadFailed("late"), data=wanted.path)
        async with page.downloads.get(ask, at.folder) as stream:
            return await read(stream) == wanted.riff()

    assert visit(story)


def test_straggler_that_begins_while_the_wanted_one_is_read_is_discarded(visit):
    async def story(at):
        page = await at.ui.recordings()
        wanted, late = at.ucm.state.listed(RecordingClass.MONITOR)[:2]

        async def begin(recording):
            await page.page.evaluate("address => { location = address; }", address(recording))

        ask = Ask(lambda: begin(wanted), file_trouble, 10.0, DownloadFailed("late"), data=wanted.path)
        async with page.downloads.get(ask, at.folder) as stream:
            head = await asyncio.to_thread(stream.head, 4)
            async with page.page.expect_download():
                await begin(late)
            assert (head, await read(stream)) == (b"RIFF", wanted.riff())
        return list(at.folder.iterdir())

    assert visit(story) == []


#: A dialogue that offers a download of its own, as of new firmware; it can't be closed.
DIALOGUE = """milliseconds => setTimeout(() => {
  document.body.insertAdjacentHTML('beforeend', `<div class="ant-modal-wrap"><div class="ant-modal">
    <p>New firmware is there.</p><button class="ant-btn">Later</button>
    <button class="ant-btn" id="firmware">Download</button></div></div>`);
  document.getElementById('firmware').addEventListener('click', () => {
    window.pressed = true;
    fetch('/cgi', {method: 'POST', body: new URLSearchParams({action: 'downloadFirmware'})}).catch(() => 0);
  });
}, milliseconds)"""


@pytest.mark.fault(
    "web",
    "a dialogue about new firmware has a Download button ({when})",
    "it is not downloaded on the PBX, and the archive comes",
    promise="reading",
)
@pytest.mark.parametrize(("when", "milliseconds", "pressed"), [("before", 0, None), ("while the PBX packs", 200, True)])
def test_another_dialogue_s_download_reaches_nobody_and_the_archive_comes(visit, when, milliseconds, pressed):
    async def story(at):
        page = await at.ui.recordings()
        await page.page.evaluate(DIALOGUE, milliseconds)
        async with page.download_all(at.folder) as stream:
            data = await read(stream)
        assert "downloadFirmware" not in {action.name for action in at.ucm.state.actions}
        return data[:2], await page.page.evaluate("window.pressed ?? null")

    assert visit(story, pack_seconds=1.0) == (b"\x1f\x8b", pressed)


def test_archive_that_broke_off_before_anybody_read_is_read_as_far_as_it_came(visit):
    async def story(at):
        at.ucm.state.faults.set("archive_cut", 0.5)
        at.ucm.state.faults.set("archive_slow", 300_000.0)  # over this machine's own network five tries may be over in 10 ms
        page = await at.ui.recordings()
        async with page.download_all(at.folder) as stream:
            await asyncio.sleep(3.0)  # by then the browser has tried again in vain, and removed its file
            with pytest.raises(DownloadFailed) as failure:
                await read(stream)
        return failure.value.evidence["received"], at.ucm.state.downloads[0].size

    received, size = visit(story)
    assert size * 0.4 < received <= size * 0.5
