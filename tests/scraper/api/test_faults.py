"""Everything that can go wrong at the simulated UCM's APIs, over both families."""

from __future__ import annotations

from datetime import datetime

import pytest

from scraper.errors import (
    ApiBlocked,
    ApiOff,
    ConnectionClosed,
    DownloadFailed,
    GoneAtPbx,
    NetworkError,
    NotARecording,
    NotListed,
    PermissionMissing,
    ScraperError,
    ServerError,
    SessionEnded,
    Throttled,
    WebPageInstead,
)
from scraper.models import GapReason, RecordingClass

BOTH = pytest.mark.parametrize("kind", ["https", "legacy"])


@BOTH
@pytest.mark.parametrize("style", ["404", "close"])
def test_api_that_is_off_is_api_off_with_its_menu_path_and_costs_no_sign_in(start, kind, style):
    bench = start(kind)
    bench.state.faults.set("api_off", style)
    for _ in range(5):
        with pytest.raises(ApiOff) as caught:
            bench.api()
    assert caught.value.reason is GapReason.API_OFF
    assert "API Configuration" in caught.value.remedy
    bench.state.faults.clear()
    assert bench.groups(bench.api())  # the budget was not touched


@BOTH
def test_address_that_is_not_permitted_is_told_apart(start, kind):
    bench = start(kind)
    bench.state.faults.set("api_denied")
    with pytest.raises(ApiBlocked) as caught:
        bench.api()
    assert "Permitted IP" in caught.value.remedy


@pytest.mark.fault("api", "the API user lacks a permission ({action})", "the permission and its menu path are named", promise="gap")
@BOTH
@pytest.mark.parametrize("action", ["cdrapi", "recapi"])
def test_permission_that_is_not_ticked_is_named(start, kind, action):
    bench = start(kind)
    api = bench.api()
    bench.state.faults.set(f"{action}_forbidden")
    with pytest.raises(PermissionMissing, match=action) as caught:
        bench.groups(api) if action == "cdrapi" else bench.fetch(api, bench.recordings()[0])
    assert caught.value.reason is GapReason.NO_PERMISSION
    assert "API interface permissions" in caught.value.remedy


@BOTH
@pytest.mark.parametrize(("status", "seconds"), [(-45, 15), (-46, 15), (-51, 15), (-57, 60)])
def test_busy_pbx_is_given_the_time_it_asks_for(start, kind, status, seconds):
    bench = start(kind)
    api = bench.api()
    bench.state.faults.set("api_busy", status, times=2)
    assert bench.groups(api)
    # the older family has no status codes: it answers 503, which names no time
    assert sum(bench.clock.slept) >= (2 * seconds if kind == "https" else 10)


@BOTH
def test_pbx_that_stays_busy_ends_the_call_and_not_the_client(start, kind):
    bench = start(kind)
    api = bench.api()
    bench.state.faults.set("api_busy", -45)
    with pytest.raises((Throttled, ServerError)) as caught:
        bench.groups(api)
    assert caught.value.reason is (GapReason.THROTTLED if kind == "https" else GapReason.UNREACHABLE)
    assert bench.state.count("cdrapi") <= 6
    bench.state.faults.clear()
    assert bench.groups(api)


@pytest.mark.fault(
    "api",
    "the API answers an HTML page with 200",
    "it is asked again later; if it stays so the call fails as throttled",
    promise="success",
    simulated="api_html",
)
@BOTH
def test_html_instead_of_call_records_is_waited_for(start, kind):
    bench = start(kind)
    api = bench.api()
    bench.state.faults.set("api_html", times=1)
    assert bench.groups(api)
    assert sum(bench.clock.slept) >= 15
    bench.state.faults.set("api_html")
    with pytest.raises(Throttled):
        bench.groups(api)


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_cookie_that_dies_is_renewed_also_between_two_pages(start, calls):
    bench = start("https", recordings=30, api_max_records=4)
    api = bench.api()
    bench.state.faults.set("cookie_dies_every", calls)
    groups = bench.groups(api)
    assert len(groups) == len({str(group) for group in groups}) >= 25
    for recording in bench.recordings()[:6]:
        assert bench.fetch(api, recording) == recording.riff()
    assert all(entry.ok for entry in bench.state.sign_ins)


