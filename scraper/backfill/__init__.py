"""Backfills: a window of call times, fetched slice by slice, each slice one job."""

from scraper.backfill.backfills import Backfills
from scraper.backfill.slices import Coverage, Span

__all__ = ["Backfills", "Coverage", "Span"]
