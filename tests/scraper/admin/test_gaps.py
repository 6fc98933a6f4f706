"""Gaps in the admin service: by reason with remedy, another try, what is gone for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scraper.admin import gaps as topic
from scraper.models import Gap, GapReason, Identity, class_of
from scraper.service.task import Kind, Stage

WHEN = datetime(2026, 2, 6, 16, 21, tzinfo=UTC)
REMEDY = "Sign in once by hand with `ucm-scraper login --ucm NAME`."


def miss(admin: Any, name: str, reason: GapReason = GapReason.THROTTLED, ucm: str = "office", at: datetime = WHEN, **texts: str) -> None:
    words = {"detail": "why", "remedy": "what now"} | texts
    admin.catalog.record_gap(Gap(Identity(ucm, class_of(name), "2026-02", name), reason, **words), at=at)


def lose(admin: Any, name: str) -> None:
    """The PBX says twice that it is gone."""
    for hours in (0, 3):
        miss(admin, name, GapReason.GONE, at=WHEN + timedelta(hours=hours))


def asked(admin: Any) -> list[tuple[Kind, str, tuple[str, ...]]]:
    return [(state.task.kind, state.task.ucm, state.task.names) for state in admin.dispatch.states()]


def test_gaps_stand_by_reason_with_their_remedy_and_number(admin: Any) -> None:
    for number in range(3):
        miss(admin, f"auto-{number}-1-2.wav")
    miss(admin, "auto-9-1-2.wav", GapReason.PERSON_NEEDED, "branch", remedy=REMEDY)
    lose(admin, "auto-8-1-2.wav")
    found = admin.client.get("/api/v1/gaps/groups").json()["items"]
    assert [(one["ucm"], one["reason"], one["count"]) for one in found] == [("office", "throttled", 3), ("branch", "person-needed", 1)]
    assert found[1]["remedy"].endswith("`ucm-scraper login --ucm branch`.")
    assert all(one["menu"] for one in found)
    page = admin.client.get("/gaps").text
    assert "/sign-in-by-hand/branch" in page
    assert "auto-8-1-2" not in page
    gone = admin.client.get("/gaps?state=gone").text
    assert "auto-8-1-2" in gone
    assert "auto-9-1-2" not in gone


def test_what_is_archived_or_missing_again_is_not_gone(admin: Any) -> None:
    for name in ("a.wav", "b.wav"):
        lose(admin, name)
    miss(admin, "b.wav")
    assert [one["path"] for one in admin.client.get("/api/v1/gaps?state=gone").json()["items"]] == ["2026-02/a.wav"]


def test_pages_follow_each_other_with_the_same_choice(admin: Any) -> None:
    for number in range(60):
        miss(admin, f"auto-{number:02}-1-2.wav", GapReason.CORRUPT if number % 10 == 0 else GapReason.THROTTLED)
    first = admin.client.get("/gaps?ucm=office&reason=throttled")
    assert first.text.count('class="path"') == 50
    assert len(first.content) < 100_000
    older = first.text.split('class="pager"><a class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    assert admin.client.get(older).text.count('class="path"') == 4
    assert "reason=throttled" in older
    page = admin.client.get("/api/v1/gaps?reason=corrupt&limit=4").json()
    rest = admin.client.get(f"/api/v1/gaps?reason=corrupt&limit=4&before={page['next']}").json()
    assert [one["path"][8:15] for one in page["items"] + rest["items"]] == [f"auto-{number:02}" for number in (50, 40, 30, 20, 10, 0)]
    assert rest["next"] is None


def test_one_gap_is_tried_again(admin: Any) -> None:
    miss(admin, "auto-1-1-2.wav")
    answer = admin.post("/gaps/1/retry")
    assert asked(admin) == [(Kind.FETCH, "office", ("2026-02/auto-1-1-2.wav",))]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{admin.dispatch.states()[0].task.id}")
    assert next(one.action for one in admin.catalog.audit_entries()) == "gaps-retried"


def test_a_group_is_tried_again_at_most_a_thousand_at_once_the_longest_untried_first(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "MOST_AT_ONCE", 2)
    for number, hours in enumerate((5, 1, 3)):
        miss(admin, f"auto-{number}-1-2.wav", at=WHEN + timedelta(hours=hours))
    miss(admin, "auto-7-1-2.wav", GapReason.CORRUPT)
    miss(admin, "auto-8-1-2.wav", ucm="branch")
    assert admin.post("/gaps/retry", ucm="office", reason="throttled").status_code == 303
    assert asked(admin) == [(Kind.FETCH, "office", ("2026-02/auto-1-1-2.wav", "2026-02/auto-2-1-2.wav"))]
    answer = admin.client.post("/api/v1/gaps/retry", json={"ucm": "branch"}, headers={"X-CSRF-Token": admin.csrf})
    assert (answer.status_code, answer.json()["kind"], answer.json()["stage"]) == (202, "fetch", Stage.WAITING)


def test_what_can_t_be_tried_again_says_why(admin: Any) -> None:
    miss(admin, "a.wav")
    admin.catalog.close_gap(Identity("office", class_of("a.wav"), "2026-02", "a.wav"), "archived")
    assert admin.post("/gaps/1/retry").status_code == 409
    assert admin.post("/gaps/2/retry").status_code == 404
    assert admin.post("/gaps/retry", ucm="office", reason="throttled").status_code == 409
    assert admin.post("/gaps/retry", ucm="nobody").status_code == 404
    assert admin.post("/gaps/retry", ucm="office", reason="../x").status_code == 422
    assert asked(admin) == []


def test_the_gap_of_a_ucm_that_is_not_configured_any_more_is_not_shown_nor_fetched(admin: Any) -> None:
    miss(admin, "a.wav", ucm="closed-office")
    assert admin.client.get("/api/v1/gaps").json()["items"] == []
    assert admin.post("/gaps/1/retry").status_code == 404


def test_names_and_details_are_shown_and_not_obeyed(admin: Any) -> None:
    miss(admin, '<script>alert("1")</script>.wav', detail="<b>bold</b>", remedy="<i>x</i>")
    page = admin.client.get("/gaps").text
    for tag in ("<script>alert", "<b>bold", "<i>x"):
        assert tag not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    "query", ["state=../x", "ucm=nobody", "reason=%00", "ucm=" + "a" * 101, "before=0", "before=x", "reason=gone&state=open"]
)
def test_an_address_that_means_nothing_is_no_internal_error(admin: Any, query: str) -> None:
    miss(admin, "a.wav")
    assert admin.client.get(f"/gaps?{query}").status_code in (200, 422)
