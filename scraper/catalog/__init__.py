"""The catalog: what is held, what is missing, what ran. SQLAlchemy Core and Alembic; SQLite first."""

from scraper.catalog.calibrations import Calibrations, CalibrationTry
from scraper.catalog.calls import CallCounts, Calls, CallSource, NamedFile, StoredCall
from scraper.catalog.database import Database
from scraper.catalog.gaps import Gaps, OpenGap
from scraper.catalog.holdings import Holdings
from scraper.catalog.inventory import Inventory, InventoryRow, ListedRow
from scraper.catalog.recordings import Recording, Recordings, Totals
from scraper.catalog.replacements import Replacements
from scraper.catalog.runs import Run, Runs

__all__ = [
    "CalibrationTry",
    "CallCounts",
    "CallSource",
    "Catalog",
    "InventoryRow",
    "ListedRow",
    "NamedFile",
    "OpenGap",
    "Recording",
    "Run",
    "StoredCall",
    "Totals",
]


class Catalog(Runs, Recordings, Gaps, Holdings, Calls, Inventory, Calibrations, Replacements, Database):
    """The whole catalog: :meth:`Catalog.open` it, use it as a context manager; safe to share between threads."""
