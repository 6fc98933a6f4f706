"""The configured sinks, as the catalog knows them. Light to load: every job asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scraper.catalog import KnownSink

if TYPE_CHECKING:
    from scraper.catalog import Catalog
    from scraper.settings import Settings


def known_sinks(settings: Settings) -> list[KnownSink]:
    """The configured sinks, as the catalog knows them."""
    return [KnownSink(name, sink.kind, tuple(sorted(set(sink.ucms))), sink.tells_erased) for name, sink in settings.sinks.items()]


def owed_notes(catalog: Catalog) -> list[str]:
    """A line for a report where something has not arrived yet; none where nothing is owed."""
    counts = [sink for sink in catalog.sink_counts() if sink.configured]
    owed, parked = sum(sink.owed for sink in counts), sum(sink.parked for sink in counts)
    if not owed and not parked:
        return []
    return [f"Of what sinks are to get {owed:,} wait and {parked:,} are parked: `ucm-scraper deliver` delivers, `deliveries` shows why."]
