"""``deliver`` and ``deliveries``: hand over what is owed to the sinks, and see, retry or queue it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.archive import nothing_yet
from scraper.cli.context import Day, Invocation, as_json, invocation, open_catalog
from scraper.cli.output import emit, emit_json, table
from scraper.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from scraper.catalog import Catalog, Delivery, SinkCounts
    from scraper.settings import Settings


@click.command(short_help="Hand over what is owed to the sinks.", epilog="Example: ucm-scraper deliver --until-empty")
@click.option("--until-empty", is_flag=True, help="Also wait for what is to be tried again, until nothing is owed but what is parked.")
@invocation
def deliver(call: Invocation, until_empty: bool) -> None:
    """Hand over what is due to the configured sinks, by hand or from cron; `serve` does it by itself.

    It may run beside `serve`: what one has in hand the other leaves alone. Ctrl-C or SIGTERM gives back what is in hand.
    Exit code 0: nothing is owed any more; 3: something waits or is parked, see `ucm-scraper deliveries`.
    """
    settings = call.settings()
    if not settings.sinks:
        raise ConfigError("The configuration has no sinks.", remedy="Add one under `sinks`; docs/handover.md shows them.")
    with open_catalog(settings) as catalog:
        stopped = _deliver(settings, catalog, until_empty)
        left = sum(sink.owed + sink.parked for sink in catalog.sink_counts() if sink.configured)
        for sink in catalog.sink_counts():
            emit(_line(sink))
    raise click.exceptions.Exit(int(ExitCode.GAPS if left or stopped else ExitCode.COMPLETE))


@click.command(
    short_help="What is owed to the sinks; retry, or queue the past.",
    epilog="Example: ucm-scraper deliveries --replay crm --since 2026-02-01",
)
@click.option("--parked", is_flag=True, help="Only what is parked: it failed too often.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many, the newest first.")
@click.option("--retry", "identifier", type=click.IntRange(min=1), metavar="ID", help="Try this one again now.")
@click.option("--retry-all", is_flag=True, help="Try all again now that have failed.")
@click.option("--replay", metavar="SINK", help="Queue again for this sink what was archived from --since on.")
@click.option("--since", type=Day(), metavar="DATE", help="With --replay: the first day of archiving (YYYY-MM-DD, UTC).")
@click.option("--until", type=Day(), metavar="DATE", help="With --replay: the day after the last one.")
@as_json
@invocation
def deliveries(call: Invocation, /, parked: bool, limit: int, as_json: bool, **asked: Any) -> None:
    """What is owed to each sink, and why it has not arrived; each recording is handed over at least once.

    A sink gets what is archived from the moment on in which it is first configured; --replay queues earlier recordings on purpose.
    """
    _check(asked)
    settings = call.settings(secrets=False)
    if nothing_yet(settings):
        return
    with open_catalog(settings) as catalog:
        if asked["replay"] or asked["identifier"] or asked["retry_all"]:
            _change(settings, catalog, asked)
            return
        found = catalog.deliveries(("parked",), limit=limit) if parked else catalog.deliveries(limit=limit)
        if as_json:
            for sink in catalog.sink_counts():
                emit_json(sink_object(sink))
            for delivery in found:
                emit_json(delivery_object(delivery))
            return
        for sink in catalog.sink_counts():
            emit(_line(sink))
        if found:
            emit("")
            emit(table(("ID", "SINK", "RECORDING", "EVENT", "STATE", "TRIED", "SINCE OR AT", "WHY"), map(_row, found)))


def _check(asked: dict[str, Any]) -> None:
    if sum(bool(asked[name]) for name in ("identifier", "retry_all", "replay")) > 1:
        raise click.UsageError("--retry, --retry-all and --replay exclude one another.")
    since, until = asked["since"], asked["until"]
    if bool(asked["replay"]) != (since is not None) or (until and not asked["replay"]):
        raise click.UsageError("--replay needs --since, and --since and --until need --replay.")
    if since and until and since >= until:
        raise click.UsageError("--since must lie before --until, which is exclusive.")


def _change(settings: Settings, catalog: Catalog, asked: dict[str, Any]) -> None:
    from scraper.handover.known import known_sinks

    catalog.sync_sinks(known_sinks(settings))
    if asked["replay"]:
        _replay(settings, catalog, asked["replay"], (asked["since"], asked["until"]))
        return
    count = catalog.retry_deliveries(identifier=asked["identifier"])
    if not count and asked["identifier"]:
        raise ConfigError(
            f"There is no delivery {asked['identifier']} that waits for another try.",
            remedy="`ucm-scraper deliveries` shows those that are owed; one of a sink that is not configured can't be retried.",
        )
    emit(f"{count:,} {'delivery' if count == 1 else 'deliveries'} will be tried again: by `serve`, or now with `ucm-scraper deliver`.")


def _replay(settings: Settings, catalog: Catalog, sink: str, days: tuple[date, date | None]) -> None:
    if sink not in settings.sinks:
        known = ", ".join(settings.sinks) or "none"
        raise ConfigError(f"There is no sink {sink!r} in the configuration.", remedy=f"Known are: {known}.")
    count = catalog.replay(sink, *days)
    emit(f"{count:,} queued for {sink}: `serve` delivers them, or `ucm-scraper deliver` does it now.")


def _deliver(settings: Settings, catalog: Catalog, until_empty: bool) -> bool:
    """Whether it was stopped before its end."""
    import asyncio
    import signal

    from scraper.handover.deliver import Handover
    from scraper.handover.lane import Until

    async def work() -> bool:
        handing = asyncio.ensure_future(Handover(settings, catalog).run(Until.NOTHING_OWED if until_empty else Until.NOTHING_DUE))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, handing.cancel)
        await asyncio.wait({handing})
        if not handing.cancelled():
            handing.result()
        return handing.cancelled()

    return asyncio.run(work())


def sink_object(sink: SinkCounts) -> dict[str, Any]:
    """The documented object of a sink."""
    names = ("name", "kind", "configured", "waiting", "held", "parked", "delivered", "last_delivered", "oldest")
    return {"sink": {name: getattr(sink, name) for name in names}}


def delivery_object(delivery: Delivery) -> dict[str, Any]:
    """The documented object of a delivery."""
    names = ("id", "sink", "recording_id", "event", "state", "attempts", "queued_at", "at", "detail")
    return {"delivery": {name: getattr(delivery, name) for name in names}}


def _line(sink: SinkCounts) -> str:
    gone = "" if sink.configured else ", not configured any more"
    since = f", the oldest since {sink.oldest}" if sink.oldest else ""
    return f"{sink.name} ({sink.kind}{gone}): {sink.owed:,} waiting, {sink.parked:,} parked, {sink.delivered:,} delivered{since}"


def _row(one: Delivery) -> tuple[object, ...]:
    return (str(one.id), one.sink, str(one.recording_id or "–"), one.event, one.state, one.attempts, one.at, one.detail)
