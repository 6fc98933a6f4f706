"""Two faults at once, whichever: what always holds of a job does, and once both are over the next one completes."""

from __future__ import annotations

import os
import shutil
import time
from itertools import combinations

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from scraper import log
from scraper.budget import LIMIT
from scraper.simulator import API_PASSWORD, WEB_PASSWORD

#: For good, or for the next so many occasions.
AT_THE_API = [
    "api_off=404", "api_off=close", "api_denied", "cdrapi_forbidden", "recapi_forbidden", "api_busy=-45*3", "api_busy=-57", "api_html",
    "api_html=*2", "recapi_instead=html", "recapi_instead=json*2", "recapi_instead=empty", "recapi_instead=half", "recapi_instead=tar",
    "recapi_instead=other", "single_cut=0.5", "single_cut=0.9*2", "cookie_dies_every=1", "cookie_dies_every=3", "pages_repeat",
    "cdrapi_empty", "unavailable", "unavailable=*2", "hang=api", "lockout=ban", "unknown_user", "remain_fields=top",
    "remain_fields=missing",
]  # fmt: skip
IN_THE_WEB_UI = [
    "captcha", "login_extra=otp", "lockout=ban", "session_ends_after=6", "session_ends_before_download=*1", "session_status=-5",
    "labels=old", "language=de", "overlay", "delete_moved", "no_modal", "web_busy=-51*2", "listing_total=3", "listing_empty", "pack_fails",
    "pack_never_ends", "archive_cut=0.6", "archive_cut=0.4*1", "archive_stalls=0.6*1", "archive_slow=200000", "archive_truncated=0.5",
    "archive_instead=html", "archive_instead=zip*1", "plain_tar", "hostile=dotdot+duplicate",
    "missing_from_archive=0.33", "noise_in_archive=0.33", "short_in_archive=0.33", "single_instead=html", "single_instead=json*1",
    "single_cut=0.5*1", "single_pace=1", "unavailable=*3", "hang=list", "hang=download",
]  # fmt: skip
AT_THE_RECORDINGS = ["gone=0.34", "gone_but_listed=0.34", "noise=0.34", "short=0.34", "empty=0.34", "written_late=3"]
#: Once taken for what the PBX has, such a copy is kept though a better one comes.
CHANGE_WHAT_IS_HELD = {"noise", "short", "written_late"}


def pairs(faults):
    """Two of them that don't turn the same switch."""
    return st.sampled_from([two for two in combinations(faults, 2) if two[0].partition("=")[0] != two[1].partition("=")[0]])


class TwoFaults:
    """One PBX with two faults, and the jobs on it."""

    def __init__(self, place, faults, capsys):
        self.place, self.faults, self.capsys = place, faults, capsys
        self.spoils = {fault.partition("=")[0] for fault in faults} & CHANGE_WHAT_IS_HELD

    def come(self):
        for fault in self.faults:
            name, _, value = fault.partition("=")
            self.place.ucm.state.faults.set(name, value)

    def pass_over(self):
        """Both end; bans and pauses are over. Nothing is waited for in vain from now on: a machine that stalls is given its time."""
        self.place.page_seconds = 30
        self.place.configure()
        self.place.ucm.state.faults.clear()
        self.place.ucm.state.failures.clear()
        if (self.place.folder / "data" / "catalog.db").exists():
            self.place.let_hours_pass(30)
            self.place.forget_sign_ins()

    def job(self, everything=False):
        """One job, and what holds after any."""
        begun = time.monotonic()
        report = self.place.reconcile() if everything else self.place.run()
        assert time.monotonic() - begun < 100
        assert report.exit_code in (0, 3, 4, 5, 6, 7, 10), report.error
        assert (report.error is None) == (report.exit_code in (0, 3))
        assert report.recordings.expected is None or self.place.adds_up(report)
        held, archived = self.place.held_by_pbx(), self.place.archived()
        assert self.spoils or {path: sound for path, sound in archived.items() if "~" not in path and held.get(path) != sound} == {}
        if report.exit_code == 0:
            there = held if not report.recordings.gone else held.keys() & archived.keys()
            assert report.gaps == [] and report.recordings.expected == len(held)
            assert set(there) <= set(archived)
        self.nothing_is_told_or_risked()
        return report

    def nothing_is_told_or_risked(self):
        state = self.place.ucm.state
        assert state.deletes == []
        assert sum(not attempt.ok for attempt in state.sign_ins) <= LIMIT
        said = self.capsys.readouterr().err
        hidden = [API_PASSWORD, WEB_PASSWORD, "5555550", *state.sessions, *state.api_sessions]
        assert [secret for secret in hidden if secret in said] == []


def live_through(place, faults, after_a_run, capsys):
    """A PBX's life: perhaps a good job; two faults and two jobs; then none, and the next job completes."""
    log.setup("trace")
    story = TwoFaults(place, faults, capsys)
    try:
        if after_a_run:
            assert story.job().exit_code == 0
            place.ucm.state.add(2)
        before = place.archived()
        story.come()
        story.job()
        story.job()
        story.pass_over()
        report = story.job()
        if report.exit_code == 3:  # what was told to be gone is asked about in a reconcile
            report = story.job(everything=True)
        assert (report.exit_code, report.error, report.gaps) == (0, None, [])
        archived = place.archived()
        assert before.items() <= archived.items()
        assert story.spoils or place.held_by_pbx().items() <= archived.items()
    except AssertionError as error:
        error.add_note(f"{faults}, {after_a_run=}, {place.ucm.config}")
        raise
    finally:
        log.logger.remove()
        place.ucm.stop()
        shutil.rmtree(place.folder)


def examples(count):
    """So many, the same each time, or ``UCM_TWO_FAULTS`` others; and no shrinking, which would take many minutes of jobs."""
    return settings(
        max_examples=int(os.environ.get("UCM_TWO_FAULTS", count)),
        derandomize="UCM_TWO_FAULTS" not in os.environ,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@examples(8)
@given(faults=pairs(AT_THE_API + AT_THE_RECORDINGS), after_a_run=st.booleans(), family=st.sampled_from(["api_new", "api_old"]))
def test_whichever_two_meet_a_job_over_the_api(branch, capsys, impatient, faults, after_a_run, family):
    place = branch(recordings=3, queue_recordings=1, unanswered_calls=1, seconds=(0.3, 0.8), tls=False, **{family: True})
    place.configure(web=None, tls={"verify": False})
    live_through(place, faults, after_a_run, capsys)


@pytest.mark.browser
@examples(2)
@given(faults=pairs(IN_THE_WEB_UI + AT_THE_RECORDINGS), after_a_run=st.booleans())
def test_whichever_two_meet_a_job_in_the_browser(office, capsys, faults, after_a_run):
    place = office(recordings=8, today=None, seconds=(0.3, 0.8))
    place.configure(web={"pack_timeout_seconds": 5})
    live_through(place, faults, after_a_run, capsys)
