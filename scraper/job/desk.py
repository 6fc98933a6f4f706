"""What a job works with, for as long as it holds its UCM's lock: catalog, store, working folder, and the report it fills in."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loguru import logger

from scraper.bandwidth import Bandwidth
from scraper.catalog import Catalog
from scraper.catalog.tombstones import Forgotten
from scraper.clock import utcnow
from scraper.disk import make_folder, writing
from scraper.errors import ConfigError, ExitCode, ScraperError
from scraper.fleet.hold import leased
from scraper.handover.known import known_sinks, owed_notes
from scraper.ingest.filing import recover
from scraper.ingest.ingest import Ingest, IngestContext, MonthOf, Outcome
from scraper.ingest.quarantine import Quarantine, quarantine_of
from scraper.keeping.erase import Erasing
from scraper.lock import job_lock
from scraper.log import as_ours
from scraper.models import UNDATED, Gap, Identity, RecordingClass, Report, Source, Status, Trigger, Window, month_in_name
from scraper.names import component
from scraper.progress import Progress
from scraper.proof.manifests import write_due
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
    window: Window = field(default_factory=Window)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def settings_of_ucm(self) -> Ucm:
        """The UCM's own settings; for a push alone, as if it had no web UI: no browser is opened for one call.

        Raises :class:`ConfigError` that names the known ones.
        """
        try:
            ucm = self.settings.ucms[self.ucm]
        except KeyError:
            known = ", ".join(sorted(self.settings.ucms)) or "none"
            raise ConfigError(f"There is no UCM called {self.ucm!r} in the configuration; known: {known}.") from None
        return ucm.model_copy(update={"web": None}) if self.trigger is Trigger.PUSH else ucm


@dataclass(frozen=True, slots=True)
class View:
    """The part of everything known that a report is of: which recordings, how many of them are archived, how many gone for good.

    ``unknown``: gaps of recordings that no account knows; the catalog doesn't remember them.
    """

    inside: Callable[[Identity], bool]
    archived: int
    gone: int
    unknown: tuple[Gap, ...] = ()


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
    #: What the job's ways together may download.
    bandwidth: Bandwidth | None = None
    #: Whether something could say what should exist; without that nothing is ever called complete.
    known: bool = False
    stopped: bool = False
    #: Once it is to stop, these end what it may wait for long; told again and again, from another thread than waits.
    breaks_off: list[Callable[[], None]] = field(default_factory=list)
    #: What the report is of; None: everything known.
    view: View | None = None
    #: What failed on some way, while others may go on.
    failures: list[ScraperError] = field(default_factory=list)
    #: What was erased, and counts as if it didn't exist.
    forgotten: Forgotten = field(default_factory=partial(Forgotten, ""))

    def identity(self, klass: RecordingClass, month: str | None, name: str) -> Identity:
        """The identity of this UCM's recording; without a month, that of the time in its name."""
        return Identity(self.order.ucm, klass, month or month_in_name(name, self.ucm.zone) or UNDATED, name)

    @property
    def quarantine(self) -> Quarantine:
        """Where this UCM's untrusted files go."""
        return quarantine_of(self.order.settings.data_dir, self.store, self.order.ucm)

    def take_in(
        self,
        source: Source,
        months: MonthOf | None = None,
        same_as: Mapping[Identity, Identity] | None = None,
        inside: Callable[[Identity], bool] = lambda identity: True,
    ) -> Ingest:
        """An ingest into this UCM's archive of what is ``inside``; ``months`` knows the month of a bare file name and its size."""
        return Ingest(
            IngestContext(
                ucm=self.order.ucm,
                zone=self.ucm.zone,
                run_id=self.report.run_id,
                source=source,
                catalog=self.catalog,
                store=self.store,
                quarantine=self.quarantine,
                work_dir=self.work_dir,
                months=months,
                same_as=same_as or {},
                inside=inside,
                forgotten=self.forgotten,
                progress=self.order.progress,
                stop=self.order.stop,
                format=self.order.settings.store.format,
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

    def missing(self, gaps: Iterable[Gap]) -> None:
        """Record recordings that should be here and are not."""
        self.catalog.record_gaps(gaps)

    def settle(self) -> None:
        """Fill in the report's counts from the catalog, and from them how the job ended."""
        report, counts, totals = self.report, self.report.recordings, self.catalog.totals(self.order.ucm)
        view = self.view or View(lambda _: True, totals.archived, totals.gone)
        if report.plan is None:
            gaps = [found for found in self.catalog.open_gaps(self.order.ucm) if view.inside(found.gap.identity)]
            report.gaps = [*(found.gap for found in gaps), *view.unknown]
            counts.quarantined = sum(found.quarantine_path is not None for found in gaps)
        sources = Counter(stored.source for stored in self.catalog.new_in_run(report.run_id) if view.inside(stored.identity))
        report.sources |= sources
        if self.order.settings.sinks:
            report.notes += owed_notes(self.catalog)
        planned = sum(line.count for line in report.plan or ())
        counts.archived, counts.gone, counts.new = view.archived, view.gone, sources.total()
        counts.already = counts.archived - counts.new
        counts.expected = counts.archived + counts.gone + len(report.gaps) + planned if self.known else None
        if report.error:
            return
        if self.stopped:
            report.status, report.exit_code = Status.STOPPED, ExitCode.GAPS
        elif report.gaps or planned or not self.known:
            report.status, report.exit_code = Status.GAPS, ExitCode.GAPS
        else:
            report.status, report.exit_code = Status.COMPLETE, ExitCode.COMPLETE


def new_report(order: Order) -> Report:
    """An empty report of a job that starts now."""
    return Report(run_id=order.run_id, ucm=order.ucm, trigger=order.trigger, started_at=utcnow(), window=order.window)


@contextmanager
def at_desk(order: Order, report: Report) -> Iterator[Desk]:
    """Hold the UCM's lock, with catalog and store open and what a crash left behind put right; the run is in the catalog from here on.

    An error of the block is entered into the report; before that point it is raised: :class:`Busy`, the storage errors,
    :class:`ConfigError`.
    """
    ucm, data_dir = order.settings_of_ucm(), order.settings.data_dir
    began = time.monotonic()
    with writing("data_dir"):
        make_folder(data_dir)
    with (
        job_lock(data_dir, order.ucm),
        Catalog.open(order.settings.catalog.url) as opened,
        leased(order.settings, opened, order.ucm, order.stop) as catalog,
        _work_dir(data_dir, order.ucm) as work_dir,
    ):
        report.started_at = utcnow()  # by the clock that counts from here on
        catalog.start_run(report.run_id, order.ucm, order.trigger, report.window, report.started_at)
        try:
            catalog.sync_sinks(known_sinks(order.settings))
            store = open_store(order.settings.store, catalog)
            recover(store, catalog, order.ucm)
            Erasing(catalog, store, data_dir, order.ucm).finish()
            store.check_free()
            write_due(catalog, store, order.ucm)
            desk = Desk(order, ucm, catalog, store, report, work_dir, catalog.totals(order.ucm).archived, Bandwidth.of(order.settings))
            desk.forgotten = catalog.forgotten(order.ucm)
            try:
                yield desk
            except Exception as error:  # noqa: BLE001 -- the job's own boundary
                report.fail(as_ours(error))
            desk.settle()
        except ScraperError as error:
            report.fail(error)
            raise
        finally:
            report.finished_at = utcnow()
            report.seconds["total"] = time.monotonic() - began  # whatever the clock was set to meanwhile
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