def test_cookie_that_is_nine_minutes_old_is_renewed_before_it_dies(start):
    bench = start("https")
    api = bench.api()
    bench.groups(api)
    bench.clock.now += 541
    bench.groups(api)
    assert len(bench.state.sign_ins) == 2


@pytest.mark.fault("api", "the API's cookie never lives", "the call ends; no sign-in storm", promise="ban", simulated="cookie_dies_every")
def test_cookie_that_never_lives_ends_the_call(start):
    bench = start("https", api_cookie_seconds=-1.0)
    with pytest.raises(SessionEnded):
        bench.groups(bench.api())
    assert len(bench.state.sign_ins) <= 4


@BOTH
@pytest.mark.parametrize("size", [1000, 7])
def test_pages_that_repeat_for_ever_end_and_nothing_is_lost(start, kind, size):
    bench = start(kind, recordings=30, api_max_records=size)
    api = bench.api()
    everything = bench.groups(api)
    bench.state.faults.set("pages_repeat")
    again = bench.groups(api)
    assert {str(group) for group in again} == {str(group) for group in everything}
    assert len(again) == len(everything)


@pytest.mark.fault(
    "cdr",
    "cdrapi knows no calls at all, and calls that success",
    "asked twice, then not believed",
    promise="success",
    simulated="cdrapi_empty",
)
@BOTH
def test_zero_is_asked_about_twice_and_then_suspicious(start, kind):
    bench = start(kind)
    api = bench.api()
    bench.state.faults.set("cdrapi_empty")
    assert bench.groups(api, datetime(2026, 2, 1), datetime(2026, 3, 1)) == []
    assert api.suspicious_zero
    bench.state.faults.clear()
    assert bench.groups(api)
    assert not api.suspicious_zero


@BOTH
def test_zero_of_a_quiet_time_is_believed(start, kind):
    bench = start(kind)
    api = bench.api()
    assert bench.groups(api, datetime(2020, 2, 1), datetime(2020, 3, 1)) == []
    assert not api.suspicious_zero


@pytest.mark.fault(
    "api",
    "a recording over the API is something else: {instead}",
    "it is none; one that passes is overcome",
    promise="success",
    simulated="single_instead={instead}",
)
@BOTH
@pytest.mark.parametrize(("instead", "error"), [("html", WebPageInstead), ("empty", NotARecording), ("json", ServerError)])
def test_something_else_than_a_recording_is_none_and_a_passing_one_is_overcome(start, kind, instead, error):
    bench = start(kind)
    api, recording = bench.api(), bench.recordings()[0]
    bench.state.faults.set("single_instead", instead, times=1)
    assert bench.fetch(api, recording) == recording.riff()
    bench.state.faults.set("single_instead", instead)
    with pytest.raises(error):
        bench.fetch(api, recording)


@pytest.mark.fault("api", "a single recording breaks off", "asked for again, never kept in part", promise="success", simulated="single_cut")
@BOTH
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5])
def test_recording_that_is_cut_is_asked_for_again_and_never_kept_in_part(start, kind, fraction):
    bench = start(kind)
    api, recording = bench.api(), bench.recordings()[0]
    bench.state.faults.set("single_cut", fraction, times=1)
    assert bench.fetch(api, recording) == recording.riff()
    bench.state.faults.set("single_cut", fraction)
    with pytest.raises(DownloadFailed):
        bench.fetch(api, recording)


