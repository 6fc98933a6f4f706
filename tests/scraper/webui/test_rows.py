"""Chosen recordings by their rows: ticked and packed, or one by one, never a delete button."""

from __future__ import annotations

import asyncio
import io
import tarfile

import pytest

from scraper.errors import DownloadFailed, GoneAtPbx, NotListed, PackFailed, PageNotAsExpected, SessionEnded, WebPageInstead
from scraper.webui.pause import Pause
from scraper.webui.recordings_page import Labels
from scraper.webui.rows import Rows

from .conftest import Clock, read

NEW, OLD = {}, {"labels": "old", "modal": False}


def members(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name for member in archive if member.isfile()}


async def take_batches(rows, wanted, folder):
    """(what each archive holds, what the list lacks) until all wanted are accounted for."""
    left, archives, absent = set(wanted), [], set()
    while left:
        try:
            async with rows.download_batch(left, folder) as batch:
                archives.append(members(await read(batch.stream)))
                assert batch.names == archives[-1]
                left -= batch.names | batch.absent
                absent |= batch.absent
        except NotListed:
            absent |= left
            left = set()
    return archives, absent


@pytest.mark.browser
def test_larger_page_that_is_answered_late_is_taken_all_the_same(visit, monkeypatch):
    monkeypatch.setattr("scraper.webui.paging._CHANGED_SECONDS", 0.0)

    async def story(at):
        wanted = set(at.names()[11:14])
        archives, absent = await take_batches(Rows(await at.ui.recordings()), wanted, at.folder)
        assert (archives, absent) == ([wanted], set())

    visit(story)


@pytest.mark.browser
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(NEW, marks=pytest.mark.long),
        OLD,
        {"overlay": True, "faults": {"delete_moved": ""}, "pack_mode": "poll", "reloads": True},
    ],
)
def test_batch_holds_exactly_the_ticked_rows_of_one_page(visit, build):
    async def story(at):
        wanted = set(at.names()[1:8:3])
        archives, absent = await take_batches(Rows(await at.ui.recordings()), wanted, at.folder)
        assert (archives, absent) == ([wanted], set())

    visit(story, **build)


@pytest.mark.browser
@pytest.mark.parametrize("build", [NEW, pytest.param(OLD, marks=pytest.mark.long)])
def test_batches_where_ticks_do_not_survive_paging_go_page_by_page(visit, build):
    async def story(at):
        names = at.names()
        wanted = {names[2], names[30], names[150], names[201], names[219]}
        archives, absent = await take_batches(Rows(await at.ui.recordings()), wanted | {"2026-02/not-there.wav"}, at.folder)
        assert archives == [{names[2], names[30]}, {names[150]}, {names[201], names[219]}]
        assert absent == {"2026-02/not-there.wav"}

    visit(story, recordings=220, seconds=(0.02, 0.05), **build)


@pytest.mark.browser
def test_second_batch_does_not_hold_the_first_ones_rows(visit):
    async def story(at):
        rows, names = Rows(await at.ui.recordings()), at.names()
        for wanted in ({names[0], names[1]}, {names[1], names[5]}, {names[9]}):
            assert (await take_batches(rows, wanted, at.folder))[0] == [wanted]

    visit(story)


@pytest.mark.browser
def test_labels_of_another_language_come_from_the_configuration(visit):
    async def story(at):
        wanted = set(at.names()[:2])
        assert (await take_batches(Rows(await at.ui.recordings()), wanted, at.folder))[0] == [wanted]

    visit(story, Labels(("Alle herunterladen",), ("Herunterladen",), ("Aufnahmedateien", "Aufnahmen")), language="de")
    with pytest.raises(PageNotAsExpected, match="Herunterladen"):
        visit(story, Labels(("Alle herunterladen",), ("Laden",), ("Aufnahmedateien", "Aufnahmen")), language="de")


@pytest.mark.browser
def test_failed_batch_is_a_failed_pack(visit):
    async def story(at):
        await take_batches(Rows(await at.ui.recordings()), at.names()[:2], at.folder)

    with pytest.raises(PackFailed):
        visit(story, faults={"pack_fails": "-9"})


@pytest.mark.browser
def test_batch_of_an_ended_session_says_so(visit):
    async def story(at):
        rows = Rows(await at.ui.recordings())
        at.ucm.state.end_sessions()
        await take_batches(rows, at.names()[:2], at.folder)

    with pytest.raises(SessionEnded):
        visit(story)


