"""The doctor on the admin pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scraper.doctor import Checkup, Layer, Step
from scraper.errors import LockedOut
from scraper.service.task import Kind, Stage


def examined(admin: Any, result: Any, exit_code: int) -> str:
    """Ask for an examination, which ends so; its id."""
    task_id = admin.post("/doctor", ucm="office").headers["location"].removeprefix("/doctor/")
    state = admin.dispatch.state(task_id)
    state.stage, state.result, state.exit_code, state.ended_at = Stage.ENDED, result, exit_code, datetime.now(UTC)
    return task_id


def test_asked_twice_a_ucm_is_examined_once(admin: Any) -> None:
    first, second = (admin.post("/doctor", ucm="office") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert [(state.task.kind, state.task.ucm) for state in admin.dispatch.states()] == [(Kind.DOCTOR, "office")]
    page = admin.client.get(first.headers["location"])
    assert "data-examination" in page.text
    answer = admin.client.post("/api/v1/doctor/branch", headers={"X-CSRF-Token": admin.csrf})
    assert (answer.status_code, answer.json()["ucm"]) == (202, "branch")


def test_each_layer_stands_with_cause_menu_and_remedy(admin: Any) -> None:
    found = Checkup("office", frozenset({"web"}), [Step.ok(Layer.NETWORK, "<i>reached</i>"), Step.failed(Layer.WEB_SIGN_IN, LockedOut())])
    task_id = examined(admin, found.as_json(), found.exit_code)
    page = admin.client.get(f"/doctor/{task_id}").text
    for text in ("&lt;i&gt;reached", "No job would work now.", LockedOut().message, "Login Settings", "API not configured"):
        assert text in page
    assert admin.client.get(f"/api/v1/doctor/{task_id}").json()["result"] == found.as_json()
    assert f"/doctor/{task_id}" in admin.client.get("/doctor").text


def test_one_that_ended_without_a_result_says_so(admin: Any) -> None:
    assert "ended without a result" in admin.client.get(f"/doctor/{examined(admin, None, 1)}").text
    error = {"error": {"kind": "Busy", "message": "It <b>can't</b> be.", "remedy": "Wait."}}
    page = admin.client.get(f"/doctor/{examined(admin, error, 9)}").text
    assert "It &lt;b&gt;can" in page
    assert "Wait." in page


def test_nobody_and_no_other_task_is_examined(admin: Any) -> None:
    assert admin.post("/doctor", ucm="nobody").status_code == 404
    assert admin.post("/doctor", ucm="../office").status_code == 404
    assert admin.client.get(f"/doctor/{'0' * 32}").status_code == 404
    assert admin.client.get("/doctor/..%2f..%2fetc").status_code in (404, 422)


def test_of_many_ucms_those_examined_lately_are_shown_and_the_others_can_be_chosen(admin: Any) -> None:
    settings = admin.service.settings
    more = {f"site-{number}": settings.ucms["office"] for number in range(500)}
    admin.service.settings = settings.model_copy(update={"ucms": {**settings.ucms, **more}})
    examined(admin, Checkup("office", frozenset(), []).as_json(), 0)
    page = admin.client.get("/doctor")
    assert len(page.content) < 100_000
    assert page.text.count('<section class="card"') == 1
    assert "<option>site-499</option>" in page.text
