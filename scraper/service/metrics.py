"""What Prometheus is told: what the catalog says, asked at each scrape, and what was counted since the service began.

Labels are a configured UCM's name, or words of this program: their number is bounded, and no phone number is among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from scraper.budget import LIMIT, PBX_LIMIT, budgets_left
from scraper.errors import StorageError
from scraper.models import GapReason
from scraper.service.health import State, UcmHealth
from scraper.service.parked import age_seconds
from scraper.service.task import Stage, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from scraper.catalog import Catalog
    from scraper.service.health import Health
    from scraper.settings import Settings

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "ucm_scraper_"
#: From a run that had nothing to do to one that fetches all for the first time, in seconds.
_BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300, 900, 1800, 3600, 10800, 43200)


class Watched(Protocol):
    """What is needed of the service. Where it listens for pushes, ``pushes.counts`` is looked at as well."""

    settings: Settings
    catalog: Catalog
    health: Health
    started_at: datetime
    clock: Callable[[], datetime]


class Tally:
    """What was counted since the service began. From any thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type here
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            _PREFIX + "run_duration_seconds", "How long runs took.", ["ucm"], buckets=_BUCKETS, registry=self.registry
        )
        self._runs = self._counter("runs", "Runs that ended, by exit code.", "ucm", "exit_code")
        self._bytes = self._counter("downloaded_bytes", "Bytes that came from the UCM.", "ucm")
        self._browsers = self._counter("browser_restarts", "Browsers that had stopped answering and were ended.", "ucm")
        self._messages = self._counter("notifications", "Messages to notify.urls, by what became of them.", "result")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self.registry)

    def run_ended(self, ucm: str, exit_code: int, seconds: float, downloaded: int) -> None:
        """A run took ``seconds`` and brought ``downloaded`` bytes."""
        self._runs.labels(ucm, str(exit_code)).inc()
        self._seconds.labels(ucm).observe(max(seconds, 0))
        self._bytes.labels(ucm).inc(max(downloaded, 0))

    def browser_ended(self, ucm: str) -> None:
        """A browser had stopped answering."""
        self._browsers.labels(ucm).inc()

    def message(self, *, delivered: bool) -> None:
        """A message reached somebody, or nobody."""
        self._messages.labels("sent" if delivered else "failed").inc()


def exposition(service: Watched, tally: Tally, tasks: Iterable[TaskState]) -> bytes:
    """The text that Prometheus reads. ``tasks``: as the dispatcher told them, in its event loop; this may run in a thread.

    A catalog that can't be read leaves out what it would have said: ``ucm_scraper_catalog_up`` is 0 then.
    """
    return generate_latest(_Scrape(service, tally, tasks))


class _Scrape:
    def __init__(self, service: Watched, tally: Tally, tasks: Iterable[TaskState]) -> None:
        self._service = service
        self._tally = tally
        self._tasks = list(tasks)

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(_PREFIX + "build", "This program.", {"version": _version()})
        yield _gauge("start_time_seconds", "When the service began, as a Unix time.", [((), self._service.started_at.timestamp())])
        yield from self._of_tasks()
        yield from self._of_pushes()
        found, readable = [], True
        try:
            found = list(self._of_catalog())
        except StorageError:
            readable = False
        yield _gauge("catalog_up", "Whether the catalog can be read.", [((), readable)])
        yield from found
        yield from self._tally.registry.collect()

    def _of_tasks(self) -> Iterator[Metric]:
        stages = [Stage.WAITING, Stage.RUNNING, Stage.STOPPING]
        counts = [((stage.value,), sum(state.stage is stage for state in self._tasks)) for stage in stages]
        yield _gauge("tasks", "Tasks of the service, by stage.", counts, "stage")

    def _of_pushes(self) -> Iterator[Metric]:
        counts = getattr(getattr(self._service, "pushes", None), "counts", None)
        names = ("requests", "refused", "busy", "records", "duplicates", "unknown", "fetched", "left")
        if counts is not None:
            values = [((name,), getattr(counts, name, 0)) for name in names]
            yield _gauge("pushes", "What the listener for pushed call records saw since the service began.", values, "what")

    def _of_catalog(self) -> Iterator[Metric]:
        healths = self._service.health.all()
        yield from _of_runs(healths)
        yield from _of_recordings(healths)
        yield from self._of_sinks()
        yield _gauge("sign_in_budget_left", "Sign-ins that may fail before no more are made.", self._budgets(), "ucm")
        open_ones = {(notice.ucm, notice.kind) for notice in self._service.catalog.open_notices()}
        ours = [(key, 1) for key in sorted(open_ones) if key[0] in self._service.settings.ucms]
        yield _gauge("notice_open", "What somebody should see to.", ours, "ucm", "kind")

    def _of_sinks(self) -> Iterator[Metric]:
        sinks = [sink for sink in self._service.catalog.sink_counts() if sink.configured]
        owed = [((sink.name, state), getattr(sink, state)) for sink in sinks for state in ("held", "waiting", "parked")]
        yield _gauge("deliveries", "What sinks are owed, by state.", owed, "sink", "state")
        ages = [((sink.name,), age_seconds(sink, self._service.clock())) for sink in sinks]
        yield _gauge("delivery_oldest_age_seconds", "How long the oldest of what a sink is owed has waited.", ages, "sink")
        yield _gauge("deliveries_made", "Deliveries that arrived, ever.", [((sink.name,), sink.delivered) for sink in sinks], "sink")

    def _budgets(self) -> Iterator[tuple[tuple[str], float]]:
        ucms = self._service.settings.ucms
        left = budgets_left(self._service.catalog, [ucm.url for ucm in ucms.values()], self._service.clock)
        for name, before_ban in zip(ucms, left, strict=True):
            yield (name,), max(before_ban - (PBX_LIMIT - LIMIT), 0)