@pytest.mark.parametrize(("kind", "gone_status"), [("https", -16), ("https", -25), ("legacy", -16)])
@pytest.mark.parametrize("rule", ["bare", "path", "filedir"])
def test_recording_that_is_gone_is_gone(start, kind, gone_status, rule):
    bench = start(kind, gone_status=gone_status, recapi_month=rule)
    api, (kept, lost, *_) = bench.api(), bench.recordings()
    bench.state.remove(lost.path)
    for _ in range(2):  # before and after the month rule is known
        with pytest.raises(GoneAtPbx) as caught:
            bench.fetch(api, lost)
        assert caught.value.reason is GapReason.GONE
        assert bench.fetch(api, kept) == kept.riff()


@pytest.mark.fault("api", "the PBX wants the month in another place than before", "no recording is called gone for it", promise="gap")
@pytest.mark.parametrize("rule", ["bare", "path", "filedir"])
def test_recording_is_never_gone_because_another_month_rule_was_remembered(start, rule):
    bench = start("https", recapi_month=rule)
    for wrong in ("bare", "path", "filedir"):
        bench.memory.set("recapi-monitor", wrong)
        assert bench.fetch(bench.api(), bench.recordings()[0])


def test_recording_without_a_month_is_gone_only_where_the_bare_name_is_the_rule(start):
    bench = start("https", recapi_month="path")
    with pytest.raises(NotListed):
        bench.fetch(bench.api(), bench.recordings()[0], month=None)
    bench = start("https", recapi_month="bare")
    api, (kept, lost, *_) = bench.api(), bench.recordings()
    bench.state.remove(lost.path)
    assert bench.fetch(api, kept, month=None) == kept.riff()
    with pytest.raises(GoneAtPbx):
        bench.fetch(api, lost, month=None)


def test_nothing_is_gone_because_the_older_api_was_switched_off_meanwhile(start):
    bench = start("legacy")
    api = bench.api()
    bench.clock.now += 60
    bench.state.faults.set("api_off", "404")
    with pytest.raises(ApiOff):
        bench.fetch(api, bench.recordings()[0])


def test_ordinary_name_in_the_queue_directory_is_found(start):
    bench = start("https", queue_recordings=1)
    queued = bench.recordings(RecordingClass.QUEUE)[0]
    assert bench.fetch(bench.api(), queued, klass=RecordingClass.MONITOR) == queued.riff()


@pytest.mark.fault("api", "the API takes requests and never answers", "left after the deadline", promise="hang", simulated="hang=api")
@BOTH
def test_pbx_that_goes_silent_is_left_after_the_deadline(start, kind):
    bench = start(kind)
    api = bench.api()
    api.family.transport._http.timeout = 0.2
    bench.state.faults.set("hang", "api")
    with pytest.raises(NetworkError):
        bench.groups(api)


@pytest.mark.fault(
    "api", "the API is switched off in the middle of a job", "it is said; nothing is called gone for it", promise="gap", simulated="api_off"
)
@BOTH
def test_api_that_is_switched_off_in_the_middle_is_said(start, kind):
    bench = start(kind)
    api = bench.api()
    for style, error in (("404", ApiOff), ("close", ConnectionClosed)):
        bench.state.faults.set("api_off", style)
        with pytest.raises(error):
            bench.groups(api)


@BOTH
def test_restarting_pbx_is_a_server_error_that_passes(start, kind):
    bench = start(kind)
    bench.state.faults.set("unavailable", times=2)
    api = bench.api()
    assert bench.groups(api)
    bench.state.faults.set("unavailable")
    with pytest.raises(ServerError):
        bench.groups(api)


@pytest.mark.fault("api", "errors about recordings", "name no number and no file", promise="secret")
@BOTH
def test_no_error_names_a_number_or_a_file(start, kind):
    bench = start(kind)
    api, recording = bench.api(), bench.recordings()[0]
    for fault, value in (("single_instead", "html"), ("single_cut", 0.5), ("recapi_forbidden", ""), ("api_off", "close")):
        bench.state.faults.clear()
        bench.state.faults.set(fault, value)
        with pytest.raises(ScraperError) as caught:
            bench.fetch(api, recording)
        said = f"{caught.value.message} {caught.value.remedy} {caught.value.evidence}"
        assert recording.name not in said
        assert "555" not in said
