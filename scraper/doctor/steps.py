"""The nouns of a checkup: a step and how it ended, and what all steps together say of a job. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scraper.errors import ExitCode, ScraperError
from scraper.menus import menu_for


class Result(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Layer(StrEnum):
    """What is tested, in this order. The values are those of ``--json``."""

    NETWORK = "network"
    TLS = "TLS"
    WEB_SIGN_IN = "web sign-in"
    WEB_UI = "web UI"
    API_NETWORK = "API network"
    API_TLS = "API TLS"
    API_ON = "API switched on"
    API_ADDRESS = "API address"
    API_USER = "API user"
    API_CALLS = "API call records"
    API_RECORDINGS = "API recordings"
    CLOCK = "clock"
    STORAGE = "storage"


WEB_LAYERS = (Layer.NETWORK, Layer.TLS, Layer.WEB_SIGN_IN, Layer.WEB_UI)
API_LAYERS = (
    Layer.API_NETWORK,
    Layer.API_TLS,
    Layer.API_ON,
    Layer.API_ADDRESS,
    Layer.API_USER,
    Layer.API_CALLS,
    Layer.API_RECORDINGS,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One layer: how it ended and why, where in the PBX's web UI it is set ("" where it isn't the PBX's), and what to do.

    ``exit_code`` is the documented one of a failure, else 0. Texts are sentences for people, without secrets and phone numbers.
    """

    layer: Layer
    result: Result
    cause: str
    menu: str = ""
    remedy: str = ""
    exit_code: int = 0

    @classmethod
    def ok(cls, layer: Layer, cause: str) -> Step:
        """It works."""
        return cls(layer, Result.OK, cause)

    @classmethod
    def skipped(cls, layer: Layer, why: str) -> Step:
        """It was not tried."""
        return cls(layer, Result.SKIPPED, why)

    @classmethod
    def failed(cls, layer: Layer, error: ScraperError, menu: str | None = None) -> Step:
        """It doesn't work; ``menu`` where the error alone doesn't tell the place in the PBX's web UI."""
        where = menu_for(error) if menu is None else menu
        return cls(layer, Result.FAILED, error.message, where, error.remedy, int(error.exit_code))

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        return {
            "layer": self.layer.value,
            "result": self.result.value,
            "cause": self.cause,
            "menu": self.menu,
            "remedy": self.remedy,
            "exit_code": self.exit_code,
        }


def skip_all(layers: Iterable[Layer], why: str) -> list[Step]:
    """None of these was tried."""
    return [Step.skipped(layer, why) for layer in layers]


class WayState(StrEnum):
    """Whether a job could use the web UI, or the API."""

    WORKS = "works"
    FAILS = "fails"
    NOT_CONFIGURED = "not-configured"


@dataclass(slots=True)
class Checkup:
    """All steps of one UCM, and what is worth knowing besides. ``ways`` names those that are configured: ``web``, ``api``."""

    ucm: str
    ways: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def state(self, way: str) -> WayState:
        """Whether a way works: every layer of it was tried, and none failed."""
        if way not in self.ways:
            return WayState.NOT_CONFIGURED
        layers = WEB_LAYERS if way == "web" else API_LAYERS
        well = all(step.result is Result.OK for step in self.steps if step.layer in layers)
        return WayState.WORKS if well else WayState.FAILS

    @property
    def exit_code(self) -> int:
        """0: all is well. 3: a job would work, but not everything is. Else a job can't work: storage's code, or the first failure's."""
        failed = [step for step in self.steps if step.result is Result.FAILED]
        states = [self.state(way) for way in self.ways]
        if storage := [step.exit_code for step in failed if step.layer is Layer.STORAGE]:
            return storage[0]
        if failed and WayState.WORKS not in states:
            return failed[0].exit_code
        return int(ExitCode.GAPS if failed or WayState.FAILS in states else ExitCode.COMPLETE)

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        return {
            "schema": 1,
            "ucm": self.ucm,
            "exit_code": self.exit_code,
            "ways": {way: self.state(way).value for way in ("web", "api")},
            "steps": [step.as_json() for step in self.steps],
            "notes": self.notes,
        }
