"""The order of a checkup: the web UI's layers, the API's, the clock, the storage; what can still be tested behind a failure is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from scraper import lock
from scraper.catalog import Catalog, StoredCall
from scraper.doctor import api, certificate, clock, network, storage, web
from scraper.doctor.steps import API_LAYERS, WEB_LAYERS, Checkup, Result, Step, skip_all
from scraper.errors import ScraperError, StorageError
from scraper.progress import Progress
from scraper.settings import Settings, Ucm
from scraper.webui.recordings_page import Listed

_NO_BUDGET = "not tried: the sign-in budget is kept in the catalog, which can't be opened"


def examine(settings: Settings, name: str, progress: Progress) -> Checkup:
    """Test every layer of one UCM. Takes seconds, at worst some minutes; holds no lock, and disturbs no job.

    Raises nothing of ours: what is wrong stands in the steps.
    """
    ucm = settings.ucms[name]
    opened = storage.open_catalog(settings)
    with ExitStack() as stack:
        if isinstance(opened, Catalog):
            stack.enter_context(opened)
        patient = _Patient(settings, name, opened, progress)
        found = Checkup(name, frozenset(_ways(ucm)))
        found.steps += patient.web()
        found.steps += patient.api()
        progress.phase("testing clock")
        found.steps.append(patient.clock())
        progress.phase("testing storage")
        found.steps.append(storage.storage(settings, name, opened))
        found.notes += patient.notes()
    return found


class _Patient:
    """One UCM under examination."""

    def __init__(self, settings: Settings, name: str, catalog: Catalog | ScraperError, progress: Progress) -> None:
        self._settings, self._name, self._progress = settings, name, progress
        self._ucm = settings.ucms[name]
        self._catalog = catalog if isinstance(catalog, Catalog) else None
        self._newest: list[Listed] = []
        self._clock_of_api: Step | None = None

    def web(self) -> list[Step]:
        """Network, TLS, sign-in and pages of the web UI."""
        if self._ucm.web is None:
            return skip_all(WEB_LAYERS, "no `web` account is configured")
        self._progress.phase("testing network")
        reached = network.network(self._ucm.url)
        if reached.result is not Result.OK:
            return [reached, *skip_all(WEB_LAYERS[1:], "not tried: the network failed")]
        self._progress.phase("testing TLS")
        trusted = certificate.certificate(self._ucm)
        if trusted.result is not Result.OK:
            return [reached, trusted, *skip_all(WEB_LAYERS[2:], "not tried: TLS failed")]
        if self._catalog is None:
            return [reached, trusted, *skip_all(WEB_LAYERS[2:], _NO_BUDGET)]
        self._progress.phase("testing web sign-in and web UI")
        seen = web.web(self._settings, self._name, self._catalog)
        self._newest = seen.newest
        return [reached, trusted, seen.sign_in, seen.ui]

    def api(self) -> list[Step]:
        """The API's own layers, also where the web UI's failed."""
        if self._ucm.api is None or self._ucm.api.kind == "off":
            return skip_all(API_LAYERS, "no `api` is configured")
        if self._catalog is None:
            return skip_all(API_LAYERS, _NO_BUDGET)
        self._progress.phase("testing API")
        *steps, self._clock_of_api = api.api(self._ucm, self._catalog)
        return steps

    def clock(self) -> Step:
        """The PBX's clock by whoever told it, and the configured zone."""
        ahead = clock.heard(self._ucm)
        if ahead is None and self._clock_of_api is not None and self._clock_of_api.result is Result.FAILED:
            return self._clock_of_api
        sightings = clock.in_list(self._newest) if self._newest else clock.in_calls(self._newest_calls())
        return clock.clock(ahead, self._ucm.zone, sightings)

    def notes(self) -> list[str]:
        """What is worth knowing besides."""
        holder = lock.holder(self._settings.data_dir, self._name)
        if holder is None:
            return []
        return [f"A job (pid {holder.pid}) has been working on this UCM since {holder.since}; it goes on undisturbed."]

    def _newest_calls(self) -> Iterator[StoredCall]:
        try:
            if self._catalog is not None:
                yield from self._catalog.newest_calls(self._name)
        except StorageError:
            return


def _ways(ucm: Ucm) -> Iterator[str]:
    if ucm.web is not None:
        yield "web"
    if ucm.api is not None and ucm.api.kind != "off":
        yield "api"
