"""``doctor``'s look at the API: each layer in order, with the cause, the menu path in the PBX's UI, and the remedy."""

from __future__ import annotations

import io
from dataclasses import dataclass

from scraper import menus
from scraper.api.client import Client, Surroundings, open_api
from scraper.errors import (
    AnswerNotAsExpected,
    ApiBlocked,
    ApiOff,
    CertificateUntrusted,
    ExitCode,
    GoneAtPbx,
    NotUnderstood,
    PinMismatch,
    ScraperError,
    ServerError,
    SignInError,
    StorageError,
    Throttled,
    TlsHandshakeFailed,
)
from scraper.settings import Ucm

#: A file that no PBX has: whether asking for it is permitted shows without moving a recording.
_NOBODY = "auto-0000000000-permission-test.wav"
#: Seconds by which a PBX's clock may be off before it is worth a word.
_CLOCK_SECONDS = 120.0

_MENUS = {
    "network": menus.HTTP_SERVER,
    "certificate": menus.HTTP_SERVER,
    "switched on": menus.API,
    "address permitted": menus.PERMITTED,
    "API user": menus.API,
    "call records": f"{menus.PERMISSIONS} → cdrapi",
    "recordings": f"{menus.PERMISSIONS} → Recordings → recapi",
    "clock": menus.TIME,
}


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One layer: whether it works (None: not tried, or not known), what was found, where in the PBX's UI it is set, and what to do.

    ``exit_code`` is the documented one of a failure, else 0.
    """

    layer: str
    ok: bool | None
    cause: str
    menu: str
    remedy: str = ""
    exit_code: int = 0


def probe(ucm: Ucm, surroundings: Surroundings) -> list[ProbeStep]:
    """Try the API layer by layer; what lies behind the first that fails stays untried. A sign-in costs an attempt of the budget."""
    try:
        client = open_api(ucm, surroundings)
    except ScraperError as error:
        return _up_to(error)
    with client:
        steps = [_step(layer, True, "works") for layer in ("network", "certificate", "switched on", "address permitted")]
        steps.append(_step("API user", True, f"signed in to the {'newer' if client.kind == 'https' else 'older'} API"))
        steps.append(_permission(client, "call records"))
        steps.append(_permission(client, "recordings"))
        steps.append(_clock(client.family.transport.clock_ahead))
    return steps


def _up_to(error: ScraperError) -> list[ProbeStep]:
    """The layers before the one that an error belongs to work, those behind it are untried."""
    failed = _layer(error)
    steps: list[ProbeStep] = []
    for layer in _MENUS:
        before = not any(step.ok is False for step in steps)
        if layer == failed:
            steps.append(_failed(layer, error))
        else:
            steps.append(_step(layer, True if before else None, "works" if before else "not tried"))
    return steps


def _layer(error: ScraperError) -> str:
    match error:
        case TlsHandshakeFailed() | CertificateUntrusted() | PinMismatch():
            return "certificate"
        case ApiOff() | AnswerNotAsExpected() | Throttled() | ServerError():
            return "switched on"
        case ApiBlocked():
            return "address permitted"
        case SignInError() | StorageError():  # the budget is kept in the catalog
            return "API user"
        case _:
            return "network"


def _permission(client: Client, layer: str) -> ProbeStep:
    """Whether cdrapi or recapi may be called."""
    try:
        if layer == "call records":
            client.calls.ask("cdrapi", {"format": "json", "numRecords": "1", "offset": "0"})
        else:
            client.calls.fetch({"filedir": "monitor", "filename": _NOBODY}, _NOBODY, io.BytesIO())
    except (GoneAtPbx, NotUnderstood):
        pass  # permitted, and not there
    except ScraperError as error:
        return _failed(layer, error)
    return _step(layer, True, "permitted")


def _clock(ahead: float | None) -> ProbeStep:
    if ahead is None:
        return _step("clock", None, "the PBX does not tell its time")
    if abs(ahead) <= _CLOCK_SECONDS:
        return _step("clock", True, "agrees with this machine's")
    text = f"the PBX's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    remedy = "Set a time server on the PBX, and check this machine's clock."
    return ProbeStep("clock", False, text, _MENUS["clock"], remedy, int(ExitCode.GAPS))


def _step(layer: str, ok: bool | None, cause: str) -> ProbeStep:
    return ProbeStep(layer, ok, cause, _MENUS[layer])


def _failed(layer: str, error: ScraperError) -> ProbeStep:
    menu = menus.API if isinstance(error, Throttled) else _MENUS[layer]
    return ProbeStep(layer, False, error.message, menu, error.remedy, int(error.exit_code))
