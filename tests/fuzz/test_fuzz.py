"""Every reader under atheris for a second; the long runs are in docs/measured.md."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from fuzz.run import TARGETS, run

_SECONDS = 1


@pytest.mark.parametrize("target", TARGETS)
def test_coverage_guided_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    figures = run(target, _SECONDS, tmp_path)
    assert figures.finding is None, figures.finding
    assert figures.inputs > 0 and figures.coverage > 0


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_of_the_simulation_hold_what_the_target_asks(target: str) -> None:
    module = importlib.import_module(f"fuzz.targets.{target}")
    for seed in module.seeds():
        module.target(seed)
