"""The browser of a sign-in by hand, as its viewer steers it: what is shown, what is obeyed, when it ends, and what counts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from scraper.budget import SignInBudget
from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.settings import load
from scraper.webui import live_view, login
from scraper.webui.live_view import Inbox, Outcome

pytestmark = pytest.mark.browser

VIEW = {"command": "view", "width": 390, "height": 520}
FILL, ENTER, STOP = {"command": "fill"}, {"command": "key", "key": "Enter"}, {"command": "stop"}


@pytest.fixture(autouse=True)
def _nobody_waits_ten_minutes(monkeypatch):
    monkeypatch.setattr(login, "PERSON_SECONDS", 40.0)


def text(words):
    return {"command": "text", "text": words}


def sign_in(place, *commands, react=lambda inbox, pictures: None):
    """What came of a sign-in by hand, and its pictures; ``commands`` are given at first, ``react`` sees each picture."""
    inbox, pictures = Inbox(), []
    for command in commands:
        inbox.put(command)

    def show(picture):
        pictures.append(picture)
        react(inbox, pictures)

    return login.with_viewer(load(place.config, {}), "office", inbox, show), pictures


def once(*commands):
    """Gives the commands when the first picture shows."""
    given = []

    def react(inbox, _):
        for command in () if given else commands:
            given.append(command)
            inbox.put(command)

    return react


@contextmanager
def catalog_of(place) -> Iterator[Catalog]:
    with Catalog.open(load(place.config, {}).catalog.url) as catalog:
        yield catalog


def test_viewer_who_signs_in_leaves_a_session_and_ends_the_episode(office):
    place = office()
    with catalog_of(place) as catalog:
        catalog.begin_notice(PERSON_NEEDED, "office", datetime.now(UTC), "It shows a CAPTCHA.")
    outcome, pictures = sign_in(place, VIEW, react=once(FILL, ENTER))
    assert outcome is Outcome.SIGNED_IN
    assert {(one["width"], one["height"], one["left"]) for one in pictures} == {(480, 640, 5)}
    assert all(base64.b64decode(one["image"]).startswith(b"\xff\xd8") for one in pictures)
    assert place.run().exit_code == 0
    assert len(place.ucm.state.sign_ins) == 1
    with catalog_of(place) as catalog:
        assert catalog.open_notices() == []
    assert not (place.folder / "data" / "failures").exists()


def test_view_that_ends_without_a_sign_in_keeps_the_session_that_was_there(office, monkeypatch):
    place = office()
    assert place.run().exit_code == 0
    assert sign_in(place, VIEW, react=once(STOP))[0] is Outcome.CLOSED
    monkeypatch.setattr(live_view, "ABSENT_SECONDS", 1.0)
    assert sign_in(place) == (Outcome.LEFT, [])
    monkeypatch.setattr(login, "PERSON_SECONDS", 3.0)
    monkeypatch.setattr(live_view, "ABSENT_SECONDS", 60.0)
    outcome, pictures = sign_in(place, VIEW, {"command": "click"}, {"command": "text", "text": 7}, {"command": "dance"})
    assert (outcome, bool(pictures)) == (Outcome.TIMEOUT, True)
    assert place.run().exit_code == 0
    assert len(place.ucm.state.sign_ins) == 1


@pytest.mark.fault("sign-in", "a person mistypes the password again and again", "they are stopped before the last attempt", promise="ban")
def test_refused_person_is_warned_and_stopped_before_the_last_attempt_unless_they_risk_it(office):
    place, seen = office(), []

    def insist(inbox, pictures):
        left = pictures[-1]["left"]
        if left not in seen:
            seen.append(left)
            for command in (text("a wrong one"), ENTER) if len(seen) > 1 else (FILL, text("no"), ENTER):
                inbox.put(command)

    outcome, _ = sign_in(place, VIEW, react=insist)
    assert outcome is Outcome.LAST_ATTEMPT
    assert seen == [5, 4, 3, 2]
    assert len(place.ucm.state.sign_ins) == 4
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (4, "BudgetExhausted")
    assert sign_in(place, VIEW, react=once(FILL, ENTER)) == (Outcome.LAST_ATTEMPT, [])
    assert len(place.ucm.state.sign_ins) == 4
    assert sign_in(place, {**VIEW, "last": True}, react=once(FILL, ENTER))[0] is Outcome.SIGNED_IN
    assert place.run().exit_code == 0


def test_configured_password_that_a_person_was_refused_with_is_not_tried_by_jobs(office):
    place = office()
    place.configure(web={"password": "wrong"})

    def give_up(inbox, pictures):
        if pictures[-1]["left"] == 4:
            inbox.put(STOP)

    def react(inbox, pictures):
        first(inbox, pictures)
        give_up(inbox, pictures)

    first = once(FILL, ENTER)
    assert sign_in(place, VIEW, react=react)[0] is Outcome.CLOSED
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (4, "PasswordRefused")
    assert len(place.ucm.state.sign_ins) == 1


@pytest.mark.fault("sign-in", "a person meets a ban", "the view ends", promise="ban", simulated="lockout=ban")
def test_ban_ends_the_view(office):
    place = office(faults={"lockout": "ban"})
    outcome, _ = sign_in(place, VIEW, react=once(FILL, ENTER))
    assert (outcome, int(outcome.exit_code)) == (Outcome.LOCKED, 4)
    with catalog_of(place) as catalog:
        assert SignInBudget(catalog, place.ucm.url, pin=place.ucm.pin).left() == 0
