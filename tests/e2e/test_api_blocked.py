"""One way shut, the other open: everything that the open one has comes, the rest is named with its cause, and no attempt is wasted."""

from __future__ import annotations

import psutil
import pytest
from loguru import logger

from scraper.models import Source

pytestmark = pytest.mark.browser


def browsers():
    """Chromium processes on this machine that this test's process has started."""
    return [process for process in psutil.Process().children(recursive=True) if "chrom" in process.name()]


# --- the API is shut ---


@pytest.mark.fault(
    "api",
    "the API is shut ({id}), and the web UI has no page of queue recordings",
    "ordinary ones come through the web UI; the others are gaps with cause and menu path",
    exit_code=3,
    promise="gap",
)
@pytest.mark.parametrize(
    ("pbx", "reason", "menu"),
    [
        pytest.param({"api_new": False}, "api-off", "API Configuration", id="off"),
        pytest.param({"api_new": False, "api_off": "close"}, "api-off", "API Configuration", id="off-closing", marks=pytest.mark.long),
        pytest.param({"faults": {"recapi_forbidden": ""}}, "no-permission", "recapi", id="recapi-forbidden"),
        pytest.param({"faults": {"api_denied": ""}}, "no-permission", "Permitted IP", id="address-denied"),
    ],
)
def test_ordinary_ones_come_through_the_web_ui_and_the_rest_is_named(branch, pbx, reason, menu):
    """The web UI has no page of queue recordings; call records tell of them where the API gives these."""
    place = branch(**{"recordings": 12, "queue_recordings": 3, "sidebar": "none", "page_seconds": 4, "csv_columns": "recordfiles", **pbx})
    report = place.run()
    held, archived = place.held_by_pbx(), place.archived()
    queue = {path for path in held if path.rpartition("/")[2].startswith("q")}
    assert archived == {path: sound for path, sound in held.items() if path not in queue}
    assert (report.exit_code, report.error) == (3, None)
    assert place.adds_up(report)
    assert {gap.identity.path for gap in report.gaps} == queue
    assert {gap.reason for gap in report.gaps} == {reason}
    assert all(menu in gap.remedy for gap in report.gaps)
    assert place.sign_ins("web") == 1
    assert all(attempt.ok for attempt in place.ucm.state.sign_ins)


@pytest.mark.fault(
    "api",
    "the API is shut, and the web UI has a page for each class",
    "all come through the web UI",
    exit_code=0,
    simulated="recapi_forbidden",
)
@pytest.mark.parametrize(
    "pbx",
    [
        pytest.param({"api_new": False}, id="off", marks=pytest.mark.long),
        pytest.param({"faults": {"recapi_forbidden": ""}}, id="recapi-forbidden"),
    ],
)
def test_all_come_where_the_web_ui_has_a_page_for_each_class(branch, pbx):
    place = branch(recordings=12, queue_recordings=4, meetme_recordings=2, **pbx)
    place.ucm.state.faults.set("missing_from_archive", "0.33")
    report = place.run()
    assert (report.exit_code, report.gaps, report.error) == (0, [], None)
    assert place.adds_up(report)
    assert report.sources[Source.ROW] >= 4
    assert place.all_is_exact()
    assert place.sign_ins("web") == 1


@pytest.mark.fault(
    "api",
    "the API refuses this machine's address run after run",
    "one warning, and another only after it was open",
    promise="silence",
    simulated="api_denied",
)
def test_api_that_stays_shut_is_warned_of_once_and_again_after_it_was_open(branch):
    warnings = []
    handler = logger.add(lambda message: warnings.append(message.record["extra"].get("action")), level="WARNING")
    place = branch(recordings=3, faults={"api_denied": ""})
    reports = [place.run(), place.run()]
    place.ucm.state.faults.clear()
    place.run()
    place.ucm.state.faults.set("api_denied", "")
    reports.append(place.run())
    logger.remove(handler)
    assert warnings.count("account-unread") == 2
    assert all("`api: {kind: off}`" in "".join(report.notes) for report in reports)


def test_api_that_is_off_by_configuration_is_no_word(branch):
    place = branch(recordings=3, faults={"api_denied": ""}).with_api(kind="off")
    warnings = []
    handler = logger.add(warnings.append, level="WARNING")
    report = place.run()
    logger.remove(handler)
    assert (report.exit_code, [note for note in report.notes if "API" in note], warnings) == (0, [], [])
    assert {action.way for action in place.ucm.state.actions} == {"web"}


@pytest.mark.fault("api", "the API was shut and opens", "the gaps close", exit_code=0, promise="gap", simulated="recapi_forbidden")
def test_api_that_opens_later_brings_what_was_missing(branch):
    place = branch(recordings=12, queue_recordings=3, sidebar="none", faults={"recapi_forbidden": ""})
    assert len(place.run().gaps) == 3
    place.ucm.state.faults.clear()
    report = place.run()
    assert (report.exit_code, report.recordings.new, report.sources[Source.RECAPI]) == (0, 3, 3)
    assert place.adds_up(report)
    assert place.all_is_exact()


