"""The pages of a sign-in by hand: who may open, act, look and close, what is handed on to the browser, and what is noted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scraper.budget import known_budget
from scraper.catalog.notices import PERSON_NEEDED
from scraper.models import Trigger
from scraper.service.task import Event, Kind, Stage, Task, TaskState

PLACE = "/sign-in-by-hand/office"


@pytest.fixture
def opened(admin):
    """The admin service with a view of ``office`` that runs, opened by its client; and the view's state."""
    assert admin.post(f"{PLACE}/open").status_code == 303
    (state,) = admin.dispatch.known.values()
    state.stage, state.phase = Stage.RUNNING, "showing the sign-in page"
    return admin, state


def do(admin, *commands, client=None, **headers):
    sent = {"X-CSRF-Token": admin.csrf, **headers}
    return (client or admin.client).post(f"{PLACE}/do", json={"commands": list(commands)}, headers=sent)


def other_session(admin):
    """Somebody else who has the token."""
    admin.sign_in(admin.outsider)
    return admin.outsider, admin.outsider.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]


def end(admin, state, exit_code, **result):
    state.stage, state.exit_code, state.ended_at, state.result = Stage.ENDED, exit_code, admin.service.clock(), result


def test_page_says_since_when_a_person_is_needed_and_why(admin):
    admin.catalog.begin_notice(PERSON_NEEDED, "office", datetime(2026, 2, 6, 16, tzinfo=UTC), "It shows <b>a CAPTCHA</b>.")
    page = admin.client.get(PLACE).text
    assert "2026-02-06T16:00:00Z" in page
    assert "&lt;b&gt;a CAPTCHA" in page


def test_unknown_ucm_is_404_and_no_page_is_seen_without_a_session(admin):
    assert admin.client.get("/sign-in-by-hand/nowhere").status_code == 404
    assert admin.outsider.get(PLACE).headers["location"].startswith("/sign-in?")


def test_ucm_without_a_web_account_can_not_be_opened(make_admin):
    api_only = {"url": "https://192.0.2.1:8089", "timezone": "UTC", "api": {"username": "cdrapi", "password": "not-this-one"}}
    admin = make_admin(ucms={"office": api_only})
    admin.sign_in(admin.client)
    page = admin.client.get(PLACE).text
    assert "No account" in page
    admin.csrf = page.split('name="csrf-token" content="')[1].split('"')[0]
    assert admin.post(f"{PLACE}/open").status_code == 409
    assert admin.dispatch.known == {}


def test_opening_asks_for_one_login_and_notes_who(opened):
    admin, state = opened
    assert (state.task.kind, state.task.ucm) == (Kind.LOGIN, "office")
    assert admin.post(f"{PLACE}/open").status_code == 409
    assert ("sign-in-by-hand-opened", "office") in [(one.action, one.ucm) for one in admin.catalog.audit_entries()]


def test_what_the_viewer_does_reaches_the_browser_in_order(opened):
    admin, state = opened
    commands = [
        {"command": "view", "width": 358, "height": 506},
        {"command": "click", "x": 12.5, "y": 40},
        {"command": "press", "x": 1, "y": 2},
        {"command": "move", "x": 3, "y": 2},
        {"command": "release", "x": 4, "y": 2},
        {"command": "text", "text": "sesame & ünïcode"},
        {"command": "key", "key": "Enter"},
        {"command": "scroll", "dx": 0, "dy": 200},
        {"command": "fill"},
        {"command": "seen"},
    ]
    assert do(admin, *commands).status_code == 204
    assert [command for _, command in admin.dispatch.sent] == [{**commands[0], "last": False}, *commands[1:]]
    assert {task_id for task_id, _ in admin.dispatch.sent} == {state.task.id}


@pytest.mark.parametrize(
    "command",
    [
        {"command": "click", "x": "here", "y": 1},
        {"command": "click", "x": 1e9, "y": 1},
        {"command": "move", "x": 1},
        {"command": "text", "text": "line\nbreak"},
        {"command": "text", "text": "x" * 501},
        {"command": "key", "key": "F5"},
        {"command": "view", "width": 0, "height": 1},
        {"command": "view", "width": 100, "height": 100, "last": True},
        {"command": "stop"},
        {"command": "seen", "more": 1},
    ],
    ids=str,
)
def test_what_no_viewer_does_is_refused(opened, command):
    admin, _ = opened
    assert do(admin, command).status_code == 422


def test_others_neither_act_nor_look_but_may_close(opened):
    admin, state = opened
    client, csrf = other_session(admin)
    assert do(admin, {"command": "seen"}, client=client, **{"X-CSRF-Token": csrf}).status_code == 403
    assert client.get(f"{PLACE}/events").status_code == 404
    assert "is open already" in client.get(PLACE).text
    assert client.post(f"{PLACE}/close", data={"csrf": csrf}).status_code == 303
    assert state.stage is Stage.STOPPING
    assert admin.dispatch.sent == []


