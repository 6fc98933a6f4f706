"""``doctor``'s steps: where each of the reasons shows."""

from __future__ import annotations

import pytest

from scraper import menus
from scraper.api import probe
from scraper.api.probe import _clock, _up_to
from scraper.errors import NetworkError, PinMismatch

BOTH = pytest.mark.parametrize("kind", ["https", "legacy"])
LAYERS = ["network", "certificate", "switched on", "address permitted", "API user", "call records", "recordings", "clock"]


def results(steps):
    assert [step.layer for step in steps] == LAYERS
    return {step.layer: step.ok for step in steps}


@BOTH
def test_all_well(start, kind):
    bench = start(kind)
    assert set(results(probe(bench.ucm, bench.surroundings)).values()) == {True}
    assert bench.state.downloads == []


@pytest.mark.parametrize(
    ("kind", "fault", "layer"),
    [
        ("https", "api_off", "switched on"), ("https", "api_denied", "address permitted"), ("https", "lockout", "API user"),
        ("https", "cdrapi_forbidden", "call records"), ("https", "recapi_forbidden", "recordings"),
        # the older API tells by one HTTP status that an address and that a permission is missing
        ("legacy", "api_off", "switched on"), ("legacy", "api_denied", "address permitted"),
        ("legacy", "cdrapi_forbidden", "address permitted"), ("legacy", "recapi_forbidden", "recordings"),
    ],
)  # fmt: skip
def test_cause_shows_at_its_layer_with_menu_and_remedy(start, kind, fault, layer):
    bench = start(kind)
    bench.state.faults.set(fault, "ban" if fault == "lockout" else "")
    steps = probe(bench.ucm, bench.surroundings)
    failed = [step for step in steps if step.ok is False]
    assert [step.layer for step in failed] == [layer]
    assert failed[0].remedy
    assert "→" in failed[0].menu
    assert failed[0].exit_code == (4 if layer in ("API user", "call records", "recordings") else 6)


@BOTH
def test_wrong_password_shows_at_the_user(start, kind):
    bench = start(kind, user={"password": "wrong"})
    found = results(probe(bench.ucm, bench.surroundings))
    assert found == dict.fromkeys(LAYERS[:4], True) | {"API user": False} | dict.fromkeys(LAYERS[5:])


@pytest.mark.parametrize(("error", "layer"), [(NetworkError(), "network"), (PinMismatch(), "certificate")])
def test_layers_behind_the_first_that_fails_are_untried(error, layer):
    found = results(_up_to(error))
    index = LAYERS.index(layer)
    assert [found[each] for each in LAYERS] == [True] * index + [False] + [None] * (len(LAYERS) - index - 1)


@pytest.mark.parametrize(("status", "menu"), [("-57", menus.API), (None, f"{menus.PERMISSIONS} → Recordings → recapi")])
def test_throttling_is_no_missing_permission(start, status, menu):
    bench = start("https")
    bench.state.faults.set(*(("api_busy", status) if status else ("recapi_forbidden",)))
    step = next(step for step in probe(bench.ucm, bench.surroundings) if step.layer == "recordings")
    assert (step.ok, step.menu) == (False, menu)


@pytest.mark.parametrize(("ahead", "ok"), [(None, None), (3.0, True), (-3600.0, False), (86400.0, False)])
def test_clock_that_is_off_shows(ahead, ok):
    assert _clock(ahead).ok is ok
