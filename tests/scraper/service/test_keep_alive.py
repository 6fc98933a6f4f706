"""Keeping a session alive: what is asked of the PBX, when, and that nobody ever signs in for it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest

from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.errors import PinMismatch, UnreachableError
from scraper.models import Trigger
from scraper.service.keep_alive import EVERY_SECONDS, KeepAlive, Session, is_wanted, keep_alive
from scraper.service.task import Kind, Stage, Task, TaskState
from scraper.settings import Settings
from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator


@pytest.fixture
def pbx():
    with Simulator(recordings=30) as simulator:
        yield simulator


@pytest.fixture
def settings(pbx, tmp_path):
    web = {"username": WEB_USER, "password": WEB_PASSWORD, "keep_alive": "always"}
    return Settings.model_validate({"data_dir": str(tmp_path), "ucms": {"office": {"url": pbx.url, "tls": {"pin": pbx.pin}, "web": web}}})


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        yield catalog


def sign_in(pbx):
    """The cookies of a session, as the page gets them."""
    with httpx.Client(base_url=pbx.url, verify=False) as client:
        challenge = client.post("/cgi", data={"action": "challenge", "user": WEB_USER}).json()["response"]["challenge"]
        token = hashlib.md5((challenge + WEB_PASSWORD).encode()).hexdigest()
        assert client.post("/cgi", data={"action": "login", "user": WEB_USER, "token": token}).json()["status"] == 0
        return dict(client.cookies)


def keep(settings, cookies, **changes):
    """Write the session down as a job keeps it: Playwright's ``storage_state``."""
    ucm = settings.ucms["office"]
    shape = {"domain": "127.0.0.1", "path": "/", "expires": -1, "httpOnly": False, "secure": True, "sameSite": "Lax", **changes}
    state = {"cookies": [{"name": name, "value": value, **shape} for name, value in cookies.items()], "origins": []}
    path = settings.data_dir / "sessions" / "office.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"owner": {"url": ucm.url, "username": ucm.web.username}, "state": state}))
    return path


def test_session_that_lives_is_kept_from_idling_by_one_read(pbx, settings):
    keep(settings, sign_in(pbx))
    session = next(iter(pbx.state.sessions.values()))
    session.last_seen -= 500
    seen = session.last_seen
    assert keep_alive(settings, "office") is Session.ALIVE
    assert session.last_seen > seen + 400
    assert pbx.state.actions[-1].name == "listFile"


def test_session_that_ended_is_noted_and_nobody_signs_in(pbx, settings):
    path = keep(settings, sign_in(pbx))
    pbx.state.end_sessions()
    attempts = len(pbx.state.sign_ins)
    assert keep_alive(settings, "office") is Session.ENDED
    assert len(pbx.state.sign_ins) == attempts
    assert path.exists()


@pytest.mark.parametrize("changes", [{"domain": "other.example.com"}, {"path": "/other"}])
def test_cookies_of_others_are_not_sent(pbx, settings, changes):
    keep(settings, sign_in(pbx), **changes)
    before = len(pbx.state.actions)
    assert keep_alive(settings, "office") is Session.NONE
    assert len(pbx.state.actions) == before


def test_no_kept_session_or_rubbish_asks_nothing(pbx, settings):
    assert keep_alive(settings, "office") is Session.NONE
    for text in ("", "[]", '{"owner": 1}'):
        keep(settings, {}).write_text(text)
        assert keep_alive(settings, "office") is Session.NONE
    assert pbx.state.actions == []


def test_answer_that_says_nothing_ends_nothing(pbx, settings):
    keep(settings, sign_in(pbx))
    pbx.state.faults.set("web_busy", -45)
    assert keep_alive(settings, "office") is Session.UNCLEAR
    pbx.state.faults.set("unavailable")
    assert keep_alive(settings, "office") is Session.UNCLEAR


