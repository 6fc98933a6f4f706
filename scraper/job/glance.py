"""What the catalog knows of a UCM, for the report of a job that never came to hold its lock or its store."""

from __future__ import annotations

from scraper.catalog import Catalog
from scraper.errors import ScraperError
from scraper.models import Report
from scraper.settings import Settings


def fill_from_catalog(settings: Settings, report: Report) -> None:
    """Enter what earlier jobs archived and missed; ``expected`` stays None, for this job could not ask.

    Only reads, without the UCM's lock, and makes no catalog. Where there is none that can be read, the report stays as it is. Never raises.
    """
    try:
        with Catalog.open_to_read(settings.catalog.url) as catalog:
            totals, gaps = catalog.totals(report.ucm), catalog.open_gaps(report.ucm)
    except ScraperError:
        return
    counts = report.recordings
    counts.archived = counts.already = totals.archived
    counts.gone = totals.gone
    counts.quarantined = sum(found.quarantine_path is not None for found in gaps)
    report.gaps = [found.gap for found in gaps]
