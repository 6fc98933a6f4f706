"""What a job works with, for as long as it holds its UCM's lock: catalog, store, working folder, and the report it fills in."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from scraper.catalog import Catalog
from scraper.disk import make_folder, writing
from scraper.errors import ConfigError, ExitCode, ScraperError
from scraper.filing import recover
from scraper.ingest import Ingest, IngestContext, MonthOf, Outcome
from scraper.lock import job_lock
from scraper.log import as_ours
from scraper.models import Gap, Report, Source, Status, Trigger
from scraper.names import component
from scraper.progress import Progress
from scraper.quarantine import Quarantine
from scraper.settings import Settings, Ucm
from scraper.store import Store, open_store


@dataclass(slots=True)
class Order:
    """What somebody asked for: which UCM, why, whom to tell how it goes, and a signal to stop."""

    settings: Settings
    ucm: str
    trigger: Trigger
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def settings_of_ucm(self) -> Ucm:
        """The UCM's own settings. Raises :class:`ConfigError` that names the known ones."""
        try:
            return self.settings.ucms[self.ucm]
        except KeyError:
            known = ", ".join(sorted(self.settings.ucms)) or "none"
            raise ConfigError(f"There is no UCM called {self.ucm!r} in the configuration; known: {known}.") from None


@dataclass(slots=True)
class Desk:
    """One job's tools and its findings."""

    order: Order
    ucm: Ucm
    catalog: Catalog
    store: Store
    report: Report
    work_dir: Path
    archived_before: int
    #: Whether something could say what should exist; without that nothing is ever called complete.
    known: bool = False
    stopped: bool = False

    def take_in(self, source: Source, months: MonthOf | None = None) -> Ingest:
        """An ingest into this UCM's archive; ``months`` knows the month of a bare file name and its size."""
        return Ingest(
            IngestContext(
                ucm=self.order.ucm,
                zone=self.ucm.zone,
                run_id=self.report.run_id,
                source=source,
                catalog=self.catalog,
                store=self.store,
                quarantine=Quarantine(self.order.settings.data_dir / "quarantine" / component(self.order.ucm)),
                work_dir=self.work_dir,
                months=months,
                progress=self.order.progress,
                stop=self.order.stop,
            )
        )

    def enter(self, outcome: Outcome) -> None:
        """Enter what an ingest did into the report."""
        self.report.bytes_downloaded += outcome.bytes_read
        self.report.bytes_stored += outcome.bytes_stored
        self.report.notes += [*outcome.notes, *(f"{name}: {why}" for name, why in outcome.skipped if why != "a folder")]
        if outcome.damage:
            self.report.notes.append(f"The archive did not arrive whole: {outcome.damage}")
        self.stopped = self.stopped or outcome.stopped

    def missing(self, gaps: list[Gap]) -> None:
        """Record recordings that should be here and are not."""
        for gap in gaps:
            self.catalog.record_gap(gap)

    def settle(self, source: Source) -> None:
        """Fill in the report's counts from the catalog, and from them how the job ended."""
        totals, counts = self.catalog.totals(self.order.ucm), self.report.recordings
        gaps = self.catalog.open_gaps(self.order.ucm)
        self.report.gaps = [found.gap for found in gaps]
        counts.quarantined = sum(found.quarantine_path is not None for found in gaps)
        counts.archived, counts.gone = totals.archived, totals.gone
        counts.new = max(totals.archived - self.archived_before, 0)
        counts.already = counts.archived - counts.new
        counts.expected = counts.archived + counts.gone + len(self.report.gaps) if self.known else None
        self.report.sources[source] = counts.new
        if self.report.error:
            return
        if self.stopped:
            self.report.status, self.report.exit_code = Status.STOPPED, ExitCode.GAPS
        elif self.report.gaps or not self.known:
            self.report.status, self.report.exit_code = Status.GAPS, ExitCode.GAPS
        else:
            self.report.status, self.report.exit_code = Status.COMPLETE, ExitCode.COMPLETE

    def fail(self, error: ScraperError) -> None:
        """The job ended in ``error``."""
        self.report.error = error.as_report(self.report.ucm)
        self.report.status, self.report.exit_code = Status.FAILED, error.exit_code


def new_report(order: Order) -> Report:
    """An empty report of a job that starts now."""
    return Report(run_id=uuid.uuid4().hex, ucm=order.ucm, trigger=order.trigger, started_at=datetime.now(UTC))


@contextmanager
def at_desk(order: Order, report: Report, source: Source) -> Iterator[Desk]:
    """Hold the UCM's lock, with catalog and store open and what a crash left behind put right; the run is in the catalog from here on.

    An error of the block is entered into the report; before that point it is raised: :class:`Busy`, the storage errors,
    :class:`ConfigError`.
    """
    ucm, data_dir = order.settings_of_ucm(), order.settings.data_dir
    with writing("data_dir"):
        make_folder(data_dir)
    with job_lock(data_dir, order.ucm), Catalog.open(order.settings.catalog.url) as catalog, _work_dir(data_dir, order.ucm) as work_dir:
        store = open_store(order.settings.store, catalog)
        recover(store, catalog, order.ucm)
        store.check_free()
        catalog.start_run(report.run_id, order.ucm, order.trigger, report.window, report.started_at)
        desk = Desk(order, ucm, catalog, store, report, work_dir, catalog.totals(order.ucm).archived)
        try:
            try:
                yield desk
            except Exception as error:  # noqa: BLE001 -- the job's own boundary
                desk.fail(as_ours(error))
            desk.settle(source)
        finally:
            report.finished_at = datetime.now(UTC)
            catalog.finish_run(report)


@contextmanager
def _work_dir(data_dir: Path, ucm: str) -> Iterator[Path]:
    """A private folder for what is on its way; what a job that died left there is removed first (we hold its lock)."""
    folder = data_dir / "work" / component(ucm)
    shutil.rmtree(folder, ignore_errors=True)
    with writing("data_dir"):
        make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            logger.bind(action="work-left").debug("The working folder could not be removed")
