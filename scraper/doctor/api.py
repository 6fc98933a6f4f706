"""The API layers, as :func:`scraper.api.probe` finds them, with less patience than a job has."""

from __future__ import annotations

import time
from collections.abc import Callable

from scraper.api import CatalogMemory, Pace, Patience, ProbeStep, Surroundings, probe
from scraper.budget import SignInBudget
from scraper.catalog import Catalog
from scraper.doctor.steps import API_LAYERS, Layer, Result, Step
from scraper.errors import Throttled, UnreachableError
from scraper.settings import Ucm
from scraper.tls import prove

_PATIENCE = Patience(connect=10.0, read=20.0, answer=30.0, recording=30.0)
#: Seconds that the whole probe may wait where the PBX asks for patience, and a wait that is granted in any case.
WAITING_SECONDS, SHORT_SECONDS = 40.0, 4.0

#: A probe's layers, under ours; its clock stands by itself.
_LAYERS = dict(
    zip(
        ("network", "certificate", "switched on", "address permitted", "API user", "call records", "recordings", "clock"),
        (*API_LAYERS, Layer.CLOCK),
        strict=True,
    )
)
_RESULTS = {True: Result.OK, False: Result.FAILED, None: Result.SKIPPED}


def api(ucm: Ucm, catalog: Catalog) -> list[Step]:
    """Every layer of the API, and the clock as it tells it. A sign-in that the budget refuses is not made."""
    around = Surroundings(_budget(ucm, catalog), CatalogMemory(catalog, ucm.url), Pace(sleep=hurried(time.sleep)), _PATIENCE)
    return [_step(found) for found in probe(ucm, around)]


def hurried(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """A ``sleep`` that raises :class:`Throttled` once it would have waited for :data:`WAITING_SECONDS` in all.

    A wait of up to :data:`SHORT_SECONDS` is always granted, so that a sign-in that has begun is brought to its end.
    """
    left = WAITING_SECONDS

    def wait(seconds: float) -> None:
        nonlocal left
        if seconds > max(left, SHORT_SECONDS):
            raise Throttled(f"The API asks for more patience than a checkup has ({WAITING_SECONDS:.0f} s).")
        left -= seconds
        sleep(seconds)

    return wait


def _budget(ucm: Ucm, catalog: Catalog) -> SignInBudget:
    """The one that the web UI's sign-ins come from too: it goes by the key that answers at the web UI's address."""
    pin = ucm.tls.pin
    if pin is None:
        try:
            key = prove(ucm.url, ucm.tls, _PATIENCE.connect, legacy=ucm.tls.legacy)
        except UnreachableError:
            key = None
        pin = key.pin if key else None
    return SignInBudget(catalog, ucm.url, pin=pin)


def _step(found: ProbeStep) -> Step:
    result = _RESULTS[found.ok]
    menu = found.menu if result is Result.FAILED else ""
    return Step(_LAYERS[found.layer], result, found.cause, menu, found.remedy, found.exit_code)
