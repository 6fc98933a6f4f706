"""While the first archive arrives, what else is to be read is read in a second tab; where that fails, it is read afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from scraper.errors import SessionEnded
from scraper.simulator.delivery import Delivery
from scraper.webui.ui import WebUi

pytestmark = pytest.mark.browser

ARCHIVE = "allCdrRecordFiles.tgz"


@pytest.fixture
def held(office, monkeypatch):
    """Makes an office whose first archive stops after its first block until the table of calls was asked for."""
    deliver, waited = Delivery.__call__, []

    def make(**ucm):
        place = office(seconds=(8.0, 10.0), **ucm)
        place.configure(web={"stall_timeout_seconds": 60})

        async def slowly(self, scope, receive, send):
            async def send_and_wait(message):
                await send(message)
                if not waited and self._download.name == ARCHIVE and message.get("body"):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(20):
                            while not place.ucm.state.count("reloadCDRRecordFile"):  # noqa: ASYNC110 -- it is told in no other way
                                await asyncio.sleep(0.05)
                    waited.append(place.ucm.state.count("reloadCDRRecordFile"))

            await deliver(self, scope, receive, send_and_wait)

        monkeypatch.setattr(Delivery, "__call__", slowly)
        return place, waited

    return make


@pytest.mark.fault("download", "the archive comes slowly", "lists and call records are read meanwhile", simulated="archive_slow")
@pytest.mark.parametrize("paths", ["month", "none"])
def test_lists_and_calls_are_read_while_the_first_archive_downloads(held, paths):
    place, waited = held(archive_paths=paths, queue_recordings=3)
    report = place.run()
    assert (report.exit_code, place.all_is_exact(), place.sign_ins("web")) == (0, True, 1)
    asked = [(action.name, action.params.get("type"), action.params.get("data")) for action in place.ucm.state.actions]
    packed, began = asked.index(("packFile", "cdr_pack", ARCHIVE)), asked.index(("downloadFile", "cdr_pack", ARCHIVE))
    assert began == packed + 1  # nothing else was asked of a PBX that packs
    assert waited == [1]
    assert asked.count(("downloadFile", "cdr_recording", "Master.csv")) == 1
    table = asked.index(("downloadFile", "cdr_recording", "Master.csv"))
    assert ("listFile", "meetme_recording", None) not in asked[table:]


@pytest.mark.fault("web", "a second tab shows the sign-in form", "lists are read afterwards, in the first", promise="ban")
def test_second_tab_that_shows_the_sign_in_form_costs_nothing_but_its_time(office, monkeypatch):
    async def fails(self):
        raise SessionEnded

    monkeypatch.setattr(WebUi, "second_recordings", fails)
    place = office(queue_recordings=3, faults={"archive_slow": "100000"})
    report = place.run()
    assert (report.exit_code, report.error, place.all_is_exact()) == (0, None, True)
    assert not [note for note in report.notes if "could not" in note]
    assert (place.sign_ins("web"), place.ucm.state.count("reloadCDRRecordFile")) == (1, 1)


@pytest.mark.fault("web", "the PBX is too busy for a second tab", "lists are read afterwards", promise="hang", simulated="web_busy=-45")
def test_pbx_too_busy_for_a_second_tab_is_asked_again_afterwards(office):
    place = office(recordings=30, seconds=(4.0, 6.0), queue_recordings=3)
    place.ucm.state.faults.set("archive_slow", "1000000")
    busy = Delivery.__call__

    async def meanwhile_busy(self, *call):
        if self._download.name == ARCHIVE:
            place.ucm.state.faults.set("web_busy", "-45")
        await busy(self, *call)
        if self._download.name == ARCHIVE:
            place.ucm.state.faults.clear("web_busy")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Delivery, "__call__", meanwhile_busy)
        report = place.run()
    assert (report.exit_code, report.recordings.expected, place.all_is_exact()) == (0, 33, True)
