"""Jobs without a web UI, at a recapi that keeps or writes recordings in ways of its own: nothing is written off, halved or doubled."""

from __future__ import annotations

import struct
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from scraper.api import transport
from scraper.catalog import Catalog
from scraper.models import RecordingClass
from scraper.proof.verify import note_lost, verify
from scraper.simulator import cdrapi, recapi
from scraper.store import open_store


@pytest.fixture
def alone(branch, impatient, monkeypatch):
    """Makes an office without a web account; ``find(filedir, name, recording)`` says whether recapi takes these for this recording."""

    def make(find=None, **ucm):
        place = branch(**{"recordings": 6, "recordfiles": "month", **ucm})
        place.configure(web=None)
        if find:
            monkeypatch.setattr(
                recapi,
                "_find",
                lambda filedir, name, state: next((each for each in state.all_recordings if find(filedir, name, each)), None),
            )
        return place

    return make


def run_hours_apart(place, times):
    """The reports of so many jobs, seven hours apart."""
    reports = []
    for _ in range(times):
        reports.append(place.run())
        place.let_hours_pass(7)
    return reports


@pytest.mark.fault(
    "api",
    "recapi says of every recording that it doesn't exist ({family})",
    "each stays a gap until recapi has brought one: it may want them in a form that nobody knows yet",
    exit_code=3,
    promise="success",
)
@pytest.mark.parametrize("family", ["api_new", "api_old"])
def test_recordings_are_not_called_gone_by_a_recapi_that_never_brought_one(alone, family):
    place = alone(lambda filedir, name, each: (filedir, name) == (f"{each.klass}/{each.month}", each.name), **{family: True})
    for report in run_hours_apart(place, 3):
        assert (report.exit_code, report.recordings.gone) == (3, 0)
        assert {gap.reason for gap in report.gaps} == {"not-listed"}


def test_what_is_gone_counts_so_after_two_jobs_though_it_was_asked_for_before_anything_came(alone):
    place = alone(api_new=True, recordings=8)
    oldest = min(place.ucm.state.all_recordings, key=lambda each: each.start)
    place.ucm.state.remove(oldest.path)
    first, second = run_hours_apart(place, 2)
    assert [gap.reason for gap in first.gaps] == ["gone"]
    assert (second.exit_code, second.recordings.gone, second.recordings.archived) == (0, 1, 7)


def test_months_that_new_firmware_keeps_in_another_way_are_fetched_too(alone):
    """The oldest is asked for first, and comes by its bare name; those of later months don't."""

    def find(filedir, name, each):
        return filedir == each.klass and name == (each.name if each.month == months[0] else each.path)

    place = alone(find, api_new=True, recordings=8)
    months = sorted({each.month for each in place.ucm.state.all_recordings})
    assert len(months) > 1
    assert place.run().exit_code == 0
    assert place.all_is_exact()


def halve_the_newest(place, monkeypatch):
    """recapi hands out the first second of the newest ordinary recording until the answer is called."""
    newest = max((each for each in place.ucm.state.all_recordings if each.klass is RecordingClass.MONITOR), key=lambda each: each.start)
    whole = recapi._bytes

    def beginning(recording, state):
        data = whole(recording, state)
        if recording.name != newest.name:
            return data
        body = data[44 : 44 + 16000]
        return data[:4] + struct.pack("<I", 36 + len(body)) + data[8:40] + struct.pack("<I", len(body)) + body

    monkeypatch.setattr(recapi, "_bytes", beginning)
    return lambda: monkeypatch.setattr(recapi, "_bytes", whole)


@pytest.mark.fault(
    "audio",
    "a scheduled job fetches a recording over the API while the PBX is still writing it",
    "it is a gap, and the next job fetches it whole; also where the configured time zone is not the PBX's",
    exit_code=3,
    promise="loss",
)
@pytest.mark.parametrize("zone", ["America/Chicago", "UTC"])
def test_recording_that_is_still_written_is_left_for_the_next_job(alone, monkeypatch, zone):
    place = alone(api_new=True, seconds=(10.0, 12.0))
    place.configure(timezone=zone)
    place.ucm.state.add(1)
    written = halve_the_newest(place, monkeypatch)
    report = place.run()
    assert (report.exit_code, [gap.reason for gap in report.gaps]) == (3, ["too-short"])
    written()
    report = place.run()
    assert (report.exit_code, place.all_is_exact()) == (0, True)


