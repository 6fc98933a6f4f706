"""Jobs with web UI and API: what the archive of *Download All* lacks is fetched gap by gap, and what can't be had has its reason."""

from __future__ import annotations

import pytest

from scraper.api import status

pytestmark = pytest.mark.browser

#: Every shape of call records, both forms of names, every place of recapi's month and every family of the API, in few combinations.
PBXES = {
    "flat-dying-cookie": {
        "cdr_shape": "flat", "recordfiles": "month", "recapi_month": "bare", "api_new": True, "faults": {"cookie_dies_every": "5"},
    },
    "hollow-repeating-pages": {
        "cdr_shape": "hollow", "recordfiles": "bare", "recapi_month": "path", "api_new": True, "api_max_records": 7,
        "faults": {"pages_repeat": ""},
    },
    "array-silent-busy": {
        "cdr_shape": "array", "recordfiles": "empty", "recapi_month": "filedir", "api_new": True, "faults": {"api_busy": "-45*2"},
    },
    "deep-digest": {"cdr_shape": "deep", "recordfiles": "mixed", "recapi_month": "path", "api_old": True},
    "mixed-digest": {"cdr_shape": "mixed", "recordfiles": "month", "recapi_month": "filedir", "api_old": True},
    "flat-basic": {"cdr_shape": "flat", "recordfiles": "mixed", "recapi_month": "bare", "api_old": True, "api_old_auth": "basic"},
    "hollow-digest-silent": {"cdr_shape": "hollow", "recordfiles": "empty", "recapi_month": "path", "api_old": True},
    "array-basic-busy": {
        "cdr_shape": "array", "recordfiles": "bare", "recapi_month": "filedir", "api_old": True, "api_old_auth": "basic",
        "faults": {"api_busy": "-57*1"},
    },
    "deep-silent-dying-cookie": {
        "cdr_shape": "deep", "recordfiles": "empty", "recapi_month": "bare", "api_new": True,
        "faults": {"cookie_dies_every": "5", "api_busy": "-57*1"},
    },
    "mixed-everything": {
        "cdr_shape": "mixed", "recordfiles": "mixed", "recapi_month": "path", "api_new": True, "api_max_records": 5,
        "faults": {"cookie_dies_every": "5", "pages_repeat": "", "api_busy": "-46*1"},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def hasty_pbx(monkeypatch):
    """The PBX asks for half a second where real ones ask for fifteen and more."""
    for code in list(status._WAITS):
        monkeypatch.setitem(status._WAITS, code, 0.5)


@pytest.fixture
def branch(office):
    """Makes an office of today whose API is open and configured."""

    def make(**ucm):
        kind = {} if ucm.keys() & {"api_new", "api_old"} else {"api_new": True}
        return office(**{"today": None, **kind, **ucm}).with_api()

    return make


def calls_per_second(place):
    """How fast the API was asked, from the first call to the last."""
    calls = [action.at for action in place.ucm.state.actions if action.way != "web" and action.name not in ("challenge", "login")]
    return (len(calls) - 1) / (calls[-1] - calls[0])


# --- a third of the recordings is left out of the archive ---


@pytest.mark.parametrize("pbx", PBXES.values(), ids=PBXES.keys())
def test_what_the_archive_lacks_is_fetched_from_every_pbx(branch, pbx):
    place = branch(recordings=18, queue_recordings=4, meetme_recordings=3, **pbx)
    place.ucm.state.faults.set("missing_from_archive", "0.33")
    report = place.run()
    assert (report.exit_code, report.gaps, report.error) == (0, [], None)
    assert place.adds_up(report)
    assert (report.recordings.expected, report.recordings.new) == (25, 25)
    assert report.sources["recapi"] >= 6
    assert place.all_is_exact()
    assert calls_per_second(place) < 11
    assert place.sign_ins("web") == 1
    assert all(attempt.ok for attempt in place.ucm.state.sign_ins)
    mark = len(place.ucm.state.actions)
    again = place.run()
    assert (again.exit_code, again.recordings.archived, again.recordings.new) == (0, 25, 0)
    assert place.moved_since(mark) == []
    assert place.sign_ins("web") == 1
