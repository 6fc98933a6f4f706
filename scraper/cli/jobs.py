"""What the commands that start jobs share: one UCM after the other, each with its report, and the exit code of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scraper.cli.context import Invocation
from scraper.cli.output import emit
from scraper.cli.stopping import stop_on_signals
from scraper.errors import ExitCode, combined_exit_code
from scraper.models import Report, Status, Trigger, Window

if TYPE_CHECKING:
    from scraper.desk import Order
    from scraper.settings import Settings

Job = Callable[["Order"], Report]


@dataclass(frozen=True, slots=True)
class Shift:
    """What several jobs share: the call, its configuration, why they run, how their reports are shown, which calls they cover."""

    call: Invocation
    settings: Settings
    trigger: Trigger
    as_json: bool
    window: Window = field(default_factory=Window)

    def work(self, names: Sequence[str], job: Job) -> int:
        """Let ``job`` work on one UCM after the other, show each report, and return the exit code of all."""
        codes = []
        with stop_on_signals() as stop:
            from scraper.desk import Order

            for name in names:
                order = Order(self.settings, name, self.trigger, self.call.progress(self.settings), stop, self.window)
                report = not_started(order) if stop.is_set() else job(order)
                show(report, self.as_json)
                codes.append(int(report.exit_code))
        return combined_exit_code(codes)


def show(report: Report, as_json: bool) -> None:
    """A report on stdout."""
    from scraper.report import as_line, as_text

    emit(as_line(report) if as_json else as_text(report))


def not_started(order: Order) -> Report:
    """The report for a UCM whose turn never came, because somebody asked to stop."""
    from scraper.desk import new_report
    from scraper.glance import fill_from_catalog

    report = new_report(order)
    report.status, report.exit_code, report.finished_at = Status.STOPPED, ExitCode.GAPS, report.started_at
    report.notes.append("Stopped before this UCM's turn.")
    fill_from_catalog(order.settings, report)
    return report
