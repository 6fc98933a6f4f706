"""What all steps together say: the ways, and the exit code."""

from __future__ import annotations

import pytest

from scraper.doctor import Checkup, Layer, Result, Step, WayState
from scraper.doctor.steps import API_LAYERS, WEB_LAYERS
from scraper.errors import ApiOff, CaptchaRequired, NetworkError, PermissionMissing, StoreUnwritable

BOTH = frozenset({"web", "api"})


def checkup(*failed: Step, ways: frozenset[str] = BOTH) -> Checkup:
    """All is well but for these."""
    wrong = {step.layer: step for step in failed}
    return Checkup("office", ways, [wrong.get(layer, Step.ok(layer, "works")) for layer in Layer])


def fails(layer: Layer, error: type) -> Step:
    return Step.failed(layer, error())


def test_the_layers_of_the_ways_and_the_two_others_are_all_there_are() -> None:
    assert (*WEB_LAYERS, *API_LAYERS, Layer.CLOCK, Layer.STORAGE) == tuple(Layer)


@pytest.mark.parametrize(
    ("failed", "ways", "code"),
    [
        ([], BOTH, 0),
        ([fails(Layer.API_ON, ApiOff)], BOTH, 3),
        ([fails(Layer.WEB_SIGN_IN, CaptchaRequired)], BOTH, 3),
        ([fails(Layer.WEB_SIGN_IN, CaptchaRequired)], frozenset({"web"}), 5),
        ([fails(Layer.API_RECORDINGS, PermissionMissing)], frozenset({"api"}), 4),
        ([fails(Layer.NETWORK, NetworkError), fails(Layer.API_ON, ApiOff)], BOTH, 6),
        ([fails(Layer.WEB_SIGN_IN, CaptchaRequired), fails(Layer.API_ON, ApiOff)], BOTH, 5),
        ([fails(Layer.CLOCK, NetworkError)], BOTH, 3),
        ([fails(Layer.STORAGE, StoreUnwritable)], BOTH, 8),
        ([fails(Layer.NETWORK, NetworkError), fails(Layer.STORAGE, StoreUnwritable)], frozenset({"web"}), 8),
        ([Step.skipped(Layer.API_RECORDINGS, "not known")], BOTH, 3),
    ],
)
def test_exit_code_says_whether_a_job_could_work(failed: list[Step], ways: frozenset[str], code: int) -> None:
    assert checkup(*failed, ways=ways).exit_code == code


def test_a_way_that_was_not_tried_to_its_end_does_not_work() -> None:
    found = checkup(Step.skipped(Layer.WEB_UI, "not tried"), ways=frozenset({"web"}))
    assert (found.state("web"), found.state("api")) == (WayState.FAILS, WayState.NOT_CONFIGURED)


def test_json_has_the_documented_keys() -> None:
    found = checkup(fails(Layer.API_ON, ApiOff)).as_json()
    assert list(found) == ["schema", "ucm", "exit_code", "ways", "steps", "notes"]
    assert found["ways"] == {"web": "works", "api": "fails"}
    assert [step["layer"] for step in found["steps"]] == [layer.value for layer in Layer]
    assert {tuple(step) for step in found["steps"]} == {("layer", "result", "cause", "menu", "remedy", "exit_code")}
    assert [step["result"] for step in found["steps"] if step["exit_code"]] == [Result.FAILED]
