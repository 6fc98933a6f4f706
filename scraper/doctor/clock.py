"""The clock layer: the PBX's clock against ours, and the configured zone against what the newest recordings and calls say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median_low
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scraper import menus
from scraper.api import Patience
from scraper.api.transport import Outgoing, Transport
from scraper.catalog import StoredCall
from scraper.cdr.clock import epoch_in, read_time
from scraper.doctor.steps import Layer, Result, Step
from scraper.errors import ExitCode, ScraperError
from scraper.models import RecordingClass, class_of, time_in_name
from scraper.settings import Ucm
from scraper.webui.recordings_page import Listed

#: Seconds by which the two clocks may differ before it is worth a word.
CLOCK_SECONDS = 120.0
#: A name's time lies near its call's, not exactly there (field guide 3); zones lie half an hour apart, a few of them a quarter.
_SLACK = timedelta(minutes=20)
#: How many of the newest are looked at: one odd recording proves nothing.
_SAMPLE = 20
_GET_SECONDS = 10.0
_UTC = ZoneInfo("UTC")


class Sighting(NamedTuple):
    """One thing's time twice: ``local`` as the PBX writes it (naive), and ``moment`` from an epoch (aware)."""

    local: datetime
    moment: datetime


def in_list(rows: Iterable[Listed]) -> Iterator[Sighting]:
    """What the Recordings page's rows say; names of queue recordings carry local time, and prove nothing."""
    for row in rows:
        name = row.name.rpartition("/")[2]
        local = read_time(row.time)
        moment = time_in_name(name, _UTC) if class_of(name) is not RecordingClass.QUEUE else None
        if local and moment and local.tzinfo is None:
            yield Sighting(local, moment)


def in_calls(calls: Iterable[StoredCall]) -> Iterator[Sighting]:
    """What call records say: a channel's id begins with a UTC epoch (field guide 2a)."""
    for call in calls:
        local, moment = read_time(call.start), epoch_in(call.uniqueid)
        if local and moment and local.tzinfo is None:
            yield Sighting(local, moment)


def heard(ucm: Ucm) -> float | None:
    """Seconds by which the PBX's clock is ahead of ours, by its web UI's Date header; None where it doesn't tell."""
    try:
        patience = Patience(connect=_GET_SECONDS, read=_GET_SECONDS)
        with Transport(ucm.url, ucm.tls, patience) as transport, transport.send(Outgoing("GET", "/", _GET_SECONDS)):
            return transport.clock_ahead
    except ScraperError:
        return None


def clock(ahead: float | None, zone: ZoneInfo, sightings: Iterable[Sighting]) -> Step:
    """Judge what was found; ``ahead`` as :func:`heard` gives it."""
    sample = list(islice(sightings, _SAMPLE))
    wrong = [text for text in (_clock_trouble(ahead), _zone_trouble(zone, sample)) if text]
    if wrong:
        remedy = "Set time server and zone on the PBX, check this machine's clock, and set `timezone` of this UCM to the PBX's zone."
        return Step(Layer.CLOCK, Result.FAILED, "; ".join(wrong), menus.TIME, remedy, int(ExitCode.GAPS))
    agreed = f"the zone {zone.key} agrees with the newest calls' times" if sample else f"the zone {zone.key} could not be checked yet"
    if ahead is None:
        told = "the PBX's time could not be had"
        return Step.ok(Layer.CLOCK, f"{told}; {agreed}") if sample else Step.skipped(Layer.CLOCK, f"{told}; {agreed}")
    return Step.ok(Layer.CLOCK, f"{abs(ahead):.0f} s apart; {agreed}")


def _clock_trouble(ahead: float | None) -> str | None:
    if ahead is None or abs(ahead) <= CLOCK_SECONDS:
        return None
    return f"the PBX's clock is {timedelta(seconds=round(abs(ahead)))} {'ahead of' if ahead > 0 else 'behind'} this machine's"


def _zone_trouble(zone: ZoneInfo, sample: list[Sighting]) -> str | None:
    """By the median, since single names may lie."""
    if not sample:
        return None
    off = median_low([_offset(seen) - _configured(zone, seen) for seen in sample])
    if abs(off) <= _SLACK:
        return None
    seen = max(sample, key=lambda one: one.moment)
    configured = _configured(zone, seen)
    shown = _as_text(configured + _quarters(off))
    return f"the newest calls were at {shown} by the PBX's own times, but timezone {zone.key} was at {_as_text(configured)} then"


def _offset(seen: Sighting) -> timedelta:
    return seen.local.replace(tzinfo=UTC) - seen.moment


def _configured(zone: ZoneInfo, seen: Sighting) -> timedelta:
    return seen.moment.astimezone(zone).utcoffset() or timedelta(0)


def _quarters(off: timedelta) -> timedelta:
    return timedelta(minutes=15 * round(off / timedelta(minutes=15)))


def _as_text(offset: timedelta) -> str:
    minutes = round(offset / timedelta(minutes=1))
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