def test_recording_that_came_while_its_call_went_on_is_fetched_again(alone, monkeypatch):
    """A PBX that lists its directories shows it before any call record names it."""
    place = alone(api_old=True, recapi_month="bare", seconds=(10.0, 12.0))
    (new,) = place.ucm.state.add(1)
    written, tell = halve_the_newest(place, monkeypatch), cdrapi.calls
    monkeypatch.setattr(cdrapi, "calls", lambda state: [call for call in tell(state) if new.path not in str(call)])
    assert place.run().exit_code == 0
    assert new.path in place.archived()
    monkeypatch.setattr(cdrapi, "calls", tell)
    written()
    assert place.run().exit_code == 0
    assert place.held_by_pbx().items() < place.archived().items()  # the beginning is kept beside the whole
    assert place.run().recordings.new == 0


def test_ordinary_recordings_in_the_queues_directory_are_archived_once(alone, monkeypatch):
    def directory_of(each):
        return "queue" if each.name in moved else each.klass.value

    def listed(filedir, state):
        there = [each for each in state.all_recordings if directory_of(each) == filedir]
        return "".join(f"{each.name},{each.size},{each.start:%Y-%m-%d %H:%M:%S}\r\n" for each in there)

    place = alone(lambda filedir, name, each: (filedir, name) == (directory_of(each), each.name), api_old=True, recordings=8)
    ordinary = [each for each in place.ucm.state.all_recordings if each.klass is RecordingClass.MONITOR]
    moved = {each.name for each in ordinary[::2]}
    monkeypatch.setattr(recapi, "_directory", listed)
    report = place.run()
    assert (report.exit_code, report.recordings.expected, report.recordings.archived) == (0, 8, 8)
    assert place.all_is_exact()


@pytest.mark.fault(
    "storage",
    "a file is lost, and one more try to fetch it fails ({how})",
    "it stays a gap: a failed try does not settle what is wrong with the copy",
    exit_code=3,
    promise="success",
)
@pytest.mark.parametrize("how", ["gone", "unreachable"])
def test_a_lost_file_stays_a_gap_after_somebody_tried_again_in_vain(alone, how):
    place = alone(api_new=True)
    assert place.run().exit_code == 0
    sorted(place.store.rglob("*.wav"))[0].unlink()
    with Catalog.open(place.order().settings.catalog.url) as catalog:
        store = open_store(place.order().settings.store, catalog)
        note_lost(catalog, store, "office", verify(catalog, store, "office"))
        (lost,) = (gap.gap.identity.path for gap in catalog.open_gaps("office"))
    place.ucm.state.remove(lost)
    if how == "unreachable":
        place.configure(url="https://127.0.0.1:9", api={"username": "cdrapi", "password": "nobody answers"})
    place.fetch(lost)
    place.changes = {}
    place.with_api().configure(web=None)
    report = place.run()
    assert (report.exit_code, [gap.identity.path for gap in report.gaps]) == (3, [lost])


@pytest.mark.fault(
    "api",
    "the PBX's clock is set back by days, and calls go on",
    "they are asked for by the time that the PBX's answers tell",
    exit_code=0,
    promise="success",
)
def test_calls_of_a_clock_that_was_set_back_are_asked_for(alone, monkeypatch):
    place = alone(api_new=True)
    assert place.run().exit_code == 0
    there = place.ucm.state.now() - timedelta(days=10)
    monkeypatch.setattr(transport, "parsedate_to_datetime", lambda _: there.replace(tzinfo=ZoneInfo("America/Chicago")))
    place.ucm.state.add(2, start=there)
    report = place.run()
    assert (report.exit_code, report.recordings.expected, report.recordings.new) == (0, 8, 2)
