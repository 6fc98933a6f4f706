"""Backfills in the admin service: dry run, start, progress, coverage, pause, resume, cancel; windows that are none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from scraper.catalog import BackfillSlice, Direction, SliceState
from scraper.models import Gap, GapReason, Identity, RecordingClass

#: Still yesterday evening at the PBX, in Chicago.
NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
FIVE_WEEKS = {"ucm": "office", "since": "2026-02-01", "until": "2026-03-08", "order": "newest-first"}


@pytest.fixture
def wanted(admin: Any) -> list[int]:
    """The clock stands still; how often somebody asked to go on with backfills."""
    asked: list[int] = []
    admin.service.clock = lambda: NOW
    admin.service.go_on_with_backfills = lambda: asked.append(1)
    return asked


def start(admin: Any, **changes: str) -> str:
    """The id of a backfill begun from the page."""
    answer = admin.post("/backfills", **{**FIVE_WEEKS, **changes, "do": "start"})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/backfills/")


def finish(admin: Any, one: BackfillSlice, **values: Any) -> None:
    admin.catalog.update_slice(one.id, **{"state": SliceState.DONE.value, "expected": 4, "archived": 3, "gone": 0, "open": 1, **values})


def test_a_dry_run_shows_slices_and_what_is_known_and_starts_nothing(admin: Any, wanted: list[int]) -> None:
    rows = [(RecordingClass.MONITOR, "2026-02", f"a{number}.wav", 10, f"2026-02-0{number} 10:00:00") for number in (1, 2, 3)]
    admin.catalog.upsert_listing("office", rows, "reading")
    missing = Identity("office", RecordingClass.MONITOR, "2026-02", "a3.wav")
    admin.catalog.record_gap(Gap(missing, GapReason.THROTTLED, "why", "what"))
    page = admin.post("/backfills", **FIVE_WEEKS)
    assert page.status_code == 200
    assert 'value="2026-02-01"' in page.text
    assert "have shown 3 recordings" in page.text
    assert admin.service.backfills.all() == []
    assert wanted == []
    found = admin.client.post("/api/v1/backfills/preview", json=FIVE_WEEKS, headers={"X-CSRF-Token": admin.csrf}).json()
    assert (found["known"], found["archived"], found["open"]) == (3, 0, 1)
    assert (found["slices"][0]["until"], found["slices"][-1]["since"]) == ("2026-03-08", "2026-02-01")


def test_started_it_is_asked_for_at_once_noted_and_begun_once_only(admin: Any, wanted: list[int]) -> None:
    backfill_id = start(admin)
    assert start(admin) == backfill_id
    found = admin.service.backfills.of(backfill_id)
    assert (found.ucm, found.since, found.until, found.order) == ("office", date(2026, 2, 1), date(2026, 3, 8), Direction.NEWEST_FIRST)
    assert len(wanted) == 2
    entry = admin.catalog.audit_entries()[0]
    assert (entry.action, entry.ucm, entry.detail) == ("backfill-started", "office", "2026-02-01 to 2026-03-08, newest-first")


def test_progress_and_coverage_stand_on_its_page(admin: Any, wanted: list[int]) -> None:
    backfill_id = start(admin, order="oldest-first")
    slices = admin.service.backfills.slices(backfill_id)
    finish(admin, slices[0])
    admin.catalog.update_slice(slices[1].id, state=SliceState.FAILED.value, detail="<b>The PBX</b> could not pack.")
    view = admin.client.get(f"/api/v1/backfills/{backfill_id}").json()
    assert (view["state"], view["slices_done"], view["slices_failed"], view["archived"], view["open"]) == ("active", 1, 1, 3, 1)
    for path in (f"/backfills/{backfill_id}", f"/backfills/{backfill_id}/live"):
        page = admin.client.get(path).text
        assert view["statement"] in page
        assert "&lt;b&gt;The PBX" in page
        assert re.findall(r'<rect class="(\w+)"', page) == ["lacking", "failed", "waiting"]
    assert "3 of 4" in admin.client.get("/backfills").text
    assert len(admin.client.get(f"/api/v1/backfills/{backfill_id}/slices").json()["items"]) == len(slices)


def test_complete_it_says_so(admin: Any, wanted: list[int]) -> None:
    backfill_id = start(admin)
    for one in admin.service.backfills.slices(backfill_id):
        finish(admin, one, archived=4, open=0)
    admin.service.backfills.settle(backfill_id)
    page = admin.client.get(f"/backfills/{backfill_id}").text
    assert "nothing is missing" in page
    assert "Pause" not in page


def test_pause_resume_and_cancel_are_done_once_each_and_noted(admin: Any, wanted: list[int]) -> None:
    backfill_id = start(admin)
    for turn, again, state in (("pause", 409, "paused"), ("resume", 409, "active"), ("cancel", 409, "cancelled")):
        assert admin.post(f"/backfills/{backfill_id}/{turn}").headers["location"] == f"/backfills/{backfill_id}"
        assert admin.client.get(f"/api/v1/backfills/{backfill_id}").json()["state"] == state
        assert admin.post(f"/backfills/{backfill_id}/{turn}").status_code == again
    assert [one.action for one in admin.catalog.audit_entries(3)] == ["backfill-cancelled", "backfill-resumed", "backfill-paused"]
    answer = admin.client.post(f"/api/v1/backfills/{backfill_id}/pause", headers={"X-CSRF-Token": admin.csrf})
    assert (answer.status_code, answer.json()["message"]) == (409, "It is not under way.")
    assert admin.post(f"/backfills/{'0' * 32}/pause").status_code == 404
    assert admin.post(f"/backfills/{backfill_id}/delete").status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"since": "2026-03-08", "until": "2026-02-01"}, "since"),
        ({"since": "2026-03-08", "until": "2026-03-08"}, "since"),
        ({"since": "2026-03-10", "until": "2026-03-11"}, "since"),  # today in UTC, tomorrow at the PBX
        ({"until": "2026-03-11"}, "until"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "02/01/2026"}, "since"),
        ({"since": "2026-02-01T00:00"}, "since"),
        ({"until": "8.3.2026"}, "until"),
        ({"since": ""}, "since"),
        ({"until": " "}, "until"),
        ({"since": "1999-12-31"}, "since"),
        ({"ucm": "nobody"}, "ucm"),
        ({"ucm": ""}, "ucm"),
    ],
)
@pytest.mark.parametrize("do", ["preview", "start"])
def test_a_window_that_is_none_is_told_at_its_field_and_keeps_what_was_typed(
    admin: Any, wanted: list[int], changes: dict[str, str], field: str, do: str
) -> None:
    page = admin.post("/backfills", **{**FIVE_WEEKS, **changes, "do": do})
    assert page.status_code == 422
    assert re.findall(r'class="field-error" id="(\w+)-error"', page.text) == [field]
    assert f'value="{changes.get("since", FIVE_WEEKS["since"]).strip()}"' in page.text
    assert admin.service.backfills.all() == []


@pytest.mark.parametrize(
    "changes", [{"since": "2026-03-07", "until": "2026-03-09"}, {"until": "2026-03-10"}, {"since": "2026-03-09", "until": "2026-03-10"}]
)
def test_windows_over_a_change_of_the_clocks_and_up_to_today_are_fine(admin: Any, wanted: list[int], changes: dict[str, str]) -> None:
    slices = admin.service.backfills.slices(start(admin, **changes))
    days = {**FIVE_WEEKS, **changes}
    assert (slices[0].since.isoformat(), slices[-1].until.isoformat()) == (days["since"], days["until"])


@pytest.mark.parametrize("body", [{**FIVE_WEEKS, "since": "2027-01-01"}, {**FIVE_WEEKS, "until": "2026-01-01"}])
def test_over_the_api_such_a_window_can_t_be_done(admin: Any, wanted: list[int], body: dict[str, str]) -> None:
    for path in ("", "/preview"):
        answer = admin.client.post(f"/api/v1/backfills{path}", json=body, headers={"X-CSRF-Token": admin.csrf})
        assert answer.status_code == 409
        assert answer.json()["message"]


def test_quiet_hours_are_told(make_admin: Any) -> None:
    admin = make_admin(limits={"quiet_hours": ["00:00-23:59"]})
    assert admin.sign_in(admin.client).status_code == 303
    admin.csrf = re.search(r'name="csrf-token" content="([^"]+)"', admin.client.get("/").text)[1]
    admin.service.clock = lambda: NOW
    assert "It rests: quiet hours" in admin.client.get(f"/backfills/{start(admin)}").text


def test_a_window_of_ten_years_in_days_stays_a_small_page(admin: Any, wanted: list[int]) -> None:
    days = [(date(2016, 1, 1) + timedelta(days=number), date(2016, 1, 2) + timedelta(days=number)) for number in range(3650)]
    backfill_id = start(admin)
    admin.catalog.replace_slices(admin.service.backfills.slices(backfill_id), days)
    page = admin.client.get(f"/backfills/{backfill_id}")
    assert len(page.content) < 100_000
    assert page.text.count('data-label="Days"') == 60
    assert "first=60" in page.text
    assert admin.client.get(f"/backfills/{backfill_id}?first=3600").text.count('data-label="Days"') == 50
