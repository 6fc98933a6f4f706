"""One job on one UCM, from its start to its report. The catalog, stdout and the exit code all tell what the report says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from scraper.clock import utcnow
from scraper.errors import ConfigError
from scraper.job.desk import Desk, Order, at_desk, new_report
from scraper.job.glance import fill_from_catalog
from scraper.log import as_ours
from scraper.models import Report, Source
from scraper.threads import Stopped

_GLANCE_SECONDS = 0.1


def run(order: Order, *, everything: bool = False) -> Report:
    """Fetch what is missing. ``everything``: re-read all that the PBX knows. Never raises: what failed is in the report."""

    def work(desk: Desk) -> None:
        from scraper.job.story import keep_copy  # here, so that what needs no browser starts without Playwright

        asyncio.run(_until_stopped(keep_copy(desk, everything=everything), desk))

    return _job(order, work)


def plan(order: Order, *, everything: bool = False) -> Report:
    """What :func:`run` would fetch, in the report's ``plan``; nothing is fetched."""

    def work(desk: Desk) -> None:
        from scraper.job.story import only_plan

        asyncio.run(_until_stopped(only_plan(desk, everything=everything), desk))

    return _job(order, work)


def fetch(order: Order, names: Sequence[str]) -> Report:
    """Fetch these recordings only, by the PBX's file names; the report is of them alone."""

    def work(desk: Desk) -> None:
        from scraper.job.story import fetch_these

        desk.report.partial = True
        asyncio.run(_until_stopped(fetch_these(desk, names), desk))

    return _job(order, work)


def ingest(order: Order, archive: Path) -> Report:
    """Take in an archive that somebody downloaded by hand: the archive itself says what should exist."""

    def work(desk: Desk) -> None:
        try:
            stream = archive.open("rb")
        except OSError as error:
            raise ConfigError(f"The archive can't be read: {error.strerror}.", remedy="Name a .tgz or .tar file that exists.") from error
        with stream:
            outcome = desk.take_in(Source.INGEST).run(stream)
        desk.enter(outcome)
        desk.known = outcome.complete

    return _job(order, work)


def _job(order: Order, work: Callable[[Desk], None]) -> Report:
    report, started = new_report(order), time.monotonic()
    log = logger.bind(ucm=order.ucm, run=report.run_id)
    log.bind(action="job-started").info("Job started ({})", order.trigger.value)
    try:
        with at_desk(order, report) as desk:
            work(desk)
    except Exception as error:  # noqa: BLE001 -- the job's own boundary
        report.fail(as_ours(error))
        fill_from_catalog(order.settings, report)
    finally:
        order.progress.done()
    report.finished_at = report.finished_at or utcnow()
    report.seconds["total"] = time.monotonic() - started
    _tell(log, report)
    return report


def _tell(log: Any, report: Report) -> None:
    counts = report.recordings
    log = log.bind(action="job-ended", status=report.status.value, exit_code=int(report.exit_code))
    if report.error:
        log.error("Job failed: {} {}", report.error["message"], report.error["remedy"])
    else:
        log.info(
            "Job {}: {} new, {} archived, {} gaps, {:.1f} s",
            report.status.value,
            counts.new,
            counts.archived,
            len(report.gaps),
            report.seconds["total"],
        )


async def _until_stopped(work: Coroutine[Any, Any, None], desk: Desk) -> None:
    """Run ``work``; when somebody asks to stop, cancel it once and let it put things in order."""
    task, stop, asked = asyncio.ensure_future(work), desk.order.stop, False
    while not task.done():
        await asyncio.wait({task}, timeout=_GLANCE_SECONDS)
        if stop.is_set() and not asked:
            asked = desk.stopped = True
            task.cancel()
        if asked:
            for break_off in desk.breaks_off:
                break_off()
    try:
        await task
    except (asyncio.CancelledError, Stopped):
        if not stop.is_set():
            raise
        desk.stopped = True
