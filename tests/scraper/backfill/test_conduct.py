"""What becomes of a backfill's slices by the jobs that work on them; the jobs themselves are told what to report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from scraper.backfill import Backfills, Span
from scraper.backfill.conduct import MOST_ATTEMPTS, Errand, due, next_step, step, steps
from scraper.backfill.rests import Rest
from scraper.catalog import BackfillState, Catalog, Direction, SliceState
from scraper.errors import Busy, CaptchaRequired, ConfigError, ExitCode, PackFailed, ScraperError
from scraper.job import job
from scraper.job.desk import Order, new_report
from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Status, Window
from scraper.settings import load

CHICAGO = ZoneInfo("America/Chicago")
TODAY = date(2026, 3, 20)
FIVE_WEEKS = ("2026-02-02", "2026-03-09")  # from a Monday to a Monday

Answer = Callable[[Report], None]


def complete(report: Report) -> None:
    report.status, report.exit_code = Status.COMPLETE, ExitCode.COMPLETE
    report.recordings.expected = report.recordings.archived = 3


def failed(error: ScraperError) -> Answer:
    return lambda report: report.fail(error)


def stopped(report: Report) -> None:
    report.status, report.exit_code = Status.STOPPED, ExitCode.GAPS


def with_gap(reason: GapReason) -> Answer:
    def answer(report: Report) -> None:
        complete(report)
        report.gaps = [Gap(Identity("office", RecordingClass.MONITOR, "2026-02", "a.wav"), reason, "detail", "remedy")]
        report.status, report.exit_code = Status.GAPS, ExitCode.GAPS

    return answer


@dataclass
class Desk:
    """A catalog, an errand whose clock stands where it is put, and jobs that answer as they are told; ``windows``: what they were asked."""

    catalog: Catalog
    errand: Errand
    now: datetime = datetime(2026, 3, 20, 12, tzinfo=UTC)
    windows: list[Window] = field(default_factory=list)
    answers: dict[date, Answer] = field(default_factory=dict)

    def run(self, order: Order, *, everything: bool) -> Report:
        assert everything
        self.windows.append(order.window)
        report = new_report(order)
        assert order.window.since is not None
        self.answers.get(order.window.since, complete)(report)
        return report

    def start(self, order: Direction = Direction.NEWEST_FIRST) -> str:
        return Backfills(self.catalog).start("office", *FIVE_WEEKS, order, "somebody", TODAY)

    def states(self, backfill_id: str) -> list[tuple[date, int, SliceState]]:
        return [(one.since, (one.until - one.since).days, one.state) for one in self.catalog.backfill_slices(backfill_id)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    ucm = {"url": "https://pbx.example.com:8089", "timezone": "America/Chicago", "web": {"username": "backup", "password": "x"}}
    limits = {"quiet_hours": "mon-fri 08:00-18:00"}
    whole = {"ucms": {"office": ucm}, "schedule": {"timezone": "Europe/Berlin"}, "limits": limits}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole))
    settings = load(tmp_path / "config.yaml", {})
    with Catalog.open(settings.catalog.url) as catalog:
        made = Desk(catalog, Errand(settings, clock=lambda: made.now))
        monkeypatch.setattr(job, "run", made.run)
        yield made


def test_every_slice_is_one_job_and_then_it_is_over(desk: Desk) -> None:
    found = desk.start()
    assert len(list(steps(desk.errand, found))) == 5
    assert [window.since for window in desk.windows] == [date(2026, 3, 2) - timedelta(days=7 * week) for week in range(5)]
    backfill = desk.catalog.backfill(found)
    assert backfill is not None
    assert (backfill.state, backfill.ended_at is not None) == (BackfillState.DONE, True)
    assert step(desk.errand, found) is None
    covered = Backfills(desk.catalog).coverage(found)
    assert covered is not None
    assert (covered.complete, covered.expected, covered.archived, covered.days_done) == (True, 15, 15, 35)


def test_the_oldest_come_first_where_that_is_asked_for(desk: Desk) -> None:
    step(desk.errand, desk.start(Direction.OLDEST_FIRST))
    assert desk.windows == [Window(date(2026, 2, 2), date(2026, 2, 9))]


def test_a_job_that_was_killed_is_taken_up_again_and_what_is_done_is_not(desk: Desk) -> None:
    def die(report: Report) -> None:
        raise KeyboardInterrupt

    found = desk.start()
    desk.answers[date(2026, 2, 23)] = die
    with pytest.raises(KeyboardInterrupt):
        list(steps(desk.errand, found))
    assert (date(2026, 2, 23), 7, SliceState.RUNNING) in desk.states(found)
    desk.answers.clear()
    done = [*desk.windows]
    list(steps(desk.errand, found))
    again = desk.windows[len(done) :]
    assert again[0] == done[-1]
    assert not {window.since for window in again} & {window.since for window in done[:-1]}


def test_a_slice_on_which_jobs_die_twice_is_halved(desk: Desk) -> None:
    def die(report: Report) -> None:
        raise KeyboardInterrupt

    found = desk.start()
    desk.answers[date(2026, 3, 2)] = die
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            step(desk.errand, found)
    desk.answers.clear()
    step(desk.errand, found)
    assert desk.windows[-1] == Window(date(2026, 3, 5), date(2026, 3, 9))
    assert [days for _, days, _ in desk.states(found)] == [7, 7, 7, 7, 3, 4]


@pytest.mark.parametrize("answer", [failed(PackFailed()), with_gap(GapReason.UNREACHABLE)], ids=["pack-failed", "cut"])
def test_a_slice_that_was_too_much_is_halved_down_to_a_day_which_is_tried_later(desk: Desk, answer: Answer) -> None:
    found = desk.start()
    desk.answers = {date(2026, 3, 2) + timedelta(days=day): answer for day in range(2)}
    list(steps(desk.errand, found))
    left = [one for one in desk.catalog.backfill_slices(found) if one.state is not SliceState.DONE]
    assert [(one.since, one.until) for one in left] == [
        (date(2026, 3, 2), date(2026, 3, 3)),
        (date(2026, 3, 3), date(2026, 3, 4)),
    ]
    assert all(one.detail and one.retry_at for one in left)
    assert isinstance(
        next_step(desk.catalog, found, datetime(2026, 3, 21, 12, tzinfo=UTC) - timedelta(hours=24), desk.errand.settings), Rest
    )
    for _ in range(MOST_ATTEMPTS):
        desk.now += timedelta(days=1)
        list(steps(desk.errand, found))
    covered = Backfills(desk.catalog).coverage(found)
    assert covered is not None
    assert (covered.failed, covered.complete, covered.days_done) == (2, False, 33)
    before = len(desk.windows)
    desk.answers.clear()
    assert Backfills(desk.catalog).resume(found)
    list(steps(desk.errand, found))
    assert len(desk.windows) == before + 2


def test_a_gap_that_no_smaller_job_would_close_leaves_its_slice_done(desk: Desk) -> None:
    found = desk.start()
    desk.answers[date(2026, 3, 2)] = with_gap(GapReason.UNDECODABLE)
    list(steps(desk.errand, found))
    covered = Backfills(desk.catalog).coverage(found)
    assert covered is not None
    assert (covered.done, covered.open, covered.complete) == (5, 1, False)


def test_trouble_that_meets_every_slice_lets_all_of_them_rest(desk: Desk) -> None:
    found = desk.start()
    desk.answers[date(2026, 3, 2)] = failed(CaptchaRequired())
    assert len(list(steps(desk.errand, found))) == 1
    assert step(desk.errand, found) is None
    assert [days for _, days, _ in desk.states(found)] == [7] * 5
    desk.now += timedelta(hours=1)
    desk.answers.clear()
    assert len(list(steps(desk.errand, found))) == 5


def test_a_stop_leaves_the_slice_as_it_was(desk: Desk) -> None:
    found = desk.start()
    desk.answers[date(2026, 3, 2)] = stopped
    assert len(list(steps(desk.errand, found))) == 1
    assert {state for _, _, state in desk.states(found)} == {SliceState.WAITING}
    assert {one.attempts for one in desk.catalog.backfill_slices(found)} == {0}


def test_who_was_asked_to_stop_begins_nothing(desk: Desk) -> None:
    stop = threading.Event()
    stop.set()
    assert list(steps(Errand(desk.errand.settings, stop=stop), desk.start())) == []


def test_a_backfill_that_nobody_knows_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError):
        step(desk.errand, "nobody's")


def test_two_processes_are_never_at_the_slices_of_one_ucm(desk: Desk) -> None:
    found = desk.start()
    seen: list[list[SliceState]] = []

    def meanwhile(report: Report) -> None:
        before = desk.states(found)
        with pytest.raises(Busy):
            step(desk.errand, found)
        assert desk.states(found) == before
        seen.append([state for _, _, state in before])
        complete(report)

    desk.answers[date(2026, 3, 2)] = meanwhile
    step(desk.errand, found)
    assert [states.count(SliceState.RUNNING) for states in seen] == [1]
    assert len(desk.windows) == 1


# --- what people do with it ---


def test_paused_means_that_no_further_slice_begins_until_it_goes_on(desk: Desk) -> None:
    backfills, found = Backfills(desk.catalog), desk.start()
    step(desk.errand, found)
    assert backfills.pause(found)
    assert not backfills.pause(found)
    assert step(desk.errand, found) is None
    assert next_step(desk.catalog, found, desk.now, desk.errand.settings) is None
    assert backfills.resume(found)
    assert step(desk.errand, found) is not None


def test_cancelled_is_for_good_and_the_same_window_can_be_begun_anew(desk: Desk) -> None:
    backfills, found = Backfills(desk.catalog), desk.start()
    assert backfills.cancel(found)
    assert not backfills.resume(found)
    assert step(desk.errand, found) is None
    assert desk.start() != found


def test_a_window_that_is_under_way_is_not_begun_twice(desk: Desk) -> None:
    found = desk.start()
    assert desk.start() == found
    assert [backfill.id for backfill in Backfills(desk.catalog).all("office")] == [found]


def test_the_same_window_again_takes_up_what_failed_and_what_was_not_over(desk: Desk) -> None:
    backfills = Backfills(desk.catalog)
    span = Span(date(2026, 3, 16), date(2026, 3, 21))
    desk.now = datetime(2026, 3, 20, 18, tzinfo=UTC)  # its last day isn't over yet
    found = backfills.take_up("office", span, Direction.NEWEST_FIRST, CHICAGO)
    list(steps(desk.errand, found))
    desk.now += timedelta(days=1)
    assert backfills.take_up("office", span, Direction.NEWEST_FIRST, CHICAGO) == found
    list(steps(desk.errand, found))
    assert desk.windows == [Window(*span), Window(*span)]
    backfills.take_up("office", span, Direction.NEWEST_FIRST, CHICAGO)
    assert list(steps(desk.errand, found)) == []


# --- what the service asks for ---


def test_one_step_a_ucm_is_due_and_rests_in_quiet_hours(desk: Desk) -> None:
    found, settings = desk.start(), desk.errand.settings
    at_night = datetime(2026, 3, 20, 20, tzinfo=UTC)
    tasks, again = due(desk.catalog, settings, at_night)
    assert ([task.backfill for task in tasks], again) == ([found], None)
    tasks, again = due(desk.catalog, settings, datetime(2026, 3, 20, 12, tzinfo=UTC))
    assert (tasks, again) == ([], datetime(2026, 3, 20, 17, tzinfo=UTC))  # 18:00 in Berlin


def test_the_oldest_backfill_of_a_ucm_comes_first(desk: Desk) -> None:
    first = desk.start()
    desk.catalog.set_backfill_state(first, BackfillState.PAUSED)
    second = Backfills(desk.catalog).start("office", "2026-01-01", "2026-01-15", Direction.NEWEST_FIRST, "somebody", TODAY)
    night = datetime(2026, 3, 20, 20, tzinfo=UTC)
    assert [task.backfill for task in due(desk.catalog, desk.errand.settings, night)[0]] == [second]
    Backfills(desk.catalog).resume(first)
    assert len(due(desk.catalog, desk.errand.settings, night)[0]) == 1
