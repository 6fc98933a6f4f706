"""A whole backfill in one go, as the command line has it done."""

from __future__ import annotations

from scraper.backfill.backfills import Backfills
from scraper.backfill.conduct import Errand, steps
from scraper.backfill.slices import Span
from scraper.backfill.statement import whole_report
from scraper.catalog import Catalog, Direction
from scraper.errors import ExitCode
from scraper.job.desk import Order, new_report
from scraper.job.glance import fill_from_catalog
from scraper.log import as_ours
from scraper.models import Report, Status


def carry_out(order: Order, span: Span, direction: Direction) -> Report:
    """Fetch a window, going on with an earlier backfill of the same; the report of it all. Never raises: what failed is in there."""
    report, ucm = new_report(order), order.settings_of_ucm()
    try:
        with Catalog.open(order.settings.catalog.url) as catalog:
            backfill_id = Backfills(catalog).take_up(order.ucm, span, direction, ucm.zone)
            done = list(steps(Errand(order.settings, order.progress, order.stop), backfill_id))
            found = catalog.backfill(backfill_id)
            assert found is not None
            whole = whole_report(catalog, ucm, found, done, report.started_at)
            if order.stop.is_set() and whole.recordings.expected is None:
                whole.status, whole.exit_code = Status.STOPPED, ExitCode.GAPS
            return whole
    except Exception as error:  # noqa: BLE001 -- the command's own boundary, as a job's
        report.fail(as_ours(error))
        fill_from_catalog(order.settings, report)
    return report
