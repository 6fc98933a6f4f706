"""The catalog: what is held, what is missing, what ran. SQLAlchemy Core and Alembic; SQLite first."""

from scraper.catalog.database import Database
from scraper.catalog.gaps import Gaps, OpenGap
from scraper.catalog.recordings import Recording, Recordings, Totals
from scraper.catalog.runs import Run, Runs

__all__ = ["Catalog", "OpenGap", "Recording", "Run", "Totals"]


class Catalog(Runs, Recordings, Gaps, Database):
    """The whole catalog: :meth:`Catalog.open` it, use it as a context manager; safe to share between threads."""
