"""The client against the simulated UCM: the straight way, over both families."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from scraper.api import open_api
from scraper.models import RecordingClass
from scraper.simulator.cdrs import calls

BOTH = pytest.mark.parametrize("kind", ["https", "legacy"])


@BOTH
@pytest.mark.parametrize("tls", [{"tls": True}, {"tls": True, "tls_legacy": True}, {"tls": False}])
def test_calls_and_recordings_arrive_over_each_kind_of_connection(start, kind, tls):
    bench = start(kind, **tls)
    api = bench.api()
    assert api.kind == kind
    assert len(bench.groups(api)) >= 10
    for recording in bench.recordings():
        assert bench.fetch(api, recording) == recording.riff()
    assert [entry.ok for entry in bench.state.sign_ins] == [True]


@BOTH
@pytest.mark.parametrize("rule", ["bare", "path", "filedir"])
def test_month_rule_is_found_by_trying_and_remembered(start, kind, rule):
    bench = start(kind, recapi_month=rule, queue_recordings=2, meetme_recordings=2)
    api = bench.api()
    for klass in RecordingClass:
        for recording in bench.recordings(klass):
            assert bench.fetch(api, recording) == recording.riff()
    before = bench.state.count("recapi")
    again = bench.api()
    for recording in bench.recordings():
        bench.fetch(again, recording)
    assert bench.state.count("recapi") - before == len(bench.recordings())


@BOTH
def test_window_limits_the_calls(start, kind):
    bench = start(kind, recordings=40, months=3)
    api = bench.api()
    everything = len(bench.groups(api))
    february = len(bench.groups(api, datetime(2026, 2, 1), datetime(2026, 3, 1)))
    assert 0 < february < everything
    assert not api.suspicious_zero


def test_new_api_signs_out_at_the_end(start):
    bench = start("https")
    with open_api(bench.ucm, bench.surroundings) as api:
        bench.groups(api)
    assert bench.state.count("logout") == 1
    assert not bench.state.api_sessions


@pytest.mark.parametrize("style", ["month", "bare", "empty"])
def test_files_of_a_call_are_told_one_by_one(start, style):
    bench = start("https", recordfiles=style)
    api = bench.api()
    recording = bench.recordings()[0]
    session = next(call.session for call in calls(bench.state) if recording.path in [path for leg in call.legs for path in leg.files])
    assert recording.path in api.record_infos(session)
    assert api.record_infos("99999999") == []


def test_old_api_knows_no_files_of_a_call(start):
    bench = start("legacy")
    assert bench.api().record_infos("1") == []


@pytest.mark.parametrize(("kind", "lists"), [("legacy", True), ("https", True), ("https", False)])
def test_directory_is_listed_where_the_pbx_lists_it(start, kind, lists):
    bench = start(kind, recapi_lists=lists, recapi_month="path")
    names = bench.api().list_directory("monitor")
    assert (set(names or []) == {each.path for each in bench.recordings()}) is lists
    assert bench.api().list_directory("nowhere") is None


def test_recording_is_written_from_the_beginning_of_the_sink(start):
    bench = start("https")
    recording, sink = bench.recordings()[0], io.BytesIO(b"x" * 1_000_000)
    fetched = bench.api().recording(recording.name, recording.month, recording.klass, sink)
    assert sink.getvalue() == recording.riff()
    assert fetched.size == len(sink.getvalue())