def test_acts_without_the_csrf_token_are_403(opened):
    admin, _ = opened
    assert do(admin, {"command": "seen"}, **{"X-CSRF-Token": "wrong"}).status_code == 403
    assert admin.client.post(f"{PLACE}/open").status_code == 403


def test_acts_after_the_end_are_409(opened):
    admin, state = opened
    end(admin, state, 0, outcome="signed-in", message="Signed in.")
    assert do(admin, {"command": "seen"}).status_code == 409


def test_stream_shows_the_newest_picture_and_says_when_it_is_over(opened):
    admin, state = opened
    admin.dispatch.told = [
        Event(state.task.id, "office", "frame", {"image": image, "width": 480, "height": 640, "left": 5}) for image in ("old", "new")
    ]
    events = admin.client.get(f"{PLACE}/events").text
    assert events.startswith('event: state\ndata: {"stage": "running", "ready": true, "waits_for": null}\n\n')
    assert '"image": "new"' in events
    assert '"image": "old"' not in events
    assert events.endswith("event: over\ndata: {}\n\n")


def test_view_that_found_the_ucm_held_by_another_program_goes_on_as_the_task_that_waits(opened):
    admin, first = opened
    second = TaskState(Task(Kind.LOGIN, "office", Trigger.MANUAL), admin.service.clock())

    async def events(task_id):
        if task_id == first.task.id:
            end(admin, first, 9, error={"message": "Another job holds it."})
            admin.dispatch.known[second.task.id] = second
        elif task_id == second.task.id:
            end(admin, second, 0, outcome="signed-in", message="Signed in.")
            yield Event(task_id, "office", "result", {})

    admin.dispatch.events = events
    stream = admin.client.get(f"{PLACE}/events").text
    assert stream.index('"stage": "running"') < stream.index('"stage": "waiting"') < stream.index("event: over")
    assert "Signed in." in admin.client.get(PLACE).text


def test_page_says_what_it_waits_for(admin):
    run = Task(Kind.RUN, "office", Trigger.SCHEDULE)
    admin.dispatch.known[run.id] = TaskState(run, admin.service.clock(), Stage.RUNNING)
    admin.post(f"{PLACE}/open")
    assert "Waiting: a run works on this UCM." in admin.client.get(PLACE).text


@pytest.mark.parametrize(
    ("code", "result", "shown", "asks"),
    [
        (0, {"outcome": "signed-in", "message": "Signed in; kept."}, "Signed in; kept.", False),
        (5, {"outcome": "left", "message": "Closed: nothing was heard."}, "Closed: nothing was heard.", False),
        (5, {"outcome": "last-attempt", "message": "Closed: one more."}, "Closed: one more.", True),
        (
            6,
            {"error": {"message": "It <i>can't</i> be reached.", "remedy": "Check."}},
            "It &lt;i&gt;can&#39;t&lt;/i&gt; be reached.",
            False,
        ),
    ],
    ids=["signed-in", "left", "last-attempt", "failed"],
)
def test_page_tells_how_it_ended_and_asks_before_the_last_attempt(opened, code, result, shown, asks):
    admin, state = opened
    end(admin, state, code, **result)
    page = admin.client.get(PLACE).text
    assert shown in page
    assert ("risk_last" in page) is asks


def test_last_attempt_is_asked_about_before_and_its_consent_reaches_the_browser(admin):
    budget = known_budget(admin.catalog, "https://192.0.2.1:8089", admin.service.clock)
    budget.person_refused("backup", None, 1)
    page = admin.client.get(PLACE).text
    assert "1 failed sign-in left" in page
    assert "risk_last" in page
    admin.post(f"{PLACE}/open", risk_last="yes")
    do(admin, {"command": "view", "width": 358, "height": 506})
    assert admin.dispatch.sent[-1][1]["last"] is True


def test_outcome_is_noted_once_the_view_has_ended(make_admin):
    admin = make_admin()
    ended = {"outcome": "signed-in", "message": "Signed in."}

    class EndsAtOnce(type(admin.dispatch)):
        def ask(self, task):
            state = super().ask(task)
            end(admin, state, 0, **ended)
            return state

    admin.service.dispatch = EndsAtOnce()
    with admin.client:  # keeps the loop, in which the end is waited for
        admin.sign_in(admin.client)
        admin.csrf = admin.client.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
        admin.post(f"{PLACE}/open")
        admin.client.get(PLACE)
    noted = {(one.action, one.detail) for one in admin.catalog.audit_entries() if one.ucm}
    assert ("signed-in-by-hand", "Signed in.") in noted
