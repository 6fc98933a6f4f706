"""Runs in the admin service: started, followed, stopped, looked at."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from scraper.admin.run_log import KEPT, LINES, RunLogs
from scraper.errors import DiskFull
from scraper.models import Gap, GapReason, Identity, PlannedFetch, RecordingClass, Report, Status, Trigger, Window
from scraper.service.task import Event, Kind, Stage, Task

NOW = datetime(2026, 2, 6, 12, tzinfo=UTC)
EVIL = "<img src=x>"


def run(admin, number=1, **changes):
    """An ended run."""
    began = NOW + timedelta(minutes=number)
    ended = {"finished_at": began + timedelta(seconds=30), "status": Status.GAPS, "exit_code": 3}
    report = Report(f"{number:032x}", "office", Trigger.MANUAL, began)
    for name, value in {**ended, **changes}.items():
        setattr(report, name, value)
    admin.catalog.start_run(report.run_id, report.ucm, report.trigger, report.window, began)
    admin.catalog.finish_run(report)
    return report


def gap(name, reason=GapReason.THROTTLED):
    return Gap(Identity("office", RecordingClass.MONITOR, "2026-02", name), reason, "It asks for patience.", "Run `x --ucm NAME`.")


@pytest.mark.parametrize("kind", ["run", "plan", "reconcile"])
def test_job_is_asked_for_noted_and_shown(admin, kind):
    answer = admin.post("/runs", ucm="office", kind=kind)
    (state,) = admin.dispatch.states()
    assert answer.headers["location"] == f"/runs/{state.task.id}"
    assert (state.task.kind, state.task.ucm, state.task.trigger) == (Kind(kind), "office", Trigger.MANUAL)
    entry = admin.catalog.audit_entries()[0]
    assert (entry.action, entry.ucm, entry.who) == (f"{kind}-asked", "office", "127.0.0.1 (page)")
    page = admin.client.get(f"/runs/{state.task.id}").text
    assert f'data-events="/api/v1/tasks/{state.task.id}/events"' in page
    assert admin.client.get(f"/tasks/{state.task.id}").headers["location"] == f"/runs/{state.task.id}"


def test_job_that_cannot_be_noted_is_not_begun(admin, monkeypatch):
    monkeypatch.setattr(admin.catalog, "note_audit", Mock(side_effect=DiskFull("There is no space left for the catalog.")))
    assert admin.post("/runs", ucm="office", kind="run").status_code == 503
    assert not admin.dispatch.known


@pytest.mark.parametrize(
    ("ucm", "kind", "code"),
    [("none", "run", 404), ("", "run", 404), ("../office", "run", 404), ("office", "login", 422)],
)
def test_job_that_makes_no_sense_is_not_asked_for(admin, ucm, kind, code):
    assert admin.post("/runs", ucm=ucm, kind=kind).status_code == code
    assert admin.dispatch.states() == []


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"ucm": 1},
        {"ucm": "office", "kind": "login"},
        {"ucm": "office", "kind": "keep-alive"},
        {"ucm": "office", "since": "2026-02-01"},
        {"ucm": "office", "kind": "reconcile", "since": "2026-02-02", "until": "2026-02-01"},
        {"ucm": "office", "kind": "reconcile", "since": "2026-02-30"},
        {"ucm": "office", "kind": "reconcile", "since": "01.02.2026"},
        {"ucm": "office", "kind": "reconcile", "since": "2026-02-01T10:00:00"},
        {"ucm": "office", "kind": "reconcile", "since": 1},
        {"ucm": "office", "names": ["x"]},
        {"ucm": "off\u0000ice"},
    ],
)
def test_api_refuses_what_makes_no_sense_and_says_which_field(admin, wanted):
    answer = admin.outsider.post("/api/v1/tasks", json=wanted, headers=admin.bearer)
    assert answer.status_code == 422
    assert answer.json()["fields"]
    assert admin.dispatch.states() == []


def test_api_takes_a_window_to_reconcile(admin):
    wanted = {"ucm": "office", "kind": "reconcile", "since": "2026-02-01", "until": "2026-02-03"}
    answer = admin.outsider.post("/api/v1/tasks", json=wanted, headers=admin.bearer)
    assert answer.status_code == 202
    task = admin.dispatch.state(answer.json()["id"]).task
    assert task.window == Window(NOW.date().replace(day=1), NOW.date().replace(day=3))
    assert admin.catalog.audit_entries()[0].detail == "since 2026-02-01 until 2026-02-03"


def test_job_is_stopped_once(admin):
    state = admin.dispatch.ask(Task(Kind.RUN, "office", Trigger.MANUAL))
    assert admin.post(f"/runs/{state.task.id}/stop").status_code == 303
    assert state.stage is Stage.STOPPING
    assert admin.catalog.audit_entries()[0].action == "run-stopped"
    state.stage = Stage.ENDED
    assert admin.post(f"/runs/{state.task.id}/stop").status_code == 409
    assert admin.post(f"/runs/{'0' * 32}/stop").status_code == 404


def test_events_tell_the_state_then_what_happens_then_the_end(admin):
    state = admin.dispatch.ask(Task(Kind.LOGIN, "office", Trigger.MANUAL))
    task = state.task.id
    told = [("phase", {"name": "packing"}), ("frame", {"jpeg": "…"}), ("log", {"message": "line\nbreak"}), ("result", {})]
    admin.dispatch.told = [Event(task, "office", name, data) for name, data in told]
    answer = admin.client.get(f"/api/v1/tasks/{task}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in block.split("\n")) for block in answer.text.strip().split("\n\n")]
    assert [event["event"] for event in events] == ["state", "phase", "log", "end"]
    assert json.loads(events[2]["data"]) == {"message": "line\nbreak"}
    assert admin.app.state.followers == 0


def test_events_end_with_the_session(admin):
    task = admin.dispatch.ask(Task(Kind.RUN, "office", Trigger.MANUAL)).task

    async def events(task_id):
        yield Event(task_id, "office", "phase", {"name": "packing"})
        await asyncio.to_thread(admin.post, "/sign-out")
        yield Event(task_id, "office", "phase", {"name": "behind the door"})

    admin.dispatch.events = events
    told = admin.client.get(f"/api/v1/tasks/{task.id}/events").text
    assert "packing" in told
    assert "behind the door" not in told
    assert admin.app.state.followers == 0


def test_runs_are_listed_page_by_page_without_loss(admin):
    for number in range(1, 70):
        run(admin, number, ucm="office" if number % 2 else "branch")
    seen, before = [], None
    while True:
        answer = admin.client.get("/api/v1/runs", params={"limit": 20, **({"before": before} if before else {})}).json()
        seen += [one["id"] for one in answer["items"]]
        before = answer["next"]
        if before is None:
            break
    assert seen == [f"{number:032x}" for number in range(69, 0, -1)]
    page = admin.client.get("/runs?ucm=office").text
    assert page.count('class="when"') == 30
    assert "ucm=office&amp;before=" in page
    assert "branch" not in {one["ucm"] for one in admin.client.get("/api/v1/runs?ucm=office").json()["items"]}


def test_report_shows_counts_plan_notes_and_gaps_by_reason(admin):
    gaps = [gap(f"{EVIL}{number}.wav") for number in range(8)] + [gap("b.wav", GapReason.CORRUPT)]
    plan = [PlannedFetch("recapi", RecordingClass.QUEUE, 8, 8, 4_300_000)]
    report = run(admin, gaps=gaps, plan=plan, notes=[EVIL], error={"kind": "X", "message": EVIL, "remedy": EVIL})
    page = admin.client.get(f"/runs/{report.run_id}").text
    assert EVIL not in page
    assert page.index("throttled") < page.index("corrupt")
    assert "8 recordings" in page
    assert "x --ucm office" in page
    assert "4.3 MB" in page
    assert page.count("&lt;img src=x&gt;") >= 6
    assert len(page) < 100_000


def test_run_that_was_killed_says_so(admin):
    admin.catalog.start_run("a" * 32, "office", Trigger.MANUAL, Window(), NOW)
    admin.catalog.start_run("b" * 32, "office", Trigger.MANUAL, Window(), NOW)
    assert "killed in the middle" in admin.client.get(f"/runs/{'a' * 32}").text


@pytest.mark.parametrize("id", ["x", "0" * 31, "0" * 33, "..%2f..%2fetc", "G" * 32, "%00" * 32])
def test_odd_ids_find_nothing(admin, id):
    for path in (f"/runs/{id}", f"/runs/{id}/screenshot", f"/tasks/{id}", f"/api/v1/runs/{id}", f"/api/v1/tasks/{id}"):
        assert admin.client.get(path).status_code in (404, 422), path
    assert admin.client.get(f"/runs/{'0' * 32}").status_code == 404


def test_picture_is_the_runs_own(admin):
    report = run(admin)
    failures = admin.service.settings.data_dir / "failures"
    for when, ucm, content in ((25, "branch", b"other's"), (20, "office", b"mine"), (40, "office", b"later"), (-30, "office", b"earlier")):
        folder = failures / f"{report.started_at + timedelta(seconds=when):%Y-%m-%dT%H-%M-%SZ}-{ucm}"
        folder.mkdir(parents=True)
        (folder / "screenshot.png").write_bytes(content)
    answer = admin.client.get(f"/runs/{report.run_id}/screenshot")
    assert (answer.content, answer.headers["content-type"]) == (b"mine", "image/png")
    assert "/screenshot" in admin.client.get(f"/runs/{report.run_id}").text
    assert admin.client.get(f"/runs/{run(admin, 100).run_id}/screenshot").status_code == 404


def log(task, message):
    return Event(task.id, "office", "log", {"time": "2026-02-06T12:00:00.000+00:00", "level": "info", "message": message})


def kept(admin, folder, events):
    """The logs after these events, as another service finds them later."""
    admin.dispatch.told = events
    asyncio.run(RunLogs(folder).keep(admin.service))
    return RunLogs(folder)


def test_log_outlives_the_service_and_is_bounded(admin, tmp_path):
    task = Task(Kind.RUN, "office", Trigger.MANUAL)
    admin.dispatch.ask(task)
    end = Event(task.id, "office", "stage", {"stage": "ended"})
    logs = kept(admin, tmp_path / "logs", [*(log(task, f"line {number}\n…") for number in range(LINES + 5)), end])
    lines = logs.lines(task.id)
    assert (len(lines), lines[0].message, lines[-1].message) == (LINES, "line 5\n…", f"line {LINES + 4}\n…")
    assert (tmp_path / "logs" / f"{task.id}.jsonl").stat().st_mode & 0o777 == 0o600
    assert logs.lines("0" * 32) == []


def test_log_says_the_date_where_it_changes(admin):
    report = run(admin)
    lines = [{"time": f"2026-02-{when}+00:00", "level": "info", "message": "x"} for when in ("06T23:59:58", "06T23:59:59", "07T00:00:01")]
    lines.append({"time": "<b>", "level": "info", "message": "x"})
    folder = admin.service.settings.data_dir / "admin" / "logs"
    folder.mkdir(parents=True)
    (folder / f"{report.run_id}.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    page = admin.client.get(f"/runs/{report.run_id}").text
    assert re.findall(r'<time class="clock"[^>]*>([^<]*)<', page) == [
        "2026-02-06 UTC\n23:59:58",
        "23:59:59",
        "2026-02-07 UTC\n00:00:01",
    ]
    assert "&lt;b&gt;" in page


def test_log_lies_in_its_file_while_the_job_runs(admin, tmp_path, monkeypatch):
    task = Task(Kind.RUN, "office", Trigger.MANUAL)
    admin.dispatch.ask(task)

    async def events():
        yield log(task, "so far")
        await asyncio.Event().wait()

    async def read_beside():
        keeping = asyncio.ensure_future(RunLogs(tmp_path).keep(admin.service))
        for _ in range(600):
            if lines := RunLogs(tmp_path).lines(task.id):
                break
            await asyncio.sleep(0.05)
        keeping.cancel()
        await asyncio.wait({keeping})
        return lines

    monkeypatch.setattr(admin.dispatch, "events", events)
    assert [line.message for line in asyncio.run(read_beside())] == ["so far"]


def test_log_that_a_crash_tore_is_shown_up_to_there(admin, tmp_path):
    task = Task(Kind.RUN, "office", Trigger.MANUAL)
    admin.dispatch.ask(task)
    kept(admin, tmp_path, [log(task, "one"), log(task, "two")])
    with (tmp_path / f"{task.id}.jsonl").open("a") as file:
        file.write('{"time": "2026-')
    assert [line.message for line in RunLogs(tmp_path).lines(task.id)] == ["one", "two"]


def test_only_the_newest_logs_are_kept_and_none_of_what_comes_all_the_time(admin, tmp_path):
    tasks = [Task(Kind.RUN, "office", Trigger.MANUAL, id=f"{number:032x}") for number in range(KEPT + 3)]
    tasks.append(Task(Kind.KEEP_ALIVE, "office", Trigger.SCHEDULE))
    for task in tasks:
        admin.dispatch.ask(task)
    kept(
        admin,
        tmp_path / "logs",
        [event for task in tasks for event in (log(task, "x"), Event(task.id, "office", "stage", {"stage": "ended"}))],
    )
    names = {path.stem for path in (tmp_path / "logs").iterdir()}
    assert len(names) == KEPT
    assert tasks[-1].id not in names
    assert tasks[-2].id in names


def test_damaged_log_is_none(admin, tmp_path):
    for content in (b"no json\n", b"[1]\n", b'{"time": 1}\n', b"\xff"):
        (tmp_path / f"{'0' * 32}.jsonl").write_bytes(content)
        assert RunLogs(tmp_path).lines("0" * 32) == []