def _of_runs(healths: list[UcmHealth]) -> Iterator[Metric]:
    states = [((one.ucm, state.value), one.state is state) for one in healths for state in State]
    yield _gauge("state", "1 for the state in which the UCM is.", states, "ucm", "state")
    yield _per_ucm(healths, "stale", "Whether there was no good run for longer than watch.stale_hours.", lambda one: one.stale)
    yield _per_ucm(healths, "last_success_timestamp_seconds", "When the last good run ended.", lambda one: _epoch(one.last_success))
    yield _per_ucm(healths, "last_success_age_seconds", "How long ago the last good run ended.", _age)
    yield _per_ucm(healths, "last_run_timestamp_seconds", "When the last run ended.", lambda one: _epoch(one.last_run))
    yield _per_ucm(healths, "last_run_exit_code", "The exit code of the last run.", lambda one: one.exit_code)
    yield _per_ucm(healths, "last_run_duration_seconds", "How long the last run took.", lambda one: one.seconds)
    yield _per_ucm(healths, "failed_runs_in_a_row", "Runs that failed since the last that did not.", lambda one: one.failed_in_a_row)


def _of_recordings(healths: list[UcmHealth]) -> Iterator[Metric]:
    kinds = [(one.ucm, kind, getattr(one, kind)) for one in healths for kind in ("expected", "archived", "gone")]
    counts = [((ucm, kind), number) for ucm, kind, number in kinds if number is not None]
    yield _gauge("recordings", "Recordings that are known.", counts, "ucm", "kind")
    yield _per_ucm(healths, "coverage_ratio", "The archived part of what should exist.", lambda one: one.coverage)
    yield _per_ucm(healths, "stored_bytes", "Bytes of all stored recordings.", lambda one: one.stored_bytes)
    gaps = [((one.ucm, reason.value), one.gaps.get(reason, 0)) for one in healths for reason in GapReason]
    yield _gauge("gaps", "Recordings that should be in the archive and are not, by reason.", gaps, "ucm", "reason")


def _epoch(when: datetime | None) -> float | None:
    return when.timestamp() if when else None


def _age(one: UcmHealth) -> float | None:
    return None if one.age is None else one.age.total_seconds()


def _per_ucm(healths: list[UcmHealth], name: str, text: str, value: Callable[[UcmHealth], float | None]) -> Metric:
    return _gauge(name, text, [((one.ucm,), number) for one in healths if (number := value(one)) is not None], "ucm")


def _gauge(name: str, text: str, values: Iterable[tuple[tuple[str, ...], Any]], *labels: str) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for key, value in values:
        family.add_metric(key, float(value))
    return family


def _version() -> str:
    with suppress(PackageNotFoundError):
        return version("ucm-recording-scraper")
    return "unknown"
