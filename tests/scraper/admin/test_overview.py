"""The overview: how each UCM is doing, coverage by day, what can be done about it."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from scraper.errors import CaptchaRequired, CatalogLocked
from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Status, Trigger
from scraper.service.health import Health
from scraper.service.task import Kind, Stage, Task

NOW = datetime.now(UTC)


def ended(admin, ucm, minutes=10, **changes):
    """A run that ended so many minutes ago."""
    report = Report(
        f"{abs(hash((ucm, minutes))):032x}",
        ucm,
        Trigger.SCHEDULE,
        NOW - timedelta(minutes=minutes),
        finished_at=NOW - timedelta(minutes=minutes - 1),
    )
    for name, value in changes.items():
        setattr(report, name, value)
    admin.catalog.start_run(report.run_id, ucm, report.trigger, report.window, report.started_at)
    admin.catalog.finish_run(report)
    return report


def gap(name, month="2026-02"):
    return Gap(Identity("office", RecordingClass.MONITOR, month, name), GapReason.THROTTLED, "It asks for patience.", "Wait.")


def test_each_ucm_shows_its_state_and_what_can_be_done(admin):
    good = ended(admin, "office", status=Status.COMPLETE, exit_code=0)
    assert good.recordings.expected is None
    ended(admin, "branch", status=Status.FAILED, exit_code=5, error=CaptchaRequired().as_report("branch"))
    admin.catalog.begin_notice("person-needed", "branch", NOW)
    admin.service.schedule.next_run = lambda ucm: datetime.now(UTC) + timedelta(minutes=20, seconds=30)
    page = admin.client.get("/").text
    assert "in 20 min" in page
    assert page.count('action="/runs"') == 4
    assert 'href="/sign-in-by-hand/branch"' in page
    assert 'href="/sign-in-by-hand/office"' not in page
    states = {one["ucm"]: one["state"] for one in admin.client.get("/api/v1/overview").json()["ucms"]}
    assert states["branch"] == "needs-person"


def test_what_runs_and_waits_is_shown_and_what_ended_is_not(admin):
    running, over = (
        admin.dispatch.ask(Task(Kind.PLAN, "office", Trigger.MANUAL)),
        admin.dispatch.ask(Task(Kind.RUN, "office", Trigger.MANUAL)),
    )
    running.stage, running.phase, over.stage = Stage.RUNNING, "signing in", Stage.ENDED
    cards = admin.client.get("/overview/cards").text
    assert f"/runs/{running.task.id}" in cards
    assert "signing in" in cards
    assert over.task.id not in cards


def test_gaps_count_on_the_day_of_their_call_in_the_pbxs_zone(admin):
    yesterday = NOW.replace(hour=3, minute=0) - timedelta(days=1)  # in Chicago still the day before
    admin.catalog.record_gaps([gap(f"auto-{int(yesterday.timestamp())}-1000-5550100.wav"), gap("no-time-in-it.wav", f"{NOW:%Y-%m}")])
    days = {day["day"]: day["open"] for day in admin.client.get("/api/v1/overview/coverage?ucm=office").json()["days"]}
    assert days == {f"{yesterday - timedelta(days=1):%Y-%m-%d}": 1, f"{NOW:%Y-%m}": 1}
    assert admin.client.get("/api/v1/overview/coverage?ucm=branch").json()["days"] == []
    assert admin.client.get("/api/v1/overview/coverage?ucm=none").status_code == 404


@pytest.mark.fault("admin", "names hold markup", "shown, never obeyed", promise="outsider")
def test_text_from_outside_is_never_markup(admin):
    evil = "<script>alert(1)</script>"
    ended(admin, "office", status=Status.FAILED, exit_code=6, error={"kind": "NetworkError", "message": evil, "remedy": f"`{evil}`"})
    for path in ("/", f"/?ucm={evil}", "/runs"):
        assert "<script>alert" not in admin.client.get(path).text


def test_pages_hold_no_inline_script_or_style(admin):
    ended(admin, "office", status=Status.COMPLETE, exit_code=0)
    for path in ("/", "/runs", "/audit", "/nothing"):
        page = admin.client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", page), path


def test_page_is_small_however_much_is_archived(admin):
    days = [NOW - timedelta(days=number) for number in range(366)]
    admin.catalog.record_gaps([gap(f"auto-{int(day.timestamp())}-1000-5550100.wav") for day in days])
    assert len(admin.client.get("/").content) < 100_000


@pytest.mark.parametrize("path", ["/", "/api/v1/overview"])
def test_catalog_that_can_not_be_read_is_told(admin, monkeypatch, path):
    def locked(*_args, **_more):
        raise CatalogLocked

    monkeypatch.setattr(admin.catalog, "moved_runs", locked)
    answer = admin.client.get(path)
    assert answer.status_code == 503
    assert "Another program holds the catalog" in answer.text


@pytest.fixture
def fleet(admin):
    """The same service with two hundred UCMs: of ten one has failed, the others never ran."""
    settings = admin.service.settings
    ucm = settings.ucms["office"]
    admin.service.settings = settings.model_copy(update={"ucms": {f"site-{number:03}": ucm for number in range(200)}})
    admin.service.health = Health(admin.catalog, admin.service.settings, admin.service.clock)
    for number in range(0, 200, 10):
        ended(admin, f"site-{number:03}", status=Status.FAILED, exit_code=6, error={"kind": "E", "message": "Down.", "remedy": "Look."})
    return admin


def sites(page):
    return re.findall(r'<h2 id="ucm-\d+">site-(\d+)', page)


def test_of_many_ucms_a_page_shows_some_those_first_that_need_somebody(fleet):
    answer = fleet.client.get("/")
    assert len(answer.content) < 100_000
    assert sites(answer.text) == [*(f"{number:03}" for number in range(0, 200, 10)), "001", "002", "003", "004"]
    assert "failing (20)" in answer.text
    assert "Page 1 of 9" in answer.text
    second = fleet.client.get("/?page=2").text
    assert sites(second)[:6] == ["005", "006", "007", "008", "009", "011"]
    assert 'href="/?page=3"' in second
    began = time.process_time()
    for path in ("/", "/overview/cards", "/api/v1/overview?page=1", "/healthz", "/metrics"):
        assert fleet.client.get(path).status_code == 200
    assert time.process_time() - began < 2


def test_many_ucms_are_found_by_name_and_state(fleet):
    def shown(query):
        return sites(fleet.client.get(f"/overview/cards?{query}").text)

    assert shown("find=SITE-19") == ["190", *map(str, range(191, 200))]
    assert shown("find=site-19&state=failing") == ["190"]
    assert shown("find=nowhere") == []
    assert "No UCM is like that." in fleet.client.get("/?find=nowhere").text
    assert len(fleet.client.get("/api/v1/overview").json()["ucms"]) == 200
    assert len(fleet.client.get("/api/v1/overview?page=9").json()["ucms"]) == 8
    assert fleet.client.get("/?page=0").status_code == 422
