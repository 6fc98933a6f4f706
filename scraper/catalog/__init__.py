"""The catalog: what is held, what is missing, what ran. SQLAlchemy Core and Alembic; SQLite first."""

from scraper.catalog.audit import Audit, AuditEntry
from scraper.catalog.backfills import Backfill, BackfillRecords, BackfillSlice, BackfillState, Direction, SliceState
from scraper.catalog.calibrations import Calibrations, CalibrationTry
from scraper.catalog.calls import CallCounts, Calls, CallSource, NamedFile, StoredCall
from scraper.catalog.coverage import CoverageByDay, DayCoverage
from scraper.catalog.database import Database
from scraper.catalog.deliveries import Deliveries, Delivery, KnownSink, SinkCounts
from scraper.catalog.fleet import FleetRecords, Held, Lease
from scraper.catalog.gap_pages import GapPages
from scraper.catalog.gaps import Gaps, OpenGap
from scraper.catalog.holdings import Holdings
from scraper.catalog.holds import Hold, Holds
from scraper.catalog.inventory import Inventory, InventoryRow, ListedRow
from scraper.catalog.keeping import Keeping
from scraper.catalog.manifests import DueDay, Manifest, ManifestLine, Manifests
from scraper.catalog.notices import Notice, Notices
from scraper.catalog.recordings import Recording, Recordings, Totals
from scraper.catalog.replacements import Replacements
from scraper.catalog.runs import Run, Runs, RunSummary
from scraper.catalog.search import Search
from scraper.catalog.transcripts import Transcript, Transcripts
from scraper.catalog.watching import Watching

__all__ = [
    "AuditEntry",
    "Backfill",
    "BackfillSlice",
    "BackfillState",
    "CalibrationTry",
    "CallCounts",
    "CallSource",
    "Catalog",
    "DayCoverage",
    "Delivery",
    "Direction",
    "DueDay",
    "Held",
    "Hold",
    "InventoryRow",
    "KnownSink",
    "Lease",
    "ListedRow",
    "Manifest",
    "ManifestLine",
    "NamedFile",
    "Notice",
    "OpenGap",
    "Recording",
    "Run",
    "RunSummary",
    "SinkCounts",
    "SliceState",
    "StoredCall",
    "Totals",
    "Transcript",
]


class Catalog(
    Search,
    Runs,
    Recordings,
    Gaps,
    GapPages,
    Holdings,
    Holds,
    Keeping,
    Calls,
    Inventory,
    Calibrations,
    Replacements,
    Manifests,
    Deliveries,
    Transcripts,
    BackfillRecords,
    Watching,
    Notices,
    Audit,
    CoverageByDay,
    FleetRecords,
    Database,
):
    """The whole catalog: :meth:`Catalog.open` it, use it as a context manager; safe to share between threads."""