def test_pbx_that_is_another_or_gone_gets_no_cookie(pbx, settings):
    keep(settings, sign_in(pbx))
    with Simulator() as impostor:
        tls = settings.ucms["office"].tls
        ucm = settings.ucms["office"].model_copy(update={"url": impostor.url, "tls": tls})
        other = settings.model_copy(update={"ucms": {"office": ucm}})
        keep(other, {"session-identify": "x"})
        with pytest.raises(PinMismatch):
            keep_alive(other, "office")
        assert impostor.state.actions == []
    with pytest.raises(UnreachableError):
        keep_alive(other, "office")


@pytest.mark.parametrize(
    ("mode", "needed", "wanted"), [("always", False, True), ("never", True, False), ("auto", False, False), ("auto", True, True)]
)
def test_auto_is_after_a_person_was_needed_once(settings, catalog, mode, needed, wanted):
    web = settings.ucms["office"].web.model_copy(update={"keep_alive": mode})
    changed = settings.model_copy(update={"ucms": {"office": settings.ucms["office"].model_copy(update={"web": web})}})
    if needed:
        catalog.begin_notice(PERSON_NEEDED, "office", datetime.now(UTC))
        catalog.end_notice(PERSON_NEEDED, "office", datetime.now(UTC))
    assert is_wanted(changed, "office", catalog) is wanted


class Round:
    """A keep-alive over a stand-in for the dispatcher, its clock set by the test."""

    def __init__(self, settings, catalog):
        self.seconds, self.asked, self.states = 0.0, [], []
        dispatch = SimpleNamespace(ask=self.asked.append, states=lambda ucm: self.states)
        self.keeper = KeepAlive(SimpleNamespace(settings=settings, catalog=catalog, dispatch=dispatch), lambda: self.seconds)

    def after(self, seconds):
        """How many reads were asked for, so much later."""
        self.seconds += seconds
        before = len(self.asked)
        asyncio.run(self.keeper.look())
        return len(self.asked) - before

    def ends(self, kind, **result):
        task = Task(kind, "office", Trigger.SCHEDULE)
        self.keeper.ended(TaskState(task, datetime.now(UTC), Stage.ENDED, exit_code=0, result=result))


def test_idle_session_is_read_every_five_minutes_whatever_jobs_end_meanwhile(settings, catalog):
    keep(settings, {"session-identify": "x"})
    place = Round(settings, catalog)
    assert [place.after(seconds) for seconds in (0, 30, EVERY_SECONDS - 31, 1, 30)] == [1, 0, 0, 1, 0]
    assert {task.kind for task in place.asked} == {Kind.KEEP_ALIVE}
    place.after(200)
    for kind in (Kind.RUN, Kind.FETCH, Kind.DOCTOR):
        place.ends(kind)
    assert [place.after(seconds) for seconds in (30, 70)] == [0, 1]
    place.after(200)
    place.ends(Kind.LOGIN)
    assert [place.after(seconds) for seconds in (100, EVERY_SECONDS - 100)] == [0, 1]


def test_ucm_where_somebody_signs_in_or_without_a_session_is_left_alone(settings, catalog):
    place = Round(settings, catalog)
    assert place.after(0) == 0
    keep(settings, {"session-identify": "x"})
    place.states = [TaskState(Task(Kind.LOGIN, "office", Trigger.MANUAL), datetime.now(UTC), Stage.RUNNING)]
    assert place.after(30) == 0
    place.states = [TaskState(Task(Kind.RUN, "office", Trigger.SCHEDULE), datetime.now(UTC), Stage.RUNNING)]
    assert place.after(30) == 1


def test_session_that_ended_is_asked_no_more_until_another_is_kept(settings, catalog):
    path = keep(settings, {"session-identify": "x"})
    place = Round(settings, catalog)
    assert place.after(0) == 1
    place.ends(Kind.KEEP_ALIVE, session="ended")
    assert place.after(EVERY_SECONDS) == 0
    os.utime(path, (1, 1))
    assert place.after(30) == 1
