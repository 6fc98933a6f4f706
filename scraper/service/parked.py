"""Tells once an episode that deliveries to a sink are parked: they stay so until somebody retries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from scraper.catalog import Catalog, SinkCounts
from scraper.service.messages import admin_page
from scraper.service.notify import Message, Tone
from scraper.settings import Settings

_KIND = "parked:"


class Watched(Protocol):
    """What is needed of the service."""

    settings: Settings
    catalog: Catalog
    clock: Callable[[], datetime]


def look_at_sinks(service: Watched, tell: Callable[[Message], bool]) -> None:
    """Begin and end the sinks' episodes, and tell what nobody was told of. Raises the catalog's :class:`~scraper.errors.StorageError`.

    ``tell`` sends a message, and returns whether it reached anybody.
    """
    sinks: Mapping[str, Any] = service.settings.sinks
    if not sinks:
        return
    catalog, now = service.catalog, service.clock()
    for sink in catalog.sink_counts():
        kind = _KIND + sink.name
        if not sink.parked:
            catalog.end_notice(kind, "", now)
            continue
        catalog.begin_notice(kind, "", now)
        for notice in catalog.open_notices("", kind):
            if notice.told_at is None and tell(_message(sink, notice.since, service.settings)):
                catalog.notice_told(notice.id, now)


def _message(sink: SinkCounts, since: str, settings: Settings) -> Message:
    page = admin_page(settings.admin)
    what = f"{sink.parked:,} {'delivery' if sink.parked == 1 else 'deliveries'} failed too often and wait for somebody to retry them."
    last = f"Last delivered: {sink.last_delivered}." if sink.last_delivered else "Nothing was ever delivered."
    how = "What now: see why on the page Deliveries or with `ucm-scraper deliveries --parked`; mend it, then retry all."
    return Message(f"sink {sink.name}: deliveries are parked", (what, f"Since: {since}. {last}", how, *([page] if page else [])), Tone.BAD)


def age_seconds(sink: SinkCounts, now: datetime) -> float:
    """How long the oldest of what a sink is owed has waited."""
    oldest = datetime.fromisoformat(sink.oldest) if sink.oldest else now
    return max((now - oldest).total_seconds(), 0.0)
