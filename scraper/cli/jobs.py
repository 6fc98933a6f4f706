"""What the commands that start jobs share: one UCM after the other or several at once, each with its report, and the exit code of all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scraper.cli.context import Invocation
from scraper.cli.output import emit
from scraper.cli.stopping import stop_on_signals
from scraper.errors import ExitCode, combined_exit_code
from scraper.models import Report, Status, Trigger, Window

if TYPE_CHECKING:
    from scraper.job.desk import Order
    from scraper.settings import Settings

Job = Callable[["Order"], Report]


@dataclass(frozen=True, slots=True)
class Shift:
    """What several jobs share: the call, its configuration, why they run, how their reports are shown, which calls they cover.

    ``note`` is told each report, as its JSON object.
    """

    call: Invocation
    settings: Settings
    trigger: Trigger
    as_json: bool
    window: Window = field(default_factory=Window)
    note: Callable[[Mapping[str, Any]], object] = lambda _: None

    def work(self, names: Sequence[str], job: Job, kind: str | None = None) -> int:
        """Let ``job`` work on each UCM, show each report, and return the exit code of all.

        ``kind``: the :class:`~scraper.service.task.Kind` of task that is the same job; then several are worked on at once, each in a
        process of its own, as many as limits.jobs allows.
        """
        if kind and len(names) > 1 and self.settings.limits.jobs > 1:
            return combined_exit_code(self._side_by_side(names, kind))
        codes = []
        with stop_on_signals() as stop:
            from scraper.job.desk import Order

            for name in names:
                order = Order(self.settings, name, self.trigger, self.call.progress(self.settings), stop, self.window)
                report = not_started(order) if stop.is_set() else job(order)
                self.note(report.as_json())
                show(report, self.as_json)
                codes.append(int(report.exit_code))
        return combined_exit_code(codes)

    def _side_by_side(self, names: Sequence[str], kind: str) -> list[int]:
        from scraper.cli.side_by_side import side_by_side
        from scraper.service.task import Kind, Task

        def tell(report: Mapping[str, Any], text: str) -> None:
            self.note(report)
            display.say(json.dumps(report, ensure_ascii=False) if self.as_json else text)

        tasks = [Task(Kind(kind), name, self.trigger, self.window) for name in names]
        display = self.call.display(self.settings, len(tasks))
        return side_by_side(self.settings, tasks, self.call.options(), display, tell)


def show(report: Report, as_json: bool) -> None:
    """A report on stdout."""
    from scraper.job.report import as_line, as_text

    emit(as_line(report) if as_json else as_text(report))


def not_started(order: Order) -> Report:
    """The report for a UCM whose turn never came, because somebody asked to stop."""
    from scraper.job.desk import new_report
    from scraper.job.glance import fill_from_catalog

    report = new_report(order)
    report.status, report.exit_code, report.finished_at = Status.STOPPED, ExitCode.GAPS, report.started_at
    report.notes.append("Stopped before this UCM's turn.")
    fill_from_catalog(order.settings, report)
    return report
