"""The tables, by subject. Times are UTC text (``2026-02-06T16:21:36Z``), which sorts as time on every engine; sizes are bytes."""

from scraper.catalog.schema.archive import recording_days, recording_sums, recordings, replacements, transcripts
from scraper.catalog.schema.base import meta, metadata
from scraper.catalog.schema.handover import deliveries, sink_ucms, sink_usage, sinks
from scraper.catalog.schema.keeping import erasures, holds, tombstones
from scraper.catalog.schema.pbx import calibrations, call_files, calls, inventory
from scraper.catalog.schema.proof import manifest_lines, manifests
from scraper.catalog.schema.search import search_index, search_places, search_words
from scraper.catalog.schema.service import audit, leases, notices, sessions, sign_ins
from scraper.catalog.schema.work import OPEN_GAP, backfill_slices, backfills, gaps, runs

#: The newest migration in ``migrations/versions``; compared at every start without importing Alembic.
HEAD = "0012"

__all__ = [
    "HEAD",
    "OPEN_GAP",
    "audit",
    "backfill_slices",
    "backfills",
    "calibrations",
    "call_files",
    "calls",
    "deliveries",
    "erasures",
    "gaps",
    "holds",
    "inventory",
    "leases",
    "manifest_lines",
    "manifests",
    "meta",
    "metadata",
    "notices",
    "recording_days",
    "recording_sums",
    "recordings",
    "replacements",
    "runs",
    "search_index",
    "search_places",
    "search_words",
    "sessions",
    "sign_ins",
    "sink_ucms",
    "sink_usage",
    "sinks",
    "tombstones",
    "transcripts",
]