@pytest.mark.fault(
    "api", "the API's password is refused ({family})", "two runs send it once; the web UI brings all", exit_code=0, promise="ban"
)
@pytest.mark.parametrize("family", ["api_new", "api_old"])
def test_wrong_api_password_is_sent_once_and_the_web_ui_brings_all(branch, family):
    place = branch(recordings=12, **{family: True}).with_api(password="wrong")
    first, second = place.run(), place.run()
    assert (first.exit_code, second.exit_code, first.gaps) == (0, 0, [])
    assert place.adds_up(first)
    assert place.all_is_exact()
    assert any("password" in note for note in first.notes)
    assert (place.sign_ins("web"), place.sign_ins("api") + place.sign_ins("old-api")) == (1, 1)


# --- the API alone ---


@pytest.mark.parametrize("family", ["api_new", "api_old"])
def test_api_alone_brings_all_and_starts_no_browser(branch, family):
    place = branch(recordings=20, queue_recordings=3, meetme_recordings=2, **{family: True})
    place.configure(web=None)
    report = place.run()
    assert (report.exit_code, report.gaps, report.error) == (0, [], None)
    assert place.adds_up(report)
    assert (report.recordings.expected, report.sources[Source.RECAPI]) == (25, 25)
    assert place.all_is_exact()
    mark = len(place.ucm.state.actions)
    new = place.ucm.state.add(2)
    again = place.run()
    assert (again.exit_code, again.recordings.new, again.recordings.expected) == (0, 2, 27)
    assert len(place.moved_since(mark)) == len(new)
    assert {action.way for action in place.ucm.state.actions} == {"api" if family == "api_new" else "old-api"}
    assert browsers() == []


@pytest.mark.fault("api", "the only way there is, the API, is shut ({id})", "the job ends with cause and remedy", exit_code="code")
@pytest.mark.parametrize(
    ("fault", "code"),
    [({"api_off": "404"}, 6), ({"api_denied": ""}, 6), ({"cdrapi_forbidden": ""}, 4)],
    ids=["off", "address-denied", "cdrapi-forbidden"],
)
def test_api_alone_that_is_shut_ends_with_its_cause(branch, fault, code):
    place = branch(recordings=6, faults=fault)
    place.configure(web=None)
    report = place.run()
    assert (report.exit_code, report.status, report.recordings.expected) == (code, "failed", None)
    assert report.error["remedy"]


def test_api_alone_brings_what_only_recapis_directories_name(branch):
    place = branch(recordings=20, api_old=True, recordfiles="mixed")
    place.configure(web=None)
    report = place.run()
    assert (report.exit_code, report.recordings.expected) == (0, 20)
    assert place.all_is_exact()


@pytest.mark.fault(
    "cdr",
    "call ids come again, and call records name no file",
    "no wrong gap, and nothing is called complete that isn't",
    promise="success",
)
def test_silent_calls_whose_ids_come_again_bring_no_wrong_gap_and_no_false_complete(branch):
    """AcctId restarts every month (field guide 2a), and getRecordInfosByCall then tells of the newest call that has it."""
    place = branch(recordings=20, seconds=(2.0, 40.0), months=3, recordfiles="empty", recordfiles_desc=False)
    place.configure(web=None)
    report = place.run()
    assert [gap.reason for gap in report.gaps if gap.reason == "too-short"] == []
    assert place.all_is_exact() or (report.exit_code, report.recordings.expected) == (3, None)


# --- the web UI is shut ---


@pytest.mark.fault("sign-in", "the web UI is shut ({shut}), the API is open", "everything comes over the API", exit_code=0)
@pytest.mark.parametrize("shut", ["captcha", pytest.param("password", marks=pytest.mark.long), "labels", "otp"])
def test_everything_comes_over_the_api_where_the_web_ui_is_shut(branch, shut):
    faults = {"captcha": {"captcha": ""}, "labels": {"language": "zh"}, "otp": {"login_extra": "otp"}}
    place = branch(recordings=14, queue_recordings=2, faults=faults.get(shut, {}), page_seconds=4)
    if shut == "password":
        place.configure(web={"password": "wrong"})
    report = place.run()
    assert (report.exit_code, report.gaps, report.error) == (0, [], None)
    assert place.adds_up(report)
    assert report.sources[Source.RECAPI] == 16
    assert place.all_is_exact()
    assert report.notes
    assert place.sign_ins("web") == (0 if shut == "captcha" else 1)
    again = place.run()
    assert (again.exit_code, again.recordings.already) == (0, 16)
    assert sum(not attempt.ok for attempt in place.ucm.state.sign_ins) == (shut == "password")


@pytest.mark.fault(
    "sign-in",
    "the address is banned at the web UI",
    "the API is not knocked at either",
    exit_code=4,
    promise="ban",
    simulated="lockout=ban",
)
def test_banned_address_knocks_at_no_other_door(branch):
    place = branch(recordings=4, faults={"lockout": "ban"})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (4, "LockedOut")
    assert len(place.ucm.state.sign_ins) == 1