@pytest.mark.browser
@pytest.mark.parametrize("build", [NEW, OLD, pytest.param({"overlay": True}, marks=pytest.mark.long)])
def test_rows_come_one_by_one_sample_for_sample(visit, build):
    async def story(at):
        rows, clock = Rows(await at.ui.recordings(), Pause(0.0)), Clock()
        names = at.names()
        for name in (names[0], names[11], names[150], names[3]):
            async with rows.download_row(name, at.folder) as stream:
                data = await read(stream)
            assert data == next(each.riff() for each in at.ucm.state.all_recordings if each.path == name)
        assert clock.slept == []

    visit(story, recordings=152, seconds=(0.02, 0.05), **build)


@pytest.mark.fault("audio", "a listed recording's file is gone", "the row says so", promise="gap", simulated="gone_but_listed=0.33")
@pytest.mark.browser
def test_row_whose_file_is_gone_is_gone_at_the_pbx(visit):
    async def story(at):
        rows, results = Rows(await at.ui.recordings(), Pause(0.0)), {}
        for name in at.names():
            try:
                async with rows.download_row(name, at.folder) as stream:
                    results[name] = (await read(stream))[:4]
            except GoneAtPbx:
                results[name] = None
        readable = {each.path for each in at.ucm.state.readable(at.ucm.state.all_recordings[0].klass)}
        assert {name for name, head in results.items() if head == b"RIFF"} == readable
        assert len(readable) == 8

    visit(story, faults={"gone_but_listed": "0.33"})


@pytest.mark.browser
def test_row_that_is_not_listed_says_so_after_one_round(visit):
    async def story(at):
        page = await at.ui.recordings()
        async with Rows(page).download_row("2026-02/not-there.wav", at.folder):
            pass

    with pytest.raises(NotListed):
        visit(story, recordings=25)


@pytest.mark.fault(
    "download",
    "single downloads that follow each other too fast yield a page",
    "the pause grows until recordings come",
    promise="success",
    simulated="single_pace",
)
@pytest.mark.browser
def test_page_instead_makes_the_pause_grow_until_recordings_come(visit):
    async def story(at):
        pause = Pause(0.05)
        rows = Rows(await at.ui.recordings(), pause)
        for name in at.names()[:3]:
            async with rows.download_row(name, at.folder) as stream:
                assert (await read(stream))[:4] == b"RIFF"
        assert 0.5 < pause.seconds <= 1.0

    visit(story, faults={"single_pace": "0.6"})


@pytest.mark.browser
@pytest.mark.parametrize(("instead", "error"), [("html", WebPageInstead), ("json", DownloadFailed), ("empty", DownloadFailed)])
def test_something_else_than_a_recording_is_an_error(visit, instead, error):
    clock = Clock()

    async def story(at):
        rows = Rows(await at.ui.recordings(), Pause(0.15, clock=clock, sleep=clock.sleep))
        async with rows.download_row(at.names()[0], at.folder):
            pass

    with pytest.raises(error):
        visit(story, faults={"single_instead": instead})
    assert clock.slept == ([1.0, 4.0, 16.0, 20.0] if instead == "html" else [])


@pytest.mark.fault("download", "a single download is cut", "it is no recording", promise="success", simulated="single_cut")
@pytest.mark.browser
def test_cut_row_is_a_failed_download(visit):
    async def story(at):
        async with Rows(await at.ui.recordings()).download_row(at.names()[0], at.folder) as stream:
            await read(stream)

    with pytest.raises(DownloadFailed):
        visit(story, faults={"single_cut": "0.5"})


def test_pause_shrinks_slowly_and_never_to_what_was_too_short():
    async def story():
        clock = Clock()
        pause = Pause(0.15, clock=clock, sleep=clock.sleep)
        await pause.wait()
        pause.ended()
        assert clock.slept == []
        clock.now += 0.05
        await pause.wait()
        assert clock.slept == [pytest.approx(0.1)]
        assert [pause.too_short() or pause.seconds for _ in range(4)] == [True, True, True, True]
        assert pause.seconds == 20.0
        assert not pause.too_short()
        for _ in range(5):
            pause.good()
        assert pause.seconds == 20.0

    asyncio.run(story())


def test_pause_comes_back_towards_what_works():
    pause = Pause(0.15)
    pause.too_short()
    pause.too_short()
    assert pause.seconds == 4.0
    for _ in range(200):
        pause.good()
    assert pause.seconds == 1.25
