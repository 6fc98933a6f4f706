"""The configured sinks, as the catalog knows them. Light to load: every job asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scraper.catalog import KnownSink

if TYPE_CHECKING:
    from scraper.settings import Settings


def known_sinks(settings: Settings) -> list[KnownSink]:
    """The configured sinks, as the catalog knows them."""
    return [KnownSink(name, sink.kind, tuple(sorted(set(sink.ucms)))) for name, sink in settings.sinks.items()]
